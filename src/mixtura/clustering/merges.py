r"""Components merged pairwise down to one, and how many groups each criterion would leave.

A density may need more components than there are groups: a curved or skewed group takes several. Components
are given by the responsibilities of rows, and the two that are one group most plainly are merged, again and
again. Nothing is fitted, so that a path from K to 1 takes moments.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

Array = NDArray[np.float64]

_PRIOR_SHARE = 0.05  # of the total variance: where the covariance of few rows is drawn to, with weight d
_LEAST_ERROR = 0.025  # share of the rows of one group that fall to another, below which two are apart


@dataclass(frozen=True, eq=False)
class Merges:
    """The path from all components to one group.

    Parameters
    ----------
    score : ndarray of shape (K,)
        What the criterion says of K, K - 1, ..., 1 groups.
    pairs : ndarray of int, shape (K - 1, 2)
        At each step the least component of either group that was merged, the lesser first.
    chosen : int
        The number of groups that the criterion's rule leaves.
    """

    score: Array
    pairs: NDArray[np.int64]
    chosen: int

    def group_of(self, n_groups: int) -> NDArray[np.int64]:
        """Return the group of each component where ``n_groups`` are left: its least component, shape (K,)."""
        group = np.arange(len(self.score))
        for first, second in self.pairs[: len(self.score) - n_groups]:
            group[group == second] = first
        return group


def merge_by_classification(points: Array, labels: NDArray[np.int64], n_components: int) -> Merges:
    r"""Merge Gaussians, moments matched, while the integrated classification likelihood rises.

    .. math:: \mathrm{ICL}(k) = \frac{1}{n} \sum_{g=1}^{k} \Big[ n_g \log \frac{n_g}{n}
        + \sum_{i \in g} \log N(x_i; \mu_g, \Sigma_g) - \frac{q}{2} \log n \Big],
        \qquad q = 1 + d + \tfrac{1}{2} d (d + 1),

    with hard assignments, in nats per row. The moments of two groups add up to those of their union, so that
    the rows are read once. Each covariance is drawn to a twentieth of the total variances with the weight of
    d rows, which keeps those of few rows invertible. The greatest ICL chooses.

    Parameters
    ----------
    points : ndarray of shape (n, d)
        Coordinates, no column of them constant.
    labels : ndarray of int, shape (n,)
        Component of each row.
    n_components : int
        K; none of the components is empty.

    References
    ----------
    C. Biernacki, G. Celeux and G. Govaert (2000), Assessing a mixture model for clustering with the
    integrated completed likelihood; C. Fraley (1998), Algorithms for model-based Gaussian hierarchical
    clustering.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> points = rng.normal(size=(300, 2)) + np.repeat([[0.0, 0.0], [9.0, 0.0], [9.0, 0.0]], 100, axis=0)
    >>> merges = merge_by_classification(points, np.repeat([0, 1, 2], 100), 3)
    >>> merges.chosen, merges.group_of(2).tolist()
    (2, [0, 1, 1])
    """
    n, d = points.shape
    moments = [_moments(points[labels == k]) for k in range(n_components)]
    prior = d * _PRIOR_SHARE * np.diag(points.var(axis=0))
    price = 0.5 * (1 + d + d * (d + 1) / 2) * np.log(n)

    def worth(group: _Moments) -> float:
        covariance = (group.scatter + prior) / (group.n + d)
        log_determinant = np.linalg.slogdet(covariance)[1]
        inner = np.trace(np.linalg.solve(covariance, group.scatter))
        density = -0.5 * (group.n * (log_determinant + d * np.log(2 * np.pi)) + inner)
        return float(density + group.n * np.log(group.n / n) - price)

    worths = [worth(group) for group in moments]

    def gain(first: int, second: int) -> float:
        return worth(_union(moments[first], moments[second])) - worths[first] - worths[second]

    def join(first: int, second: int) -> None:
        moments[first] = _union(moments[first], moments[second])
        worths[first] = worth(moments[first])

    gains, pairs = _agglomerate(n_components, gain, join)
    # Read forwards from the components, whose own sum is not in the gains.
    start = sum(worth(_moments(points[labels == k])) for k in range(n_components))
    score = (start + np.concatenate([[0.0], np.cumsum(gains)])) / n
    return Merges(score, pairs, n_components - int(score.argmax()))


def merge_by_entropy(responsibilities: Array) -> Merges:
    r"""Merge the two components whose union takes most from the entropy of the responsibilities.

    .. math:: \mathrm{entropy}(k) = -\frac{1}{n} \sum_i \sum_g t_{ig} \log t_{ig}, \qquad
        t_{ig} = \sum_{j \in g} t_{ij}.

    The number of groups is where two straight lines, fitted to the entropy over the number of rows merged so
    far, meet with the least squares. It is never K itself nor 1, which have no line of their own.

    Parameters
    ----------
    responsibilities : ndarray of shape (n, K)
        Rows sum to 1.

    References
    ----------
    J.-P. Baudry, A. E. Raftery, G. Celeux, K. Lo and R. Gottardo (2010), Combining mixture components for
    clustering.

    Examples
    --------
    >>> halves = np.array([[0.5, 0.5, 0.0, 0.0], [0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.9, 0.1]])
    >>> merge_by_entropy(halves).group_of(2).tolist()
    [0, 0, 2, 2]
    """
    n, k = responsibilities.shape
    parts = [column.copy() for column in responsibilities.T]
    entropies = [float(-xlogy(part, part).sum()) for part in parts]
    rows: list[float] = []

    def gain(first: int, second: int) -> float:
        both = parts[first] + parts[second]
        return entropies[first] + entropies[second] + float(xlogy(both, both).sum())

    def join(first: int, second: int) -> None:
        parts[first] = parts[first] + parts[second]
        entropies[first] = float(-xlogy(parts[first], parts[first]).sum())
        rows.append(float(parts[first].sum()))

    start = sum(entropies)
    gains, pairs = _agglomerate(k, gain, join)
    score = np.maximum(start - np.concatenate([[0.0], np.cumsum(gains)]), 0.0) / n
    merged = np.concatenate([[0.0], np.cumsum(rows)])
    return Merges(score, pairs, k - _bend(merged, score))


def merge_by_misclassification(responsibilities: Array) -> Merges:
    r"""Merge the two groups between which most rows would be misclassified, until there are few.

    .. math:: p_{g \to h} = \frac{\sum_i t_{ig} [\hat g_i = h]}{\sum_i t_{ig}}, \qquad
        \hat g_i = \arg\max_g t_{ig}.

    The score of k groups is the largest p there is between two of them; the first number of groups with a
    score below 0.025 is chosen.

    Parameters
    ----------
    responsibilities : ndarray of shape (n, K)
        Rows sum to 1.

    References
    ----------
    C. Hennig (2010), Methods for merging Gaussian mixture components.

    Examples
    --------
    >>> halves = np.array([[0.6, 0.4, 0.0], [0.4, 0.6, 0.0], [0.0, 0.0, 1.0]])
    >>> merges = merge_by_misclassification(halves)
    >>> merges.chosen, merges.group_of(2).tolist(), merges.score.tolist()
    (2, [0, 0, 2], [0.4, 0.0, 0.0])
    """
    parts = responsibilities.copy()
    names = list(range(parts.shape[1]))
    score, pairs = [], []
    while len(names) > 1:
        assigned = np.zeros_like(parts)
        assigned[np.arange(len(parts)), parts.argmax(axis=1)] = 1.0
        sizes = parts.sum(axis=0)
        errors = parts.T @ assigned / np.where(sizes > 0, sizes, 1.0)[:, None]
        np.fill_diagonal(errors, -1.0)
        errors = np.maximum(errors, errors.T)
        first, second = sorted(divmod(int(errors.argmax()), len(names)))
        score.append(float(errors[first, second]))
        pairs.append((names[first], names[second]))
        parts[:, first] += parts[:, second]
        parts = np.delete(parts, second, axis=1)
        names.pop(second)
    score.append(0.0)
    below = next(place for place, value in enumerate(score) if value < _LEAST_ERROR)
    return Merges(
        np.array(score), np.array(pairs, dtype=np.int64).reshape(-1, 2), responsibilities.shape[1] - below
    )


@dataclass(frozen=True, eq=False)
class _Moments:
    n: int
    mean: Array
    scatter: Array


def _moments(points: Array) -> _Moments:
    mean = points.mean(axis=0)
    return _Moments(len(points), mean, (points - mean).T @ (points - mean))


def _union(one: _Moments, other: _Moments) -> _Moments:
    n = one.n + other.n
    between = one.mean - other.mean
    scatter = one.scatter + other.scatter + one.n * other.n / n * np.outer(between, between)
    return _Moments(n, (one.n * one.mean + other.n * other.mean) / n, scatter)


def _agglomerate(
    k: int, gain: Callable[[int, int], float], join: Callable[[int, int], None]
) -> tuple[Array, NDArray[np.int64]]:
    """Return the gains and the pairs of the greedy path; ``join`` keeps the union under the first number."""
    table = np.full((k, k), -np.inf)
    for first in range(k):
        for second in range(first + 1, k):
            table[first, second] = gain(first, second)
    gains, pairs = [], []
    for _ in range(k - 1):
        first, second = divmod(int(table.argmax()), k)
        gains.append(float(table[first, second]))
        pairs.append((first, second))
        join(first, second)
        table[second] = table[:, second] = -np.inf
        for other in range(k):
            low, high = min(first, other), max(first, other)
            if np.isfinite(table[low, high]):
                table[low, high] = gain(low, high)
    return np.array(gains), np.array(pairs, dtype=np.int64).reshape(-1, 2)


def _bend(x: Array, y: Array) -> int:
    """Return the place, neither the first nor the last, where two lines through the points meet best.

    Examples
    --------
    >>> _bend(np.arange(6.0), np.array([9.0, 6.0, 3.0, 2.9, 2.8, 2.7]))
    2
    """
    if len(x) < 3:
        return 0
    losses = [
        _residual(x[: place + 1], y[: place + 1]) + _residual(x[place:], y[place:])
        for place in range(1, len(x) - 1)
    ]
    return 1 + int(np.argmin(losses))


def _residual(x: Array, y: Array) -> float:
    """Return the sum of squares about the straight line of least squares."""
    centred, values = x - x.mean(), y - y.mean()
    spread = float(centred @ centred)
    slope = float(centred @ values) / spread if spread > 0 else 0.0
    return float(((values - slope * centred) ** 2).sum())
