"""Bounds on a divergence of mixtures from the divergences of their components."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from mixtura.divergence.mixtures import log_sum_exp
from mixtura.divergence.transport import cheapest

Turn = Callable[[Tensor, Tensor], Tensor]

_MOST_LOOKS = 64
_STEPS = 8  # between two looks at the value
_ENOUGH = 1e-6  # of the value: steps that gain less are the last


def coupling_bound(costs: Tensor, weights_p: Tensor, weights_q: Tensor) -> Tensor:
    """Return the least sum_ij c_ij costs_ij over couplings c of the weights.

    A divergence D that is jointly convex, as every f-divergence is, has
    D(sum_ij c_ij p_i || sum_ij c_ij q_j) <= sum_ij c_ij D(p_i || q_j), so this is an upper bound.

    Parameters
    ----------
    costs : Tensor of shape (*B, K, J)
        D(p_i || q_j) or upper bounds on it, perhaps +inf.
    weights_p, weights_q : Tensor of shape (*B, K), (*B, J)
        Weights of the mixtures.

    Returns
    -------
    Tensor of shape (*B)
        Its gradient is that at the best coupling, which the envelope theorem allows; by the weights, that of
        the dual solution.

    Examples
    --------
    >>> float(coupling_bound(torch.tensor([[1.0, 3.0]]), torch.ones(1), torch.tensor([0.5, 0.5])))
    2.0
    """
    shape = costs.shape[:-2]
    flat = [values.reshape(-1, *values.shape[len(shape) :]) for values in (costs, weights_p, weights_q)]
    bounds = []
    for cost, a, b in zip(*flat, strict=True):
        numbers = (values.detach().cpu().to(torch.float64).numpy() for values in (cost, a, b))
        plan = cheapest(*numbers)
        if plan is None:
            bounds.append(cost.new_full((), torch.inf))
            continue
        coupling, of_rows, of_columns = (
            torch.from_numpy(np.ascontiguousarray(values)).to(cost)
            for values in (plan.coupling, plan.of_rows, plan.of_columns)
        )
        used = coupling > 0
        carried = (coupling * torch.where(used, cost, 0.0)).sum()
        by_weights = (of_rows * (a - a.detach())).sum() + (of_columns * (b - b.detach())).sum()
        bounds.append(carried + by_weights)
    return torch.stack(bounds).reshape(shape) if bounds else costs.new_zeros(shape)


def variational_upper_bound(costs: Tensor, log_a: Tensor, log_b: Tensor) -> Tensor:
    """Return Hershey and Olsen's variational upper bound on KL(sum_i a_i p_i || sum_j b_j q_j).

    For phi_ij >= 0 with sum_j phi_ij = a_i and psi_ij >= 0 with sum_i psi_ij = b_j the log-sum inequality
    gives

        KL <= sum_ij phi_ij (log(phi_ij / psi_ij) + KL(p_i || q_j)),

    which is minimised by turns: psi_ij in proportion to phi_ij, phi_ij to psi_ij e^(-KL(p_i || q_j)). Every
    turn's value is a bound; phi = psi = c is the bound of a coupling.

    Parameters
    ----------
    costs : Tensor of shape (*B, K, J)
        KL(p_i || q_j), nats, perhaps +inf.
    log_a, log_b : Tensor of shape (*B, K), (*B, J)
        Logarithms of the weights, perhaps -inf.

    Returns
    -------
    Tensor of shape (*B)
        Nats. Its gradient is that at the last phi_ij / a_i and psi_ij / b_j.

    References
    ----------
    Hershey and Olsen (2007), Approximating the Kullback Leibler divergence between Gaussian mixture models,
    section 8.

    Examples
    --------
    >>> costs = torch.tensor([[0.0, 2.0], [2.0, 0.0]])
    >>> half = torch.tensor([0.5, 0.5]).log()
    >>> round(float(variational_upper_bound(costs, half, torch.tensor([0.25, 0.75]).log())), 4)
    0.1438
    """
    with torch.no_grad():
        log_s, log_t = _alternate(
            costs.detach(),
            log_a.detach(),
            log_b.detach(),
            to_rows=lambda log_psi, cost: log_psi - cost,
            to_columns=lambda log_phi, cost: log_phi,
            value=_log_sum_value,
        )
    return _log_sum_value(log_a.unsqueeze(-1) + log_s, log_b.unsqueeze(-2) + log_t, costs)


def affinity_bound(log_affinities: Tensor, log_a: Tensor, log_b: Tensor, alpha: float) -> Tensor:
    """Return a bound on log int p^alpha q^(1-alpha) from those of the components, by phi and psi as above.

    The integral is homogeneous, jointly concave in (p, q) for 0 < alpha < 1, jointly convex for alpha > 1;
    so sum_ij phi_ij^alpha psi_ij^(1-alpha) I_ij is below it for the former and above it for the latter. It
    is improved by turns: phi_ij in proportion to psi_ij I_ij^(1/(1-alpha)), psi_ij to phi_ij I_ij^(1/alpha).

    Parameters
    ----------
    log_affinities : Tensor of shape (*B, K, J)
        log I_ij = log int p_i^alpha q_j^(1-alpha), perhaps infinite.
    log_a, log_b : Tensor of shape (*B, K), (*B, J)
        Logarithms of the weights.
    alpha : float
        Above 0 and not 1.

    Returns
    -------
    Tensor of shape (*B)
        A lower bound for alpha < 1, an upper bound for alpha > 1.

    Examples
    --------
    >>> none = torch.zeros(1, 1)
    >>> float(affinity_bound(none, torch.zeros(1), torch.zeros(1), 0.5))
    0.0
    """

    def value(log_phi: Tensor, log_psi: Tensor, log_i: Tensor) -> Tensor:
        there = (log_phi > -torch.inf) & (log_psi > -torch.inf) & (log_i > -torch.inf)
        parts = [torch.where(there, part, 0.0) for part in (log_phi, log_psi, log_i)]
        term = torch.where(there, alpha * parts[0] + (1 - alpha) * parts[1] + parts[2], -torch.inf)
        if alpha > 1:
            nowhere = (log_phi > -torch.inf) & ((log_psi == -torch.inf) | (log_i == torch.inf))
            term = torch.where(nowhere, torch.inf, term)
        return log_sum_exp(term.flatten(-2))

    with torch.no_grad():
        sign = -1.0 if alpha < 1 else 1.0
        log_s, log_t = _alternate(
            log_affinities.detach(),
            log_a.detach(),
            log_b.detach(),
            to_rows=lambda log_psi, log_i: log_psi + log_i / (1 - alpha),
            # A pair whose integral diverges gets no phi, so its psi is free.
            to_columns=lambda log_phi, log_i: torch.where(
                log_i == torch.inf, -torch.inf, log_phi + log_i / alpha
            ),
            value=lambda log_phi, log_psi, log_i: sign * value(log_phi, log_psi, log_i),
        )
    return value(log_a.unsqueeze(-1) + log_s, log_b.unsqueeze(-2) + log_t, log_affinities)


def _alternate(
    costs: Tensor,
    log_a: Tensor,
    log_b: Tensor,
    *,
    to_rows: Turn,
    to_columns: Turn,
    value: Callable[[Tensor, Tensor, Tensor], Tensor],
) -> tuple[Tensor, Tensor]:
    """Return log(phi_ij / a_i) and log(psi_ij / b_j) after turns that lower the value, until few gain."""
    log_s = log_b.unsqueeze(-2).expand(costs.shape)
    log_t = log_a.unsqueeze(-1).expand(costs.shape)
    last: Tensor | None = None
    for _ in range(_MOST_LOOKS):
        for _ in range(_STEPS):
            log_t = _log_softmax(to_columns(log_a.unsqueeze(-1) + log_s, costs), dim=-2)
            log_s = _log_softmax(to_rows(log_b.unsqueeze(-2) + log_t, costs), dim=-1)
        log_s, log_t = _exactly(log_s), _exactly(log_t)
        now = value(log_a.unsqueeze(-1) + log_s, log_b.unsqueeze(-2) + log_t, costs)
        if last is not None and bool(((last - now) <= _ENOUGH * now.abs()).logical_or(now.isinf()).all()):
            break
        last = now
    return log_s, log_t


def _log_softmax(values: Tensor, dim: int) -> Tensor:
    """Return logarithms of shares, -inf as a number that is as good; equal ones where everything is -inf."""
    return torch.log_softmax(values.clamp_min(_nothing(values)), dim=dim)


def _exactly(log_shares: Tensor) -> Tensor:
    """Return shares of nothing as -inf."""
    return torch.where(log_shares < 0.5 * _nothing(log_shares), -torch.inf, log_shares)


def _nothing(values: Tensor) -> float:
    """Return a logarithm that is as good as -inf and is a number of the same kind."""
    return -1e300 if values.dtype == torch.float64 else -1e30


def _log_sum_value(log_phi: Tensor, log_psi: Tensor, costs: Tensor) -> Tensor:
    """Return sum_ij phi_ij (log(phi_ij / psi_ij) + cost_ij), and no less for the rounding of its terms."""
    there = log_phi > -torch.inf
    phi = torch.where(there, log_phi, 0.0).exp()
    ratio = torch.where(there, log_phi, 0.0) - torch.where(there, log_psi, 0.0)
    terms = torch.where(there, phi * (ratio + torch.where(there, costs, 0.0)), 0.0)
    rounding = 4 * torch.finfo(costs.dtype).eps * torch.where(there, phi * ratio.abs(), 0.0).detach()
    return (terms + rounding).flatten(-2).sum(dim=-1).clamp_min(0.0)
