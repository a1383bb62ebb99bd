r"""Where EM begins: responsibilities by a simple method, and theta by one M-step from them.

The methods have the meaning of scikit-learn's ``init_params``. Chosen points stand for the observations that
are nearer to them than to the others, which is what its first E-step makes of components as narrow as
``reg_covar``; theta is then inside what every family can represent. Data too large for memory are represented
by a sample of their rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mixtura.em.engine import Criterion, EMResult, run_em
from mixtura.em.family import Array, Family
from mixtura.em.mixture import statistics_from
from mixtura.em.source import ArraySource, Source
from mixtura.em.steps import Expectation, MixtureParameters, m_step
from mixtura.em.stopping import Relative
from mixtura.errors import ConvergenceError, InputError

# Rows that stand for data too large for memory.
SAMPLE = 100_000

# From rows (n, d), their weights, K and a generator to responsibilities (n, K).
Method = Callable[[Array, Array, int, np.random.Generator], Array]


def sampled(source: Source, size: int, generator: np.random.Generator) -> ArraySource:
    """Return up to ``size`` rows of positive weight, in the order of the source, drawn without replacement.

    Parameters
    ----------
    source : Source
        Any observations.
    size : int
        The most rows.
    generator : numpy.random.Generator
        Used only where the source has more.

    Returns
    -------
    ArraySource
        In memory; the source's origin is subtracted already.
    """
    chosen = np.arange(source.n_rows)
    if source.n_rows > size:
        chosen = np.sort(generator.choice(source.n_rows, size, replace=False))
    rows, weights = np.empty((len(chosen), source.n_features)), np.ones(len(chosen))
    passed = done = 0
    for block, given in source.blocks():
        passed += block.shape[1]
        stop = int(np.searchsorted(chosen, passed))
        here = chosen[done:stop] - (passed - block.shape[1])
        rows[done:stop] = block[:, here].T
        if given is not None:
            weights[done:stop] = given[here]
        done = stop
    if weights.min(initial=np.inf) == 1.0 == weights.max(initial=-np.inf):
        return ArraySource(rows)
    present = weights > 0
    return ArraySource(rows[present], weights[present])


def start(
    family: Family[Any, Any],
    source: Source,
    method: str | Method,
    generator: np.random.Generator,
    *,
    reference: Any,
    concentration: float | Array = 1.0,
    size: int = SAMPLE,
) -> MixtureParameters:
    """Return parameters to start from.

    Parameters
    ----------
    family : Family
        The component densities.
    source : Source
        The observations.
    method : {"kmeans", "k-means++", "random", "random_from_data"} or callable
        A key of ``METHODS``, or a ``Method``, which is given rows with their NaN.
    generator : numpy.random.Generator
        All that is random.
    reference : object
        Any parameters of the family, about which sums are taken.
    concentration : float or ndarray of shape (K,)
        Of a Dirichlet prior on the weights; 1 is none.
    size : int
        Where the source has more rows, a sample of so many is used.

    Returns
    -------
    MixtureParameters

    Raises
    ------
    InputError
        If there are fewer rows of positive weight than components.

    Examples
    --------
    >>> from mixtura.em.gaussian import DiagonalGaussians, GaussianParameters
    >>> source = ArraySource(np.array([[0.0], [0.2], [5.0], [5.2]]))
    >>> theta = start(
    ...     DiagonalGaussians(2, 1),
    ...     source,
    ...     "kmeans",
    ...     np.random.default_rng(0),
    ...     reference=GaussianParameters(np.zeros((2, 1)), np.ones((2, 1))),
    ... )
    >>> sorted(theta.components.means[:, 0].round(3).tolist())
    [0.1, 5.1]
    """
    sample = sampled(source, size, generator)
    if sample.n_rows < family.n_components:
        raise InputError(
            f"{sample.n_rows} observations of positive weight are fewer than the {family.n_components} "
            "components; decrease n_components"
        )
    weights = np.ones(sample.n_rows) if sample.weights is None else sample.weights
    if isinstance(method, str):
        shares = METHODS[method](_filled(sample.rows), weights, family.n_components, generator)
    else:
        shares = method(sample.rows, weights, family.n_components, generator)
    return from_responsibilities(family, sample, shares, reference=reference, concentration=concentration)


def from_responsibilities(
    family: Family[Any, Any],
    source: ArraySource,
    responsibilities: Array,
    *,
    reference: Any,
    concentration: float | Array = 1.0,
) -> MixtureParameters:
    """Return the theta of one M-step.

    Parameters
    ----------
    family : Family
        The component densities.
    source : ArraySource
        The observations.
    responsibilities : ndarray of shape (n, K)
        Of every row; rows sum to one.
    reference : object
        Any parameters of the family, about which sums are taken.
    concentration : float or ndarray of shape (K,)
        Of a Dirichlet prior on the weights; 1 is none.

    Returns
    -------
    MixtureParameters
    """
    size = source.block_size
    blocks = (
        np.array(responsibilities[at : at + size].T, dtype=np.float64, order="C")
        for at in range(0, source.n_rows, size)
    )
    statistics = statistics_from(family, source, family.prepare(reference), blocks)
    nothing = np.zeros(source.n_features)
    expectation = Expectation(statistics, family.counts(statistics), np.nan, np.nan, nothing)
    return m_step(family, expectation, concentration)


def short_runs(
    family: Family[Any, Any],
    source: Source,
    generator: np.random.Generator,
    *,
    reference: Any,
    n_runs: int = 10,
    n_iter: int = 20,
    method: str | Method = "random_from_data",
    criterion: Criterion | None = None,
    concentration: float | Array = 1.0,
    exact: bool = True,
    size: int = SAMPLE,
) -> MixtureParameters:
    """Return the best end of many short runs of EM, to be finished.

    Parameters
    ----------
    family, source, generator, reference, concentration, size
        As for ``start``. The runs, too, see only the sample.
    n_runs, n_iter : int
        How many, and the most iterations of each.
    method : str or callable
        How each starts, as for ``start``.
    criterion : callable, optional
        When one stops. By default where F changes by less than a ten-thousandth of itself.
    exact : bool
        As for ``run_em``.

    Returns
    -------
    MixtureParameters

    Raises
    ------
    InputError, ConvergenceError
        That of the last run, if all fail.

    References
    ----------
    .. [1] C. Biernacki, G. Celeux and G. Govaert, Choosing starting values for the EM algorithm for getting
       the highest likelihood in multivariate Gaussian mixture models, 2003.
    """
    sample = sampled(source, size, generator)
    best: EMResult | None = None
    refused: Exception | None = None
    for _ in range(n_runs):
        try:
            begin = start(family, sample, method, generator, reference=reference, concentration=concentration)
            run = run_em(
                family,
                sample,
                begin,
                criterion=criterion or Relative(1e-4),
                max_iter=n_iter,
                concentration=concentration,
                exact=exact,
            )
        except (InputError, ConvergenceError) as error:
            refused = error
            continue
        if best is None or not run.lower_bound <= best.lower_bound:
            best = run
    if best is None:
        raise refused or InputError(f"n_runs must be at least 1, not {n_runs}")
    return best.theta


def _filled(rows: Array) -> Array:
    """Return the rows with column means for NaN, or 0 in columns without values."""
    missing = np.isnan(rows)
    if not missing.any():
        return rows
    there = np.maximum((~missing).sum(axis=0), 1)
    return np.where(missing, np.where(missing, 0.0, rows).sum(axis=0) / there, rows)


def _kmeans(rows: Array, weights: Array, n_components: int, generator: np.random.Generator) -> Array:
    """Return the groups of one run of k-means."""
    from sklearn.cluster import KMeans

    fitted = KMeans(n_components, n_init=1, random_state=_seed(generator)).fit(rows, sample_weight=weights)
    return np.asarray(np.eye(n_components)[fitted.labels_])


def _kmeans_plus_plus(
    rows: Array, weights: Array, n_components: int, generator: np.random.Generator
) -> Array:
    """Return what is nearest to points that were drawn far from each other."""
    from sklearn.cluster import kmeans_plusplus

    points, _ = kmeans_plusplus(rows, n_components, sample_weight=weights, random_state=_seed(generator))
    return _nearest(rows, points)


def _random_from_data(
    rows: Array, weights: Array, n_components: int, generator: np.random.Generator
) -> Array:
    """Return what is nearest to random rows."""
    chosen = generator.choice(len(rows), n_components, replace=False, p=weights / weights.sum())
    return _nearest(rows, rows[chosen])


def _random(rows: Array, weights: Array, n_components: int, generator: np.random.Generator) -> Array:
    """Return uniform numbers over their sum."""
    shares = generator.random((len(rows), n_components))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def _nearest(rows: Array, points: Array) -> Array:
    """Return each row as all of its nearest point's; rows as near to two points are shared."""
    distances = np.stack([((rows - point) ** 2).sum(axis=1) for point in points], axis=1)
    nearest = (distances == distances.min(axis=1, keepdims=True)).astype(np.float64)
    return np.asarray(nearest / nearest.sum(axis=1, keepdims=True))


def _seed(generator: np.random.Generator) -> int:
    return int(generator.integers(2**31))


METHODS: dict[str, Method] = {
    "kmeans": _kmeans,
    "k-means++": _kmeans_plus_plus,
    "random": _random,
    "random_from_data": _random_from_data,
}
