"""Encoded rows in, a trained model out: seeds, device, precision, stages, and the numbering of the groups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mixtura import runtime
from mixtura.data.layout import ColumnLayout
from mixtura.vae.likelihood import CountLikelihood, ProductLikelihood
from mixtura.vae.model import Domain, GaussianMixtureVAE, build_model
from mixtura.vae.networks import LogCounts
from mixtura.vae.settings import Settings
from mixtura.vae.training.placement import Placement
from mixtura.vae.training.procedure import Trainer, TrainingRecord
from mixtura.vae.training.stages import Stage


@dataclass(frozen=True)
class TrainedModel:
    """A model ready to score, and what training did.

    Parameters
    ----------
    model : GaussianMixtureVAE
        In float64 on the CPU.
    record : TrainingRecord
        Log and rollbacks.
    device, precision : str
        What the training ran on.
    """

    model: GaussianMixtureVAE
    record: TrainingRecord
    device: str
    precision: str


def fit_model(
    x: Tensor,
    settings: Settings,
    *,
    domain: Domain,
    seed: int,
    image_shape: tuple[int, ...] | None = None,
    log_determinant: float = 0.0,
    layout: ColumnLayout | None = None,
    on_event: Callable[[dict[str, Any]], None] | None = None,
    stages: Sequence[Stage] | None = None,
) -> TrainedModel:
    """Build a model and train it by the procedure of the settings.

    Parameters
    ----------
    x : Tensor of shape (n, n_encoded)
        Encoded rows, float32, on the CPU.
    settings : Settings
        The model and its training.
    domain : {"unit", "real", "binary", "count", "mixed"}
        What the encoded values are.
    seed : int
        Of the one generator from which all randomness comes.
    image_shape : tuple of int, optional
        Where rows are flattened images.
    log_determinant : float
        Of the encoding.
    layout : ColumnLayout, optional
        How the columns of a mixed table lie in encoded rows.
    on_event : callable, optional
        Called with each entry of the log.
    stages : sequence of Stage, optional
        Stages of one's own; `mixtura.vae.training.stages.plan` of the settings unless given.
    """
    generator = torch.Generator().manual_seed(seed)
    model = build_model(
        settings,
        n_encoded=x.shape[1],
        domain=domain,
        generator=generator,
        image_shape=image_shape,
        log_determinant=log_determinant,
        layout=layout,
    )
    if isinstance(model.likelihood, (CountLikelihood, ProductLikelihood)):
        model.likelihood.start_at(x.mean(dim=0), x.var(dim=0, correction=0))
    for module in model.modules():
        if isinstance(module, LogCounts):
            module.start_at(x)
    device = runtime.resolve_device(settings.device)
    n_parameters = sum(parameter.numel() for parameter in model.parameters())
    precision = runtime.resolve_precision(settings.precision, device, n_parameters)
    numpy_generator = np.random.default_rng(_draw_seed(generator))
    if device.type != "cpu":
        generator = torch.Generator(device).manual_seed(_draw_seed(generator))
    trainer = Trainer(
        model,
        x,
        settings,
        Placement(device, precision),
        generator,
        numpy_generator,
        image_shape=image_shape,
        on_event=on_event,
        stages=stages,
    )
    with runtime.threads_for(n_parameters):
        record = trainer.run()
    # Scoring is in float64 throughout, so that a row's scores are the same in any company.
    scoring = model.cpu().double().requires_grad_(False)
    return TrainedModel(scoring, record, str(device), precision)


def number_groups(model: GaussianMixtureVAE, labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Renumber the components of a model by falling size and return the labels under the new numbers.

    Parameters
    ----------
    model : GaussianMixtureVAE
        Changed in place; no density changes.
    labels : ndarray of shape (n,)
        Component of each row of the data that sizes are counted on.
    """
    order = np.argsort(-np.bincount(labels, minlength=model.n_components), kind="stable")
    model.permute_components(torch.from_numpy(order))
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return rank[labels]


def scoring_noise(model: GaussianMixtureVAE, seed: int, n_draws: int) -> Tensor:
    """Return the draws that scores are made with, the same for every row and every call: (S, d)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn((n_draws, model.latent_dim), generator=generator, dtype=torch.float64)


def _draw_seed(generator: torch.Generator) -> int:
    return int(torch.randint(2**31 - 1, (1,), generator=generator))
