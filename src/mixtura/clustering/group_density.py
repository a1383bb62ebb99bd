"""How well groups describe held-out points when each has a Gaussian of its own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.special import logsumexp, softmax

# Halvings where points are few, so that their luck does not decide.
_REPEATS, _ROWS_IN_ALL = 10, 10_000
_RIDGE = 1e-3  # of the mean variance: keeps a covariance of few or collinear points invertible


def group_log_density(
    points: NDArray[np.floating],
    labels: NDArray[np.int64],
    generator: np.random.Generator,
    *,
    max_rows: int = 20_000,
) -> float:
    r"""Return the mean of :math:`\log \sum_k \pi_k N(x; \mu_k, \Sigma_k)` over held-out points.

    Points are halved at random, several times where they are few; the moments are those of each group in the
    other half. A group of few points has its covariance drawn towards the one within all groups, with the
    weight of d + 1 points.

    Parameters
    ----------
    points : ndarray of shape (n, d)
        Coordinates, n >= 4.
    labels : ndarray of shape (n,)
        Group of each point, from 0.
    generator : numpy.random.Generator
        Of the folds, and of the sample where there are more than ``max_rows`` points.
    max_rows : int
        Points that are compared at the most.

    Returns
    -------
    float
        Nats per observation.

    Examples
    --------
    >>> generator = np.random.default_rng(0)
    >>> labels = np.arange(400) % 2
    >>> points = generator.normal(size=(400, 2)) + 9 * labels[:, None]
    >>> told, shuffled = (group_log_density(points, g, generator) for g in (labels, labels[::-1] * 0))
    >>> told > shuffled
    True
    """
    found = []
    for _ in range(max(1, min(_REPEATS, _ROWS_IN_ALL // len(points)))):
        order = generator.permutation(len(points))[:max_rows]
        rows, groups = np.asarray(points[order], dtype=np.float64), labels[order]
        halves = np.array_split(np.arange(len(order)), 2)
        found += [_log_density(rows[a], groups[a], rows[b]) for a, b in (halves, halves[::-1])]
    return float(np.concatenate(found).mean())


def group_probabilities(points: NDArray[np.floating], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    r"""Return the probabilities of groups, :math:`\pi_k N(x; \mu_k, \Sigma_k)` over their sum.

    The moments are those of the groups; the covariance of few points is drawn towards the one within all.

    Parameters
    ----------
    points : ndarray of shape (n, d)
        Coordinates.
    labels : ndarray of shape (n,)
        Group of each point, from 0.

    Returns
    -------
    ndarray of shape (n, K)
        K is one more than the largest label; the column of a group without points is zero.

    Examples
    --------
    >>> points = np.array([[0.0], [1.0], [2.0], [8.0], [9.0], [10.0]])
    >>> group_probabilities(points, np.array([0, 0, 0, 1, 1, 1])).round(2)[:, 0].tolist()
    [1.0, 1.0, 1.0, 0.0, 0.0, 0.0]
    """
    rows = np.asarray(points, dtype=np.float64)
    found = np.zeros((len(rows), int(labels.max()) + 1))
    found[:, np.unique(labels)] = softmax(_log_joint(rows, labels, rows), axis=0).T
    return found


def _log_density(
    x: NDArray[np.float64], labels: NDArray[np.int64], held_out: NDArray[np.float64]
) -> NDArray[np.float64]:
    density: NDArray[np.float64] = logsumexp(_log_joint(x, labels, held_out), axis=0)
    density -= 0.5 * x.shape[1] * np.log(2 * np.pi)
    return density


def _log_joint(
    x: NDArray[np.float64], labels: NDArray[np.int64], held_out: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return log pi_k N(y; mu_k, S_k) + d/2 log 2 pi of shape (K, n), for the groups that have points."""
    d = x.shape[1]
    codes = np.unique(labels, return_inverse=True)[1]
    counts = np.bincount(codes)
    means = np.stack([np.bincount(codes, weights=column) for column in x.T], axis=1) / counts[:, None]
    residuals = x - means[codes]
    within = residuals.T @ residuals / len(x)
    ridge = _RIDGE * max(float(np.trace(within)) / d, 1e-9 * float(x.var(axis=0).mean())) + 1e-300
    joint = np.empty((len(counts), len(held_out)))
    for k, (count, mean) in enumerate(zip(counts, means, strict=True)):
        own = residuals[codes == k]
        covariance = (own.T @ own + (d + 1) * within) / (count + d + 1) + ridge * np.eye(d)
        factor = np.linalg.cholesky(covariance)
        white = solve_triangular(factor, (held_out - mean).T, lower=True)
        joint[k] = np.log(count / len(x)) - np.log(np.diag(factor)).sum() - 0.5 * (white**2).sum(axis=0)
    return joint
