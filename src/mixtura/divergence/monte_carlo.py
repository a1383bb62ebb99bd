"""A divergence between any two distributions by drawing, with a standard error."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Distribution

from mixtura.divergence.integrands import log_affinity, pointwise
from mixtura.divergence.mixtures import Mixture, as_float64, log_sum_exp
from mixtura.divergence.parameters import device_of, requires_grad
from mixtura.divergence.stratified import Estimate, Function, Stratum, estimate, moments
from mixtura.divergence.working import result_dtype
from mixtura.errors import InputError, NumericalWarning

_PILOT_SHARE = 16  # one draw in so many finds out where the others should go
_MOST_DOMINANT = 0.5  # one draw that makes so much of the standard error leaves it without meaning


def divergence_by_monte_carlo(
    p: Distribution,
    q: Distribution,
    divergence: str = "kl",
    alpha: float | None = None,
    n_samples: int = 65536,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Return an estimate of a divergence and its standard error.

    Draws are stratified: every component is drawn from by itself. The law is m = (p + q) / 2, under which
    p / m and q / m are at most 2; what is averaged is nowhere negative (see ``integrands``), so that a small
    divergence has a small error. For KL the other choice is E_p[log p - log q]. A pilot, whose draws are
    thrown away, finds which has the smaller error and how the draws are best shared out among components.

    Parameters
    ----------
    p, q : torch.distributions.Distribution
        Of equal event shape, with batch shapes that broadcast to B; mixtures or any other, also discrete.
    divergence : {"kl", "jeffreys", "jensen_shannon", "alpha", "renyi"}
        Which one.
    alpha : float, optional
        The order of the last two.
    n_samples : int
        Number of draws for each entry of the batch, the pilot's included.
    generator : torch.Generator, optional
        The source of all randomness; one that starts at seed 0 unless given.

    Returns
    -------
    value : Tensor of shape (*B)
        Nats; unbiased, but for Renyi's, a logarithm; +inf where a draw of p met q = 0. Its gradient is
        unbiased too, in the weights and in all parameters on which the log-densities depend continuously: by
        reparametrisation where the component can, by the score function otherwise.
    error : Tensor of shape (*B)
        Standard error in nats; 0 of an infinite value.

    Raises
    ------
    InputError
        If n_samples is less than 4.
    ConvergenceError
        If the ratio of the densities is not a number at a draw.

    References
    ----------
    Cochran (1977), Sampling techniques, chapter 5: allocation of draws to strata.

    Examples
    --------
    >>> from torch.distributions import Normal
    >>> value, error = divergence_by_monte_carlo(Normal(0.0, 1.0), Normal(1.0, 1.0))
    >>> bool(abs(value - 0.5) < 4 * error), bool(error < 0.01)
    (True, True)
    """
    if n_samples < 4:
        raise InputError(f"n_samples is {n_samples}; a standard error needs 4 at least")
    shape = torch.broadcast_shapes(p.batch_shape, q.batch_shape)
    dtype = result_dtype(p, q)
    if shape.numel() == 0:
        empty = torch.zeros(shape, dtype=dtype, device=device_of(p))
        return empty, empty.clone()
    source = torch.Generator().manual_seed(0) if generator is None else generator
    pair = _Pair(*(as_float64(one).expand(shape) for one in (p, q)))
    with torch.set_grad_enabled(requires_grad(p) or requires_grad(q)):
        if divergence == "renyi" and alpha != 1.0:
            found = _renyi(pair, alpha or 0.0, n_samples, source)
        else:
            found = _estimate(_schemes(pair, divergence, alpha), n_samples, pair.width, source)
    _warn_of_dominance(found)
    return found.mean.to(dtype), found.standard_error.to(dtype)


@dataclass(frozen=True, eq=False)
class _Pair:
    """The two distributions, of one batch shape."""

    p: Mixture
    q: Mixture

    @property
    def width(self) -> int:
        """How many numbers one point needs."""
        return (self.p.n_components + self.q.n_components) * max(1, self.p.event_shape.numel())

    def of_p(self) -> list[Stratum]:
        return _strata(self.p, 1.0)

    def of_both(self) -> list[Stratum]:
        return _strata(self.p, 0.5) + _strata(self.q, 0.5)

    def log_densities(self, points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return log p, log q and log m."""
        log_p, log_q = torch.broadcast_tensors(self.p.log_prob(points), self.q.log_prob(points))
        return log_p, log_q, log_sum_exp(torch.stack([log_p, log_q], dim=-1)) - math.log(2)


@dataclass(frozen=True, eq=False)
class _Scheme:
    """A law, and a function whose mean under it is the divergence."""

    strata: list[Stratum]
    function: Function


def _strata(mixture: Mixture, share: float) -> list[Stratum]:
    """Return the components that have mass somewhere in the batch."""
    weights = mixture.weights
    there = (weights.detach() > 0).reshape(-1, mixture.n_components).any(dim=0)
    parts = zip(weights.unbind(dim=-1), mixture.components, there, strict=True)
    return [Stratum(share * weight, component) for weight, component, has_mass in parts if has_mass]


def _schemes(pair: _Pair, divergence: str, alpha: float | None) -> list[_Scheme]:
    integrand = pointwise(divergence, alpha)

    def over_both(points: Tensor) -> Tensor:
        log_p, log_q, log_m = pair.log_densities(points)
        return integrand(log_p - log_m, log_q - log_m)

    def log_ratio(points: Tensor) -> Tensor:
        log_p, log_q, _ = pair.log_densities(points)
        there = log_p > -torch.inf  # a draw of p may be rounded to an end of its support
        return torch.where(there, torch.where(there, log_p, 0.0) - log_q, 0.0)

    schemes = [_Scheme(pair.of_both(), over_both)]
    if divergence == "kl" or alpha == 1.0:
        schemes.append(_Scheme(pair.of_p(), log_ratio))
    return schemes


def _estimate(schemes: Sequence[_Scheme], n: int, width: int, generator: torch.Generator) -> Estimate:
    """Return the mean by the scheme that a pilot finds best."""
    n_pilot = n // _PILOT_SHARE
    plans = [_plan(scheme, n_pilot // len(schemes), width, generator) for scheme in schemes]
    best = min(range(len(plans)), key=lambda i: plans[i].log_error)
    scheme, plan = schemes[best], plans[best]
    counts = _share_out(n - n_pilot, plan.shares)
    found = estimate(scheme.strata, scheme.function, counts, width, generator)
    infinite = torch.stack([plan.infinite for plan in plans]).any(dim=0)
    return Estimate(
        mean=torch.where(infinite, torch.inf, found.mean),
        standard_error=torch.where(infinite, 0.0, found.standard_error),
        dominance=torch.where(infinite, 0.0, found.dominance),
    )


@dataclass(frozen=True, eq=False)
class _Plan:
    """What a pilot says: the share of each stratum, the error to expect, and where a draw was infinite."""

    shares: Tensor  # (S,)
    log_error: float
    infinite: Tensor  # (*B)


def _plan(scheme: _Scheme, n: int, width: int, generator: torch.Generator) -> _Plan:
    """Share half of the draws out by weight, half by weight times standard deviation (Neyman)."""
    with torch.no_grad():
        weights = torch.stack([stratum.weight for stratum in scheme.strata]).reshape(len(scheme.strata), -1)
        by_weight = weights.amax(dim=1)
        counts = _share_out(n, by_weight)
        parts = [
            moments(stratum, scheme.function, count, width, generator)
            for stratum, count in zip(scheme.strata, counts, strict=True)
        ]
        mean = torch.stack([part.mean for part in parts]).reshape(weights.shape)
        spread = weights * torch.stack([part.variance for part in parts]).reshape(weights.shape).sqrt()
        spread = torch.where((weights > 0) & torch.isfinite(spread), spread, 0.0)
        per_entry = spread.sum(dim=0)  # (B)
        by_spread = torch.where(per_entry > 0, spread / torch.where(per_entry > 0, per_entry, 1.0), weights)
        shares = by_weight / by_weight.sum() + by_spread.amax(dim=1) / by_spread.amax(dim=1).sum()
        infinite = ((weights > 0) & (mean == torch.inf)).any(dim=0).reshape(scheme.strata[0].weight.shape)
        error = per_entry.clamp_min(torch.finfo(torch.float64).tiny).log().mean()
        return _Plan(shares, float(error), infinite)


def _share_out(n: int, shares: Tensor) -> list[int]:
    """Return whole numbers of draws, two at least for each."""
    return [max(2, int(n * share)) for share in (shares / shares.sum()).tolist()]


def _renyi(pair: _Pair, alpha: float, n: int, generator: torch.Generator) -> Estimate:
    """Return log(E_m[p^a q^(1-a) / m]) / (a - 1), of near distributions by way of alpha's divergence."""
    strata = pair.of_both()
    scale = alpha * (1 - alpha)
    n_pilot = max(2 * len(strata), n // _PILOT_SHARE)
    peak, affinity = _survey(pair, strata, alpha, n_pilot, generator)
    near = (affinity > 0.5) & (affinity < 2.0) & (alpha != 0)
    integrand = pointwise("alpha", alpha if alpha != 0 else 0.5)

    def function(points: Tensor) -> Tensor:
        log_p, log_q, log_m = pair.log_densities(points)
        relative = [torch.where(near, log_density - log_m, 0.0) for log_density in (log_p, log_q)]
        far = torch.where(near, 0.0, log_affinity(log_p, log_q, alpha) - log_m - peak)
        return torch.where(near, integrand(relative[0], relative[1]), far.exp())

    found = _estimate([_Scheme(strata, function)], n - n_pilot, pair.width, generator)
    mean, error = found.mean, found.standard_error
    of_near = torch.log1p(-scale * torch.where(near, mean, 0.0)) / (alpha - 1)
    empty = ~near & (mean.detach() == 0)
    of_far = (torch.where(near | empty, 1.0, mean).log() + peak) / (alpha - 1)
    slope = torch.where(near, abs(alpha) / (1 - scale * mean.detach()), 1 / (mean.detach() * abs(alpha - 1)))
    value = torch.where(near, of_near, torch.where(empty, torch.inf, of_far))
    return Estimate(value + 0.0, torch.where(torch.isinf(value), 0.0, slope * error), found.dominance)


def _survey(
    pair: _Pair, strata: list[Stratum], alpha: float, n: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return the largest log(p^a q^(1-a) / m) of a few draws, and the mean of its exponential."""

    def log_relative(points: Tensor) -> Tensor:
        log_p, log_q, log_m = pair.log_densities(points)
        return log_affinity(log_p, log_q, alpha) - log_m

    with torch.no_grad():
        shares = torch.stack([stratum.weight.reshape(-1).amax() for stratum in strata])
        mean = torch.zeros_like(strata[0].weight)
        peak = torch.full_like(mean, -torch.inf)
        for stratum, count in zip(strata, _share_out(n, shares), strict=True):
            part = moments(stratum, log_relative, count, pair.width, generator)
            peak = torch.maximum(peak, torch.where(stratum.weight > 0, part.largest, -torch.inf))
            there = moments(stratum, lambda x: log_relative(x).exp(), count, pair.width, generator)
            mean = mean + torch.where(stratum.weight > 0, stratum.weight * there.mean, 0.0)
        return torch.where(torch.isfinite(peak), peak, 0.0), mean


def _warn_of_dominance(found: Estimate) -> None:
    if bool((found.dominance > _MOST_DOMINANT).any()):
        share = float(found.dominance.max())
        warnings.warn(
            f"one draw makes {share:.0%} of the variance of a Monte Carlo estimate, whose standard error "
            "cannot be trusted; give more n_samples or, for alpha and renyi, an order nearer to 1/2",
            NumericalWarning,
            stacklevel=3,
        )
