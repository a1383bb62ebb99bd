"""The first groups, found by several methods and chosen among without labels."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mixtura.clustering import (
    GroupEvidence,
    draw_in,
    group_evidence,
    modularity_groups,
    nearest,
    spread_ties,
    standardised,
)
from mixtura.em.groups import group_probabilities
from mixtura.vae.training.choice import choose
from mixtura.vae.training.methods import BY_NEIGHBOURS, METHODS, WORDS, Labels, Points

MAX_GRAPH_ROWS = 100_000
"""Rows of the graph: beyond it, a random sample makes the groups, and the others join their nearest."""

_RESTARTS, _FEWER = 5, 3


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
    if on_rows:
        return _on_rows(points, n_groups, kind, generator)
    if kind != "auto":
        return _found(points, n_groups, kind, generator, again=again)
    graph = _found(points, n_groups, "graph", generator)
    assert graph.evidence is not None
    if graph.evidence.better:
        return graph
    # Modularity likes groups of equal size, and splits the largest of groups that are not.
    other = _found(points, n_groups, "kmeans", generator)
    assert other.evidence is not None
    ahead = other.evidence.gain > max(0.0, graph.evidence.gain)
    return other if other.evidence.better and ahead else graph


def _on_rows(points: Points, n_groups: int, kind: str, generator: np.random.Generator) -> Start:
    """Find groups on rows without ties, and describe them."""
    rows = standardised(spread_ties(points, generator)).astype(np.float32)
    if kind == "auto":
        sample = _sampled(len(rows), generator)
        choice = choose(rows[sample], n_groups, generator)
        labels = _joined(choice.labels, rows, sample)
        found = Start(labels, choice.message, agreement=choice.agreement)
    else:
        seen = rows if kind in BY_NEIGHBOURS else draw_in(rows).astype(np.float32)
        found = _found(seen, n_groups, kind, generator, weigh=False)
    described = _described(rows, found.labels, n_groups, generator)
    return replace(described, message=found.message, agreement=found.agreement, modularity=found.modularity)


def _found(
    points: Points,
    n_groups: int,
    kind: str,
    generator: np.random.Generator,
    *,
    again: bool = False,
    weigh: bool = True,
) -> Start:
    sample = _sampled(len(points), generator) if kind in BY_NEIGHBOURS else np.arange(len(points))
    rows = points[sample]
    message = f"{n_groups} groups by {WORDS[kind]}"
    agreement = quality = None
    if kind == "graph":
        groups = modularity_groups(rows, n_groups, generator, n_restarts=_FEWER if again else _RESTARTS)
        labels, message = groups.labels, f"{message}, modularity {groups.modularity:.4f}"
        agreement, quality = groups.agreement, groups.modularity
    else:
        labels = METHODS[kind](rows, n_groups, generator)
    labels = _joined(labels, points, sample)
    evidence = group_evidence(points, labels, generator) if weigh and not again else None
    return Start(labels, message, evidence, agreement=agreement, modularity=quality)


def _described(points: Points, labels: Labels, n_groups: int, generator: np.random.Generator) -> Start:
    """Return what Gaussians of the groups say of them, and whether they say more than one Gaussian."""
    found = group_probabilities(points, labels, generator)
    evidence = group_evidence(points, labels, generator)
    if found is None:
        return Start(labels, "", evidence)
    probabilities = np.zeros((len(points), n_groups))
    probabilities[:, : found.shape[1]] = found
    overlapping = group_evidence(points, labels, generator, probabilities=probabilities)
    return Start(labels, "", evidence, probabilities, overlapping)


def _joined(labels: Labels, points: Points, sample: NDArray[np.int64]) -> Labels:
    """Let the points beyond the sample join their nearest in it."""
    return labels if len(sample) == len(points) else labels[nearest(points[sample], points, 1)[:, 0]]


def _sampled(n: int, generator: np.random.Generator) -> NDArray[np.int64]:
    if n <= MAX_GRAPH_ROWS:
        return np.arange(n)
    return np.sort(generator.choice(n, MAX_GRAPH_ROWS, replace=False)).astype(np.int64)
