"""k-means groups, with scikit-learn's algorithm and a generator handed in."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray


def kmeans_groups(
    points: NDArray[np.floating],
    n_groups: int,
    generator: np.random.Generator,
    *,
    n_restarts: int = 10,
    max_rows: int = 50_000,
) -> NDArray[np.int64]:
    """Return the k-means groups of the points, the best of several restarts.

    Parameters
    ----------
    points : ndarray of shape (n, d)
        Coordinates, n >= n_groups.
    n_groups : int
        How many groups; some stay empty where there are fewer distinct points.
    generator : numpy.random.Generator
        Source of all randomness.
    n_restarts : int
        Starts by k-means++ (Arthur and Vassilvitskii 2007), of which the one with the least inertia wins.
    max_rows : int
        Centres are found on a random sample of at most so many rows, and all rows are assigned to them.

    Returns
    -------
    ndarray of shape (n,)
        Group of each point, from 0.

    Examples
    --------
    >>> groups = kmeans_groups(np.array([[0.0], [0.1], [9.0]]), 2, np.random.default_rng(0))
    >>> bool(groups[0] == groups[1] != groups[2])
    True
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    seed = int(generator.integers(2**31))
    sample = points
    if len(points) > max_rows:
        sample = points[generator.choice(len(points), max_rows, replace=False)]
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", ConvergenceWarning
        )  # fewer distinct points than groups is an answer here
        fitted = KMeans(n_groups, n_init=n_restarts, max_iter=100, random_state=seed).fit(sample)
        labels = fitted.labels_ if sample is points else fitted.predict(points)
    return np.asarray(labels, dtype=np.int64)
