"""A divergence between two densities over the real line by adaptive quadrature."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution

from mixtura.divergence.charts import Array, Chosen, Pieces, cover, usable
from mixtura.divergence.checks import first_entry
from mixtura.divergence.integrands import Pointwise, log_affinity, pointwise
from mixtura.divergence.integration import adapt, integrate
from mixtura.divergence.landmarks import ends, landmarks, scalar_form, translate
from mixtura.divergence.mixtures import Mixture, as_float64, log_sum_exp
from mixtura.divergence.working import result_dtype
from mixtura.errors import InputError, NumericalWarning

__all__ = ["can_integrate", "divergence_by_quadrature", "integrate"]

_EPS = float(np.finfo(float).eps)
_MANY = 64  # places to begin at: fewer are not worth thinning out
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
    pair = tuple(_line(one, name).expand(shape) for one, name in ((p, "p"), (q, "q")))
    values, errors = [], []
    for index in np.ndindex(*shape):
        line = _Pair(*(mixture.entry(index) for mixture in pair))
        value, error = _one(line, divergence, alpha, rtol)
        values.append(value)
        errors.append(error)
    dtype = result_dtype(p, q)
    if not values:
        empty = torch.zeros(shape, dtype=dtype)
        return empty, empty.clone()
    found, error = torch.stack(values).reshape(shape), torch.stack(errors).reshape(shape)
    missed = error > (rtol * found.detach().abs()).clamp_min(_LEAST)
    if bool(missed.any()):
        at = int(missed.reshape(-1).nonzero()[0, 0])
        reached, of = float(error.reshape(-1)[at]), float(found.detach().reshape(-1)[at])
        warnings.warn(
            f"quadrature reached an error of {reached:.2g} nats{first_entry(missed)} where {rtol:g} of "
            f"{of:.6g} was asked for; "
            "give a larger rtol, or method='monte_carlo' as a check",
            NumericalWarning,
            stacklevel=2,
        )
    return found.to(dtype), error.to(dtype)


@dataclass(frozen=True, eq=False)
class _Pair:
    """One p and one q over the real line."""

    p: Mixture
    q: Mixture

    def log_densities(self, offsets: Tensor, origins: Tensor) -> tuple[Tensor, Tensor]:
        """Return log p and log q at offsets (m, n) from origins (m, 1)."""
        return _log_density(self.p, offsets, origins), _log_density(self.q, offsets, origins)

    def detach(self) -> _Pair:
        return _Pair(self.p.detach(), self.q.detach())


def _one(pair: _Pair, divergence: str, alpha: float | None, rtol: float) -> tuple[Tensor, Tensor]:
    """Return the divergence of one pair and its error, both of shape ()."""
    numbers = pair.detach()  # no gradient is followed while a rule is looked for
    reach = [_reach(mixture) for mixture in (numbers.p, numbers.q)]
    if _is_missed(reach, divergence, alpha):
        return _constant(math.inf), _constant(0.0)
    low, high = (min(low for low, _, _ in reach), max(high for _, high, _ in reach))
    pieces = _pieces(numbers, low, high, _thinned([marks for _, _, marks in reach]))
    integrand = pointwise(divergence, alpha)
    if divergence == "renyi" and alpha != 1.0:
        return _renyi(pair, numbers, pieces, alpha or 0.0, rtol)
    return _apply(pair, numbers, pieces, integrand, rtol)


def _pieces(numbers: _Pair, low: float, high: float, marks: Array) -> Pieces:
    """Return a cover of what can be computed: a log-density may overflow before the other is faint."""

    def is_usable(offsets: Array, origins: Array) -> Chosen:
        finite = [
            np.isfinite(values.numpy()) for values in numbers.log_densities(*_tensors(offsets, origins))
        ]
        # One that is -inf from the first probe on has its support's end before it.
        return np.logical_and(*(there | ~there[:, :3].any(axis=1, keepdims=True) for there in finite))

    return usable(cover(low, high, marks), is_usable)


def _apply(
    pair: _Pair, numbers: _Pair, pieces: Pieces, integrand: Pointwise, rtol: float
) -> tuple[Tensor, Tensor]:
    """Find a rule for the integrand on numbers and return its integral, with gradients, and its error."""

    def values(offsets: Array, origins: Array, slopes: Array) -> Array:
        logs = numbers.log_densities(*_tensors(offsets, origins))
        by = torch.from_numpy(np.log(slopes))
        return integrand(logs[0] + by, logs[1] + by).numpy()

    rounds = not (_is_movable(pair.p) and _is_movable(pair.q))
    rule = adapt(values, pieces, rtol=rtol, atol=0.1 * _LEAST, rounds=rounds)
    if math.isinf(rule.value):
        return _constant(rule.value), _constant(0.0)
    offsets, origins = _tensors(rule.offsets[:, None], rule.origins[:, None])
    weights, by = _tensors(rule.weights / rule.slopes, np.log(rule.slopes))
    logs = [log_density[:, 0] for log_density in pair.log_densities(offsets, origins)]
    at_nodes = integrand(logs[0] + by, logs[1] + by)
    with torch.no_grad():
        # What the rounding of a log-density, about its size times eps, does to the sum.
        moved = integrand(logs[0] + by, logs[1] * (1 + _NUDGE) + by)
        rounding = float((weights * (moved - at_nodes).abs()).sum()) * 2 * _EPS / _NUDGE
    return (weights * at_nodes).sum(), _constant(rule.error + rounding + 2 * _EPS)


def _renyi(pair: _Pair, numbers: _Pair, pieces: Pieces, alpha: float, rtol: float) -> tuple[Tensor, Tensor]:
    """Return log(int p^a q^(1-a)) / (a - 1), of near ones by way of alpha's divergence."""
    if alpha != 0:
        found, error = _apply(pair, numbers, pieces, pointwise("alpha", alpha), rtol)
        scale = alpha * (1 - alpha)
        affinity = 1 - scale * found.detach()
        if 0.5 < float(affinity) < math.inf:
            return torch.log1p(-scale * found) / (alpha - 1), error * alpha / affinity
    peak = _peak(numbers, pieces, alpha)
    if math.isinf(peak):
        return _constant(math.inf), _constant(0.0)

    def scaled(log_p: Tensor, log_q: Tensor) -> Tensor:
        return (log_affinity(log_p, log_q, alpha) - peak).exp()

    # The logarithm of an integral near 1 has the absolute error of it.
    found, error = _apply(pair, numbers, pieces, scaled, min(rtol, 0.1 * _LEAST))
    if bool(torch.isinf(found)):
        return found, error
    value = ((found.log() + peak) / (alpha - 1)).clamp_min(0.0) + 0.0  # and not -0
    return value, error / (found.detach() * abs(alpha - 1))


def _peak(numbers: _Pair, pieces: Pieces, alpha: float) -> float:
    """Return the largest logarithm of p^a q^(1-a) dx/dv that a survey of the pieces meets."""
    v = pieces.low[:, None] + (pieces.high - pieces.low)[:, None] * np.linspace(0.01, 0.99, 41)
    offsets, slopes = pieces.offset(v)
    logs = numbers.log_densities(*_tensors(offsets, pieces.origin[:, None]))
    return float((log_affinity(*logs, alpha) + torch.from_numpy(np.log(slopes))).max())


def _tensors(*arrays: Array) -> tuple[Tensor, Tensor]:
    one, other = (torch.from_numpy(array) for array in arrays)
    return one, other


def _reach(mixture: Mixture) -> tuple[float, float, Array]:
    """Return the ends of a mixture's support and where to lead an integral to, of parts that have mass."""
    there = mixture.log_weights > -torch.inf  # (K,)
    low, high = (end[there] for end in ends(mixture.family))
    marks = torch.cat([landmarks(mixture.family)[:, there], low[None], high[None]])
    return float(low.min()), float(high.max()), marks.numpy()


def _thinned(marks: list[Array]) -> Array:
    """Return the places (m,) of all parts (m, K), less those that lie closer than any part asks for."""
    places = np.sort(np.concatenate([part.reshape(-1) for part in marks]))
    places = np.unique(places[np.isfinite(places)])
    with np.errstate(invalid="ignore"):
        gaps = np.concatenate([np.diff(np.sort(part, axis=0), axis=0).reshape(-1) for part in marks])
    least = 0.25 * gaps[gaps > 0].min(initial=np.inf)
    if len(places) < _MANY or not np.isfinite(least):
        return places
    # Of places within one stretch of that length the first stands for all.
    return places[np.unique(np.floor((places - places[0]) / least), return_index=True)[1]]


def _is_missed(reach: list[tuple[float, float, Array]], divergence: str, alpha: float | None) -> bool:
    """Return whether one has mass outside the other's support, where that makes the divergence infinite."""
    (p_low, p_high, _), (q_low, q_high, _) = reach
    p_outside = p_low < q_low or p_high > q_high
    q_outside = q_low < p_low or q_high > p_high
    p_counts = divergence in ("kl", "jeffreys") or (alpha is not None and alpha >= 1)
    q_counts = divergence == "jeffreys" or (divergence == "alpha" and alpha is not None and alpha <= 0)
    return (p_outside and p_counts) or (q_outside and q_counts)


def _constant(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


def _line(distribution: Distribution, name: str) -> Mixture:
    parts = as_float64(distribution)
    family = scalar_form(parts.family)
    if family is None:
        raise InputError(
            f"{name} is a {type(distribution).__name__} over {tuple(distribution.event_shape)} and cannot be "
            "integrated; quadrature is for continuous distributions over one real number"
        )
    return Mixture(parts.log_weights, family)


def _is_movable(mixture: Mixture) -> bool:
    return translate(mixture.family, _constant(0.0)) is not None


def _log_density(mixture: Mixture, offsets: Tensor, origins: Tensor) -> Tensor:
    """Return the log-density (m, n), told by offsets where the components can be moved."""
    moved = translate(mixture.family, origins)
    if moved is not None:
        return log_sum_exp(mixture.log_weights + moved.log_prob(offsets.mT.unsqueeze(-1))).mT
    points = (origins + offsets).reshape(-1, *mixture.event_shape)
    return mixture.log_prob(points).reshape(offsets.shape)
