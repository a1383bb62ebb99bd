"""Whether neighbouring rows share their groups: what codes that kept the wrong things have lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixtura.clustering import modularity_groups, neighbour_graph, neighbour_information

_ROWS = 2_000


@dataclass(frozen=True)
class RowSupport:
    """What neighbours among the rows tell of groups, and the most that they tell of any as many.

    Parameters
    ----------
    told : float
        `mixtura.clustering.neighbour_information` of the groups on the graph of the encoded rows.
    most : float
        The same for as many groups by the modularity of that graph, which know nothing but neighbours.
    """

    told: float
    most: float


def row_support(
    encoded: Callable[[NDArray[np.int64]], NDArray[np.float32]],
    labels: NDArray[np.int64],
    generator: np.random.Generator,
) -> RowSupport | None:
    """Return what neighbours among at most 2,000 rows tell of their groups; None for fewer than two groups.

    It compares groups with what distances between rows say, and so fails where those say nothing: where most
    columns are noise, or where classes are told by what few values do.

    Parameters
    ----------
    encoded : callable
        From numbers of rows to those rows, encoded: (m, n_encoded).
    labels : ndarray of shape (n,)
        Group of each row.
    generator : numpy.random.Generator
        Of the sample, and of the groups that are compared with.

    Examples
    --------
    >>> rows = np.r_[np.linspace(0, 1, 40), np.linspace(8, 9, 40)].astype(np.float32)[:, None]
    >>> halves = row_support(lambda take: rows[take], np.repeat([0, 1], 40), np.random.default_rng(0))
    >>> halves.told, halves.most
    (1.0, 1.0)
    """
    take = np.sort(generator.permutation(len(labels))[:_ROWS])
    groups = np.unique(labels[take], return_inverse=True)[1]
    n_groups = int(groups.max()) + 1
    if n_groups < 2:
        return None
    rows = encoded(take)
    graph = neighbour_graph(rows)
    by_rows = modularity_groups(rows, n_groups, generator, graph=graph, n_restarts=1).labels
    return RowSupport(neighbour_information(graph, groups), neighbour_information(graph, by_rows))
