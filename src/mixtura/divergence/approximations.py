"""Hershey and Olsen's approximations of KL between mixtures: neither bounds nor estimates with an error."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Distribution

from mixtura.divergence.gaussian_parts import gaussian_parts, log_overlap
from mixtura.divergence.mixtures import Mixture, as_float64, log_sum_exp
from mixtura.divergence.tables import pair_table
from mixtura.divergence.working import result_dtype
from mixtura.errors import InputError


def product_approximation(p: Distribution, q: Distribution) -> Tensor:
    """Return sum_i a_i log(sum_k a_k int p_i p_k / sum_j b_j int p_i q_j).

    Jensen's inequality is applied to both E_p[log p] and E_p[log q], so that an upper bound is subtracted
    from an upper bound: it may be above or below KL(p || q), and negative. For single Gaussians it is not
    their KL.

    Parameters
    ----------
    p, q : torch.distributions.Distribution
        Gaussians or mixtures of Gaussians, with batch shapes that broadcast to B.

    Returns
    -------
    Tensor of shape (*B)
        Nats.

    Raises
    ------
    InputError
        If a component is not Gaussian.

    References
    ----------
    Hershey and Olsen (2007), Approximating the Kullback Leibler divergence between Gaussian mixture models,
    section 5.

    Examples
    --------
    >>> from torch.distributions import Normal
    >>> product_approximation(Normal(0.0, 1.0), Normal(1.0, 1.0))  # KL is 0.5
    tensor(0.2500)
    """
    pair = _pair(p, q)
    parts = [gaussian_parts(mixture) for mixture in pair]
    if parts[0] is None or parts[1] is None:
        raise InputError(
            f"the product approximation needs Gaussian components, not those of {type(p).__name__} and "
            f"{type(q).__name__}; use method='monte_carlo'"
        )
    own, other = log_overlap(parts[0], parts[0]), log_overlap(parts[0], parts[1])
    return _weighted(*pair, own, other).to(result_dtype(p, q))


def variational_approximation(p: Distribution, q: Distribution) -> Tensor:
    """Return sum_i a_i log(sum_k a_k e^(-KL(p_i || p_k)) / sum_j b_j e^(-KL(p_i || q_j))).

    The variational lower bound is taken for both E_p[log p] and E_p[log q], so that a lower bound is
    subtracted from a lower bound: it may be above or below KL(p || q), and negative. For single components it
    is their KL.

    Parameters
    ----------
    p, q : torch.distributions.Distribution
        Mixtures of components whose KL has a closed form, with batch shapes that broadcast to B.

    Returns
    -------
    Tensor of shape (*B)
        Nats.

    Raises
    ------
    InputError
        If the components have no closed form.

    References
    ----------
    Hershey and Olsen (2007), Approximating the Kullback Leibler divergence between Gaussian mixture models,
    section 7.

    Examples
    --------
    >>> from torch.distributions import Normal
    >>> variational_approximation(Normal(0.0, 1.0), Normal(1.0, 1.0))
    tensor(0.5000)
    """
    pair = _pair(p, q)
    own, other = pair_table(pair[0], pair[0]), pair_table(pair[0], pair[1])
    if own is None or other is None:
        raise InputError(
            f"the components of {type(p).__name__} and {type(q).__name__} have no KL in closed form, which "
            "the variational approximation needs; use method='monte_carlo'"
        )
    return _weighted(*pair, -own, -other).to(result_dtype(p, q))


def _pair(p: Distribution, q: Distribution) -> tuple[Mixture, Mixture]:
    shape = torch.broadcast_shapes(p.batch_shape, q.batch_shape)
    return as_float64(p).expand(shape), as_float64(q).expand(shape)


def _weighted(p: Mixture, q: Mixture, own: Tensor, other: Tensor) -> Tensor:
    """Return sum_i a_i (log sum_k a_k e^own_ik - log sum_j b_j e^other_ij)."""
    of_p = log_sum_exp(p.log_weights.unsqueeze(-2) + own)
    of_q = log_sum_exp(q.log_weights.unsqueeze(-2) + other)
    there = p.log_weights > -torch.inf
    return torch.where(there, p.weights * (of_p - of_q), 0.0).sum(dim=-1)
