"""Gaussian components by the name of their covariances: unit ones, draws, numbers of parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.em.family import Array
from mixtura.em.gaussian import GaussianFamily, GaussianParameters
from mixtura.errors import InputError


def unit_gaussians(family: GaussianFamily) -> GaussianParameters:
    """Return standard normals.

    Examples
    --------
    >>> from mixtura.em.gaussian import TiedGaussians
    >>> unit_gaussians(TiedGaussians(3, 2)).covariances.tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    k, d = family.n_components, family.n_features
    unit = family.layout.add_to_diagonal(family.layout.zeros(k, d), 1.0)
    return GaussianParameters(np.zeros((k, d)), family.share(unit, np.ones(k)))


def n_covariances(covariance_type: str, k: int, d: int) -> int:
    """Return how many numbers the covariances are.

    Examples
    --------
    >>> [n_covariances(name, 2, 3) for name in ("full", "tied", "diag", "spherical")]
    [12, 6, 6, 2]
    """
    numbers = {"full": k * d * (d + 1) // 2, "tied": d * (d + 1) // 2, "diag": k * d, "spherical": k}
    return numbers[covariance_type]


def require_shape(name: str, means: NDArray[Any], given: NDArray[Any]) -> None:
    """Refuse fitted covariances, or factors of precisions, that are of another type than the one set now.

    Examples
    --------
    >>> require_shape("diag", np.zeros((2, 3)), np.ones((2, 3)))
    """
    k, d = means.shape
    shape = {"full": (k, d, d), "tied": (d, d), "diag": (k, d), "spherical": (k,)}[name]
    if given.shape != shape:
        raise InputError(
            f"the mixture was fitted with covariances of shape {given.shape}, and covariance_type is "
            f"{name!r} now, whose shape is {shape}; fit a new estimator"
        )


def drawn_gaussians(mean: Array, covariance: Array, count: int, random_state: np.random.RandomState) -> Array:
    """Return draws (count, d) of one Gaussian, whose covariance is a matrix or variances."""
    if covariance.ndim == 2:
        return np.asarray(random_state.multivariate_normal(mean, covariance, count))
    noise = random_state.standard_normal(size=(count, len(mean)))
    return np.asarray(mean + noise * np.sqrt(covariance))
