"""Groups by the modularity of a neighbour graph, with their number given.

Curved and stretched groups, which no Gaussian in the same space describes, are still dense inside and
sparse between, and a graph of nearest neighbours sees that. The number of groups is a result of modularity
in the usual methods; here it is given: k-means micro-clusters are merged greedily down to it (Newman 2004),
and nodes then move one by one (the local step of Blondel et al. 2008). Each restart ends at a maximum of its
own. What all of them leave together is merged and moved once more (Ovelgoenne and Geyer-Schulz 2012), which
finds a larger modularity than the best of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from mixtura.clustering.neighbours import nearest
from mixtura.clustering.scores import ari

_AS_GOOD = 0.01  # share of the largest modularity within which restarts count as equal
# Of many points neighbours are looked for loosely: the same groups, several times sooner.
_MANY_POINTS, _TOLERANCE = 5_000, 1.0


@dataclass(frozen=True)
class GraphGroups:
    """Groups of the nodes of a graph.

    Parameters
    ----------
    labels : ndarray of shape (n,)
        Group of each node, from 0.
    modularity : float
        Q = sum_k [ e_kk - a_k^2 ], e_kk the share of edge weight inside group k, a_k its share of degree.
    agreement : float
        Mean adjusted Rand index between these groups and those of the other restarts whose modularity is as
        good, within a hundredth of it; 1 where there are none.
    """

    labels: NDArray[np.int64]
    modularity: float
    agreement: float = 1.0


def neighbour_graph(points: NDArray[np.floating], n_neighbours: int = 15) -> sparse.csr_array:
    """Return the symmetric graph that joins each point to its nearest neighbours.

    Parameters
    ----------
    points : ndarray of shape (n, d)
        Coordinates; Euclidean distance.
    n_neighbours : int
        Neighbours of each point, itself not counted; fewer where there are fewer points. Beyond 5,000 points
        a few of them are only nearly the nearest.

    Returns
    -------
    csr_array of shape (n, n)
        Weight 1 where either point is among the other's neighbours, zero diagonal.

    Examples
    --------
    >>> neighbour_graph(np.array([[0.0], [1.0], [5.0]]), 1).toarray()
    array([[0., 1., 0.],
           [1., 0., 1.],
           [0., 1., 0.]])
    """
    n = len(points)
    k = min(n_neighbours, n - 1)
    if k < 1:
        return sparse.csr_array((n, n))
    found = nearest(points, points, k + 1, tolerance=_TOLERANCE if n > _MANY_POINTS else 0.0)
    # Among duplicates a point need not be its own nearest neighbour, so it is dropped by name, not by rank;
    # where it is not found at all, the last one found is one too many.
    other = found != np.arange(n)[:, None]
    other[other.all(axis=1), -1] = False
    rows, ranks = np.nonzero(other)
    directed = sparse.csr_array((np.ones(len(rows)), (rows, found[rows, ranks])), shape=(n, n))
    return sparse.csr_array(directed.maximum(directed.T))


def modularity(graph: sparse.csr_array, labels: NDArray[np.int64]) -> float:
    """Return the modularity Q of a grouping of the nodes of ``graph`` (Newman and Girvan 2004).

    Parameters
    ----------
    graph : csr_array of shape (n, n)
        Symmetric, non-negative weights.
    labels : ndarray of shape (n,)
        Group of each node, from 0.

    Returns
    -------
    float
        Between -1/2 and 1; 0 for a graph without edges.

    Examples
    --------
    >>> pairs = sparse.csr_array(np.kron(np.eye(2), 1 - np.eye(2)))
    >>> modularity(pairs, np.array([0, 0, 1, 1]))
    0.5
    """
    between = edges_between(graph, labels)
    total = between.sum()
    if total == 0:
        return 0.0
    between = between / total
    return float(np.trace(between) - (between.sum(axis=1) ** 2).sum())


def modularity_groups(
    points: NDArray[np.floating],
    n_groups: int,
    generator: np.random.Generator,
    *,
    graph: sparse.csr_array | None = None,
    n_neighbours: int = 15,
    n_micro: int = 100,
    n_restarts: int = 5,
    n_sweeps: int = 15,
) -> GraphGroups:
    """Return ``n_groups`` groups of large modularity, from what several restarts have in common.

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
        Neighbours in the graph, k-means micro-clusters to merge, restarts, sweeps of node moves.

    Returns
    -------
    GraphGroups
        Those with the largest modularity, and how far others that are as good agree with them.

    Examples
    --------
    >>> points = np.array([[0.0], [0.1], [9.0], [9.1], [9.2]])
    >>> modularity_groups(points, 2, np.random.default_rng(0), n_neighbours=2).labels.tolist() in (
    ...     [0, 0, 1, 1, 1], [1, 1, 0, 0, 0])
    True
    """
    if graph is None:
        graph = neighbour_graph(points, n_neighbours)
    found = []
    for _ in range(n_restarts if n_groups > 1 else 1):
        found.append(
            _climb(graph, micro_clusters(points, n_groups, n_micro, generator), n_groups, n_sweeps, generator)
        )
    if len(found) > 1:
        cores = core_groups(sorted(found, key=lambda groups: -groups.modularity), most=4 * n_micro)
        found.append(_climb(graph, cores, n_groups, n_sweeps, generator))
    first = max(range(len(found)), key=lambda i: found[i].modularity)
    best = found.pop(first)
    as_good = [other for other in found if best.modularity - other.modularity <= _AS_GOOD * best.modularity]
    if not as_good:
        return best
    return replace(best, agreement=float(np.mean([ari(best.labels, other.labels) for other in as_good])))


def core_groups(found: Sequence[GraphGroups], most: int) -> NDArray[np.int64]:
    """Return groups of the points that are together in all of some groupings, numbered from 0 without gaps.

    Parameters
    ----------
    found : sequence of GraphGroups
        The groupings, the best first.
    most : int
        How many groups there may be; groupings that would make more are left out.

    Examples
    --------
    >>> one, other = (GraphGroups(np.array(labels), 0.5) for labels in ([0, 0, 0, 1, 1], [1, 1, 0, 0, 0]))
    >>> core_groups([one, other], 9).tolist(), core_groups([one, other], 2).tolist()
    ([1, 1, 0, 2, 2], [0, 0, 0, 1, 1])
    """
    cores = np.unique(found[0].labels, return_inverse=True)[1].astype(np.int64)
    for other in found[1:]:
        both = cores * (int(other.labels.max()) + 1) + other.labels
        parted = np.unique(both, return_inverse=True)[1].astype(np.int64)
        if parted.max() < most:
            cores = parted
    return cores


def edges_between(graph: sparse.csr_array, labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the weight of the edges from each group to each other, shape (K, K); inner edges count twice."""
    n_groups = int(labels.max()) + 1
    member = sparse.csr_array(
        (np.ones(len(labels)), (np.arange(len(labels)), labels)), shape=(len(labels), n_groups)
    )
    return np.asarray((member.T @ graph @ member).todense(), dtype=np.float64)


def micro_clusters(
    points: NDArray[np.floating], n_groups: int, n_micro: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """Return small k-means groups, numbered from 0 without gaps."""
    from mixtura.clustering.kmeans import kmeans_groups

    n = len(points)
    n_micro = max(n_groups, min(max(n_micro, 4 * n_groups), n // 5))
    labels = kmeans_groups(points, n_micro, generator, n_restarts=1, max_rows=max(20_000, 40 * n_micro))
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)


def _climb(
    graph: sparse.csr_array,
    parts: NDArray[np.int64],
    n_groups: int,
    n_sweeps: int,
    generator: np.random.Generator,
) -> GraphGroups:
    """Merge parts to as many groups and move nodes between them, each while modularity gains."""
    labels = _merge(graph, parts, n_groups)
    labels = _move_nodes(graph, labels, n_groups, n_sweeps, generator)
    return GraphGroups(labels, modularity(graph, labels))


def _merge(graph: sparse.csr_array, labels: NDArray[np.int64], n_groups: int) -> NDArray[np.int64]:
    """Merge the pair of groups with the largest gain of modularity until ``n_groups`` are left."""
    between = edges_between(graph, labels)
    total = between.sum()
    between = between / (total if total > 0 else 1.0)
    degree = between.sum(axis=1)
    alive = np.ones(len(between), dtype=bool)
    target = np.arange(len(between))
    for _ in range(len(between) - n_groups):
        gain = between - np.outer(degree, degree)
        gain[~alive, :] = -np.inf
        gain[:, ~alive] = -np.inf
        np.fill_diagonal(gain, -np.inf)
        keep, drop = sorted(int(i) for i in np.unravel_index(np.argmax(gain), gain.shape))
        between[keep] += between[drop]
        between[:, keep] += between[:, drop]
        degree[keep] += degree[drop]
        alive[drop] = False
        target[target == drop] = keep
    return pad_groups(np.unique(target[labels], return_inverse=True)[1].astype(np.int64), n_groups)


def pad_groups(labels: NDArray[np.int64], n_groups: int) -> NDArray[np.int64]:
    """Split the largest groups until there are ``n_groups``; k-means leaves some empty among duplicates."""
    labels = labels.copy()
    for group in range(int(labels.max()) + 1, n_groups):
        largest = np.bincount(labels).argmax()
        labels[np.flatnonzero(labels == largest)[-1]] = group
    return labels


def _move_nodes(
    graph: sparse.csr_array,
    labels: NDArray[np.int64],
    n_groups: int,
    n_sweeps: int,
    generator: np.random.Generator,
) -> NDArray[np.int64]:
    """Move nodes to the group of largest gain, a random part of them at a time, until nothing moves."""
    labels = labels.copy()
    n = len(labels)
    degree = np.asarray(graph.sum(axis=1)).ravel()
    total = degree.sum()
    if total == 0 or n_groups == 1:
        return labels
    for _ in range(n_sweeps):
        moved = 0
        for block in np.array_split(generator.permutation(n), max(2, min(8, n // 16)) if n > 1 else 1):
            rows = graph[block]
            local = np.repeat(np.arange(len(block)), np.diff(rows.indptr)) * n_groups + labels[rows.indices]
            links = np.bincount(local, weights=rows.data, minlength=len(block) * n_groups)
            group_degree = np.bincount(labels, weights=degree, minlength=n_groups)
            own = labels[block]
            others = np.tile(group_degree, (len(block), 1))
            others[np.arange(len(block)), own] -= degree[block]
            gain = links.reshape(len(block), n_groups) - degree[block, None] * others / total
            best = gain.argmax(axis=1)
            better = gain[np.arange(len(block)), best] > gain[np.arange(len(block)), own] + 1e-12
            proposal = labels.copy()
            proposal[block[better]] = best[better]
            if np.bincount(proposal, minlength=n_groups).min() == 0:
                continue  # a move that empties a group would change the number that was asked for
            moved += int(better.sum())
            labels = proposal
        if moved == 0:
            break
    return labels
