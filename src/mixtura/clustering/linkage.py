"""Groups of a neighbour graph by how tightly they are linked, whatever their sizes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from mixtura.clustering.neighbour_graph import (
    edges_between,
    micro_clusters,
    neighbour_graph,
    pad_groups,
)
from mixtura.clustering.neighbour_information import neighbour_information


def linkage_groups(
    points: NDArray[np.floating],
    n_groups: int,
    generator: np.random.Generator,
    *,
    graph: sparse.csr_array | None = None,
    n_neighbours: int = 15,
    n_micro: int = 100,
    n_restarts: int = 5,
    n_sweeps: int = 10,
) -> NDArray[np.int64]:
    r"""Return ``n_groups`` groups by average linkage on a neighbour graph.

    k-means micro-clusters are merged pair by pair, that with the largest :math:`e_{kl} / (a_k a_l)` first:
    the edges between them over what there would be at random. Nodes then join the group of most of their
    neighbours. Modularity merges by the difference of the two instead, and so cuts a large group before it
    leaves a small one alone. Of several restarts the one with the largest `neighbour_information` is kept.

    Parameters
    ----------
    points : ndarray of shape (n, d)
        Coordinates, n >= n_groups.
    n_groups : int
        How many groups; none of them is empty.
    generator : numpy.random.Generator
        Source of all randomness.
    graph : csr_array, optional
        The graph of the points; made by `neighbour_graph` unless given.
    n_neighbours, n_micro, n_restarts, n_sweeps : int
        Neighbours in the graph, micro-clusters to merge, restarts, sweeps of joining.

    Returns
    -------
    ndarray of shape (n,)
        Group of each point, from 0.

    Examples
    --------
    >>> points = np.r_[np.linspace(0, 1, 90), np.linspace(5, 6, 10)][:, None]
    >>> groups = linkage_groups(points, 2, np.random.default_rng(0), n_neighbours=4)
    >>> sorted(np.bincount(groups).tolist())
    [10, 90]
    """
    if graph is None:
        graph = neighbour_graph(points, n_neighbours)
    best, highest = np.zeros(len(points), dtype=np.int64), -1.0
    for _ in range(n_restarts if n_groups > 1 else 0):
        labels = micro_clusters(points, n_groups, n_micro, generator)
        labels = _join(graph, _merge(graph, labels, n_groups), n_groups, n_sweeps)
        information = neighbour_information(graph, labels)
        if information > highest:
            best, highest = labels, information
    return best


def _merge(graph: sparse.csr_array, labels: NDArray[np.int64], n_groups: int) -> NDArray[np.int64]:
    """Merge the pair with the most edges for its size until ``n_groups`` are left."""
    between = edges_between(graph, labels)
    degree = between.sum(axis=1)
    alive = np.ones(len(between), dtype=bool)
    target = np.arange(len(between))
    for _ in range(len(between) - n_groups):
        link = between / np.maximum(np.outer(degree, degree), np.finfo(float).tiny)
        link[~alive, :] = -np.inf
        link[:, ~alive] = -np.inf
        np.fill_diagonal(link, -np.inf)
        keep, drop = sorted(int(i) for i in np.unravel_index(np.argmax(link), link.shape))
        between[keep] += between[drop]
        between[:, keep] += between[:, drop]
        degree[keep] += degree[drop]
        alive[drop] = False
        target[target == drop] = keep
    return pad_groups(np.unique(target[labels], return_inverse=True)[1].astype(np.int64), n_groups)


def _join(
    graph: sparse.csr_array, labels: NDArray[np.int64], n_groups: int, n_sweeps: int
) -> NDArray[np.int64]:
    """Let every node join the group of most of its neighbours, as long as no group is emptied."""
    n = len(labels)
    for _ in range(n_sweeps):
        member = sparse.csr_array((np.ones(n), (np.arange(n), labels)), shape=(n, n_groups))
        links = np.asarray((graph @ member).todense())
        links[np.arange(n), labels] += 0.5  # a tie changes nothing
        joined = links.argmax(axis=1).astype(np.int64)
        if np.bincount(joined, minlength=n_groups).min() == 0 or (joined == labels).all():
            break
        labels = joined
    return labels
