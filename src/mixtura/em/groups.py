"""Groups of a Gaussian mixture with nothing to choose, and how sure groups are: where deeper models start."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixtura.clustering import kmeans_groups
from mixtura.em.engine import EMResult, run_em
from mixtura.em.gaussian import COVARIANCE_TYPES, GaussianParameters
from mixtura.em.scoring import Scorer, block_size
from mixtura.em.source import ArraySource
from mixtura.em.starts import from_responsibilities, short_runs, start
from mixtura.em.steps import MixtureParameters
from mixtura.em.stopping import Absolute
from mixtura.errors import ConvergenceError, InputError
from mixtura.runtime import one_blas_thread

_RIDGE = 1e-4  # of the mean variance: no group may shrink onto a few rows
_TOLERANCE, _MAX_ITER = 1e-4, 200
_STEPS = 8  # of EM from groups: their overlap is then seen, and they are still those groups


@dataclass(frozen=True, eq=False)
class GaussianGroups:
    """Groups, and what speaks for the mixture that they come from.

    Parameters
    ----------
    labels : ndarray of shape (n,)
        Component of each point, from 0; some may have no point.
    criterion : float
        log p(X) / n - p log n / (2 n), in nats per observation, p free parameters (Schwarz 1978).
    """

    labels: NDArray[np.int64]
    criterion: float


def gaussian_groups(
    points: NDArray[np.floating],
    n_groups: int,
    covariance_type: str,
    generator: np.random.Generator,
    *,
    max_rows: int = 20_000,
) -> GaussianGroups:
    r"""Return the most responsible component of each point under a mixture fitted by EM.

    EM climbs from k-means and from the best of ten short runs. The second end is kept where its
    :math:`\log p(X)` is higher by more than :math:`\tfrac{1}{2} p \log n`, as if its parameters came on top:
    the highest of many ends in many dimensions is often one that fits the luck of few points.

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
    GaussianGroups

    Raises
    ------
    InputError, ConvergenceError
        If EM fails from both starts.

    Examples
    --------
    >>> points = np.r_[np.linspace(0, 1, 20), np.linspace(8, 9, 20)][:, None]
    >>> groups = gaussian_groups(points, 2, "full", np.random.default_rng(0))
    >>> sorted(np.bincount(groups.labels).tolist())
    [20, 20]
    """
    rows = np.asarray(points, dtype=np.float64)
    parts = _Parts(rows, n_groups, covariance_type, _sampled(len(rows), max_rows, generator))
    family, source, reference = parts.family, parts.source, parts.reference
    found: list[EMResult] = []
    refused: Exception | None = None
    with one_blas_thread():
        begins: tuple[Callable[[], MixtureParameters], ...] = (
            lambda: start(family, source, _kmeans, generator, reference=reference),
            lambda: short_runs(family, source, generator, reference=reference, exact=False),
        )
        for begin in begins:
            try:
                found.append(parts.climb(begin(), Absolute(_TOLERANCE), _MAX_ITER))
            except (InputError, ConvergenceError) as error:
                refused = error
        if not found:
            assert refused is not None
            raise refused
        best = found[-1] if found[-1].lower_bound > found[0].lower_bound + parts.penalty else found[0]
        labels = np.concatenate([block.argmax(axis=0) for block in parts.responsibilities(best)])
    return GaussianGroups(labels.astype(np.int64), best.lower_bound - parts.penalty)


def group_criterion(
    points: NDArray[np.floating],
    labels: NDArray[np.int64],
    covariance_type: str,
    generator: np.random.Generator,
    *,
    max_rows: int = 20_000,
) -> float:
    """Return the criterion of `GaussianGroups` for the Gaussians whose moments are those of given groups.

    Parameters
    ----------
    points : ndarray of shape (n, d)
        Coordinates.
    labels : ndarray of shape (n,)
        Group of each point, from 0.
    covariance_type : {"full", "tied", "diag", "spherical"}
        The covariances.
    generator : numpy.random.Generator
        Of the sample, where there are more than ``max_rows`` points.
    max_rows : int
        Points that are looked at, at the most.

    Raises
    ------
    InputError, ConvergenceError
        If a point has no density.

    Examples
    --------
    >>> points, labels = np.r_[0.0, 0.1, 5.0, 5.1][:, None], np.array([0, 0, 1, 1])
    >>> rng = np.random.default_rng(0)
    >>> told, not_told = (group_criterion(points, g, "spherical", rng) for g in (labels, 0 * labels))
    >>> told > not_told
    True
    """
    codes = np.unique(labels, return_inverse=True)[1]
    rows = np.asarray(points, dtype=np.float64)
    parts = _Parts(rows, int(codes.max()) + 1, covariance_type, _sampled(len(rows), max_rows, generator))
    with one_blas_thread():
        return parts.climb(parts.begin(codes), Absolute(0.0), 1).lower_bound - parts.penalty


def group_probabilities(
    points: NDArray[np.floating],
    labels: NDArray[np.int64],
    generator: np.random.Generator,
    *,
    max_rows: int = 20_000,
) -> NDArray[np.float64] | None:
    r"""Return how probable each group is at each point, if the groups are Gaussians that overlap.

    The moments of groups cut along a boundary say that hardly a point lies between them. EM climbs for a few
    steps from the groups, with covariances of each type, and the posterior of the type with the largest
    :math:`\log p(X) - \tfrac{1}{2} p \log n` (Schwarz 1978), p free parameters, is taken. A type is left out
    where it is surer of its groups than right about these: where the share of points whose most probable
    group is their own lies below the mean of :math:`\max_k p_k` by more than two standard errors. Curved
    groups, or a graph's, then have no probabilities.

    Parameters
    ----------
    points : ndarray of shape (n, d)
        Coordinates.
    labels : ndarray of shape (n,)
        Group of each point, from 0.
    generator : numpy.random.Generator
        Of the sample, where there are more than ``max_rows`` points.
    max_rows : int
        EM sees a random sample of at most so many points.

    Returns
    -------
    ndarray of shape (n, K) or None
        K is one more than the largest label; the column of a group without points is zero. None where no
        type of covariance is left.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> points = rng.normal(size=(400, 1)) + 2 * (np.arange(400) % 2)[:, None]
    >>> found = group_probabilities(points, (points[:, 0] > 1).astype(int), rng)
    >>> found[np.abs(points[:, 0] - 1).argmin()].round(1).tolist()
    [0.5, 0.5]
    """
    rows = np.asarray(points, dtype=np.float64)
    present, codes = np.unique(labels, return_inverse=True)
    sample = _sampled(len(rows), max_rows, generator)
    best, taken = -np.inf, None
    for covariance_type in COVARIANCE_TYPES:
        parts = _Parts(rows, len(present), covariance_type, sample)
        try:
            with one_blas_thread():
                result = parts.climb(parts.begin(codes), Absolute(0.0), _STEPS)
                shares = np.concatenate([block.T for block in parts.responsibilities(result)])
        except (InputError, ConvergenceError):
            continue
        agrees = float((shares.argmax(axis=1) == codes).mean())
        error = np.sqrt(agrees * (1 - agrees) / len(rows))
        criterion = result.lower_bound - parts.penalty
        if criterion > best and agrees + 2 * error >= shares.max(axis=1).mean():
            best, taken = criterion, shares
    if taken is None:
        return None
    found = np.zeros((len(rows), int(present[-1]) + 1))
    found[:, present] = taken
    return found


class _Parts:
    """What EM needs for rows: the family, the rows that it sees, and what its free parameters cost."""

    def __init__(
        self, rows: NDArray[np.float64], k: int, covariance_type: str, sample: NDArray[np.int64]
    ) -> None:
        d = rows.shape[1]
        variance = rows.var(axis=0).mean()
        ridge = _RIDGE * float(variance if variance > 0 else 1.0)
        self.family = COVARIANCE_TYPES[covariance_type](k, d, reg_covar=ridge)
        self._size = block_size(self.family.layout.rows(d))
        self._rows, self._sample, self._origin = rows, sample, rows.mean(axis=0)
        self.source = ArraySource(rows[sample], None, self._origin, self._size)
        unit = {"full": np.tile(np.eye(d), (k, 1, 1)), "tied": np.eye(d)}
        flat = {"diag": np.ones((k, d)), "spherical": np.ones(k)}
        self.reference = GaussianParameters(np.zeros((k, d)), (unit | flat)[covariance_type])
        squares = {"full": k * d * (d + 1) / 2, "tied": d * (d + 1) / 2, "diag": k * d, "spherical": k}
        free = k * d + k - 1 + squares[covariance_type]
        self.penalty: float = 0.5 * free * float(np.log(len(sample))) / len(sample)

    def begin(self, codes: NDArray[np.int64]) -> MixtureParameters:
        """Return the moments of groups, none of them without points."""
        shares = np.eye(self.family.n_components)[codes[self._sample]]
        return from_responsibilities(self.family, self.source, shares, reference=self.reference)

    def climb(self, begin: MixtureParameters, criterion: Absolute, max_iter: int) -> EMResult:
        """Return what EM comes to."""
        return run_em(self.family, self.source, begin, criterion=criterion, max_iter=max_iter, exact=False)

    def responsibilities(self, result: EMResult) -> Iterator[NDArray[np.float64]]:
        """Yield those of all rows, of shape (K, B)."""
        prepared = self.family.prepare(result.theta.components)
        scorer = Scorer(self.family, prepared, result.theta.log_weights, self._size)
        for block in scorer.responsibilities(ArraySource(self._rows, None, self._origin, self._size)):
            yield block.copy()


def _sampled(n: int, most: int, generator: np.random.Generator) -> NDArray[np.int64]:
    if n <= most:
        return np.arange(n)
    return np.sort(generator.choice(n, most, replace=False)).astype(np.int64)


def _kmeans(
    rows: NDArray[np.float64],
    weights: NDArray[np.float64],
    n_components: int,
    generator: np.random.Generator,
) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = np.eye(n_components)[kmeans_groups(rows, n_components, generator)]
    return shares
