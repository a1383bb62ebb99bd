"""Problem 6.4: q by either direction of KL, on models whose posterior is known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from mixtura.theory.check import Figure, above, below, near
from mixtura.theory.known_posterior import (
    InferenceError,
    exact_posterior,
    fit_posterior,
    inference_error,
    known_model,
)
from mixtura.vae.inclusive import wake
from mixtura.vae.model import GaussianMixtureVAE

DIAGONAL: dict[str, Any] = {"matrix": [[1.0, 0.0], [0.0, 2.0], [0.0, 0.0]], "scale": 0.7}
"""A linear model whose posterior has no correlations: the family of q holds it."""

CORRELATED: dict[str, Any] = {"matrix": [[1.0, 0.8], [0.5, 1.0], [0.3, 0.3]], "scale": 0.7}
"""One whose posterior is correlated: no q of the family is right."""

TWO_MODES: dict[str, Any] = {"matrix": [[1.0]], "scale": 2.0, "means": [[-2.0], [2.0]], "prior_scale": 0.5}
"""Two groups, and observations so noisy that most could be of either."""

_STEPS, _DREAM_STEPS = 500, 2_000  # sleep starts far from some models, and its steps are cheap


def check(generator: np.random.Generator) -> Iterator[Figure]:
    """Yield the errors of q by each objective, and the bias of the wake estimator by its draws."""
    seed = int(generator.integers(2**31))
    for name, n_draws in (("reverse, STL", 1), ("IWAE, DReG", 2), ("sleep", 1), ("wake", 16)):
        found, _ = _fitted(DIAGONAL, name, n_draws, seed)
        yield near(f"q holds p, {name}: variance of q over p's", found.variance, 1.0, 0.05)
        yield below(f"q holds p, {name}: error of the mean, deviations of p", found.mean, 0.05)
    reverse, model = _fitted(CORRELATED, "reverse, STL", 1, seed)
    share = _mean_field_share(model)
    yield near("p correlated, reverse: variance over p's, as theory has it", reverse.variance, share, 0.03)
    yield near(
        "p correlated, sleep: variance over p's", _fitted(CORRELATED, "sleep", 1, seed)[0].variance, 1.0, 0.05
    )
    short = [1 - _fitted(CORRELATED, "wake", n_draws, seed)[0].variance for n_draws in (4, 64)]
    yield above("p correlated, wake: what 4 draws lack in variance", short[0], 0.1)
    yield below("the same with 64 draws, over that of 4", short[1] / short[0], 0.35)
    sides = {name: _fitted(TWO_MODES, name, 1, seed)[0] for name in ("reverse, STL", "sleep")}
    yield below(
        "two modes, reverse: least share of a mode that q covers", sides["reverse, STL"].least_mode, 0.2
    )
    yield above("two modes, sleep: least share of a mode that q covers", sides["sleep"].least_mode, 0.7)
    yield near(
        "two modes, sleep: variance over p's, the gap between them included",
        sides["sleep"].variance,
        1.0,
        0.1,
    )
    yield near("bias of wake, 16 to 64 draws over 64 to 256: 1/S would be 4", _bias(seed), 4.0, 1.0)


def _fitted(
    kind: dict[str, Any], objective: str, n_draws: int, seed: int
) -> tuple[InferenceError, GaussianMixtureVAE]:
    draws = torch.Generator().manual_seed(seed)
    model = known_model(**kind, generator=draws)
    x = fit_posterior(model, objective, n_draws, draws, _DREAM_STEPS if objective == "sleep" else _STEPS)
    return inference_error(model, x), model


def _mean_field_share(model: GaussianMixtureVAE) -> float:
    """Return what reverse KL makes of variances: mean over j of log 1 / (precision_jj variance_jj)."""
    covariance = exact_posterior(model, torch.zeros(1, 3, dtype=torch.float64)).covariances[0]
    precision = torch.linalg.inv(covariance)
    return float((1 / (precision.diagonal() * covariance.diagonal())).log().mean().exp())


@torch.no_grad()
def _bias(seed: int) -> float:
    """Return the fall of the bias of E_p[log q] from 16 draws to 64, over that from 64 to 256.

    By 1/S it is (1/16 - 1/64) / (1/64 - 1/256) = 4. The same draws are weighed in parts of 16, of 64 and all
    together, so that little of their noise is left in the differences.
    """
    draws = torch.Generator().manual_seed(seed)
    model = known_model([[1.0, 0.0], [0.0, 1.0]], 1.0, generator=draws)
    for parameter in model.posterior.parameters():  # q is the prior
        parameter.zero_()
    x = torch.tensor([[0.5, 1.0]], dtype=torch.float64)
    noise = torch.randn((256, 20_000, model.latent_dim), generator=draws, dtype=torch.float64)
    means = []
    for n_draws in (16, 64, 256):
        parts = noise.split(n_draws)
        rows = x.expand(noise.shape[1], -1)
        means.append(np.mean([float(wake(model, rows, part).value.mean()) for part in parts]))
    return float((means[0] - means[1]) / (means[1] - means[2]))
