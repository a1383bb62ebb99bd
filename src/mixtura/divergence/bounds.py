"""Bounds between which a divergence of two mixtures lies, from closed forms between their components."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.distributions import Distribution

from mixtura.divergence.closed_form import closed_form
from mixtura.divergence.couplings import affinity_bound, coupling_bound, variational_upper_bound
from mixtura.divergence.gaussian_parts import GaussianParts, gaussian_parts
from mixtura.divergence.kl_lower import kl_lower_bound
from mixtura.divergence.mixtures import Mixture, as_float64, log_sum_exp
from mixtura.divergence.tables import pair_table
from mixtura.divergence.working import result_dtype

Bracket = tuple[Tensor, Tensor]


def bracket(p: Distribution, q: Distribution, divergence: str = "kl", alpha: float | None = None) -> Bracket:
    """Return a lower and an upper bound on a divergence.

    They hold by theory, in float64 up to the rounding of the components' closed forms, and are rounded
    outwards to a smaller type. They are the best of those that are known here:

    - above, for KL: couplings of the weights (the cheapest is a transport problem) and Hershey and Olsen's
      variational bound (see ``couplings``); below: Jensen's and Donsker and Varadhan's inequalities (see
      ``kl_lower``). Jeffreys' is the sum of both directions.
    - for alpha, by int p^alpha q^(1-alpha): couplings on one side, subadditivity of powers on the other, and
      KL. Renyi's is a monotone function of it.
    - for Jensen-Shannon: log 2, couplings, KL from the middle, and the squared Hellinger distance H^2 as
      log 2 H^2 <= JS <= H^2.

    Components without closed forms give [0, inf] or what else is always true.

    Parameters
    ----------
    p, q : torch.distributions.Distribution
        Of equal event shape, with batch shapes that broadcast to B.
    divergence : {"kl", "jeffreys", "jensen_shannon", "alpha", "renyi"}
        Which one.
    alpha : float, optional
        The order of the last two.

    Returns
    -------
    lower, upper : Tensor of shape (*B)
        Nats, 0 <= lower <= upper. Their gradients are those at the best coupling and test function, which are
        looked for on plain numbers.

    References
    ----------
    Hershey and Olsen (2007), Approximating the Kullback Leibler divergence between Gaussian mixture models.
    Durrieu, Thiran and Kelly (2012), Lower and upper bounds for approximation of the Kullback-Leibler
    divergence between Gaussian mixture models. Lin (1991), Divergence measures based on the Shannon entropy.

    Examples
    --------
    >>> from mixtura.divergence.mixtures import gaussian_mixture
    >>> p = gaussian_mixture([0.5, 0.5], [0.0, 4.0], [1.0, 1.0])
    >>> q = gaussian_mixture([0.5, 0.5], [0.5, 4.0], [1.0, 1.0])
    >>> [round(float(bound), 4) for bound in bracket(p, q)]
    [0.0261, 0.0625]
    >>> [float(bound) for bound in bracket(p, p)]
    [0.0, 0.0]
    """
    shape = torch.broadcast_shapes(p.batch_shape, q.batch_shape)
    parts = [as_float64(one) for one in (p, q)]
    dtype = result_dtype(p, q)
    if all(part.n_components == 1 for part in parts):
        exact = closed_form(parts[0].components[0], parts[1].components[0], divergence, alpha)
        if exact is not None:
            return _outwards(exact.expand(shape), dtype, up=False), _outwards(
                exact.expand(shape), dtype, up=True
            )
    pair = _Pair(*(part.expand(shape) for part in parts))
    lower, upper = _BRACKETS[divergence](pair, alpha)
    lower = torch.minimum(lower.clamp_min(0.0), upper)
    return _outwards(lower, dtype, up=False), _outwards(upper, dtype, up=True)


@dataclass(frozen=True, eq=False)
class _Pair:
    """Two mixtures of one batch shape, and what is known between their components."""

    p: Mixture
    q: Mixture

    @cached_property
    def reverse(self) -> _Pair:
        return _Pair(self.q, self.p)

    @cached_property
    def kl_table(self) -> Tensor | None:
        """KL(p_i || q_j)."""
        return pair_table(self.p, self.q)

    @cached_property
    def own_table(self) -> Tensor | None:
        """KL(p_i || p_k)."""
        return pair_table(self.p, self.p)

    @cached_property
    def gaussians(self) -> tuple[GaussianParts, GaussianParts] | None:
        p, q = gaussian_parts(self.p), gaussian_parts(self.q)
        return None if p is None or q is None else (p, q)

    def constant(self, value: float) -> Tensor:
        return torch.full_like(self.p.log_weights[..., 0], value)

    def cheapest(self, costs: Tensor) -> Tensor:
        """Return the least cost over couplings of the weights."""
        return coupling_bound(costs, self.p.weights, self.q.weights)

    def kl_lower(self) -> Tensor:
        if self.gaussians is None or self.own_table is None:
            return self.constant(0.0)
        return kl_lower_bound(*self.gaussians, self.own_table)

    @cached_property
    def middle_lower(self) -> Tensor:
        """1/2 KL(p || m) + 1/2 KL(q || m) from below, m = (p + q) / 2, which is Jensen-Shannon's."""
        tables = self.own_table, self.reverse.own_table
        if self.gaussians is None or tables[0] is None or tables[1] is None:
            return self.constant(0.0)
        p, q = self.gaussians
        middle = p.joined(q, 0.5)
        found = 0.5 * (kl_lower_bound(p, middle, tables[0]) + kl_lower_bound(q, middle, tables[1]))
        return found.clamp_max(math.log(2))

    @cached_property
    def kl_upper(self) -> Tensor:
        if self.kl_table is None:
            return self.constant(math.inf)
        variational = variational_upper_bound(self.kl_table, self.p.log_weights, self.q.log_weights)
        return torch.minimum(self.cheapest(self.kl_table), variational)


def _kl(pair: _Pair, alpha: float | None) -> Bracket:
    return pair.kl_lower(), pair.kl_upper


def _jeffreys(pair: _Pair, alpha: float | None) -> Bracket:
    lower = pair.kl_lower() + pair.reverse.kl_lower()
    return lower, pair.kl_upper + pair.reverse.kl_upper


def _jensen_shannon(pair: _Pair, alpha: float | None) -> Bracket:
    low, high = _log_affinity(pair, 0.5)
    # H^2 = 1 - int sqrt(p q).
    lower = torch.maximum(-math.log(2) * torch.expm1(high), pair.middle_lower)
    upper = torch.minimum(-torch.expm1(low), pair.constant(math.log(2)))
    table = pair_table(pair.p, pair.q, "jensen_shannon")
    there, back = pair.kl_table, pair.reverse.kl_table
    if table is None and there is not None and back is not None:
        # KL(p || (p + q) / 2) <= log 2 - log(1 + exp(-KL(p || q))), the variational bound.
        table = 0.5 * (_to_middle(there) + _to_middle(back.mT))
    return lower, upper if table is None else torch.minimum(upper, pair.cheapest(table))


def _to_middle(kl: Tensor) -> Tensor:
    finite = torch.isfinite(kl)
    # log 2 - log(1 + e^-x) = -log1p(expm1(-x) / 2), which is exact near 0.
    return torch.where(finite, -torch.log1p(0.5 * torch.expm1(-torch.where(finite, kl, 0.0))), math.log(2))


def _alpha(pair: _Pair, alpha: float | None) -> Bracket:
    assert alpha is not None
    if alpha in (0.0, 1.0):
        return _kl(pair if alpha == 1.0 else pair.reverse, None)
    if alpha < 0:
        return _alpha(pair.reverse, 1 - alpha)
    scale = alpha * (1 - alpha)
    ends = [-torch.expm1(bound) / scale for bound in _log_affinity(pair, alpha)]
    return (ends[1], ends[0]) if alpha < 1 else (ends[0], ends[1])


def _renyi(pair: _Pair, alpha: float | None) -> Bracket:
    assert alpha is not None
    if alpha == 1.0:
        return _kl(pair, None)
    if alpha <= 0.0:
        # It grows with the order, so that at 0 it is at most what it is at 1/2.
        return pair.constant(0.0), _renyi(pair, 0.5)[1]
    ends = [bound / (alpha - 1) for bound in _log_affinity(pair, alpha)]
    return (ends[1], ends[0]) if alpha < 1 else (ends[0], ends[1])


def _log_affinity(pair: _Pair, alpha: float) -> Bracket:
    """Return bounds on log int p^alpha q^(1-alpha), alpha > 0 and not 1."""
    table = pair_table(pair.p, pair.q, "power", alpha)
    if alpha > 1:
        # Renyi's divergence grows with the order: at least KL, and what it is at 1/2.
        lower = (alpha - 1) * torch.maximum(pair.kl_lower(), _renyi(pair, 0.5)[0])
        if table is None:
            return lower, pair.constant(math.inf)
        return lower, affinity_bound(table, pair.p.log_weights, pair.q.log_weights, alpha).clamp_min(0.0)
    # Renyi's divergence grows with the order: it is at most KL, and KL the other way by exchange of p and q.
    lower = torch.maximum(-(1 - alpha) * pair.kl_upper, -alpha * pair.reverse.kl_upper)
    # Jensen-Shannon is at most H^2, which is 1 - exp(-R / 2) of the order 1/2; from there to other orders.
    upper = 2 * min(alpha, 1 - alpha) * torch.log1p(-pair.middle_lower)
    if table is None:
        return lower, upper
    by_pairs = affinity_bound(table, pair.p.log_weights, pair.q.log_weights, alpha)
    # (sum_i a_i p_i)^alpha <= sum_i (a_i p_i)^alpha, and so for q.
    log_a, log_b = pair.p.log_weights.unsqueeze(-1), pair.q.log_weights.unsqueeze(-2)
    apart = log_sum_exp((alpha * log_a + (1 - alpha) * log_b + table).flatten(-2))
    apart = apart + 16 * torch.finfo(apart.dtype).eps * (1 + apart.detach().abs())
    return torch.maximum(lower, by_pairs.clamp_max(0.0)), torch.minimum(upper, apart)


_BRACKETS: dict[str, Callable[[_Pair, float | None], Bracket]] = {
    "kl": _kl,
    "jeffreys": _jeffreys,
    "jensen_shannon": _jensen_shannon,
    "alpha": _alpha,
    "renyi": _renyi,
}


def _outwards(values: Tensor, dtype: torch.dtype, *, up: bool) -> Tensor:
    """Return values in another type, rounded to the side on which they stay a bound."""
    rounded = values.to(dtype)
    inside = rounded.detach().to(values.dtype) < values if up else rounded.detach().to(values.dtype) > values
    limit = torch.tensor(math.inf if up else -math.inf, dtype=dtype, device=values.device)
    return torch.where(inside, torch.nextafter(rounded.detach(), limit), rounded)
