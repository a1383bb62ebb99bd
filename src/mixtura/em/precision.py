"""Covariances, precisions and Cholesky factors of precisions in the shapes of the four covariance types."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.linalg import solve_triangular

from mixtura.em.family import Array
from mixtura.em.gaussian import GaussianFamily, GaussianParameters, PreparedGaussians
from mixtura.em.missing import MissingFamily, PreparedMissing

# From what every component has to the shape of the covariance type.
_CONTRACTIONS: dict[str, Callable[[Array], Array]] = {
    "full": lambda everyone: everyone,
    "tied": lambda everyone: everyone[0],
    "diag": lambda everyone: everyone,
    "spherical": lambda everyone: everyone[:, 0],
}


def precision_factors(family: GaussianFamily, covariance_type: str, covariances: Array) -> Array:
    """Return upper factors U of the precisions, P = U U', or square roots of precisions.

    Parameters
    ----------
    family : GaussianFamily
        Of the covariance type.
    covariance_type : {"full", "tied", "diag", "spherical"}
        The type.
    covariances : ndarray
        (K, d, d) full, (d, d) tied, (K, d) diag, (K,) spherical; the factors are of the same shape.

    Raises
    ------
    InputError
        If a covariance is not positive definite.
    """
    whitening, _ = family.layout.factorise(family.expand(covariances))
    return np.ascontiguousarray(_CONTRACTIONS[covariance_type](_transposed(whitening)))


def precisions_from(factors: Array, covariance_type: str) -> Array:
    """Return the precisions U U' of upper factors."""
    if covariance_type in ("full", "tied"):
        return np.asarray(factors @ np.swapaxes(factors, -1, -2))
    return np.asarray(factors**2)


def covariances_from(precisions: Array, covariance_type: str) -> Array:
    """Return the inverses of precisions, which are positive definite."""
    if covariance_type not in ("full", "tied"):
        return np.asarray(1 / precisions)
    identity = np.eye(precisions.shape[-1])
    inverses = []
    for precision in precisions.reshape(-1, *identity.shape):
        half = solve_triangular(np.linalg.cholesky(precision), identity, lower=True)
        inverses.append(half.T @ half)
    return np.array(inverses) if precisions.ndim == 3 else inverses[0]


def prepared_from(family: GaussianFamily, means: Array, factors: Array) -> PreparedGaussians:
    """Return what scoring needs from means and upper factors of precisions."""
    everyone = family.expand(factors)
    whitening = _transposed(everyone)
    diagonals = np.diagonal(everyone, axis1=1, axis2=2) if everyone.ndim == 3 else everyone
    return family.prepare_factors(means, whitening, -2 * np.log(diagonals).sum(axis=1))


def prepared_missing_from(
    family: MissingFamily[Any], means: Array, covariances: Array, factors: Array
) -> PreparedMissing[Any]:
    """Return the same for rows with NaN."""
    prepared = prepared_from(family.gaussians, means, factors)
    theta = GaussianParameters(means, covariances)
    return PreparedMissing(prepared, theta, family.precisions(theta, prepared.whitening))


def centred_at(family: GaussianFamily, means: Array) -> PreparedGaussians:
    """Return what sums about points (K, d) need: unit covariances, and differences rather than features."""
    k, d = means.shape
    unit = family.layout.add_to_diagonal(family.layout.zeros(k, d), 1.0)
    return replace(family.prepare_factors(means, unit, np.zeros(k)), coefficients=None)


def _transposed(factors: Array) -> Array:
    """Return the transposes of matrices, and standard deviations as they are."""
    return np.swapaxes(factors, 1, 2) if factors.ndim == 3 else factors
