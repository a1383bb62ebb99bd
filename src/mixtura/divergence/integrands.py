"""Divergences as integrals of something that is nowhere negative, computed from two log-densities.

Each is the integral of q f(p/q) with f convex, f(1) = 0 and f'(1) = 0; the last is no restriction, because
p - q integrates to zero, and makes the integrand non-negative at every point. So a small divergence is a sum
of small numbers and never a difference of large ones. An integrand is homogeneous in (p, q): divided by the
density of a law it is what the draws of that law average to.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Pointwise = Callable[[Tensor, Tensor], Tensor]

# Below this a density is no longer held to its full digits, and a log-density of -inf may be an overflow.
_FAINT = -670.0


def pointwise(divergence: str, alpha: float | None) -> Pointwise:
    """Return the integrand of a divergence.

    Parameters
    ----------
    divergence : {"kl", "jeffreys", "jensen_shannon", "alpha", "renyi"}
        For "renyi" the integrand is that of "alpha", of which it is a function.
    alpha : float or None
        The order of the last two; at 1 alpha's divergence is KL(p||q), at 0 KL(q||p).

    Returns
    -------
    callable
        Takes log p and log q, perhaps -inf, returns the integrand: 0 where both are zero, inf where that
        divergence has no finite value.

    Examples
    --------
    >>> p, q = torch.tensor([0.25, 0.75]).log(), torch.tensor([0.5, 0.5]).log()
    >>> round(float(pointwise("kl", None)(p, q).sum()), 4)  # 1/4 log 1/2 + 3/4 log 3/2
    0.1308
    """
    if divergence in ("alpha", "renyi"):
        assert alpha is not None
        return _without_gradient_at_infinity(_alpha(float(alpha)))
    return _without_gradient_at_infinity(_INTEGRANDS[divergence])


def log_affinity(log_p: Tensor, log_q: Tensor, alpha: float) -> Tensor:
    """Return log(p^alpha q^(1 - alpha)), -inf where that is zero, as 0^0 is here, inf where infinite."""
    log_p, log_q = torch.broadcast_tensors(log_p, log_q)
    value = alpha * _finite(log_p) + (1 - alpha) * _finite(log_q)
    for log_density, power in ((log_p, alpha), (log_q, 1 - alpha)):
        value = torch.where(log_density == -torch.inf, torch.inf if power < 0 else -torch.inf, value)
    return torch.where((log_p == -torch.inf) & (log_q == -torch.inf), -torch.inf, value)


def _kl(log_p: Tensor, log_q: Tensor) -> Tensor:
    """Return p log(p/q) - p + q."""
    return _split(
        log_p,
        log_q,
        # p >= q: p (e^r - 1 - r), r = log(q/p) <= 0.
        lambda p, r: p.exp() * (torch.expm1(r) - r),
        # p < q: q (1 - (1 + s) e^-s), s = log(q/p) > 0.
        lambda q, s: q.exp() * (-torch.expm1(-s) - _times_decay(s)),
    )


def _jeffreys(log_p: Tensor, log_q: Tensor) -> Tensor:
    """Return (p - q) log(p/q)."""
    return _split(
        log_p,
        log_q,
        lambda p, r: p.exp() * torch.expm1(r) * r,
        lambda q, s: q.exp() * -torch.expm1(-s) * s,
    )


def _jensen_shannon(log_p: Tensor, log_q: Tensor) -> Tensor:
    """Return 1/2 (p log(p/m) + q log(q/m)), m = (p + q) / 2."""

    def larger_first(log_large: Tensor, gap: Tensor) -> Tensor:
        # With t = (large - small) / (large + small): m/2 ((1 + t) log(1 + t) + (1 - t) log(1 - t)).
        t = torch.tanh(0.5 * gap)
        small = 2 * torch.exp(-gap) / (1 + torch.exp(-gap))  # 1 - t
        log_small = torch.log(torch.where(small > 0, small, 1.0))
        m = 0.5 * log_large.exp() * (1 + torch.exp(-gap))
        near = torch.where(t < 0.5, torch.log1p(-torch.where(t < 0.5, t, 0.0)), log_small)
        return 0.5 * m * ((1 + t) * torch.log1p(t) + small * near)

    return _split(log_p, log_q, lambda p, r: larger_first(p, -r), larger_first)


def _alpha(alpha: float) -> Pointwise:
    """Return (a p + (1 - a) q - p^a q^(1-a)) / (a (1 - a))."""
    if alpha == 1.0:
        return _kl
    if alpha == 0.0:
        return lambda log_p, log_q: _kl(log_q, log_p)
    scale = alpha * (1 - alpha)

    def integrand(log_p: Tensor, log_q: Tensor) -> Tensor:
        return _split(
            log_p,
            log_q,
            lambda p, r: ((1 - alpha) * p.exp() * torch.expm1(r) - _times_expm1(p, (1 - alpha) * r)) / scale,
            lambda q, s: (alpha * q.exp() * torch.expm1(-s) - _times_expm1(q, -alpha * s)) / scale,
        )

    return integrand


_INTEGRANDS: dict[str, Pointwise] = {"kl": _kl, "jeffreys": _jeffreys, "jensen_shannon": _jensen_shannon}


def _without_gradient_at_infinity(integrand: Pointwise) -> Pointwise:
    """Return an integrand whose infinite values are constants, lest their gradients be NaN."""

    def wrapped(log_p: Tensor, log_q: Tensor) -> Tensor:
        value = integrand(log_p, log_q)
        infinite = torch.isinf(value.detach())
        if not bool(infinite.any()):
            return value
        safe = integrand(torch.where(infinite, 0.0, log_p), torch.where(infinite, 0.0, log_q))
        return torch.where(infinite, torch.inf, safe)

    return wrapped


def _split(log_p: Tensor, log_q: Tensor, where_p: Pointwise, where_q: Pointwise) -> Tensor:
    """Return one formula where p is larger and another where q is, each of the larger and of log(q/p)."""
    log_p, log_q = torch.broadcast_tensors(log_p, log_q)
    neither = (log_p == -torch.inf) & (log_q == -torch.inf)
    p_larger = (log_q <= log_p) & ~neither
    q_larger = (log_q > log_p) & ~neither
    ratio = _bounded(log_q, log_p) - _bounded(log_p, log_q)
    above = where_p(torch.where(p_larger, log_p, 0.0), torch.where(p_larger, ratio, 0.0))
    below = where_q(torch.where(q_larger, log_q, 0.0), torch.where(q_larger, ratio, 0.0))
    value = torch.where(p_larger, above, torch.where(q_larger, below, 0.0))
    return torch.where(value < 0, 0.0, value)  # rounding may leave -1e-17 of what is zero


def _bounded(log_density: Tensor, log_other: Tensor) -> Tensor:
    """Return the log-density, finite where the other one is so faint that -inf may be an overflow."""
    least = torch.finfo(log_density.dtype).min
    return torch.where((log_density == -torch.inf) & (log_other < _FAINT), least, log_density)


def _finite(log_density: Tensor) -> Tensor:
    return torch.where(log_density == -torch.inf, 0.0, log_density)


def _times_decay(s: Tensor) -> Tensor:
    """Return s exp(-s), 0 at infinity."""
    within = s.clamp_max(1e4)
    return within * torch.exp(-within)


def _times_expm1(log_density: Tensor, exponent: Tensor) -> Tensor:
    """Return exp(log_density) (exp(exponent) - 1) without inf times zero."""
    small = exponent < 1
    near = log_density.exp() * torch.expm1(torch.where(small, exponent, 0.0))
    far = (log_density + torch.where(small, 0.0, exponent)).exp() - log_density.exp()
    return torch.where(small, near, far)
