"""A divergence between two densities over the real line by adaptive quadrature."""

from __future__ import annotations

import math
import warnings

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution

from mixtura.divergence.charts import Array
from mixtura.divergence.checks import first_entry
from mixtura.divergence.integrands import Pointwise, log_affinity, pointwise
from mixtura.divergence.integration import adapt, integrate
from mixtura.divergence.landmarks import scalar_form
from mixtura.divergence.line_pair import LinePair, on_line
from mixtura.divergence.mixtures import as_float64
from mixtura.divergence.parameters import device_of
from mixtura.divergence.working import result_dtype
from mixtura.errors import NumericalWarning

__all__ = ["can_integrate", "divergence_by_quadrature", "integrate"]

_EPS = float(np.finfo(float).eps)
_NUDGE = 1e-6
_LEAST = 1e-13  # nats: log-densities are rounded, and with them whatever is smaller


def can_integrate(p: Distribution, q: Distribution) -> bool:
    """Return whether both are continuous distributions over one real number."""
    return all(scalar_form(as_float64(one).family) is not None for one in (p, q))


def divergence_by_quadrature(
    p: Distribution,
    q: Distribution,
    divergence: str = "kl",
    alpha: float | None = None,
    rtol: float = 1e-9,
) -> tuple[Tensor, Tensor]:
    """Return a divergence between two densities over the real line, and an estimate of its error.

    The integrand is one that is nowhere negative (see ``integrands``), so neither is the value, and a small
    divergence keeps its digits. The rule is found on plain numbers, each entry of the batch by itself, and
    applied once more with gradients, which flow to all parameters.

    Parameters
    ----------
    p, q : torch.distributions.Distribution
        Continuous, of event shape () or (1,), with batch shapes that broadcast to B; mixtures or any other.
    divergence : {"kl", "jeffreys", "jensen_shannon", "alpha", "renyi"}
        Which one.
    alpha : float, optional
        The order of the last two.
    rtol : float
        Wanted relative error; below 1e-13 nats no relative error can be asked for.

    Returns
    -------
    value : Tensor of shape (*B)
        Nats; +inf where q has no mass somewhere that p has, or tails make the integral diverge.
    error : Tensor of shape (*B)
        Nats; 0 of an infinite value. Where it is more than was asked for a NumericalWarning says so.

    Raises
    ------
    InputError
        If a distribution is not continuous over one real number, or its log-density is NaN.

    Examples
    --------
    >>> from torch.distributions import Cauchy, Laplace, Normal
    >>> value, error = divergence_by_quadrature(Laplace(0.0, 1.0), Normal(0.0, 1.0))
    >>> round(float(value), 6), bool(error < 1e-9)
    (0.225791, True)
    >>> float(divergence_by_quadrature(Cauchy(0.0, 1.0), Normal(0.0, 1.0))[0])
    inf
    """
    shape = torch.broadcast_shapes(p.batch_shape, q.batch_shape)
    pair = [on_line(one, name).expand(shape) for one, name in ((p, "p"), (q, "q"))]
    values, errors = [], []
    for index in np.ndindex(*shape):
        one, other = (mixture.entry(index) for mixture in pair)
        value, error = _one(LinePair(one, other), divergence, alpha, rtol)
        values.append(value)
        errors.append(error)
    dtype, device = result_dtype(p, q), device_of(p)
    if not values:
        empty = torch.zeros(shape, dtype=dtype, device=device)
        return empty, empty.clone()
    found, error = torch.stack(values).reshape(shape), torch.stack(errors).reshape(shape)
    missed = error > (rtol * found.detach().abs()).clamp_min(_LEAST)
    if bool(missed.any()):
        at = int(missed.reshape(-1).nonzero()[0, 0])
        reached, of = float(error.reshape(-1)[at]), float(found.detach().reshape(-1)[at])
        warnings.warn(
            f"quadrature reached an error of {reached:.2g} nats{first_entry(missed)} where {rtol:g} of "
            f"{of:.6g} was asked for; give a larger rtol, or method='monte_carlo' as a check",
            NumericalWarning,
            stacklevel=2,
        )
    return found.to(device, dtype), error.to(device, dtype)


def _one(pair: LinePair, divergence: str, alpha: float | None, rtol: float) -> tuple[Tensor, Tensor]:
    """Return the divergence of one pair and its error, both of shape ()."""
    if pair.is_missed(divergence, alpha):
        return _constant(math.inf), _constant(0.0)
    if divergence == "renyi" and alpha != 1.0:
        return _renyi(pair, alpha or 0.0, rtol)
    return _apply(pair, pointwise(divergence, alpha), rtol)


def _apply(pair: LinePair, integrand: Pointwise, rtol: float) -> tuple[Tensor, Tensor]:
    """Find a rule for the integrand on numbers; return its integral, with gradients, and its error."""

    def values(offsets: Array, origins: Array, slopes: Array) -> Array:
        logs = pair.numbers(offsets, origins)
        by = torch.from_numpy(np.log(slopes))
        return integrand(logs[0] + by, logs[1] + by).numpy()

    rule = adapt(values, pair.pieces, rtol=rtol, atol=0.1 * _LEAST, rounds=not pair.is_movable)
    if math.isinf(rule.value):
        return _constant(rule.value), _constant(0.0)
    weights, by = (torch.from_numpy(x) for x in (rule.weights / rule.slopes, np.log(rule.slopes)))
    logs = [
        log_density[:, 0] for log_density in pair.log_densities(rule.offsets[:, None], rule.origins[:, None])
    ]
    at_nodes = integrand(logs[0] + by, logs[1] + by)
    with torch.no_grad():
        # What the rounding of a log-density, about its size times eps, does to the sum.
        moved = integrand(logs[0] + by, logs[1] * (1 + _NUDGE) + by)
        rounding = float((weights * (moved - at_nodes).abs()).sum()) * 2 * _EPS / _NUDGE
    return (weights * at_nodes).sum(), _constant(rule.error + rounding + 2 * _EPS)


def _renyi(pair: LinePair, alpha: float, rtol: float) -> tuple[Tensor, Tensor]:
    """Return log(int p^a q^(1-a)) / (a - 1), of near ones by way of alpha's divergence."""
    if alpha != 0:
        found, error = _apply(pair, pointwise("alpha", alpha), rtol)
        scale = alpha * (1 - alpha)
        affinity = 1 - scale * found.detach()
        if 0.5 < float(affinity) < math.inf:
            return torch.log1p(-scale * found) / (alpha - 1), error * alpha / affinity
    peak = _peak(pair, alpha)
    if math.isinf(peak):
        return _constant(math.inf), _constant(0.0)

    def scaled(log_p: Tensor, log_q: Tensor) -> Tensor:
        return (log_affinity(log_p, log_q, alpha) - peak).exp()

    # The logarithm of an integral near 1 has the absolute error of it.
    found, error = _apply(pair, scaled, min(rtol, 0.1 * _LEAST))
    if bool(torch.isinf(found)):
        return found, error
    value = ((found.log() + peak) / (alpha - 1)).clamp_min(0.0) + 0.0  # and not -0
    return value, error / (found.detach() * abs(alpha - 1))


def _peak(pair: LinePair, alpha: float) -> float:
    """Return the largest logarithm of p^a q^(1-a) dx/dv that a survey of the pieces meets."""
    pieces = pair.pieces
    v = pieces.low[:, None] + (pieces.high - pieces.low)[:, None] * np.linspace(0.01, 0.99, 41)
    offsets, slopes = pieces.offset(v)
    logs = pair.numbers(offsets, pieces.origin[:, None])
    return float((log_affinity(*logs, alpha) + torch.from_numpy(np.log(slopes))).max())


def _constant(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)
