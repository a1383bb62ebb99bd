"""Missing entries from a fitted mixture: conditional means and draws; and complete rows to start from."""

from __future__ import annotations

from typing import Any

import numpy as np

from mixtura.em.completion import drawn, expected
from mixtura.em.engine import run_em
from mixtura.em.family import Array, Family
from mixtura.em.gaussian import FullGaussians, GaussianFamily, GaussianParameters
from mixtura.em.missing import missing_family
from mixtura.em.origin import column_means
from mixtura.em.patterns import PatternSource
from mixtura.em.posterior import responsibilities
from mixtura.em.priors import NormalInverseWishart
from mixtura.em.source import BLOCK, ArraySource
from mixtura.em.steps import MixtureParameters
from mixtura.errors import InputError

# A start needs no more than this, in nats an observation.
_CLOSE = 1e-2
_FEW = 30
# What the pseudo-observations of a start are worth, relative to the observations whatever these weigh.
_HELD = 0.01


def impute(
    family: Family[Any, Any],
    theta: MixtureParameters,
    rows: Any,
    *,
    origin: Array | None = None,
    draws: int | None = None,
    generator: np.random.Generator | None = None,
) -> Any:
    r"""Fill missing entries with what is expected given the rest of the row, or with draws.

    .. math::

        p(x_{mis} \mid x_{obs}) = \sum_k p(k \mid x_{obs}) \, p(x_{mis} \mid x_{obs}, \theta_k).

    Measurements and counts get :math:`E[x_{mis} \mid x_{obs}]`, the others the most probable value.

    Parameters
    ----------
    family : Family
        The component densities: Gaussian, Bernoulli, categorical, Poisson, or a product of these.
    theta : MixtureParameters
        The parameters of the mixture.
    rows : ndarray of shape (n, d)
        Observations; NaN is missing.
    origin : ndarray of shape (d,), optional
        What was subtracted from the observations that theta was fitted to.
    draws : int, optional
        The number of draws; without it, what is expected.
    generator : numpy.random.Generator, optional
        For draws; a fresh one of seed 0 without it.

    Returns
    -------
    ndarray of shape (n, d) or (draws, n, d)
        Of the type of ``rows``; observed entries are the same bits.

    Raises
    ------
    InputError
        If ``draws`` is not positive, or nothing is known of the family.

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
    whole = missing_family(family) if isinstance(family, GaussianFamily) else family
    random = np.random.default_rng(0) if generator is None else generator
    prepared = whole.prepare(theta.components)
    shift = np.zeros(rows.shape[1]) if origin is None else np.asarray(origin)
    out = np.array(rows if draws is None else np.broadcast_to(rows, (draws, *np.shape(rows))))
    for start in range(0, len(rows), BLOCK):
        chosen = slice(start, start + BLOCK)
        missing = np.isnan(rows[chosen])
        if not missing.any():
            continue
        block = np.asarray(rows[chosen], dtype=np.float64).T - shift[:, None]
        posterior = np.empty((whole.n_components, block.shape[1]))
        whole.log_density(prepared, block, posterior)
        posterior += theta.log_weights[:, None]
        responsibilities(posterior)
        if draws is None:
            values = expected(whole, prepared, theta.components, posterior).T + shift
            out[chosen][missing] = values[missing]
            continue
        cumulative = np.cumsum(posterior, axis=0)
        for draw in range(draws):
            level = random.random(block.shape[1]) * cumulative[-1]
            component = (cumulative <= level).sum(axis=0)
            values = drawn(whole, prepared, theta.components, component, random).T + shift
            out[draw, chosen][missing] = values[missing]
    return out


def fill(rows: Any, weights: Array | None = None, origin: Array | None = None) -> Array:
    """Return complete rows, less the origin: conditional means under one Gaussian, for k-means to start from.

    The Gaussian is fitted by EM, held in place by pseudo-observations of independent columns, worth a
    hundredth of the observations, so that any table of numbers has one.

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
    [2.0, 2.0]
    """
    d = rows.shape[1]
    means = column_means(ArraySource(rows, weights))
    source = PatternSource(rows, weights, means)
    source.require_observed()
    squares, totals = np.zeros(d), np.zeros(d)
    for block, used in source.blocks():
        each = np.ones(block.shape[1]) if used is None else used
        squares += np.where(np.isnan(block), 0.0, block) ** 2 @ each
        totals += ~np.isnan(block) @ each
    variances = squares / totals
    variances[variances == 0] = 1.0
    worth = _HELD * source.total_weight
    prior = NormalInverseWishart(
        np.zeros(d), kappa=0.0, dof=worth - (d + 2), scale=np.diag(variances * worth)
    )
    family = missing_family(FullGaussians(1, d, prior=prior))
    start = MixtureParameters(np.zeros(1), GaussianParameters(np.zeros((1, d)), np.diag(variances)[None]))
    fitted = run_em(family, source, start, criterion=_close, max_iter=_FEW)
    complete = impute(family, fitted.theta, np.asarray(rows, dtype=np.float64), origin=means)
    return np.asarray(complete if origin is None else complete - origin)


def _close(bounds: list[float]) -> str | None:
    return "close enough to start from" if len(bounds) > 1 and bounds[-1] - bounds[-2] < _CLOSE else None
