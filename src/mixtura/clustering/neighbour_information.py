"""How well the neighbours of a point tell its group: one figure for groups of any shape."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from mixtura.clustering.neighbour_graph import edges_between


def neighbour_information(graph: sparse.csr_array, labels: NDArray[np.int64]) -> float:
    r"""Return the mutual information between the groups at the two ends of an edge, over the groups' entropy.

    With :math:`e_{kl}` the share of edge weight between groups k and l, and :math:`a_k = \sum_l e_{kl}`,

    .. math:: \frac{\sum_{kl} e_{kl} \log \frac{e_{kl}}{a_k a_l}}{-\sum_k a_k \log a_k}.

    It is 1 where no edge leaves its group, and 0 where groups are spread at random over the graph. Unlike
    modularity it does not prefer groups of equal size, and unlike a likelihood it knows no shape of groups.

    Parameters
    ----------
    graph : csr_array of shape (n, n)
        Symmetric, non-negative weights, as of `mixtura.clustering.neighbour_graph`.
    labels : ndarray of shape (n,)
        Group of each node, from 0.

    Returns
    -------
    float
        Between 0 and 1; 0 for a graph without edges, and for one group.

    Examples
    --------
    >>> pairs = sparse.csr_array(np.kron(np.eye(2), 1 - np.eye(2)))
    >>> neighbour_information(pairs, np.array([0, 0, 1, 1]))
    1.0
    >>> neighbour_information(pairs, np.array([0, 1, 0, 1]))  # always the other group
    1.0
    """
    between = edges_between(graph, labels)
    total = between.sum()
    if total == 0:
        return 0.0
    between = between / total
    share = between.sum(axis=1)
    used = share[share > 0]
    entropy = -float((used * np.log(used)).sum())
    if entropy <= 0:
        return 0.0
    there = between > 0
    information = (between[there] * np.log(between[there] / np.outer(share, share)[there])).sum()
    return float(np.clip(information / entropy, 0.0, 1.0))
