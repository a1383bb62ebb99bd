"""Problem 1: what minimises KL(q || p) for a p with two modes, in a family without and with p in it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from scipy.special import ndtr
from torch import Tensor

from mixtura.projection.closest import project
from mixtura.theory.check import Figure, above, below, near, shown
from mixtura.theory.two_modes import MEANS, TEXT, WEIGHTS

_STARTS, _STEPS = 40, 500


def check(generator: np.random.Generator) -> Iterator[Figure]:
    """Yield where Gaussians end that descend KL(q || p) from many starts, and mixtures of two."""
    exclusive, inclusive = project(TEXT, "exclusive"), project(TEXT, "inclusive")
    left = _left(float(exclusive.distribution.mean), float(exclusive.distribution.stddev))
    yield near("p: mass on the left, where a third of it is", float(WEIGHTS @ ndtr(-MEANS)), 1 / 3, 2e-3)
    yield below("closest Gaussian by KL(q||p): mass on the left", left, 0.01)
    moments = float(inclusive.distribution.mean), float(inclusive.distribution.stddev)
    yield above("closest by KL(p||q), for comparison: mass on the left", _left(*moments), 0.3)

    lefts = [_left(*place) for place in _descend(generator)]
    covering = float(np.mean([0.01 < left < 0.99 for left in lefts]))
    yield below("share of 40 descents from random starts that cover both modes", covering, 0.01)
    yield shown("share of them that end on the lighter mode", float(np.mean([left > 0.99 for left in lefts])))

    weights, divergence = _mixture(generator)
    yield below("family that holds p: least KL(q||p), nats", divergence, 1e-3)
    yield near("family that holds p: weight of the left mode, not 1/2", weights, 1 / 3, 0.01)


def _left(mean: float, scale: float) -> float:
    return float(ndtr(-mean / scale))


def _log_target(x: Tensor) -> Tensor:
    parts = torch.tensor(WEIGHTS).log() - 0.5 * (x.unsqueeze(-1) - torch.tensor(MEANS)).square()
    return torch.logsumexp(parts, dim=-1) - 0.5 * np.log(2 * np.pi)


def _descend(generator: np.random.Generator) -> list[tuple[float, float]]:
    """Return (mean, scale) of Gaussians after gradient descent on KL(q || p) from random starts."""
    starts = np.stack([generator.uniform(-6, 6, _STARTS), np.log(generator.uniform(0.2, 1.5, _STARTS))])
    free = torch.tensor(starts, requires_grad=True)
    noise, mass = _nodes()
    optimiser = torch.optim.Adam([free], lr=0.1)
    for _ in range(_STEPS):
        mean, log_scale = free
        x = mean[:, None] + log_scale.exp()[:, None] * noise
        # E_q[log q - log p], and the entropy of q is log scale but for a constant.
        objective = (-log_scale - _log_target(x) @ mass).sum()
        optimiser.zero_grad()
        objective.backward()
        optimiser.step()
    mean, scale = free.detach()[0].numpy(), free.detach()[1].exp().numpy()
    return [(float(m), float(s)) for m, s in zip(mean, scale, strict=True)]


def _mixture(generator: np.random.Generator) -> tuple[float, float]:
    """Return the weight of the left component and KL(q || p) of a mixture of two that descends it."""
    free = torch.tensor([0.0, -1.0, 1.0, 0.5, 0.5], dtype=torch.float64)
    free = (free + 0.1 * torch.tensor(generator.normal(size=5))).requires_grad_()
    noise, mass = _nodes()
    optimiser = torch.optim.Adam([free], lr=0.05)
    weight, value = torch.tensor(0.5), torch.tensor(0.0)
    for step in range(_STEPS):
        for group in optimiser.param_groups:
            group["lr"] = 0.05 * (1 - step / _STEPS)
        weight = torch.sigmoid(free[0])
        weights, means, scales = torch.stack([weight, 1 - weight]), free[1:3], free[3:].exp()
        x = means[:, None] + scales[:, None] * noise  # by component: E_q is exact up to the nodes
        standardised = (x.unsqueeze(-1) - means) / scales
        log_q = torch.logsumexp(
            weights.log() - 0.5 * standardised.square() - scales.log() - 0.5 * np.log(2 * np.pi), dim=-1
        )
        value = (weights * ((log_q - _log_target(x)) @ mass)).sum()
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
    left = weight if free[1] < free[2] else 1 - weight
    return float(left.detach()), float(value.detach())


def _nodes() -> tuple[Tensor, Tensor]:
    """Return nodes and masses of a standard normal."""
    noise = torch.linspace(-7, 7, 101, dtype=torch.float64)
    mass = torch.exp(-0.5 * noise.square())
    return noise, mass / mass.sum()
