"""A VAE of pythae; runs in an environment of its own.

    python pythae_worker.py

Reads one case a line, {"sizes", "batch_size", "rate", "data", "seconds"}, where data names a NumPy file
of rows in {0, 1}, and answers with one line, {"seconds", "rows"}: epochs of pythae's own training loop, as
many as the seconds of the processor allow.
"""

from __future__ import annotations

import json
import logging
import sys
import tempfile
import time
import warnings
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from pythae.data.datasets import BaseDataset
from pythae.models import VAE, VAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from torch import nn


class Encoder(BaseEncoder):
    """Linear layers with ReLUs, then one layer each for mean and log-variance."""

    def __init__(self, sizes: list[int]) -> None:
        super().__init__()
        self.body = layers(sizes[:-1])
        self.mean = nn.Linear(sizes[-2], sizes[-1])
        self.log_variance = nn.Linear(sizes[-2], sizes[-1])

    def forward(self, x: torch.Tensor) -> ModelOutput:
        """Return what pythae wants of an encoder."""
        hidden = self.body(x)
        return ModelOutput(embedding=self.mean(hidden), log_covariance=self.log_variance(hidden))


class Decoder(BaseDecoder):
    """The mirror of the encoder, with probabilities at the end."""

    def __init__(self, sizes: list[int]) -> None:
        super().__init__()
        self.body = nn.Sequential(layers(sizes[:0:-1]), nn.Linear(sizes[1], sizes[0]), nn.Sigmoid())

    def forward(self, z: torch.Tensor) -> ModelOutput:
        """Return what pythae wants of a decoder."""
        return ModelOutput(reconstruction=self.body(z))


def layers(sizes: list[int]) -> nn.Sequential:
    """Return linear layers, a ReLU after each."""
    pairs = pairwise(sizes)
    return nn.Sequential(*[part for a, b in pairs for part in (nn.Linear(a, b), nn.ReLU())])


def answered(case: dict[str, Any]) -> dict[str, float]:
    """Train for a while and return how many rows went through."""
    sizes = case["sizes"]
    rows = torch.from_numpy(np.load(case["data"]))
    config = VAEConfig(input_dim=(sizes[0],), latent_dim=sizes[-1], reconstruction_loss="bce")
    with tempfile.TemporaryDirectory() as folder:
        trainer = BaseTrainer(
            VAE(config, Encoder(sizes), Decoder(sizes)),
            BaseDataset(rows, torch.zeros(len(rows))),
            training_config=BaseTrainerConfig(
                output_dir=folder,
                per_device_train_batch_size=case["batch_size"],
                learning_rate=case["rate"],
                no_cuda=True,
            ),
        )
        trainer.prepare_training()
        trainer.train_step(1)
        n_epochs, started = 0, time.process_time()
        while time.process_time() - started < case["seconds"]:
            trainer.train_step(n_epochs + 2)
            n_epochs += 1
        return {"seconds": time.process_time() - started, "rows": n_epochs * len(rows)}


def main() -> None:
    """Answer until there is no more case."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    answers, sys.stdout = sys.stdout, sys.stderr  # what a library prints is no answer
    for line in sys.stdin:
        print(json.dumps(answered(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
