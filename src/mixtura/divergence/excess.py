"""Functions that cancel where two distributions are nearly equal, computed so that they do not.

Each is zero where its arguments say "equal", positive elsewhere, and differentiable as often as is asked.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

_NEAR = 0.25  # where a series takes over: beyond it the plain formula loses a digit at the most
_N_ATANH = 10  # terms of atanh's series: 0.143^20 is below half an ulp
_N_EXP = 12  # terms of the exponential's series: 0.25^12 / 13! is below half an ulp


def log_excess(u: Tensor) -> Tensor:
    """Return u - log(1 + u), u > -1.

    With r = u / (2 + u) and y = r^2, log(1 + u) is 2 atanh(r), so that near zero the difference is
    r (u - 2 y (1/3 + y/5 + y^2/7 + ...)).

    Examples
    --------
    >>> float(log_excess(torch.tensor(2.0**-30, dtype=torch.float64)))
    4.33680868724...e-19
    """
    return _LogExcess.apply(u)


def ratio_excess(l0: Tensor, l1: Tensor) -> Tensor:
    """Return rho - 1 - log(rho), rho = l0 / l1, for every ratio, however near to one or far from it.

    Parameters
    ----------
    l0, l1 : Tensor
        Not negative, l1 above zero: two standard deviations, or two diagonals of Cholesky factors. They
        broadcast.

    Returns
    -------
    Tensor
        +inf where l0 is zero.

    Examples
    --------
    >>> one = torch.tensor(1.0, dtype=torch.float64)
    >>> [float(ratio_excess(ratio * one, one)) for ratio in (1.0, 1 + 2.0**-30, 0.0)]
    [0.0, 4.33680868724...e-19, inf]
    """
    return _RatioExcess.apply(*torch.broadcast_tensors(l0, l1))


def weighted_excess(log_p: Tensor, t: Tensor) -> Tensor:
    """Return p (exp(t) - 1 - t): what one outcome gives to KL(p || q), with t = log q - log p.

    Over all outcomes these sum to as much as the p (log p - log q) do, because p and q sum to one; but they
    are never negative, and where p is near q they are as small as their sum.

    Parameters
    ----------
    log_p, t : Tensor
        Finite logarithms, log_p at most 0; they broadcast.

    Returns
    -------
    Tensor
        Nats, at least 0.

    Examples
    --------
    >>> zero = torch.tensor(0.0, dtype=torch.float64)
    >>> float(weighted_excess(zero, zero + 2.0**-30))
    4.336808691...e-19
    """
    return _WeightedExcess.apply(*torch.broadcast_tensors(log_p, t))


def _near_zero(u: Tensor) -> Tensor:
    """Return u - log(1 + u) by its series."""
    r = u / (2 + u)
    y = r.square()
    series = torch.full_like(y, 1 / (2 * _N_ATANH + 1))
    for n in range(_N_ATANH - 1, 0, -1):
        series.mul_(y).add_(1 / (2 * n + 1))
    return r * (u - 2 * y * series)


class _LogExcess(torch.autograd.Function):
    """u - log1p(u); its derivative is u / (1 + u)."""

    generate_vmap_rule = True

    @staticmethod
    def forward(u: Tensor) -> Tensor:
        near = u.abs() < _NEAR
        return torch.where(near, _near_zero(torch.where(near, u, 0.0)), u - torch.log1p(u))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (u,) = ctx.saved_tensors
        return grad * (u / (1 + u))

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor) -> Tensor:
        (u,) = ctx.saved_tensors
        return tangent * (u / (1 + u))


class _RatioExcess(torch.autograd.Function):
    """rho - 1 - log(rho); its derivative by log l0 is rho - 1."""

    generate_vmap_rule = True

    @staticmethod
    def forward(l0: Tensor, l1: Tensor) -> Tensor:
        e = (l0 - l1) / l1
        near = e.abs() < _NEAR
        # The ratio and not 1 + e: of 1e-12 nothing would be left.
        return torch.where(near, _near_zero(torch.where(near, e, 0.0)), e - torch.log(l0 / l1))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        l0, l1 = ctx.saved_tensors
        weighted = grad * ((l0 - l1) / l1)
        return weighted / l0, -weighted / l1

    @staticmethod
    def jvp(ctx: Any, d0: Tensor, d1: Tensor) -> Tensor:
        l0, l1 = ctx.saved_tensors
        return ((l0 - l1) / l1) * (d0 / l0 - d1 / l1)


class _WeightedExcess(torch.autograd.Function):
    """p (expm1(t) - t), which is its own derivative by log p; by t it is q - p."""

    generate_vmap_rule = True

    @staticmethod
    def forward(log_p: Tensor, t: Tensor) -> Tensor:
        near = torch.where(t.abs() < _NEAR, t, 0.0)
        series = torch.ones_like(near)
        for n in range(_N_EXP, 2, -1):
            series.mul_(near / n).add_(1.0)
        p = log_p.exp()
        # q = exp(log p + t) and not p exp(t) where that could overflow.
        far = torch.where(t < 1, p * (torch.expm1(t.clamp_max(1)) - t), torch.exp(log_p + t) - p - p * t)
        return torch.where(t.abs() < _NEAR, p * (near.square() / 2) * series, far)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        log_p, t = ctx.saved_tensors
        return grad * weighted_excess(log_p, t), grad * weighted_difference(log_p, t)

    @staticmethod
    def jvp(ctx: Any, d_log_p: Tensor, d_t: Tensor) -> Tensor:
        log_p, t = ctx.saved_tensors
        return d_log_p * weighted_excess(log_p, t) + d_t * weighted_difference(log_p, t)


def weighted_difference(log_p: Tensor, t: Tensor) -> Tensor:
    """Return p (exp(t) - 1), without overflow where p exp(t) is at most about one.

    Examples
    --------
    >>> weighted_difference(torch.tensor([-800.0, 0.0]), torch.tensor([800.0, 0.0])).tolist()
    [1.0, 0.0]
    """
    small = t < 1
    return torch.where(
        small,
        torch.exp(log_p) * torch.expm1(torch.where(small, t, 0.0)),
        torch.exp(torch.where(small, log_p, log_p + t)) - torch.exp(log_p),
    )
