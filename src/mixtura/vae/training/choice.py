"""Which method's groups suit the rows of a table, chosen without labels."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.special import entr

from mixtura.clustering import (
    ari,
    draw_in,
    kmeans_groups,
    linkage_groups,
    modularity_groups,
    neighbour_graph,
    neighbour_information,
)
from mixtura.em.groups import gaussian_groups, group_criterion
from mixtura.errors import ConvergenceError, InputError
from mixtura.runtime import one_blas_thread
from mixtura.vae.training.methods import BY_NEIGHBOURS, METHODS, WORDS, Labels, Method, Points

# What neighbours do not tell of a rival's groups, over the same of the mixture's: below the first the rival's
# are taken unless they are less stable by so much, between the two only if they are more stable by so much.
# k-means cuts the largest of unequal groups in two, which neighbours tell well: it must be ahead by more.
_CLEAR_SHARE = {"graph": 0.62, "linkage": 0.62, "kmeans": 0.55}
_OPEN_SHARE, _STEADIER = 0.8, 0.1
_SUBSAMPLES, _KEPT = 5, 0.8
_STABILITY_ROWS = 2_500


@dataclass(frozen=True)
class Choice:
    """The groups taken, and what was seen of them.

    Parameters
    ----------
    labels : ndarray of shape (n,)
        Group of each row, from 0.
    message : str
        What was compared, for the log.
    agreement : float, optional
        Mean adjusted Rand index between groups found on random parts of the rows, or of the restarts of the
        graph; None where neither was seen.
    """

    labels: Labels
    message: str
    agreement: float | None = None


@one_blas_thread()
def choose(points: Points, n_groups: int, generator: np.random.Generator) -> Choice:
    r"""Return the groups of the method that suits the rows of a table.

    Groups that are blobs, overlapping and of different sizes, are best found by Gaussians; groups that are
    curved and dense, by a graph. Of k-means and EM with diagonal and full covariances the one with the
    best criterion of Schwarz is first (`mixtura.em.groups.GaussianGroups`; k-means as the spherical Gaussians
    of its groups). A good density is not yet good groups, so it has rivals: the groups of k-means and of the
    graph, by modularity or linkage. Let I be the mutual information between the groups at the two ends of an
    edge of the neighbour graph, U = 1 - I / log K what neighbours do not tell of K groups, and S the mean
    adjusted Rand index between groups found on random parts of the rows. A rival replaces the mixture where
    U(rival) is less than 0.62 U(mixture), for k-means 0.55, and S(rival) more than S(mixture) - 0.1, or
    U(rival) is less than 0.8 U(mixture) and S(rival) more than S(mixture) + 0.1.

    Parameters
    ----------
    points : ndarray of shape (n, d)
        Rows without ties, as `mixtura.clustering.spread_ties` makes them, in columns of one scale. Gaussians
        and k-means see them drawn in (`mixtura.clustering.draw_in`); neighbours are near anyway.
    n_groups : int
        K <= n, at least 2.
    generator : numpy.random.Generator
        Source of all randomness.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> points = rng.normal(size=(90, 2)) + 9 * (np.arange(90) % 2)[:, None]
    >>> sorted(np.bincount(choose(points, 2, rng).labels).tolist())
    [45, 45]
    """
    graph = neighbour_graph(points)
    drawn = draw_in(points).astype(points.dtype)
    mixtures, criteria = _by_gaussians(drawn, n_groups, generator)
    by_modularity = modularity_groups(points, n_groups, generator, graph=graph)
    found = mixtures | {
        "graph": by_modularity.labels,
        "linkage": linkage_groups(points, n_groups, generator, graph=graph),
    }
    unsaid = {name: 1 - _told(graph, labels, n_groups) for name, labels in found.items()}
    mixture = max(criteria, key=lambda name: criteria[name])
    seen = {name: points if name in BY_NEIGHBOURS else drawn for name in METHODS}
    steady = _Stability(seen, n_groups, generator)
    linked = min(BY_NEIGHBOURS, key=lambda name: unsaid[name])
    taken = mixture
    for rival in sorted({linked, "kmeans"} - {mixture}, key=lambda name: unsaid[name]):
        if unsaid[rival] >= _OPEN_SHARE * unsaid[mixture]:
            break
        ahead = -_STEADIER if unsaid[rival] < _CLEAR_SHARE[rival] * unsaid[mixture] else _STEADIER
        if steady(rival) > steady(mixture) + ahead:
            taken = rival
            break
    told = "; ".join(
        f"of those by {WORDS[name]} neighbours tell {1 - unsaid[name]:.3f}{steady.words(name)}"
        for name in dict.fromkeys((mixture, linked, "kmeans"))
    )
    agreement = by_modularity.agreement if taken == "graph" else steady.seen.get(taken)
    return Choice(found[taken], f"{n_groups} groups by {WORDS[taken]}; {told}", agreement)


def _told(graph: sparse.csr_array, labels: Labels, n_groups: int) -> float:
    """Return what neighbours tell, over log K: of outliers that are cut off there is little to tell."""
    ends = np.bincount(labels, weights=graph.sum(axis=1))
    entropy = float(entr(ends / max(ends.sum(), np.finfo(float).tiny)).sum())
    return neighbour_information(graph, labels) * entropy / float(np.log(n_groups))


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


class _Stability:
    """How far a method's groups on random parts of the rows agree; found where it is asked for."""

    def __init__(self, rows: dict[str, Points], n_groups: int, generator: np.random.Generator) -> None:
        self._rows, self._n_groups, self._generator = rows, n_groups, generator
        self.seen: dict[str, float] = {}

    def __call__(self, name: str) -> float:
        """Return the mean adjusted Rand index."""
        if name not in self.seen:
            self.seen[name] = stability(self._rows[name], self._n_groups, METHODS[name], self._generator)
        return self.seen[name]

    def words(self, name: str) -> str:
        """Say it, if it was asked for."""
        return f" (found again with ARI {self.seen[name]:.2f})" if name in self.seen else ""


def stability(rows: Points, n_groups: int, method: Method, generator: np.random.Generator) -> float:
    """Return the mean adjusted Rand index between groups found on random parts of the rows.

    Parameters
    ----------
    rows : ndarray of shape (n, d)
        Points.
    n_groups : int
        K <= n.
    method : callable
        One of `METHODS`; 0 is returned where it fails.
    generator : numpy.random.Generator
        Of the parts, five of four fifths of the rows each, and of the method.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> points = rng.normal(size=(90, 2)) + 9 * (np.arange(90) % 2)[:, None]
    >>> stability(points, 2, METHODS["kmeans"], rng)
    1.0
    """
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
