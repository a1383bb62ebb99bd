"""Divergences between distributions over finitely many values, as sums of terms that are not negative.

With t = log q - log p of one value, p (log p - log q) may have either sign, and where p is nearly q what is
left of the sum is rounding. Since p and q both sum to one, p (exp(t) - 1 - t) has the same sum, and each term
is as small as its share of it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.distributions import Binomial, Distribution

from mixtura.divergence.excess import weighted_difference, weighted_excess
from mixtura.divergence.mixtures import log_sum_exp
from mixtura.divergence.outcomes import Outcomes, as_outcomes, log_pair
from mixtura.divergence.registry import register
from mixtura.errors import InputError


def discrete_kl(log_p: Tensor, log_q: Tensor) -> Tensor:
    """Return KL(p || q) = sum_x p(x) log(p(x) / q(x)), with 0 log 0 = 0.

    Parameters
    ----------
    log_p, log_q : Tensor of shape (*B, n)
        Logarithms of probabilities that sum to one; -inf for zero.

    Returns
    -------
    Tensor of shape (*B)
        Nats: exactly 0 for equal arguments, +inf where q is zero and p is not. Its gradients are finite.

    Examples
    --------
    >>> half = torch.tensor([0.5, 0.5, 0.0]).log()
    >>> third = torch.tensor([1 / 3, 1 / 3, 1 / 3]).log()
    >>> discrete_kl(half, third), discrete_kl(third, half), discrete_kl(half, half)
    (tensor(0.4055), tensor(inf), tensor(0.))
    """
    both, p, t = _ratio(log_p, log_q)
    alone = torch.where(log_p == -torch.inf, log_q.exp(), torch.inf)
    return torch.where(both, weighted_excess(p, t), alone).sum(dim=-1)


def discrete_jensen_shannon(log_p: Tensor, log_q: Tensor) -> Tensor:
    """Return 1/2 KL(p || m) + 1/2 KL(q || m), m = (p + q) / 2 (Lin, IEEE Trans. Inf. Theory 37, 1991).

    Parameters
    ----------
    log_p, log_q : Tensor of shape (*B, n)
        Logarithms of probabilities that sum to one; -inf for zero.

    Returns
    -------
    Tensor of shape (*B)
        Nats, from 0 to log 2.

    Examples
    --------
    >>> discrete_jensen_shannon(torch.tensor([1.0, 0.0]).log(), torch.tensor([0.0, 1.0]).log())
    tensor(0.6931)
    """
    both, p, t = _ratio(log_p, log_q)
    terms = weighted_excess(p, _log_mean(t)) + weighted_excess(p + t, _log_mean(-t))
    alone = math.log(2) * (log_p.exp() + log_q.exp())  # one of them is zero
    return torch.where(both, terms, alone).sum(dim=-1) / 2


def discrete_power(log_p: Tensor, log_q: Tensor, alpha: float) -> Tensor:
    """Return log sum_x p(x)^alpha q(x)^(1 - alpha); at alpha = 0, log q(support of p).

    Parameters
    ----------
    log_p, log_q : Tensor of shape (*B, n)
        Logarithms of probabilities that sum to one; -inf for zero.
    alpha : float
        Finite, and not 1.

    Returns
    -------
    Tensor of shape (*B)
        Not above 0 for alpha between 0 and 1, not below 0 otherwise; relatively accurate where p and q are
        nearly equal and where alpha is near 0 or 1. -inf where p and q have nothing in common; +inf where a
        negative power is taken of zero.

    Examples
    --------
    >>> p, q = torch.tensor([0.5, 0.5]).log(), torch.tensor([0.1, 0.9]).log()
    >>> round(float(discrete_power(p, q, 0.5).exp()), 4), round(0.05**0.5 + 0.45**0.5, 4)
    (0.8944, 0.8944)
    """
    if alpha == 0:
        return torch.log1p(-torch.where(log_p == -torch.inf, log_q.exp(), 0.0).sum(dim=-1).clamp_max(1))
    if alpha < 0.5:
        return _power_sum(log_q, log_p, 1 - alpha, alpha)
    return _power_sum(log_p, log_q, alpha, 1 - alpha)


def _power_sum(log_p: Tensor, log_q: Tensor, alpha: float, beta: float) -> Tensor:
    """Return log sum p^alpha q^beta; beta, at most 1/2, may be too small to be found again as 1 - alpha."""
    both, p, t = _ratio(log_p, log_q)
    # alpha p + beta q - p^alpha q^beta: the sum is 1 less the one wanted.
    near = (beta * t).abs() <= 1
    small = torch.where(near, t, 0.0)
    gap = torch.where(
        near,
        beta * weighted_excess(p, small) - weighted_excess(p, beta * small),
        beta * weighted_difference(p, t) - weighted_difference(p, beta * t),
    )
    alone = alpha * log_p.exp() + beta * log_q.exp()
    gap = torch.where(both, gap, alone).sum(dim=-1)
    close = gap.abs() < 0.5
    direct = log_sum_exp(torch.where(both, p + beta * t, -torch.inf))
    value = torch.where(close, torch.log1p(-torch.where(close, gap, 0.0)), direct)
    if beta >= 0:
        return value
    missed = ((log_q == -torch.inf) & (log_p > -torch.inf)).any(dim=-1)
    return torch.where(missed, torch.inf, value)


def comparable(p: Distribution, q: Distribution) -> tuple[Tensor, Tensor] | None:
    """Return the log-probabilities of the values of two distributions, None where they are not over the same.

    Raises
    ------
    InputError
        If they have different numbers of categories.
    """
    first = as_outcomes(p)
    second = None if first is None else as_outcomes(q)
    if first is None or second is None or first.values != second.values:
        return None
    if first.n_outcomes == second.n_outcomes:
        return first.log_probs, second.log_probs
    if not (first.open_ended and second.open_ended):
        raise InputError(
            f"p has {first.n_outcomes} categories and q {second.n_outcomes}; give both the same, "
            "with probability 0 where one has none"
        )
    n = max(first.n_outcomes, second.n_outcomes)
    return _lengthen(first, n), _lengthen(second, n)


@register(Binomial, Binomial)
def _kl_binomial(p: Binomial, q: Binomial) -> Tensor | None:
    return _per_trial(p, q, discrete_kl(log_pair(p), log_pair(q)))


@register(Binomial, Binomial, "power")
def _power_binomial(p: Binomial, q: Binomial, alpha: float) -> Tensor | None:
    return _per_trial(p, q, discrete_power(log_pair(p), log_pair(q), alpha))


def _per_trial(p: Binomial, q: Binomial, value: Tensor) -> Tensor | None:
    """Return the sum over the trials, which are independent, where both have equally many."""
    if not bool((p.total_count == q.total_count).all()):
        return None
    trials = p.total_count.to(value.dtype)
    return torch.where(trials == 0, 0.0, trials * value)


@register(Distribution, Distribution)
def _kl(p: Distribution, q: Distribution) -> Tensor | None:
    pair = comparable(p, q)
    return None if pair is None else discrete_kl(*pair)


@register(Distribution, Distribution, "jensen_shannon")
def _jensen_shannon(p: Distribution, q: Distribution) -> Tensor | None:
    pair = comparable(p, q)
    return None if pair is None else discrete_jensen_shannon(*pair)


@register(Distribution, Distribution, "power")
def _power(p: Distribution, q: Distribution, alpha: float) -> Tensor | None:
    pair = comparable(p, q)
    return None if pair is None else discrete_power(*pair, alpha)


def _ratio(log_p: Tensor, log_q: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return where both are positive, and there log p and log q - log p; zeros elsewhere."""
    log_p, log_q = torch.broadcast_tensors(log_p, log_q)
    both = (log_p > -torch.inf) & (log_q > -torch.inf)
    p, q = torch.where(both, log_p, 0.0), torch.where(both, log_q, 0.0)
    return both, p, q - p


def _log_mean(t: Tensor) -> Tensor:
    """Return log((1 + exp(t)) / 2), relatively accurate near zero."""
    near = t.abs() < 1
    small = torch.log1p(torch.expm1(torch.where(near, t, 0.0)) / 2)
    return torch.where(near, small, torch.nn.functional.softplus(t, threshold=50) - math.log(2))


def _lengthen(outcomes: Outcomes, n: int) -> Tensor:
    return torch.nn.functional.pad(outcomes.log_probs, (0, n - outcomes.n_outcomes), value=-torch.inf)
