r"""What the components of each family expect, or draw, for the missing entries of a block.

.. math::

    p(x_{mis} \mid x_{obs}) = \sum_k p(k \mid x_{obs}) \, p(x_{mis} \mid x_{obs}, \theta_k).

Of measurements and counts the conditional mean is taken, of categories the most probable one. A family of
one's own takes part by ``expected.register`` and ``drawn.register``.
"""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import numpy as np

from mixtura.em.cells import CellFamily, CellParameters
from mixtura.em.family import Array
from mixtura.em.missing_base import MissingFamily, PreparedMissing
from mixtura.em.patterns import Integers
from mixtura.em.poisson import PoissonFamily, PoissonParameters
from mixtura.em.product import PreparedProduct, ProductFamily
from mixtura.errors import InputError

# NumPy draws counts up to rates of about 9e18; far below that a normal is the same to all digits but few.
_LARGEST_RATE = 1e15


@singledispatch
def expected(family: Any, prepared: Any, theta: Any, posterior: Array) -> Array:
    """Return what stands for missing entries, of shape (d, B).

    Parameters
    ----------
    family : Family
        The component densities.
    prepared : object
        What ``family.prepare`` gave, after ``log_density`` of the block.
    theta : object
        The parameters of the family.
    posterior : ndarray of shape (K, B)
        p(k | x_obs).

    Returns
    -------
    ndarray of shape (d, B)
        Of use where entries are missing only.

    Raises
    ------
    InputError
        If nothing is known of the family.
    """
    raise InputError(f"{type(family).__name__} does not say what it expects for missing entries")


@singledispatch
def drawn(
    family: Any, prepared: Any, theta: Any, components: Integers, generator: np.random.Generator
) -> Array:
    """Return draws of missing entries, of shape (d, B), from a component (B,) for each observation.

    Parameters
    ----------
    family, prepared, theta
        As for ``expected``.
    components : ndarray of shape (B,)
        Drawn from p(k | x_obs).
    generator : numpy.random.Generator
        All that is random.

    Returns
    -------
    ndarray of shape (d, B)
        Of use where entries are missing only.

    Raises
    ------
    InputError
        If nothing is known of the family.
    """
    raise InputError(f"{type(family).__name__} does not say how missing entries are drawn")


@expected.register(MissingFamily)
def _expected_measurements(
    family: MissingFamily[Any], prepared: PreparedMissing[Any], theta: Any, posterior: Array
) -> Array:
    if prepared.work is None:
        return np.zeros((family.n_features, posterior.shape[1]))
    return np.asarray(np.einsum("kb,kdb->db", posterior, family.completed(prepared.work, prepared)))


@drawn.register(MissingFamily)
def _drawn_measurements(
    family: MissingFamily[Any],
    prepared: PreparedMissing[Any],
    theta: Any,
    components: Integers,
    generator: np.random.Generator,
) -> Array:
    standard = generator.standard_normal((len(components), family.n_features)).T
    if prepared.work is None:
        return np.zeros_like(standard)
    completed = family.completed(prepared.work, prepared)
    means = completed[components, :, np.arange(len(components))].T
    return np.asarray(means + family.noise(prepared.work, prepared, components, standard))


@expected.register
def _likeliest_categories(
    family: CellFamily, prepared: Any, theta: CellParameters, posterior: Array
) -> Array:
    tables = np.split(theta.probabilities, np.cumsum(family.n_categories)[:-1], axis=1)
    return np.stack([(table.T @ posterior).argmax(axis=0) for table in tables]).astype(np.float64)


@drawn.register
def _drawn_categories(
    family: CellFamily,
    prepared: Any,
    theta: CellParameters,
    components: Integers,
    generator: np.random.Generator,
) -> Array:
    tables = np.split(theta.probabilities, np.cumsum(family.n_categories)[:-1], axis=1)
    out = np.empty((family.n_features, len(components)))
    for row, table in zip(out, tables, strict=True):
        cumulative = np.cumsum(table[components], axis=1)
        levels = generator.random(len(components)) * cumulative[:, -1]
        row[:] = (cumulative <= levels[:, None]).sum(axis=1)
    return out


@expected.register
def _expected_counts(
    family: PoissonFamily, prepared: Any, theta: PoissonParameters, posterior: Array
) -> Array:
    return np.asarray(theta.rates.T @ posterior)


@drawn.register
def _drawn_counts(
    family: PoissonFamily,
    prepared: Any,
    theta: PoissonParameters,
    components: Integers,
    generator: np.random.Generator,
) -> Array:
    return poisson_draws(theta.rates[components].T, generator)


def poisson_draws(rates: Array, generator: np.random.Generator | np.random.RandomState) -> Array:
    """Return counts of given rates, however large, in float64.

    Examples
    --------
    >>> poisson_draws(np.array([0.0, 1e16]), np.random.default_rng(0)).round(-10).tolist()
    [0.0, 1e+16]
    """
    large = rates > _LARGEST_RATE
    counts = generator.poisson(np.where(large, 1.0, rates)).astype(np.float64)
    if large.any():
        counts[large] = np.rint(rates[large] + np.sqrt(rates[large]) * generator.standard_normal(large.sum()))
    return counts


@expected.register
def _expected_in_parts(
    family: ProductFamily, prepared: PreparedProduct, theta: tuple[Any, ...], posterior: Array
) -> Array:
    return _joined(
        family,
        [
            expected(part, own, values, posterior)
            for part, own, values in zip(family.parts, prepared.parts, theta, strict=True)
        ],
    )


@drawn.register
def _drawn_in_parts(
    family: ProductFamily,
    prepared: PreparedProduct,
    theta: tuple[Any, ...],
    components: Integers,
    generator: np.random.Generator,
) -> Array:
    return _joined(
        family,
        [
            drawn(part, own, values, components, generator)
            for part, own, values in zip(family.parts, prepared.parts, theta, strict=True)
        ],
    )


def _joined(family: ProductFamily, parts: list[Array]) -> Array:
    """Return the columns of all parts in their places."""
    out = np.empty((family.n_features, parts[0].shape[1]))
    for columns, values in zip(family.columns, parts, strict=True):
        out[list(columns)] = values
    return out
