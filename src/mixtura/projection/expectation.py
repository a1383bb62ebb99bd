"""The mean of a log-density under Gaussians, with its standard error."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from mixtura.projection.landscape import Landscape
from mixtura.projection.nodes import standard_nodes

_REPLICATES = 8  # independent sets of nodes, whose spread tells the error
_FEWEST = 64  # nodes of a set


def mean_log_density(
    landscape: Landscape,
    mean: Tensor,
    scale_tril: Tensor,
    curvature: Tensor,
    n_samples: int,
    generator: Generator,
) -> tuple[Tensor, Tensor]:
    """Return E_q[log p] for S Gaussians q, and its standard error.

    A quadratic with about the curvature of log p serves as control variate: its mean, half the trace, is
    known, so that only what is not quadratic is sampled.

    Parameters
    ----------
    landscape : Landscape
        The log-density.
    mean, scale_tril : Tensor of shape (S, d), (S, d, d)
        The Gaussians.
    curvature : Tensor of shape (S, d, d)
        An estimate of E_q[L^T (hess log p) L]; a bad one makes the error larger, and not wrong.
    n_samples : int
        How many nodes, in all.
    generator : torch.Generator
        Where their scrambling comes from.

    Returns
    -------
    value, error : Tensor of shape (S,)
        Nats; the value is -inf, and the error 0, where the density vanishes at a node.
    """
    curvature = (curvature + curvature.mT) / 2
    known = 0.5 * curvature.diagonal(dim1=1, dim2=2).sum(dim=1)
    count = max(n_samples // _REPLICATES, _FEWEST)
    means = []
    for nodes in standard_nodes(mean.shape[1], count, _REPLICATES, generator):
        quadratic = 0.5 * (nodes * (curvature @ nodes)).sum(dim=1)
        means.append((landscape.log_prob(mean, scale_tril, nodes) - quadratic).mean(dim=1))
    replicates = torch.stack(means)
    value = replicates.mean(dim=0) + known
    vanishes = value == -torch.inf
    error = torch.where(vanishes, 0.0, replicates).std(dim=0) / math.sqrt(_REPLICATES)
    return value, torch.where(vanishes, 0.0, error)


def entropy(scale_tril: Tensor) -> Tensor:
    """Return the entropies (S,) of Gaussians with factors (S, d, d)."""
    d = scale_tril.shape[-1]
    return scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(dim=-1) + 0.5 * d * (1 + math.log(2 * math.pi))
