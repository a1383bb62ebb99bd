"""Groups of the rows or codes, from which the mixture starts: found on the data, never on labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mixtura.clustering import (
    GroupEvidence,
    group_evidence,
    kmeans_groups,
    modularity_groups,
    nearest,
)
from mixtura.vae.model import GaussianMixtureVAE

MAX_GRAPH_ROWS = 100_000
"""Rows of the graph: beyond it, a random sample makes the groups, and the others join their nearest."""

MAX_ROW_COLUMNS = 64
"""Tables of up to so many columns are grouped by their rows, whose distances mean something untrained;
wider ones and images by their codes."""

ROW_MARGIN = 1.5
"""How many times the graph's held-out gain k-means must reach to be taken on rows: it cuts curved groups into
round ones, which the gain, a matter of means and one covariance, rewards a little."""

_LEAST_SCALE = 1e-3
_BLOCK_ROWS = 4096


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
    """

    labels: NDArray[np.int64]
    message: str
    evidence: GroupEvidence | None = None


def find_groups(
    points: NDArray[np.float32],
    n_groups: int,
    kind: str,
    generator: np.random.Generator,
    margin: float | None = None,
) -> Start:
    """Return groups of the points.

    Parameters
    ----------
    points : ndarray of shape (n, d)
        Encoded rows, or means of q(w|x).
    n_groups : int
        K <= n.
    kind : {"auto", "graph", "kmeans"}
        How they are found; "auto" takes the graph, unless k-means describes held-out points far better.
    generator : numpy.random.Generator
        Source of all randomness.
    margin : float, optional
        How many times the graph's gain k-means must reach to be taken; unless given, k-means is tried
        only where the graph's groups are no better than none.
    """
    if n_groups == 1:
        return Start(np.zeros(len(points), dtype=np.int64), "one group: nothing to find")
    if kind == "kmeans":
        return _by_kmeans(points, n_groups, generator)
    graph = _by_graph(points, n_groups, generator)
    assert graph.evidence is not None
    if kind == "graph" or (margin is None and graph.evidence.better):
        return graph
    # Modularity likes groups of equal size, and splits the largest of groups that are not.
    other = _by_kmeans(points, n_groups, generator)
    assert other.evidence is not None
    ahead = other.evidence.gain > (margin or 1.0) * max(0.0, graph.evidence.gain)
    return other if other.evidence.better and ahead else graph


def _by_kmeans(points: NDArray[np.float32], n_groups: int, generator: np.random.Generator) -> Start:
    labels = kmeans_groups(points, n_groups, generator)
    return Start(labels, f"{n_groups} groups by k-means", group_evidence(points, labels, generator))


def _by_graph(points: NDArray[np.float32], n_groups: int, generator: np.random.Generator) -> Start:
    n = len(points)
    sample = np.arange(n)
    if n > MAX_GRAPH_ROWS:
        sample = np.sort(generator.choice(n, MAX_GRAPH_ROWS, replace=False))
    found = modularity_groups(points[sample], n_groups, generator)
    labels = found.labels
    if len(sample) < n:
        labels = labels[nearest(points[sample], points, 1)[:, 0]]
    message = f"{n_groups} groups by a neighbour graph, modularity {found.modularity:.4f}"
    return Start(labels, message, group_evidence(points, labels, generator))


@torch.no_grad()
def mean_codes(
    model: GaussianMixtureVAE,
    x: Tensor,
    view: Callable[[Tensor], Tensor] | None = None,
    n_views: int = 1,
) -> tuple[Tensor, Tensor]:
    """Return the means of q(w|view of x) averaged over views, and the mean variances: (n, d) each.

    Parameters
    ----------
    model : GaussianMixtureVAE
        The model.
    x : Tensor of shape (n, n_encoded)
        Encoded rows.
    view : callable, optional
        What the encoder is shown of a block of rows, such as a random transform; the rows unless given.
        Views are made and dropped block by block.
    n_views : int
        How often each block is shown.
    """
    loc = torch.zeros(len(x), model.latent_dim, device=x.device, dtype=x.dtype)
    variance = torch.zeros_like(loc)
    for first in range(0, len(x), _BLOCK_ROWS):
        rows = slice(first, first + _BLOCK_ROWS)
        for _ in range(n_views):
            q = model.posterior(x[rows] if view is None else view(x[rows])).base_dist
            loc[rows] += q.loc / n_views
            variance[rows] += q.scale.square() / n_views
    return loc, variance


@torch.no_grad()
def set_prior_from_groups(model: GaussianMixtureVAE, loc: Tensor, variance: Tensor, labels: Tensor) -> None:
    """Set mu_k and sigma_k to the moments of q(w|x) over each group: the M-step for fixed q(z).

    mu_k = mean of m(x), sigma_k^2 = mean of s^2(x) + (m(x) - mu_k)^2, over the rows of group k.
    """
    # On the CPU, because sums by index are not the same bits twice on a GPU.
    loc, variance, labels = loc.double().cpu(), variance.double().cpu(), labels.cpu()
    n_components = model.n_components
    counts = torch.bincount(labels, minlength=n_components).clamp(min=1).unsqueeze(1)
    zeros = torch.zeros(n_components, loc.shape[1], dtype=torch.float64)
    index = labels.unsqueeze(1).expand_as(loc)
    means = zeros.scatter_add(0, index, loc) / counts
    spread = variance + (loc - means[labels]).square()
    scales = (zeros.scatter_add(0, index, spread) / counts).sqrt()
    model.prior.set_components(means, scales.clamp(min=_LEAST_SCALE))
