"""Missing entries from a fitted mixture: conditional means and draws; and complete rows to start from."""

from __future__ import annotations

from typing import Any

import numpy as np

from mixtura.em.engine import run_em
from mixtura.em.family import Array
from mixtura.em.gaussian import FullGaussians, GaussianFamily, GaussianParameters
from mixtura.em.missing import missing_family
from mixtura.em.missing_base import MissingFamily
from mixtura.em.origin import column_means
from mixtura.em.patterns import PatternSource
from mixtura.em.priors import NormalInverseWishart
from mixtura.em.source import BLOCK, ArraySource
from mixtura.em.steps import MixtureParameters, responsibilities
from mixtura.errors import InputError

# A start needs no more than this, in nats an observation.
_CLOSE = 1e-2
_FEW = 30


def impute(
    family: GaussianFamily | MissingFamily[Any],
    theta: MixtureParameters,
    rows: Any,
    *,
    origin: Array | None = None,
    draws: int | None = None,
    generator: np.random.Generator | None = None,
) -> Any:
    r"""Fill missing entries with :math:`E[x_{mis} \mid x_{obs}]`, or with draws of what is missing.

    .. math::

        p(x_{mis} \mid x_{obs}) = \sum_k p(k \mid x_{obs}) \, N(x_{mis} \mid x_{obs}; m_k, S_k).

    Parameters
    ----------
    family : GaussianFamily or MissingFamily
        The component densities.
    theta : MixtureParameters
        The parameters of the mixture.
    rows : ndarray of shape (n, d)
        Observations; NaN is missing.
    origin : ndarray of shape (d,), optional
        What was subtracted from the observations that theta was fitted to.
    draws : int, optional
        The number of draws; without it, conditional means.
    generator : numpy.random.Generator, optional
        For draws; a fresh one of seed 0 without it.

    Returns
    -------
    ndarray of shape (n, d) or (draws, n, d)
        Of the type of ``rows``; observed entries are the same bits.

    Raises
    ------
    InputError
        If ``draws`` is not positive.

    Examples
    --------
    >>> theta = MixtureParameters(
    ...     np.zeros(1), GaussianParameters(np.zeros((1, 2)), np.array([[[1.0, 0.5], [0.5, 1.0]]]))
    ... )
    >>> impute(FullGaussians(1, 2), theta, np.array([[2.0, np.nan]])).round(12).tolist()
    [[2.0, 1.0]]
    """
    if draws is not None and draws < 1:
        raise InputError(f"draws must be at least 1, not {draws}")
    missing_values = family if isinstance(family, MissingFamily) else missing_family(family)
    random = np.random.default_rng(0) if generator is None else generator
    prepared = missing_values.prepare(theta.components)
    out = np.array(rows if draws is None else np.broadcast_to(rows, (draws, *np.shape(rows))))
    for start in range(0, len(rows), BLOCK):
        chosen = slice(start, start + BLOCK)
        missing = np.isnan(rows[chosen])
        if not missing.any():
            continue
        block = np.asarray(rows[chosen], dtype=np.float64).T
        shift = np.zeros(len(block)) if origin is None else np.asarray(origin)
        posterior = np.empty((family.n_components, block.shape[1]))
        missing_values.log_density(prepared, block - shift[:, None], posterior)
        posterior += theta.log_weights[:, None]
        responsibilities(posterior)
        work = prepared.work
        completed = missing_values.completed(work, prepared) + shift[:, None]  # (K, d, B)
        if draws is None:
            expected = np.einsum("kb,kdb->bd", posterior, completed)
            out[chosen][missing] = expected[missing]
            continue
        rows_of_block = np.arange(block.shape[1])
        cumulative = np.cumsum(posterior, axis=0)
        for draw in range(draws):
            level = random.random(block.shape[1]) * cumulative[-1]
            component = (cumulative <= level).sum(axis=0)
            standard = random.standard_normal(block.shape[::-1]).T
            drawn = completed[component, :, rows_of_block].T + missing_values.noise(
                work, prepared, component, standard
            )
            out[draw, chosen][missing] = drawn.T[missing]
    return out


def fill(rows: Any, weights: Array | None = None, origin: Array | None = None) -> Array:
    """Return complete rows, less the origin: conditional means under one Gaussian, for k-means to start from.

    The Gaussian is fitted by EM, held in place by d + 2 pseudo-observations of independent columns, so that
    any table of numbers has one.

    Parameters
    ----------
    rows : ndarray of shape (n, d)
        Observations; NaN is missing.
    weights : ndarray of shape (n,), optional
        Weights of the observations.
    origin : ndarray of shape (d,), optional
        What is subtracted.

    Returns
    -------
    ndarray of shape (n, d)
        In float64.

    Raises
    ------
    InputError
        If a column has no observed value.

    Examples
    --------
    >>> fill(np.array([[0.0, 0.0], [1.0, 1.0], [2.0, np.nan], [3.0, 3.0]]))[2].round(1).tolist()
    [2.0, 1.6]
    """
    d = rows.shape[1]
    means = column_means(ArraySource(rows, weights))
    source = PatternSource(rows, weights, means)
    squares = np.zeros(d)
    for block, used in source.blocks():
        squares += np.nansum(block**2 * (1.0 if used is None else used), axis=1)
    variances = squares / source.total_weight
    variances[variances == 0] = 1.0
    prior = NormalInverseWishart(np.zeros(d), kappa=0.0, dof=0.0, scale=np.diag(variances * (d + 2)))
    family = missing_family(FullGaussians(1, d, prior=prior))
    start = MixtureParameters(np.zeros(1), GaussianParameters(np.zeros((1, d)), np.diag(variances)[None]))
    fitted = run_em(family, source, start, criterion=_close, max_iter=_FEW)
    complete = impute(family, fitted.theta, np.asarray(rows, dtype=np.float64), origin=means)
    return np.asarray(complete if origin is None else complete - origin)


def _close(bounds: list[float]) -> str | None:
    return "close enough to start from" if len(bounds) > 1 and bounds[-1] - bounds[-2] < _CLOSE else None
