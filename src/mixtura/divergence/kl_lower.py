"""Lower bounds on KL between two mixtures of Gaussians, in closed form."""

from __future__ import annotations

import torch
from torch import Tensor

from mixtura.divergence.gaussian_parts import GaussianParts, log_overlap
from mixtura.divergence.mixtures import log_sum_exp

_EPS = torch.finfo(torch.float64).eps
# Small powers are exact for components far apart, power one sees how those that are near add up.
_POWERS = (1.0, 0.6, 0.35, 0.2, 0.1, 0.05, 0.02, 0.005)
_SHARES = (0.1, 0.25, 0.5, 0.75, 1.0)


def kl_lower_bound(p: GaussianParts, q: GaussianParts, own: Tensor) -> Tensor:
    """Return the largest of the lower bounds on KL(p || q) that are known here, and 0.

    Parameters
    ----------
    p, q : GaussianParts
        Of one batch shape B.
    own : Tensor of shape (*B, K, K)
        KL between the components of p.

    Returns
    -------
    Tensor of shape (*B)
        Nats. What rounding may have added is taken off. Differentiable, ``moment_bound`` at its function T.
    """
    found = torch.maximum(jensen_bound(p, q, own), moment_bound(p, q))
    return torch.where(torch.isfinite(found), found, 0.0).clamp_min(0.0)


def jensen_bound(p: GaussianParts, q: GaussianParts, own: Tensor) -> Tensor:
    """Return a lower bound on E_p[log p] minus an upper bound on E_p[log q].

    With the entropies H_i of p's components,

        E_p_i[log p] >= -H_i + log sum_k a_k exp(-KL(p_i || p_k)),
        E_p_i[log q] <= 1/g log sum_j b_j^g int p_i q_j^g,    0 < g <= 1.

    The first is the variational bound. The second is Jensen's inequality for q^g, and (sum_j b_j q_j)^g <=
    sum_j (b_j q_j)^g; g = 1 is the bound of Durrieu et al., a smaller g is better for components far apart.
    For every i the best of a few g is taken.

    Parameters
    ----------
    p, q, own
        As for ``kl_lower_bound``.

    Returns
    -------
    Tensor of shape (*B)
        Nats, perhaps negative.

    References
    ----------
    Durrieu, Thiran and Kelly (2012), Lower and upper bounds for approximation of the Kullback-Leibler
    divergence between Gaussian mixture models; Hershey and Olsen (2007), section 7.
    """
    log_p = -p.entropy + log_sum_exp(p.log_weights.unsqueeze(-2) - own)  # (*B, K)
    bounds = []
    for power in _POWERS:
        log_terms = power * q.log_weights.unsqueeze(-2) + log_overlap(p, q, power)
        bounds.append((log_sum_exp(log_terms) + _rounding(q, log_terms)) / power)
    log_q = torch.stack(bounds).amin(dim=0)
    there = p.log_weights > -torch.inf
    rounding = 16 * _EPS * (p.entropy.abs() + log_p.abs() + p.dimension).detach()
    gain = torch.where(there, p.log_weights.exp() * (log_p - log_q - rounding), 0.0)
    return gain.sum(dim=-1)


def moment_bound(p: GaussianParts, q: GaussianParts) -> Tensor:
    """Return E_p[T] - log E_q[e^T] for a quadratic function T.

    This is at most KL(p || q) whatever T is (Donsker and Varadhan). Here T is a share of the logarithm of the
    ratio of the two Gaussians that have the moments of p and of q; both expectations are closed forms. It
    sees how the mixtures differ as wholes, where bounds by components see nothing. For a single Gaussian q it
    is KL of the Gaussian with p's moments.

    Parameters
    ----------
    p, q : GaussianParts
        Of one batch shape B.

    Returns
    -------
    Tensor of shape (*B)
        Nats; -inf where no T was found for which E_q[e^T] is finite. Its gradient is that at a fixed T.

    References
    ----------
    Donsker and Varadhan (1983), Asymptotic evaluation of certain Markov process expectations for large time.
    """
    with torch.no_grad():
        centre, axes, linear, curvature, constant = _log_ratio_of_moments(p, q)
    sides = []
    for parts in (p, q):
        mean = (parts.mean - centre.unsqueeze(-2)) @ axes.mT  # (*B, K, d), in the axes of T
        sides.append((mean, axes.unsqueeze(-3) @ parts.tril))
    bounds = []
    for share in _SHARES:
        h, c, kappa = share * linear, share * curvature, share * constant
        of_p = _expected(p, *sides[0], h, c)
        of_q, size = _log_expected_exp(q, *sides[1], h, c)
        # The constant of T is in both expectations.
        rounding = 64 * _EPS * (size + of_p.detach().abs() + kappa.abs() + p.dimension)
        bounds.append(of_p - of_q - rounding)
    return torch.stack(bounds).amax(dim=0)


def _log_ratio_of_moments(
    p: GaussianParts, q: GaussianParts
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Return T(x) = constant + linear . y - 1/2 curvature . y^2 with y = axes (x - centre), as its parts."""
    mean_p, covariance_p = p.moments()
    centre, covariance_q = q.moments()
    tril, _ = torch.linalg.cholesky_ex(covariance_q)
    # Any T gives a bound: where a factor does not exist, a poor one will do.
    eye = torch.eye(p.dimension, dtype=tril.dtype, device=tril.device)
    tril = torch.where(torch.isfinite(tril).all(dim=(-2, -1), keepdim=True), tril, eye)
    whitened = torch.linalg.solve_triangular(tril, covariance_p, upper=False)
    whitened = torch.linalg.solve_triangular(tril, whitened.mT, upper=False)
    spread, vectors = torch.linalg.eigh(0.5 * (whitened + whitened.mT))
    spread = torch.maximum(spread, spread.amax(dim=-1, keepdim=True) * _EPS)
    axes = torch.linalg.solve_triangular(tril.mT, vectors, upper=True).mT  # V^T L^-1
    shift = (axes @ (mean_p - centre).unsqueeze(-1)).squeeze(-1)
    constant = -0.5 * (spread.log() + shift.square() / spread).sum(dim=-1)
    return centre, axes, shift / spread, 1 / spread - 1, constant


def _expected(parts: GaussianParts, mean: Tensor, factor: Tensor, h: Tensor, c: Tensor) -> Tensor:
    """Return the mixture's mean of h . y - 1/2 c . y^2."""
    squares = mean.square() + factor.square().sum(dim=-1)  # (*B, K, d)
    values = (h.unsqueeze(-2) * mean - 0.5 * c.unsqueeze(-2) * squares).sum(dim=-1)
    there = parts.log_weights > -torch.inf
    return torch.where(there, parts.log_weights.exp() * values, 0.0).sum(dim=-1)


def _log_expected_exp(
    parts: GaussianParts, mean: Tensor, factor: Tensor, h: Tensor, c: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the logarithm of the mixture's mean of exp(h . y - 1/2 c . y^2), and the size of its terms.

    With y = m + F z and M = I + F^T diag(c) F it is for one component, if M is positive definite,
    h . m - 1/2 c . m^2 - 1/2 log |M| + 1/2 |M^(-1/2) F^T (h - c m)|^2, else infinite.
    """
    d = parts.dimension
    eye = torch.eye(d, dtype=mean.dtype, device=mean.device)
    inner = eye + factor.mT @ (c[..., None, :, None] * factor)
    tril, failed = torch.linalg.cholesky_ex(inner)
    tril = torch.where((failed > 0)[..., None, None], eye, tril)
    pull = factor.mT @ (h.unsqueeze(-2) - c.unsqueeze(-2) * mean).unsqueeze(-1)
    gain = torch.linalg.solve_triangular(tril, pull, upper=False).square().sum(dim=(-2, -1))
    flat = (h.unsqueeze(-2) * mean - 0.5 * c.unsqueeze(-2) * mean.square()).sum(dim=-1)
    log_volume = tril.diagonal(dim1=-2, dim2=-1).log().sum(dim=-1)
    values = torch.where(failed > 0, torch.inf, flat - log_volume + 0.5 * gain)
    there = parts.log_weights > -torch.inf
    size = torch.where(there, flat.abs() + log_volume.abs() + gain, 0.0).detach().amax(dim=-1)
    return log_sum_exp(torch.where(there, parts.log_weights + values, -torch.inf)), size


def _rounding(q: GaussianParts, log_terms: Tensor) -> Tensor:
    """Return what the logarithm of a sum of these may be wrong by."""
    largest = torch.where(torch.isfinite(log_terms), log_terms.abs(), 0.0).detach().amax(dim=-1)
    return 16 * _EPS * (largest + q.log_scale.detach().abs().amax(dim=-1, keepdim=True) + 4 * q.dimension)
