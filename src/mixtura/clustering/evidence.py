"""Whether groups are better than none: a comparison of densities on rows that were held out."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.special import logsumexp

from mixtura.clustering.comparable import standardised

# Halvings where points are few, so that their luck does not decide.
_REPEATS, _ROWS_IN_ALL = 10, 10_000
_MOST = 10.0  # nats that one point may tell: a wild one is no evidence for all
_RIDGE = 1e-3  # of the mean variance: keeps a covariance of few or collinear rows invertible
_LEAST_ROWS = 1e-6  # of a group: one that nothing is of has no mean
_LEAST_SHARE = 1e-9  # of the data's mean variance: groups of one row each have none within


@dataclass(frozen=True)
class GroupEvidence:
    """How much better K groups describe held-out points than one Gaussian does.

    Parameters
    ----------
    gain : float
        Mean over held-out points of log p_K - log p_1, in nats per observation.
    standard_error : float
        Of that mean, over the points.
    least : float
        Gain that counts as one: a tenth of log K, the most that K groups can tell of a point. A box of
        uniform noise gains less than that by being cut up.
    """

    gain: float
    standard_error: float
    least: float = 0.0

    @property
    def better(self) -> bool:
        """Whether the gain is beyond two standard errors, and beyond the least that counts."""
        return self.seen and self.gain > self.least

    @property
    def seen(self) -> bool:
        """Whether the gain is beyond two standard errors, however small: groups, or a shape like groups."""
        return self.gain > 2.0 * self.standard_error


def group_evidence(
    points: NDArray[np.floating],
    labels: NDArray[np.int64],
    generator: np.random.Generator,
    *,
    probabilities: NDArray[np.float64] | None = None,
    max_rows: int = 20_000,
) -> GroupEvidence:
    """Compare sum_k pi_k N(mu_k, W) with N(mu, T) by two-fold cross-validation.

    It is repeated where points are few. W is the covariance within groups, T the total one. A partition of a
    single Gaussian cloud loses, whatever the partition, because log N(mu, T) is then the best density there
    is. So that a skewed cloud does not pass for many, the comparison is made twice, on the points and on
    their columns after the power transform that makes each most nearly Gaussian (Yeo and Johnson 2000); the
    smaller gain is returned.

    Parameters
    ----------
    points : ndarray of shape (n, d)
        Where the groups were found.
    labels : ndarray of shape (n,)
        Group of each point, from 0.
    generator : numpy.random.Generator
        Of the folds, and of the sample where there are more than ``max_rows`` points.
    probabilities : ndarray of shape (n, K), optional
        Of the groups, where they overlap: their moments are then weighted by these. Groups that are cut apart
        have means too far from one another and too small a covariance.
    max_rows : int
        Points that are compared at the most.

    Examples
    --------
    >>> generator = np.random.default_rng(0)
    >>> cloud = generator.normal(size=(400, 2))
    >>> group_evidence(cloud, (cloud[:, 0] > 0).astype(int), generator).better
    False
    >>> group_evidence(cloud + 9 * (np.arange(400) % 2)[:, None], np.arange(400) % 2, generator).better
    True
    """
    order = generator.permutation(len(points))[:max_rows]
    if len(order) < 4:
        return GroupEvidence(0.0, 0.0)
    rows = np.asarray(points[order], dtype=np.float64)
    codes = np.unique(labels[order], return_inverse=True)[1]
    shares = np.eye(codes.max() + 1)[codes] if probabilities is None else probabilities[order]
    repeats = max(1, min(_REPEATS, _ROWS_IN_ALL // len(order)))
    halvings = [np.array_split(generator.permutation(len(order)), 2) for _ in range(repeats)]
    found = [_compare(view, shares, halvings) for view in (rows, symmetric(rows))]
    return min(found, key=lambda evidence: evidence.gain)


def symmetric(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the columns after the power transform that makes each most nearly Gaussian.

    Parameters
    ----------
    points : ndarray of shape (n, d)
        Finite numbers.

    References
    ----------
    Yeo and Johnson (2000), Biometrika 87. A column that no power mends is only standardised.
    """
    from sklearn.preprocessing import PowerTransformer

    rows = standardised(points)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # a column that no power mends stays as it is
        try:
            moved = PowerTransformer().fit_transform(rows)
        except ValueError:
            return rows
    mended: NDArray[np.float64] = np.where(np.isfinite(moved).all(axis=0), moved, rows)
    return mended


def _compare(
    points: NDArray[np.float64], shares: NDArray[np.float64], halvings: list[list[NDArray[np.int64]]]
) -> GroupEvidence:
    gain = np.zeros(len(points))
    for train, test in (pair for folds in halvings for pair in (folds, folds[::-1])):
        x, y = points[train], points[test]
        weights = shares[train][:, shares[train].sum(axis=0) > _LEAST_ROWS]
        counts = weights.sum(axis=0)
        means = weights.T @ x / counts[:, None]
        least = _LEAST_SHARE * x.var(axis=0).mean()
        grouped = _log_normal(y, means, _within(x, means, weights), least) + np.log(counts / counts.sum())
        centred = x - x.mean(axis=0)
        single = _log_normal(y, x.mean(axis=0, keepdims=True), centred.T @ centred / len(x), least)
        gain[test] += np.clip(logsumexp(grouped, axis=1) - single[:, 0], -_MOST, _MOST) / len(halvings)
    least = 0.1 * np.log(np.count_nonzero(shares.sum(axis=0) > _LEAST_ROWS))
    return GroupEvidence(float(gain.mean()), float(gain.std() / np.sqrt(len(gain))), float(least))


def _within(
    points: NDArray[np.float64], means: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the covariance within groups, means apart: (d, d)."""
    covariance = np.zeros((points.shape[1],) * 2)
    for mean, weight in zip(means, weights.T, strict=True):
        own = weight > 0
        centred = points[own] - mean
        covariance += (centred * weight[own, None]).T @ centred
    within: NDArray[np.float64] = covariance / weights.sum()
    return within


def _log_normal(
    points: NDArray[np.float64], means: NDArray[np.float64], covariance: NDArray[np.float64], least: float
) -> NDArray[np.float64]:
    """Return log N(x; mu_k, S) for every point and mean: (n, K)."""
    d = len(covariance)
    ridge = _RIDGE * (np.trace(covariance) / d) + least + np.finfo(float).tiny
    factor = cho_factor(covariance + ridge * np.eye(d), lower=True)
    log_determinant = 2.0 * np.log(np.diag(factor[0])).sum()
    result = np.empty((len(points), len(means)))
    for k, mean in enumerate(means):
        centred = points - mean
        result[:, k] = (centred * cho_solve(factor, centred.T).T).sum(axis=1)
    log_density: NDArray[np.float64] = -0.5 * (result + log_determinant + d * np.log(2 * np.pi))
    return log_density
