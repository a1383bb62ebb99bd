"""Closed forms that follow from those of the parts: independent parts, and one bijection of both."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, TransformedDistribution

from mixtura.divergence.closed_form import formula
from mixtura.divergence.registry import register


@register(Independent, Independent)
def _kl_independent(p: Independent[Any], q: Independent[Any]) -> Tensor | None:
    return _sum_of_parts(p, q, "kl", None)


@register(Independent, Independent, "power")
def _power_independent(p: Independent[Any], q: Independent[Any], alpha: float) -> Tensor | None:
    return _sum_of_parts(p, q, "power", alpha)


@register(TransformedDistribution, TransformedDistribution)
def _kl_transformed(p: TransformedDistribution, q: TransformedDistribution) -> Tensor | None:
    return _of_bases(p, q, "kl", None)


@register(TransformedDistribution, TransformedDistribution, "jensen_shannon")
def _jensen_shannon_transformed(p: TransformedDistribution, q: TransformedDistribution) -> Tensor | None:
    return _of_bases(p, q, "jensen_shannon", None)


@register(TransformedDistribution, TransformedDistribution, "power")
def _power_transformed(p: TransformedDistribution, q: TransformedDistribution, alpha: float) -> Tensor | None:
    return _of_bases(p, q, "power", alpha)


def _sum_of_parts(
    p: Independent[Any], q: Independent[Any], divergence: str, alpha: float | None
) -> Tensor | None:
    """Return the sum over the parts that both have in common; KL and log-integrals of products are sums."""
    (base0, own0), (base1, own1) = _unwrap(p), _unwrap(q)
    common = min(own0, own1)
    if common == 0:
        return None
    part0, part1 = _rewrap(base0, own0 - common), _rewrap(base1, own1 - common)
    if part0.event_shape != part1.event_shape:
        return None
    value = formula(part0, part1, divergence, alpha)
    if value is None:
        return None
    batch = torch.broadcast_shapes(part0.batch_shape, part1.batch_shape)
    return value.expand(batch).sum(dim=tuple(range(-common, 0)))


def _unwrap(distribution: Distribution) -> tuple[Distribution, int]:
    """Return the innermost base, and how many axes of its batch belong to an event."""
    own = 0
    while isinstance(distribution, Independent):
        own += distribution.reinterpreted_batch_ndims
        distribution = distribution.base_dist
    return distribution, own


def _rewrap(base: Distribution, own: int) -> Distribution:
    return base if own == 0 else Independent(base, own, validate_args=False)


def _of_bases(
    p: TransformedDistribution, q: TransformedDistribution, divergence: str, alpha: float | None
) -> Tensor | None:
    """Return the divergence of what both are transformed from: a bijection of both leaves it as it is."""
    if p.transforms != q.transforms or not all(transform.bijective for transform in p.transforms):
        return None
    extra = len(p.base_dist.batch_shape) - len(p.batch_shape)
    if extra != 0 or p.base_dist.event_shape.numel() != p.event_shape.numel():
        return None
    return formula(p.base_dist, q.base_dist, divergence, alpha)
