"""KL between nearly equal Gaussians that are given by covariances or precisions.

A factor that was itself computed is rounded, and the difference of two nearly equal ones shows little else.
But the difference of two covariances is exact there, and with V = L1^-1 (Sigma0 - Sigma1) L1^-T

    (I + E)(I + E)^T = I + V,    so that    E + E^T = V - E E^T,

where an error of the small E on the right is multiplied by E once more. Of precisions P = U U^T it is
F = E^T = U0^-1 (U1 - U0) and (I + F)(I + F)^T = I + U0^-1 (P1 - P0) U0^-T.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from mixtura.divergence.excess import log_excess
from mixtura.divergence.factors import Factor, Lower, Precision

# Where KL is less than this share of |E|_F, which implies |E|_F < 1/4: elsewhere rounding is no matter.
_SHARE = 0.125


class _Sources(NamedTuple):
    """What two factors were computed from, and the one by which their difference is divided."""

    first: Tensor
    second: Tensor
    divisor: Tensor
    upper: bool


def refine_nearly_equal(
    value: Tensor, size: Tensor, difference: Tensor, factor0: Factor, factor1: Factor
) -> Tensor:
    """Return KL of centred Gaussians with the entries computed anew where both are nearly equal.

    Parameters
    ----------
    value : Tensor of shape (*B)
        KL from the factors, in nats.
    size : Tensor of shape (*B)
        The Frobenius norm of E.
    difference : Tensor of shape (*B, d, d)
        E = L1^-1 (L0 - L1), which ``value`` was computed from.
    factor0, factor1 : Lower, Diagonal, Precision or LowRank
        The factors. Without a record of what they were computed from there is nothing to be refined.

    Returns
    -------
    Tensor of shape (*B)
        Nats, to about machine epsilon times the condition number of the covariances.

    Examples
    --------
    >>> zero, one = torch.zeros(()), torch.ones(1, 1)
    >>> float(refine_nearly_equal(zero, zero, 0 * one, Lower(one, one), Lower(one, one)))
    0.0
    """
    sources = _sources(factor0, factor1)
    if sources is None:
        return value
    with torch.no_grad():
        near = (value < _SHARE * size).reshape(-1).nonzero().squeeze(-1)
    if len(near) == 0:
        return value
    d = difference.shape[-1]

    def at(matrices: Tensor) -> Tensor:
        return matrices.expand(difference.shape).reshape(-1, d, d)[near]

    e = at(difference.mT if sources.upper else difference)
    divisor = at(sources.divisor)
    half = torch.linalg.solve_triangular(divisor, at(sources.first) - at(sources.second), upper=sources.upper)
    relative = torch.linalg.solve_triangular(divisor, half.mT, upper=sources.upper)
    twice = relative - e @ e.mT  # E + E^T
    diagonal = twice.diagonal(dim1=-2, dim2=-1) / 2
    squares = twice.tril(-1).square().sum(dim=(-2, -1)) + diagonal.square().sum(dim=-1)
    refined = squares / 2 + log_excess(diagonal).sum(dim=-1)
    return value.reshape(-1).index_put((near,), refined).reshape(value.shape)


def _sources(factor0: Factor, factor1: Factor) -> _Sources | None:
    both = (Lower, Precision)
    if not isinstance(factor0, both) or not isinstance(factor1, both):
        return None
    if factor0.source is None or factor1.source is None:
        return None
    if isinstance(factor0, Lower) and isinstance(factor1, Lower):
        return _Sources(factor0.source, factor1.source, factor1.tril, upper=False)
    if isinstance(factor0, Precision) and isinstance(factor1, Precision):
        return _Sources(factor1.source, factor0.source, factor0.triu, upper=True)
    return None
