"""Where a distribution has mass, and its log-density at any point: nothing is raised outside."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, TransformedDistribution, VonMises, constraints

from mixtura.divergence.sampling import draw
from mixtura.divergence.views import View

# Kinds whose ``support`` is wider than where they have mass.
_SUPPORTS: dict[type[Distribution], Any] = {VonMises: constraints.interval(-math.pi, math.pi)}


def support_of(distribution: Distribution) -> Any:
    """Return the constraint that the points of a distribution meet."""
    if isinstance(distribution, Independent):
        inner = support_of(distribution.base_dist)
        return constraints.independent(inner, distribution.reinterpreted_batch_ndims)
    return _SUPPORTS.get(type(distribution), distribution.support)


def inside(distribution: Distribution, points: Tensor) -> Tensor | None:
    """Return which points a distribution may have mass at, None for all.

    Parameters
    ----------
    distribution : torch.distributions.Distribution
        Of batch shape B.
    points : Tensor of shape (*S, *B, *event)
        Any points.

    Returns
    -------
    Tensor of bool of shape (*S, *B), or None
    """
    if isinstance(distribution, View):
        known = inside(distribution.whole, distribution.lift(points, len(distribution.event_shape)))
        if known is None:
            return None
        shape = torch.broadcast_shapes(known.shape, distribution.whole.batch_shape)
        return distribution.pick(known.expand(shape), 0)
    support = support_of(distribution)
    known = None if _everywhere(support) else support.check(points)
    if type(distribution) is not TransformedDistribution:
        return known
    # A transform tells a codomain that knows nothing of where its own argument lies.
    if _everywhere(support_of(distribution.base_dist)):
        return known
    safe = points if known is None else _replace(points, known, _some_point(distribution))
    for transform in reversed(distribution.transforms):
        safe = transform.inv(safe)
    at_base = inside(distribution.base_dist, safe)
    if at_base is None:
        return known
    extra = at_base.ndim - (points.ndim - len(distribution.event_shape))
    at_base = at_base.flatten(-extra).all(dim=-1) if extra > 0 else at_base
    return at_base if known is None else known & at_base


def supported_log_prob(distribution: Distribution, points: Tensor) -> Tensor:
    """Return the log-density, -inf outside the support.

    Parameters
    ----------
    distribution : torch.distributions.Distribution
        Of batch shape B.
    points : Tensor of shape (*S, *B, *event)
        Any points.

    Returns
    -------
    Tensor of shape (*S, *B)
        Nats. Its gradient is zero outside.

    Examples
    --------
    >>> from torch.distributions import Exponential
    >>> supported_log_prob(Exponential(torch.tensor(1.0)), torch.tensor([-1.0, 2.0])).tolist()
    [-inf, -2.0]
    """
    within = inside(distribution, points)
    if within is None:
        return distribution.log_prob(points)
    safe = _replace(points, within, _some_point(distribution))
    return torch.where(within, distribution.log_prob(safe), -torch.inf)


def _everywhere(support: Any) -> bool:
    while isinstance(support, constraints.independent):
        support = support.base_constraint
    return support is constraints.real or support is constraints.real_vector


def _some_point(distribution: Distribution) -> Tensor:
    """Return a point that has mass, of shape (*B, *event)."""
    with torch.no_grad():
        return draw(distribution, 1, torch.Generator().manual_seed(0))[0]


def _replace(points: Tensor, within: Tensor, point: Tensor) -> Tensor:
    n_event = points.ndim - within.ndim
    shaped = within.reshape(*within.shape, *(1,) * n_event) if n_event > 0 else within
    return torch.where(shaped, points, point.to(points.dtype))
