"""The integral of p^alpha q^(1 - alpha) of two Gaussians, from their Cholesky factors.

With beta = 1 - alpha, A = L1^-1 L0, V = A A^T - I and M = beta A A^T + alpha I = I + beta V,

    log int p^alpha q^beta = -1/2 [ log det M - beta log det(I + V) + alpha beta delta^T M^-1 delta ],

delta = L1^-1 (mu1 - mu0) (Gil, Alajaji and Linder, Information Sciences 249, 2013). Both logarithms vanish
for equal Gaussians, and as beta does. With Phi(X) = tr X - log det(I + X) their difference is
beta Phi(V) - Phi(beta V), where for beta up to 1/2 nothing cancels as long as beta V is not large.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution

from mixtura.divergence.excess import log_excess, ratio_excess
from mixtura.divergence.factors import Diagonal, Lower
from mixtura.divergence.gaussian import regular_pair, relative_difference
from mixtura.divergence.parametrisation import Gaussian
from mixtura.divergence.registry import register

# Eigenvalues of beta V up to here are taken to be not large.
_LARGE = 0.5


def log_power_integral(p: Gaussian, q: Gaussian, alpha: float) -> Tensor:
    """Return log int p(x)^alpha q(x)^(1 - alpha) dx.

    Parameters
    ----------
    p, q : Gaussian
        Of equal dimension, with batch shapes that broadcast to B; both regular.
    alpha : float
        Finite, and not 1.

    Returns
    -------
    Tensor of shape (*B)
        Nats: not above 0 for alpha between 0 and 1, not below 0 otherwise, and +inf where the integral
        diverges, because (1 - alpha) Sigma0 + alpha Sigma1 is not positive definite.

    Examples
    --------
    >>> from torch.distributions import Normal
    >>> from mixtura.divergence.parametrisation import as_gaussian
    >>> p, q = (as_gaussian(Normal(torch.tensor(mean), 1.0)) for mean in (0.0, 2.0))
    >>> float(log_power_integral(p, q, 0.5))  # -alpha (1 - alpha) / 2 times the distance squared
    -0.5
    """
    if alpha < 0.5:
        return _log_integral(q, p, 1 - alpha, alpha)
    return _log_integral(p, q, alpha, 1 - alpha)


def _log_integral(p: Gaussian, q: Gaussian, alpha: float, beta: float) -> Tensor:
    """Return log int p^alpha q^beta; beta, at most 1/2, may be too small to be found again as 1 - alpha."""
    delta = q.factor.whiten_vectors(q.mean - p.mean)
    logs = 2 * ratio_excess(p.factor.diagonal, q.factor.diagonal)  # less e^2, entries of Phi(V)
    e = relative_difference(p.factor, q.factor)
    if isinstance(p.factor, Diagonal) and isinstance(q.factor, Diagonal):
        v, phi = e * (2 + e), (logs + e.square()).sum(dim=-1)
        safe, finite = _within(beta * v, beta * v)
        determinants = _combine(
            phi, log_excess(safe).sum(dim=-1), torch.log1p(safe).sum(dim=-1), safe, beta, p, q
        )
        distance = (delta.square() / (1 + safe)).sum(dim=-1)
    else:
        v = e + e.mT + e @ e.mT
        phi = logs.sum(dim=-1) + e.square().sum(dim=(-2, -1))
        eigenvalues = torch.linalg.eigvalsh(beta * v.detach())
        safe, finite = _within(beta * v, eigenvalues)
        root = torch.linalg.cholesky(safe + torch.eye(safe.shape[-1], dtype=safe.dtype, device=safe.device))
        log_det = 2 * root.diagonal(dim1=-2, dim2=-1).log().sum(dim=-1)
        determinants = _combine(phi, _MatrixExcess.apply(safe), log_det, eigenvalues, beta, p, q)
        distance = Lower(root).whiten_vectors(delta).square().sum(dim=-1)
    value = -(determinants + alpha * beta * distance) / 2
    return torch.where(finite, value, torch.inf)


def _within(x: Tensor, eigenvalues: Tensor) -> tuple[Tensor, Tensor]:
    """Return X, zero where I + X is not positive definite, and where it is."""
    finite = (eigenvalues > -1).all(dim=-1)
    shaped = finite.reshape(*finite.shape, *(1,) * (x.ndim - finite.ndim))
    return torch.where(shaped, x, 0.0), finite


def _combine(
    phi: Tensor, phi_beta: Tensor, log_det: Tensor, x: Tensor, beta: float, p: Gaussian, q: Gaussian
) -> Tensor:
    """Return log det(I + beta V) - beta log det(I + V) by whichever form does not cancel."""
    ratio = 2 * (p.factor.diagonal.log() - q.factor.diagonal.log()).sum(dim=-1)
    not_large = (x.detach() <= _LARGE).all(dim=-1)
    return torch.where(not_large, beta * phi - phi_beta, log_det - beta * ratio)


class _MatrixExcess(torch.autograd.Function):
    """tr X - log det(I + X) of symmetric X; its derivative is X (I + X)^-1."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return log_excess(torch.linalg.eigvalsh(x)).sum(dim=-1)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        identity = torch.eye(x.shape[-1], dtype=x.dtype, device=x.device)
        slope = torch.linalg.solve(identity + x, x)
        return grad[..., None, None] * (slope + slope.mT) / 2


@register(Distribution, Distribution, "power")
def _power(p: Distribution, q: Distribution, alpha: float) -> Tensor | None:
    pair = regular_pair(p, q)
    if pair is None:
        return None
    gaussian0, gaussian1 = pair
    if alpha == 0:
        return (gaussian0.mean - gaussian1.mean).sum(dim=-1) * 0
    singular = (gaussian0.factor.diagonal == 0).any(dim=-1)
    if not bool(singular.any()):
        return log_power_integral(gaussian0, gaussian1, alpha)
    value = log_power_integral(_regular(gaussian0, singular), gaussian1, alpha)
    # On a plane that has no mass under q: p and q are singular to each other.
    return torch.where(singular, -torch.inf if 0 < alpha < 1 else torch.inf, value)


def _regular(gaussian: Gaussian, singular: Tensor) -> Gaussian:
    """Return a Gaussian whose singular factors are replaced by the identity."""
    tril = gaussian.factor.dense()
    identity = torch.eye(tril.shape[-1], dtype=tril.dtype, device=tril.device)
    return Gaussian(gaussian.mean, Lower(torch.where(singular[..., None, None], identity, tril)))
