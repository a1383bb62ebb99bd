from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import mpmath
import numpy as np
import pytest
from numpy.typing import NDArray

Array = NDArray[np.float64]
Rows = list[list[Any]]


class Exact:
    """KL between Gaussians to sixty digits, on the numbers as they are rounded."""

    def from_factors(self, mu0: Array, L0: Array, mu1: Array, L1: Array) -> Any:
        with mpmath.workdps(60):
            return _kl(mu0, _rows(L0), mu1, _rows(L1))

    def from_covariances(self, mu0: Array, S0: Array, mu1: Array, S1: Array) -> Any:
        with mpmath.workdps(60):
            return _kl(mu0, _cholesky(_rows(S0)), mu1, _cholesky(_rows(S1)))

    def relative_error(self, value: float, exact: Any) -> float:
        with mpmath.workdps(60):
            return float(abs(value - exact) / exact) if exact else abs(value)


@pytest.fixture(scope="session")
def exact() -> Exact:
    return Exact()


@pytest.fixture(scope="session")
def random_covariance() -> Callable[[np.random.Generator, int, float], Array]:
    """A covariance of a condition number, in directions drawn at random."""

    def draw(rng: np.random.Generator, d: int, condition: float) -> Array:
        directions, _ = np.linalg.qr(rng.normal(size=(d, d)))
        spectrum = np.geomspace(1, 1 / condition, d) if d > 1 else np.ones(1)
        covariance = (directions * spectrum) @ directions.T
        return (covariance + covariance.T) / 2

    return draw


def _rows(matrix: Array) -> Rows:
    return [[mpmath.mpf(float(entry)) for entry in row] for row in matrix]


def _cholesky(matrix: Rows) -> Rows:
    n = len(matrix)
    factor: Rows = [[mpmath.mpf(0)] * n for _ in range(n)]
    for j in range(n):
        factor[j][j] = mpmath.sqrt(matrix[j][j] - mpmath.fsum(x * x for x in factor[j][:j]))
        for i in range(j + 1, n):
            inner = mpmath.fdot(factor[i][:j], factor[j][:j])
            factor[i][j] = (matrix[i][j] - inner) / factor[j][j]
    return factor


def _kl(mu0: Sequence[float], L0: Rows, mu1: Sequence[float], L1: Rows) -> Any:
    """Return (|L1^-1 [L0, mu1 - mu0]|^2 - d) / 2 + log det L1 - log det L0, cancellation and all."""
    n = len(L0)
    columns = [[L0[i][j] for i in range(n)] for j in range(n)]
    columns.append([mpmath.mpf(float(b)) - mpmath.mpf(float(a)) for a, b in zip(mu0, mu1, strict=True)])
    total = mpmath.mpf(0)
    for j, column in enumerate(columns):
        solved = [mpmath.mpf(0)] * n
        for i in range(j if j < n else 0, n):
            solved[i] = (column[i] - mpmath.fdot(L1[i][:i], solved[:i])) / L1[i][i]
        total += mpmath.fsum(x * x for x in solved)
    logs = mpmath.fsum(mpmath.log(L1[i][i] / L0[i][i]) for i in range(n))
    return (total - n) / 2 + logs
