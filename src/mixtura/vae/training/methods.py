"""The methods that find groups of points, by name."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mixtura.clustering import kmeans_groups, linkage_groups, modularity_groups
from mixtura.em.groups import gaussian_groups

Points = NDArray[np.floating]
Labels = NDArray[np.int64]
Method = Callable[[Points, int, np.random.Generator], Labels]


def _modularity(points: Points, n_groups: int, generator: np.random.Generator) -> Labels:
    return modularity_groups(points, n_groups, generator).labels


def _full(points: Points, n_groups: int, generator: np.random.Generator) -> Labels:
    return gaussian_groups(points, n_groups, "full", generator).labels


def _diag(points: Points, n_groups: int, generator: np.random.Generator) -> Labels:
    return gaussian_groups(points, n_groups, "diag", generator).labels


METHODS: dict[str, Method] = {
    "graph": _modularity,
    "linkage": linkage_groups,
    "kmeans": kmeans_groups,
    "diag": _diag,
    "full": _full,
}
BY_NEIGHBOURS = ("graph", "linkage")
"""Those that see who is near whom, and not how far the far are."""

WORDS = {
    "graph": "the modularity of a neighbour graph",
    "linkage": "average linkage on a neighbour graph",
    "kmeans": "k-means",
    "diag": "EM with diagonal covariances",
    "full": "EM with full covariances",
}
