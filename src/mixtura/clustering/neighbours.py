"""The nearest of many points, in blocks short enough that an interruption is heard between them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from mixtura import runtime

# Beyond about so many a tree visits most points, and matrix products are faster: exactly, and nearly nearest.
_TREE_DIMENSIONS, _LOOSE_TREE_DIMENSIONS = 10, 20
_TREE_ROWS = 500
_BRUTE_VALUES = 10**10  # products and comparisons of a block: about a second


def nearest(
    points: NDArray[np.floating],
    queries: NDArray[np.floating],
    n_neighbours: int,
    *,
    tolerance: float = 0.0,
) -> NDArray[np.int64]:
    """Return the numbers of the points nearest to each query, the nearest first.

    Parameters
    ----------
    points : ndarray of shape (n, d)
        Where to look; Euclidean distance.
    queries : ndarray of shape (m, d)
        Whose neighbours are looked for.
    n_neighbours : int
        How many, at most n.
    tolerance : float
        The k-th found may be up to 1 + tolerance times as far as the k-th nearest (Arya et al. 1998); with 1
        nearly all that are found are true ones, several times sooner.

    Returns
    -------
    ndarray of shape (m, n_neighbours)

    Examples
    --------
    >>> nearest(np.array([[0.0], [1.0], [5.0]]), np.array([[4.0]]), 2)
    array([[2, 1]])
    """
    n, d = points.shape
    found = np.empty((len(queries), n_neighbours), dtype=np.int64)
    if d <= (_LOOSE_TREE_DIMENSIONS if tolerance > 0 else _TREE_DIMENSIONS):
        tree, workers = cKDTree(points), runtime.n_threads()
        for first in range(0, len(queries), _TREE_ROWS):
            rows = slice(first, first + _TREE_ROWS)
            ranks = range(1, n_neighbours + 1)
            found[rows] = tree.query(queries[rows], k=ranks, eps=tolerance, workers=workers)[1]
        return found
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=n_neighbours, algorithm="brute").fit(points)
    step = max(16, _BRUTE_VALUES // (n * (d + 20)))
    for first in range(0, len(queries), step):
        rows = slice(first, first + step)
        found[rows] = search.kneighbors(queries[rows], return_distance=False)
    return found
