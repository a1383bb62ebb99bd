"""The groups of a Gaussian mixture with nothing to choose: the start of a model that goes on from there."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mixtura.clustering import kmeans_groups
from mixtura.em.engine import EMResult, run_em
from mixtura.em.gaussian import COVARIANCE_TYPES, GaussianParameters
from mixtura.em.scoring import Scorer, block_size
from mixtura.em.source import ArraySource
from mixtura.em.starts import short_runs, start
from mixtura.em.steps import MixtureParameters
from mixtura.em.stopping import Absolute
from mixtura.errors import ConvergenceError, InputError
from mixtura.runtime import one_blas_thread

_RIDGE = 1e-3  # of the mean variance: no group may shrink onto a few rows
_TOLERANCE, _MAX_ITER = 1e-4, 200


def gaussian_groups(
    points: NDArray[np.floating],
    n_groups: int,
    covariance_type: str,
    generator: np.random.Generator,
    *,
    max_rows: int = 20_000,
) -> NDArray[np.int64]:
    """Return the most responsible component of each point under a mixture fitted by EM.

    EM climbs from k-means and from the best of ten short runs, and the higher end is kept.

    Parameters
    ----------
    points : ndarray of shape (n, d)
        Coordinates, n >= n_groups.
    n_groups : int
        K.
    covariance_type : {"full", "tied", "diag", "spherical"}
        The covariances.
    generator : numpy.random.Generator
        All that is random.
    max_rows : int
        The mixture is fitted to a random sample of at most so many rows.

    Returns
    -------
    ndarray of shape (n,)
        Component of each point, from 0; some may have no point.

    Raises
    ------
    InputError, ConvergenceError
        If EM fails from both starts.

    Examples
    --------
    >>> points = np.r_[np.linspace(0, 1, 20), np.linspace(8, 9, 20)][:, None]
    >>> groups = gaussian_groups(points, 2, "full", np.random.default_rng(0))
    >>> sorted(np.bincount(groups).tolist())
    [20, 20]
    """
    rows = np.asarray(points, dtype=np.float64)
    n, d = rows.shape
    origin = rows.mean(axis=0)
    variance = rows.var(axis=0).mean()
    ridge = _RIDGE * float(variance if variance > 0 else 1.0)
    family = COVARIANCE_TYPES[covariance_type](n_groups, d, reg_covar=ridge)
    size = block_size(family.layout.rows(d))
    sample = rows if n <= max_rows else rows[generator.choice(n, max_rows, replace=False)]
    source = ArraySource(sample, None, origin, size)
    unit = {"full": np.tile(np.eye(d), (n_groups, 1, 1)), "tied": np.eye(d)}
    flat = {"diag": np.ones((n_groups, d)), "spherical": np.ones(n_groups)}
    reference = GaussianParameters(np.zeros((n_groups, d)), (unit | flat)[covariance_type])
    best: EMResult | None = None
    refused: Exception | None = None
    with one_blas_thread():
        begins: tuple[Callable[[], MixtureParameters], ...] = (
            lambda: start(family, source, _kmeans, generator, reference=reference),
            lambda: short_runs(family, source, generator, reference=reference, exact=False),
        )
        for begin in begins:
            try:
                result = run_em(
                    family,
                    source,
                    begin(),
                    criterion=Absolute(_TOLERANCE),
                    max_iter=_MAX_ITER,
                    exact=False,
                )
            except (InputError, ConvergenceError) as error:
                refused = error
                continue
            if best is None or result.lower_bound > best.lower_bound:
                best = result
        if best is None:
            assert refused is not None
            raise refused
        scorer = Scorer(family, family.prepare(best.theta.components), best.theta.log_weights, size)
        joint = scorer.log_joint(ArraySource(rows, None, origin, size))
        return np.concatenate([block.argmax(axis=0) for block in joint]).astype(np.int64)


def _kmeans(
    rows: NDArray[np.float64],
    weights: NDArray[np.float64],
    n_components: int,
    generator: np.random.Generator,
) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = np.eye(n_components)[kmeans_groups(rows, n_components, generator)]
    return shares
