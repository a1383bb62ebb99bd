r"""Parameters as vectors of free real numbers, so that lines between and beyond them stay parameters.

Weights, probabilities, variances and rates become logarithms, covariance matrices their Cholesky factors with
logarithms on the diagonal. A family of one's own takes part by ``free_components.register``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import singledispatch
from typing import Any

import numpy as np

from mixtura.em.cells import CellFamily, CellParameters
from mixtura.em.covariance import Matrices
from mixtura.em.family import Array, Family
from mixtura.em.gaussian import GaussianFamily, GaussianParameters
from mixtura.em.missing import MissingFamily
from mixtura.em.poisson import PoissonFamily, PoissonParameters
from mixtura.em.product import ProductFamily
from mixtura.em.steps import MixtureParameters
from mixtura.errors import InputError

# The vector, with -inf for the logarithm of 0, and the way back from any finite vector of its size.
Free = tuple[Array, Callable[[Array], Any]]


def free_parameters(family: Family[Any, Any], theta: MixtureParameters) -> Free:
    """Return the parameters of a mixture as a vector, and the function that makes vectors parameters.

    Parameters
    ----------
    family : Family
        The component densities.
    theta : MixtureParameters
        The parameters.

    Returns
    -------
    vector : ndarray
        Finite but for the logarithms of weights and probabilities of zero.
    restore : callable
        From a vector to parameters; weights and probabilities are made to sum to one.

    Raises
    ------
    InputError
        If the family has no such form.

    Examples
    --------
    >>> from mixtura.em.gaussian import SphericalGaussians
    >>> theta = MixtureParameters(np.log([0.25, 0.75]), GaussianParameters(np.zeros((2, 1)), np.ones(2)))
    >>> vector, restore = free_parameters(SphericalGaussians(2, 1), theta)
    >>> restore(vector + 1).components.covariances.round(3).tolist()
    [2.718, 2.718]
    """
    k = len(theta.log_weights)
    components, restore = free_components(family, theta.components)

    def back(vector: Array) -> MixtureParameters:
        log_weights = vector[:k] - np.logaddexp.reduce(vector[:k])
        return MixtureParameters(log_weights, restore(vector[k:]))

    return np.concatenate([theta.log_weights, components]), back


@singledispatch
def free_components(family: Any, theta: Any) -> Free:
    """Return the parameters of a family as a vector, and the way back."""
    raise InputError(f"{type(family).__name__} has no unconstrained form; leave out the acceleration")


@free_components.register
def _gaussian(family: GaussianFamily, theta: GaussianParameters) -> Free:
    convert = _matrices if isinstance(family.layout, Matrices) else _logarithms
    spread, restore = convert(theta.covariances)
    size = theta.means.size

    def back(vector: Array) -> GaussianParameters:
        return GaussianParameters(vector[:size].reshape(theta.means.shape), restore(vector[size:]))

    return np.concatenate([theta.means.ravel(), spread]), back


@free_components.register(MissingFamily)
def _missing(family: MissingFamily[Any], theta: GaussianParameters) -> Free:
    return _gaussian(family.gaussians, theta)


@free_components.register
def _cells(family: CellFamily, theta: CellParameters) -> Free:
    starts = np.concatenate([[0], np.cumsum(family.n_categories)[:-1]])
    vector, exponential = _logarithms(theta.probabilities)

    def back(vector: Array) -> CellParameters:
        cells = exponential(vector)
        return CellParameters(
            cells / np.repeat(np.add.reduceat(cells, starts, axis=1), family.n_categories, axis=1)
        )

    return vector, back


@free_components.register
def _poisson(family: PoissonFamily, theta: PoissonParameters) -> Free:
    vector, exponential = _logarithms(theta.rates)
    return vector, lambda vector: PoissonParameters(exponential(vector))


@free_components.register
def _product(family: ProductFamily, theta: tuple[Any, ...]) -> Free:
    parts = [free_components(part, own) for part, own in zip(family.parts, theta, strict=True)]
    ends = np.cumsum([len(vector) for vector, _ in parts])[:-1]

    def back(vector: Array) -> tuple[Any, ...]:
        pieces = np.split(vector, ends)
        return tuple(restore(piece) for (_, restore), piece in zip(parts, pieces, strict=True))

    return np.concatenate([vector for vector, _ in parts]), back


def _logarithms(values: Array) -> tuple[Array, Callable[[Array], Array]]:
    with np.errstate(divide="ignore"):
        return np.log(values).ravel(), lambda vector: np.exp(vector).reshape(values.shape)


def _matrices(covariances: Array) -> tuple[Array, Callable[[Array], Array]]:
    factors: Array = np.asarray(np.linalg.cholesky(covariances), dtype=np.float64)
    d = covariances.shape[-1]
    rows, columns = np.tril_indices(d)
    diagonal = np.flatnonzero(rows == columns)
    entries = factors[..., rows, columns]
    entries[..., diagonal] = np.log(entries[..., diagonal])

    def back(vector: Array) -> Array:
        lower = vector.reshape(entries.shape).copy()
        lower[..., diagonal] = np.exp(lower[..., diagonal])
        factors = np.zeros(covariances.shape)
        factors[..., rows, columns] = lower
        return np.asarray(factors @ factors.swapaxes(-1, -2))

    return entries.ravel(), back
