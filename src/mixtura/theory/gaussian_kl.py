"""Problem 6.1: the KL of two Gaussians, against the expectation that defines it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from scipy.stats import multivariate_normal

from mixtura.divergence import gaussian_kl
from mixtura.theory.check import Figure, below


def check(generator: np.random.Generator) -> Iterator[Figure]:
    """Yield the largest error of the closed form over pairs in 1 to 4 dimensions, and special cases."""
    worst = least = 0.0
    for d in (1, 2, 3, 4):
        for _ in range(5):
            mean0, mean1 = generator.normal(size=(2, d))
            root0, root1 = generator.normal(size=(2, d, d))
            cov0, cov1 = root0 @ root0.T + 0.3 * np.eye(d), root1 @ root1.T + 0.3 * np.eye(d)
            closed = float(gaussian_kl(mean0, cov0, mean1, cov1))
            worst = max(worst, abs(closed - _by_quadrature(mean0, cov0, mean1, cov1)) / max(1.0, closed))
            least = max(least, -closed, float(gaussian_kl(mean0, cov0, mean0, cov0)))
    yield below("largest error against quadrature of E[log p - log q], relative", worst, 1e-9)
    yield below("most that it is below 0, or above 0 for equal Gaussians, nats", least, 1e-12)
    swapped = abs(
        float(gaussian_kl(np.zeros(1), np.eye(1), np.zeros(1), 4 * np.eye(1)))
        - float(gaussian_kl(np.zeros(1), 4 * np.eye(1), np.zeros(1), np.eye(1)))
    )
    yield Figure("KL(N(0,1), N(0,4)) less the other way round, nats", swapped, "not 0", swapped > 0.1)


def _by_quadrature(mean0: np.ndarray, cov0: np.ndarray, mean1: np.ndarray, cov1: np.ndarray) -> float:
    """Return E_p[log p - log q] by a product rule, exact for the polynomial that it is."""
    nodes, weights = hermegauss(4)
    d = len(mean0)
    grid = np.stack(np.meshgrid(*[nodes] * d, indexing="ij"), axis=-1).reshape(-1, d)
    mass = np.prod(np.stack(np.meshgrid(*[weights] * d, indexing="ij"), axis=-1).reshape(-1, d), axis=1)
    x = mean0 + grid @ np.linalg.cholesky(cov0).T
    ratio = multivariate_normal(mean0, cov0).logpdf(x) - multivariate_normal(mean1, cov1).logpdf(x)
    return float(mass @ np.atleast_1d(ratio) / mass.sum())
