"""Problem 6.3: the Gaussians closest to 1/3 N(-3, 1) + 2/3 N(3, 1), against a search that knows nothing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.optimize import minimize

from mixtura.projection.closest import project
from mixtura.theory.check import Figure, near
from mixtura.theory.two_modes import TEXT, log_target

_GRID = np.linspace(-40.0, 40.0, 40_001)


def check(generator: np.random.Generator) -> Iterator[Figure]:
    """Yield both Gaussians and their distance from what Nelder and Mead find on a grid."""
    inclusive, exclusive = project(TEXT, "inclusive"), project(TEXT, "exclusive")
    yield near("inclusive: mean", float(inclusive.distribution.mean), 1.0, 1e-9)
    yield near("inclusive: standard deviation", float(inclusive.distribution.stddev), 3.0, 1e-9)
    for name, found, start in (("inclusive", inclusive, (0.0, 2.0)), ("exclusive", exclusive, (2.0, 1.5))):
        objective = _inclusive if name == "inclusive" else _exclusive
        best = minimize(objective, start, method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-13})
        yield near(f"{name}: mean by the search", best.x[0], float(found.distribution.mean), 1e-5)
        yield near(
            f"{name}: standard deviation by the search", best.x[1], float(found.distribution.stddev), 1e-5
        )
        yield near(f"{name}: least divergence, nats", best.fun, found.kl, 1e-8)
    kinds = [point.kind for point in exclusive.stationary_points]
    yield near("exclusive: local minima", kinds.count("minimum"), 2, 0)
    yield near("exclusive: saddles", kinds.count("saddle"), 1, 0)


def _log_gaussian(place: np.ndarray) -> np.ndarray:
    mean, scale = place
    log_density: np.ndarray = (
        -0.5 * ((_GRID - mean) / scale) ** 2 - np.log(abs(scale)) - 0.5 * np.log(2 * np.pi)
    )
    return log_density


def _inclusive(place: np.ndarray) -> float:
    p = log_target(_GRID)
    return float(np.trapezoid(np.exp(p) * (p - _log_gaussian(place)), _GRID))


def _exclusive(place: np.ndarray) -> float:
    q = _log_gaussian(place)
    return float(np.trapezoid(np.exp(q) * (q - log_target(_GRID)), _GRID))
