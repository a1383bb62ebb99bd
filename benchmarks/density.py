"""log p(x) of a GM-VAE and of a plain VAE on MNIST binarised once, with the same networks, epochs and rates.

    MIXTURA_DATA=... python benchmarks/density.py [--minutes 55] [--draws 512] [--quick] [--out density.json]

Every pixel of an image is drawn once from Bernoulli(x/255) with seed 0, training images first. The last
10,000 training images are held out: settings were chosen by them, and no model is trained on them. The plain
VAE is the same code with K = 1. -log p(x) of the 10,000 test images is estimated by importance weighting, on
average an upper bound, with its Monte Carlo error and effective sample size. No label is read.

--minutes is the time for both models, scores included, on a machine that does nothing else: steps and scores
are timed on a throw-away model first, by the processor's time, and both models get the number of epochs that
fits. --epochs gives that number instead, which can be repeated exactly.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _figures import show_rows, write
from torch import Tensor

from mixtura import runtime
from mixtura.vae import GaussianMixtureVAE, LikelihoodEstimate, Settings, build_model, estimate_log_likelihood
from mixtura.vae.inference import estimate_bound
from mixtura.vae.training.density import DensityPlan, train_density
from mixtura.vae.training.placement import Placement

AIM, LIMIT = 87.0, 90.0
HELD_DRAWS = 64
KEYS = (
    "model",
    "test",
    "mc_se",
    "ess",
    "row_se",
    "test_bound",
    "held",
    "train",
    "epochs",
    "seconds",
    "cpu_seconds",
)


def binarised(folder: Path, n_rows: int | None) -> tuple[Tensor, Tensor, Tensor]:
    """Return images to train on, held out, and to test on, every pixel drawn once from Bernoulli(x/255)."""
    generator = np.random.default_rng(0)
    with np.load(folder / "mnist.npz") as file:
        drawn = [
            (generator.random(file[name].shape) < file[name] / 255.0).reshape(len(file[name]), -1)
            for name in ("x_train", "x_test")
        ]
    train, test = (torch.from_numpy(part.astype(np.float32)) for part in drawn)
    return train[:-10_000][:n_rows], train[-10_000:][:n_rows], test[:n_rows]


def new_model(n_components: int, arguments: argparse.Namespace) -> GaussianMixtureVAE:
    """Return an untrained model; K = 1 is the plain VAE, its one Gaussian learned too."""
    settings = Settings(
        n_components=n_components,
        latent_dim=arguments.latent,
        likelihood="bernoulli",
        responsibilities="exact",
        weights="learned",
        hidden=(arguments.hidden, arguments.hidden),
    )
    generator = torch.Generator().manual_seed(arguments.seed)
    return build_model(settings, n_encoded=784, domain="binary", generator=generator)


def estimate(model: GaussianMixtureVAE, x: Tensor, n_draws: int) -> LikelihoodEstimate:
    """Return log p(x): products in float32, weights in float64, and draws of its own for each K."""
    generator = torch.Generator().manual_seed(model.n_components)
    return estimate_log_likelihood(model, x, torch.randn((n_draws, model.latent_dim), generator=generator))


def epochs_that_fit(
    x: Tensor, plan: DensityPlan, arguments: argparse.Namespace, placement: Placement
) -> float:
    """Return how many epochs of both models, and their scores, take the minutes asked for on this machine."""
    model, generator = new_model(10, arguments), torch.Generator().manual_seed(0)
    rows = x[: 150 * plan.batch_size]  # so that steps of several draws have their share

    def seconds(work: Callable[[], object]) -> float:
        started = time.process_time()
        work()
        return (time.process_time() - started) / torch.get_num_threads()

    once = replace(plan, epochs=1.0)
    per_row = seconds(
        lambda: train_density(model, rows, once, placement=placement, generator=generator)
    ) / len(rows)
    per_score = seconds(lambda: estimate(model, x[:200], arguments.draws)) / 200
    n_scored = 2 * (10_000 + 2 * 10_000 * HELD_DRAWS / arguments.draws)
    left = 60.0 * arguments.minutes - n_scored * per_score
    return max(1.0, round(left / (2 * len(x) * per_row), 2))


def run(
    name: str,
    n_components: int,
    parts: tuple[Tensor, Tensor, Tensor],
    plan: DensityPlan,
    arguments: argparse.Namespace,
    placement: Placement,
) -> tuple[dict[str, Any], LikelihoodEstimate]:
    """Train one model and return its figures and its scores of the test images."""
    train, held, test = parts
    started, cpu_started = time.perf_counter(), time.process_time()
    model = new_model(n_components, arguments)
    generator = torch.Generator().manual_seed(arguments.seed + 1)

    def on_event(event: dict[str, Any]) -> None:
        if arguments.verbose:
            show_rows([{"model": name, **event}], ("model", "stage", "epoch", "bound", "seconds"))

    train_density(model, train, plan, placement=placement, generator=generator, on_event=on_event)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    found = estimate(model, test, arguments.draws)
    row = {
        "model": name,
        "test": -found.mean,
        "mc_se": found.standard_error,
        "ess": found.effective_sample_size,
        "row_se": float(found.per_row.std(ddof=1) / len(found.per_row) ** 0.5),
        "test_bound": -float(
            estimate_bound(model, test, 4, torch.Generator().manual_seed(1)).free_energy.bound
        ),
        "held": -estimate(model, held, HELD_DRAWS).mean,
        "train": -estimate(model, train[:10_000], HELD_DRAWS).mean,
        "epochs": plan.epochs,
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
    }
    show_rows([row], KEYS)
    return row, found


def compare(gmvae: LikelihoodEstimate, plain: LikelihoodEstimate) -> dict[str, float]:
    """Return how many nats the GM-VAE's log p(x) lies above the plain VAE's, with both errors."""
    difference = gmvae.per_row - plain.per_row
    return {
        "gain": float(difference.mean()),
        "row_se": float(difference.std(ddof=1) / len(difference) ** 0.5),
        # The models' draws are their own, so that their errors add up.
        "mc_se": float(np.hypot(gmvae.standard_error, plain.standard_error)),
    }


def main() -> None:
    """Train and score both models."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=55.0, help="for both models, scores included")
    parser.add_argument("--epochs", type=float, default=None, help="in place of --minutes")
    parser.add_argument("--draws", type=int, default=512, help="of w for each test image")
    parser.add_argument("--latent", type=int, default=40)
    parser.add_argument("--hidden", type=int, default=300, help="units of both layers")
    parser.add_argument("--batch-size", type=int, default=100)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--averaging", type=float, default=0.0)
    parser.add_argument("--importance-share", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="2,000 images of each part, one epoch, 16 draws")
    parser.add_argument("--verbose", action="store_true", help="a line for each epoch")
    parser.add_argument("--out", default=None, help="JSON file for the figures")
    arguments = parser.parse_args()
    if "MIXTURA_DATA" not in os.environ:
        print("MIXTURA_DATA is not set, so there is no mnist.npz to run on")
        return
    if arguments.quick:
        arguments.epochs, arguments.draws = arguments.epochs or 1.0, 16
    parts = binarised(Path(os.environ["MIXTURA_DATA"]), 2_000 if arguments.quick else None)
    placement = Placement()
    plan = DensityPlan(
        epochs=arguments.epochs or 1.0,
        batch_size=arguments.batch_size,
        learning_rate=arguments.rate,
        importance_share=arguments.importance_share,
        averaging=arguments.averaging,
    )
    started = time.perf_counter()
    if arguments.epochs is None:
        plan = replace(plan, epochs=epochs_that_fit(parts[0], plan, arguments, placement))
        print(f"{plan.epochs} epochs of each model fit into {arguments.minutes:g} minutes", flush=True)
    rows, scores = [], []
    for name, n_components in (("gmvae", 10), ("vae", 1)):
        row, found = run(name, n_components, parts, plan, arguments, placement)
        rows.append(row)
        scores.append(found)
    difference = compare(scores[0], scores[1])
    show_rows([{"gmvae above vae": difference["gain"], **difference}], ("gmvae above vae", "row_se", "mc_se"))
    minutes = (time.perf_counter() - started) / 60
    summary = {"test": rows[0]["test"], "limit": LIMIT, "aim": AIM, "minutes": minutes}
    summary |= {"within_limit": rows[0]["test"] < LIMIT, "draws": arguments.draws, "difference": difference}
    print(
        f"-log p(x) of the GM-VAE on the test images: {rows[0]['test']:.2f} nats at {arguments.draws} draws, "
        f"the limit {LIMIT:g}, the aim {AIM:g}; {minutes:.1f} minutes in all"
    )
    options = {key: value for key, value in vars(arguments).items() if key not in ("out", "verbose")}
    document = {
        "data": "mnist binarised once, seed 0",
        "options": options,
        "plan": asdict(plan),
        "runs": rows,
    }
    write(arguments.out, document | {"summary": summary, "machine": runtime.describe()})


if __name__ == "__main__":
    main()
