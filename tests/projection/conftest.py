from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from mixtura.divergence.mixtures import gaussian_mixture
from mixtura.projection.line_density import LineDensity, line_density
from mixtura.projection.target import as_target

Parameters = tuple[np.ndarray, np.ndarray, np.ndarray]


@pytest.fixture(scope="session")
def random_line_mixture() -> Callable[[int], Parameters]:
    """From a seed: weights, means and standard deviations of one to six components, alike or very unlike."""

    def draw(seed: int) -> Parameters:
        rng = np.random.default_rng(seed)
        count = int(rng.integers(1, 7))
        weights = rng.dirichlet(np.ones(count))
        means = 3 * rng.normal(size=count)
        scales = np.exp(rng.normal(size=count) * rng.choice([0.3, 1.0, 2.0]))
        return weights, means, scales

    return draw


@pytest.fixture(scope="session")
def as_line() -> Callable[[np.ndarray, np.ndarray, np.ndarray], LineDensity]:
    """From weights, means and standard deviations: the density, ready."""

    def make(weights: np.ndarray, means: np.ndarray, scales: np.ndarray) -> LineDensity:
        weights, means, scales = (np.asarray(values, dtype=float) for values in (weights, means, scales))
        return line_density(as_target(gaussian_mixture(weights, means, scales**2, normalise=True)))

    return make


@pytest.fixture(scope="session")
def source_target() -> torch.distributions.Distribution:
    """1/3 N(-3, 1) + 2/3 N(3, 1)."""
    return gaussian_mixture(np.array([1 / 3, 2 / 3]), np.array([-3.0, 3.0]), np.array([1.0, 1.0]))
