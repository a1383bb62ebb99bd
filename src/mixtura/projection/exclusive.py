"""The exclusive projection in d dimensions: the Gaussians at which KL(q || p) is smallest nearby."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from mixtura.errors import ConvergenceError, InputError
from mixtura.findings import Finding
from mixtura.projection.covariances import family_of
from mixtura.projection.expectation import entropy, mean_log_density
from mixtura.projection.mixture_landscape import MixtureLandscape
from mixtura.projection.nodes import whitened_nodes
from mixtura.projection.objective import Objective
from mixtura.projection.result import Kind
from mixtura.projection.spectrum import kind_of, lowest_curvature
from mixtura.projection.starts import mixture_starts
from mixtura.projection.target import Target
from mixtura.projection.trust_region import descend

_COARSE_NODES, _FINE_NODES = 256, 4096
_COARSE_SLOPE, _FINE_SLOPE = (
    1e-3,
    1e-6,
)  # lengths of the gradient, in Fisher's metric, at which a start has arrived
_ARRIVED = 1e-3  # the same for an optimum that is reported
_COARSE_APART, _FINE_APART = 0.05, 0.01  # distances below which two Gaussians are one, in their own units
_PUSH = 0.3  # how far a saddle is left, in its own units


@dataclass(frozen=True, eq=False)
class Optimum:
    """One stationary point of the exclusive problem.

    Parameters
    ----------
    mean : Tensor of shape (d,)
        The mean.
    scale_tril : Tensor of shape (d, d)
        The lower Cholesky factor of the covariance.
    kl : float
        KL(q || p), in nats, on nodes of its own.
    kl_error : float
        Its standard error.
    kind : {"minimum", "saddle", "maximum"}
        By the signs of the eigenvalues of the second derivatives.
    """

    mean: Tensor
    scale_tril: Tensor
    kl: float
    kl_error: float
    kind: Kind


@dataclass(frozen=True, eq=False)
class ExclusiveAnswer:
    """What a search found.

    Parameters
    ----------
    optima : tuple of Optimum
        Every distinct one, best first.
    method : str
        How they were found.
    findings : tuple of Finding
        What a person should know before trusting them.
    """

    optima: tuple[Optimum, ...]
    method: str
    findings: tuple[Finding, ...]


@torch.no_grad()
def exclusive(
    target: Target,
    covariance: str = "full",
    *,
    n_starts: int | None = None,
    n_samples: int | None = None,
    generator: Generator | None = None,
) -> ExclusiveAnswer:
    r"""Return the local optima of the exclusive projection onto a family of Gaussians.

    .. math::

        \min_q \mathrm{KL}(q \| p) = -H(q) - \mathbb{E}_q[\log p]

    The expectation is a mean over fixed quasi-random nodes that integrate every quadratic exactly, so that
    for a Gaussian target the answer is exact, and for a mixture only what departs from its dominating component
    is sampled. Newton's method within a trust region runs from many starts at once on few nodes; what it
    finds is finished on many, and judged on others.

    Parameters
    ----------
    target : Target
        The density p.
    covariance : {"full", "diag", "spherical"}
        The family of q.
    n_starts : int, optional
        How many starts.
    n_samples : int, optional
        How many nodes the optima are finished on; 4096 unless given.
    generator : torch.Generator, optional
        Where random numbers come from; one seeded with 0 unless given.

    Returns
    -------
    ExclusiveAnswer

    Raises
    ------
    InputError
        If the support is bounded, so that the divergence is infinite.
    ConvergenceError
        If no start arrives at a stationary point.
    """
    lower, upper = target.support
    if math.isfinite(lower) or math.isfinite(upper):
        raise InputError(
            f"the support of {target.name} is bounded, from {lower:g} to {upper:g}: KL(q || p) is infinite "
            "for every Gaussian q; ask for the inclusive direction, or map the support to the whole space"
        )
    source = torch.Generator().manual_seed(0) if generator is None else generator
    family = family_of(covariance, target.dimension)
    assert target.mixture is not None
    landscape = MixtureLandscape(target.mixture)
    mean, scale_tril = mixture_starts(target.mixture, family, n_starts, source)
    coarse = Objective(landscape, family, whitened_nodes(target.dimension, _COARSE_NODES, source))
    fine = Objective(landscape, family, whitened_nodes(target.dimension, n_samples or _FINE_NODES, source))
    mean, scale_tril = _search(coarse, fine, mean, scale_tril)
    local = coarse.at(mean, scale_tril)
    lowest, highest, _ = lowest_curvature(local, source)
    kinds = [kind_of(float(low), float(high)) for low, high in zip(lowest, highest, strict=True)]
    judged = 2 * (n_samples or _FINE_NODES)
    value, error = mean_log_density(landscape, mean, scale_tril, local.twist, judged, source)
    kl = -entropy(scale_tril) - value
    order = kl.argsort(stable=True).tolist()
    return ExclusiveAnswer(
        optima=tuple(
            Optimum(mean[at], scale_tril[at], max(float(kl[at]), 0.0), float(error[at]), kinds[at])
            for at in order
        ),
        method=f"trust-region Newton from {len(mean)} starts",
        findings=(),
    )


def _search(coarse: Objective, fine: Objective, mean: Tensor, scale_tril: Tensor) -> tuple[Tensor, Tensor]:
    """Return the distinct optima that starts lead to, best first."""
    found = descend(coarse, mean, scale_tril, tolerance=_COARSE_SLOPE)
    kept = _distinct(found.mean, found.scale_tril, found.value, _COARSE_APART)
    found = descend(fine, found.mean[kept], found.scale_tril[kept], tolerance=_FINE_SLOPE)
    kept = _distinct(found.mean, found.scale_tril, found.value, _FINE_APART)
    kept = kept[found.slope[kept] <= _ARRIVED]
    if len(kept) == 0:
        raise ConvergenceError("no start arrived at a stationary point; raise n_starts or n_samples")
    return found.mean[kept], found.scale_tril[kept]


def _distinct(mean: Tensor, scale_tril: Tensor, value: Tensor, apart: float) -> Tensor:
    """Return the rows of the best of every group of Gaussians that are nearly one, best first."""
    order = value.argsort(stable=True)
    order = order[value[order].isfinite()]
    mean, scale_tril = mean[order], scale_tril[order]
    difference = torch.cat([scale_tril[:, None] - scale_tril, (mean[:, None] - mean)[..., None]], dim=-1)
    own = torch.linalg.solve_triangular(scale_tril[:, None], difference, upper=False)  # (S, S, d, d + 1)
    distance = own.square().sum(dim=(2, 3)).sqrt()
    near = (torch.minimum(distance, distance.T) < apart).tolist()
    kept: list[int] = []
    for row in range(len(order)):
        if not any(near[row][other] for other in kept):
            kept.append(row)
    return order[kept]
