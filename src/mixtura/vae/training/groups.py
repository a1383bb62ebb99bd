"""The first groups, found by several methods and chosen among without labels."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mixtura.clustering import (
    GroupEvidence,
    ari,
    group_evidence,
    kmeans_groups,
    linkage_groups,
    modularity_groups,
    nearest,
    neighbour_graph,
    neighbour_information,
)
from mixtura.em.groups import gaussian_groups, group_criterion, group_probabilities
from mixtura.errors import ConvergenceError, InputError
from mixtura.runtime import one_blas_thread

MAX_GRAPH_ROWS = 100_000
"""Rows of the graph: beyond it, a random sample makes the groups, and the others join their nearest."""

# How much more neighbours must tell of the groups by linkage than of those by modularity.
_LINKAGE_MARGIN = 0.04
# What neighbours do not tell of the graph's groups, over the same of Gaussians' groups: below the first the
# graph's are taken, above the second not, and between the two if they are the more stable by so much.
_CLEAR_SHARE, _OPEN_SHARE, _STEADIER = 0.55, 0.8, 0.2
_RESTARTS, _FEWER = 5, 3
_SUBSAMPLES, _KEPT = 3, 0.8
_STABILITY_ROWS = 4_000

Points = NDArray[np.float32]
Labels = NDArray[np.int64]
Method = Callable[[Points, int, np.random.Generator], Labels]


@dataclass(frozen=True)
class Start:
    """Groups of the rows and what was seen in finding them.

    Parameters
    ----------
    labels : ndarray of shape (n,)
        Group of each row, from 0.
    message : str
        For the log.
    evidence : GroupEvidence, optional
        Whether the groups describe held-out rows better than none; None for one group.
    probabilities : ndarray of shape (n, K), optional
        Of groups of rows, where they are Gaussians that overlap.
    overlapping : GroupEvidence, optional
        The same for moments that are weighed by the probabilities, where there are any.
    agreement : float, optional
        Mean adjusted Rand index with the groups of other restarts that are as good, or, where restarts were
        not compared, between groups found on random parts of the points; None where neither was seen.
    modularity : float, optional
        Of the groups on the neighbour graph, where it found them.
    """

    labels: Labels
    message: str
    evidence: GroupEvidence | None = None
    probabilities: NDArray[np.float64] | None = None
    overlapping: GroupEvidence | None = None
    agreement: float | None = None
    modularity: float | None = None


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
WORDS = {
    "graph": "the modularity of a neighbour graph",
    "linkage": "average linkage on a neighbour graph",
    "kmeans": "k-means",
    "diag": "EM with diagonal covariances",
    "full": "EM with full covariances",
}


def find_groups(
    points: Points,
    n_groups: int,
    kind: str,
    generator: np.random.Generator,
    *,
    on_rows: bool = False,
    again: bool = False,
) -> Start:
    """Return groups of the points.

    Parameters
    ----------
    points : ndarray of shape (n, d)
        Encoded rows, or means of q(w|x).
    n_groups : int
        K <= n.
    kind : {"auto", "graph", "linkage", "kmeans", "diag", "full"}
        The method. "auto" on codes is the graph, unless its groups are no better than none and those of
        k-means are; on rows, see `choose`.
    generator : numpy.random.Generator
        Source of all randomness.
    on_rows : bool
        Whether the points are rows, whose distances mean something untrained.
    again : bool
        Whether groups were found before: fewer restarts are then enough, and whether they are better than
        none is not asked again.
    """
    if n_groups == 1:
        return Start(np.zeros(len(points), dtype=np.int64), "one group: nothing to find")
    if kind != "auto":
        return _found(points, n_groups, kind, generator, on_rows=on_rows, again=again)
    if on_rows:
        return choose(points, n_groups, generator)
    graph = _found(points, n_groups, "graph", generator)
    assert graph.evidence is not None
    if graph.evidence.better:
        return graph
    # Modularity likes groups of equal size, and splits the largest of groups that are not.
    other = _found(points, n_groups, "kmeans", generator)
    assert other.evidence is not None
    ahead = other.evidence.gain > max(0.0, graph.evidence.gain)
    return other if other.evidence.better and ahead else graph


@one_blas_thread()
def choose(points: Points, n_groups: int, generator: np.random.Generator) -> Start:
    r"""Return the groups of the method that suits the rows of a table, chosen without labels.

    Groups that are blobs, overlapping and of different sizes, are best found by Gaussians; groups that are
    curved and dense, by a graph. Of k-means and EM with diagonal and full covariances the one with the
    best criterion of Schwarz is taken (`mixtura.em.groups.GaussianGroups`; k-means as the spherical Gaussians
    of its groups). The graph's groups replace it
    where neighbours tell much more of them: with U one less `mixtura.clustering.neighbour_information`, where
    U(graph) is less than 0.55 U(Gaussians), or less than 0.8 U(Gaussians) and the graph's groups, found again
    on random parts of the rows, agree better among themselves, by 0.2 of the adjusted Rand index.

    Parameters
    ----------
    points : ndarray of shape (n, d)
        Encoded rows.
    n_groups : int
        K <= n, at least 2.
    generator : numpy.random.Generator
        Source of all randomness.
    """
    sample = _sampled(len(points), generator)
    rows = points[sample]
    graph = neighbour_graph(rows)
    blobs, criteria = _by_gaussians(rows, n_groups, generator)
    by_modularity = modularity_groups(rows, n_groups, generator, graph=graph)
    dense = {
        "graph": by_modularity.labels,
        "linkage": linkage_groups(rows, n_groups, generator, graph=graph),
    }
    unsaid = {name: 1 - neighbour_information(graph, labels) for name, labels in (blobs | dense).items()}
    blob = max(criteria, key=lambda name: criteria[name])
    linked = "linkage" if unsaid["linkage"] < unsaid["graph"] - _LINKAGE_MARGIN else "graph"
    taken = blob
    share = unsaid[linked] / unsaid[blob] if unsaid[blob] > 0 else np.inf
    steady: dict[str, float] = {}
    steadier = ""
    if share < _CLEAR_SHARE:
        taken = linked
    elif share < _OPEN_SHARE:
        steady = {name: _stability(rows, n_groups, METHODS[name], generator) for name in (blob, linked)}
        steadier = f", found again with ARI {steady[blob]:.2f} and {steady[linked]:.2f}"
        if steady[linked] > steady[blob] + _STEADIER:
            taken = linked
    labels = (blobs | dense)[taken]
    if len(sample) < len(points):
        labels = labels[nearest(rows, points, 1)[:, 0]]
    message = (
        f"{n_groups} groups by {WORDS[taken]}; neighbours tell {1 - unsaid[blob]:.3f} of the groups of "
        f"{WORDS[blob]} and {1 - unsaid[linked]:.3f} of those by {WORDS[linked]}{steadier}"
    )
    agreement = by_modularity.agreement if taken == "graph" else steady.get(taken)
    return replace(
        _start(points, labels, message, generator, n_groups=n_groups),
        agreement=agreement,
    )


def _by_gaussians(
    rows: Points, n_groups: int, generator: np.random.Generator
) -> tuple[dict[str, Labels], dict[str, float]]:
    """Return groups of each kind, and the criterion of each."""
    found, criteria = {"kmeans": kmeans_groups(rows, n_groups, generator)}, {"kmeans": -np.inf}
    with suppress(InputError, ConvergenceError):  # the others are left to choose from
        criteria["kmeans"] = group_criterion(rows, found["kmeans"], "spherical", generator)
    for name in ("diag", "full"):
        with suppress(InputError, ConvergenceError):
            groups = gaussian_groups(rows, n_groups, name, generator)
            found[name], criteria[name] = groups.labels, groups.criterion
    return found, criteria


def _stability(rows: Points, n_groups: int, method: Method, generator: np.random.Generator) -> float:
    """Return the mean adjusted Rand index between groups found on random parts of the rows."""
    if len(rows) > _STABILITY_ROWS:
        rows = rows[generator.choice(len(rows), _STABILITY_ROWS, replace=False)]
    n = len(rows)
    found = np.full((_SUBSAMPLES, n), -1, dtype=np.int64)
    for labels in found:
        part = np.sort(generator.permutation(n)[: max(n_groups, int(_KEPT * n))])
        try:
            labels[part] = method(rows[part], n_groups, generator)
        except (InputError, ConvergenceError):
            return 0.0
    agreements = []
    for first in range(_SUBSAMPLES):
        for second in range(first):
            both = (found[first] >= 0) & (found[second] >= 0)
            agreements.append(ari(found[first][both], found[second][both]))
    return float(np.mean(agreements))


def _found(
    points: Points,
    n_groups: int,
    kind: str,
    generator: np.random.Generator,
    *,
    on_rows: bool = False,
    again: bool = False,
) -> Start:
    sample = _sampled(len(points), generator) if kind in ("graph", "linkage") else np.arange(len(points))
    rows = points[sample]
    message = f"{n_groups} groups by {WORDS[kind]}"
    agreement = quality = None
    if kind == "graph":
        groups = modularity_groups(rows, n_groups, generator, n_restarts=_FEWER if again else _RESTARTS)
        labels, message = groups.labels, f"{message}, modularity {groups.modularity:.4f}"
        agreement, quality = groups.agreement, groups.modularity
    else:
        labels = METHODS[kind](rows, n_groups, generator)
    if len(sample) < len(points):
        labels = labels[nearest(rows, points, 1)[:, 0]]
    start = _start(points, labels, message, generator, n_groups=n_groups, weigh=not again, sure=on_rows)
    return replace(start, agreement=agreement, modularity=quality)


def _start(
    points: Points,
    labels: Labels,
    message: str,
    generator: np.random.Generator,
    *,
    n_groups: int,
    weigh: bool = True,
    sure: bool = True,
) -> Start:
    found = group_probabilities(points, labels, generator) if sure else None
    probabilities = None
    if found is not None:
        probabilities = np.zeros((len(points), n_groups))
        probabilities[:, : found.shape[1]] = found
    evidence = overlapping = None
    if weigh:
        evidence = group_evidence(points, labels, generator)
        if probabilities is not None:
            overlapping = group_evidence(points, labels, generator, probabilities=probabilities)
    return Start(labels, message, evidence, probabilities, overlapping)


def _sampled(n: int, generator: np.random.Generator) -> NDArray[np.int64]:
    if n <= MAX_GRAPH_ROWS:
        return np.arange(n)
    return np.sort(generator.choice(n, MAX_GRAPH_ROWS, replace=False)).astype(np.int64)
