r"""Objectives of several draws of w for each row, and the estimators of their gradients.

With z summed out exactly, the importance weights of w_1..w_S from q(w|x) are

    log r_s = log p(x|w_s) + log p(w_s) - log q(w_s|x),      p(w) = sum_z p(z) p(w|z),

and the objectives are one family (Li and Turner 2016, section 4.1; the VR-IWAE bound of Daudel, Benton,
Shi and Doucet 2023),

    L_alpha = 1/(1 - alpha) log 1/S sum_s r_s^(1 - alpha),

with the evidence lower bound as alpha = 1 and the importance-weighted bound as alpha = 0. For alpha >= 0
each is, in expectation, a lower bound on log p(x).

The normalised powers c_s = r_s^(1 - alpha) / sum_t r_t^(1 - alpha) weigh the draws in every gradient:

- theta, mu, sigma, pi: sum_s c_s d log r_s / d theta. The prior is learned as the decoder is.
- psi, standard: sum_s c_s d log r_s / d psi, along the path through w_s and through log q itself.
- psi, doubly reparameterised: sum_s h_s c_s (d log r_s / d w_s) (d w_s / d psi), where
  h_s = alpha + (1 - alpha) c_s. The part through log q itself is left out. For alpha = 1 it is zero on
  average: the path derivative, "sticking the landing", of Roeder, Wu and Duvenaud (2017). For alpha = 0 a
  second reparameterisation of it turns h_s from 1 into c_s: IWAE-DReG of Tucker, Lawson, Gu and Maddison
  (2019). The powers in between follow by the same steps.

Both are unbiased for the gradient of E[L_alpha]. The doubly reparameterised one is zero, draw by draw,
where q is the exact posterior; for alpha = 0 its signal-to-noise ratio grows with S, where that of the
standard one falls as S^(-1/2) (Rainforth and others 2018, theorem 1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import Literal

import torch
from torch import Tensor

from mixtura.errors import InputError
from mixtura.free_energy import FreeEnergy
from mixtura.vae.model import GaussianMixtureVAE


@dataclass(frozen=True)
class Objective:
    """An objective at some draws, and what its gradient is taken from.

    Parameters
    ----------
    value : Tensor of shape (n,)
        The objective of each row, in nats, the log-determinant of the scaling included; no gradient.
    surrogate : Tensor of shape (n,)
        The same numbers; their gradient by autograd is the estimator, not that of the value's formula.
    free_energy : FreeEnergy
        The bound of one draw and its three terms, with the exact q(z|w, x) = p(z|w), means over the draws,
        (n,) each; no gradient.
    log_weights : Tensor of shape (S, n)
        log r_s; no gradient.
    """

    value: Tensor
    surrogate: Tensor
    free_energy: FreeEnergy
    log_weights: Tensor

    @property
    def effective_sample_size(self) -> Tensor:
        """Kish's effective number of draws of each row, between 1 and S: shape (n,)."""
        return 1.0 / torch.softmax(self.log_weights, dim=0).square().sum(0)


def elbo(
    model: GaussianMixtureVAE,
    x: Tensor,
    noise: Tensor,
    *,
    gradient: Literal["standard", "stl"] = "stl",
    seen: Tensor | None = None,
) -> Objective:
    """Return the evidence lower bound, 1/S sum_s log r_s: L_1 of the family.

    Parameters
    ----------
    model : GaussianMixtureVAE
        theta, mu, sigma, pi and psi; q(z|w, x) is the exact one, whatever the model's own.
    x : Tensor of shape (n, n_encoded)
        Encoded rows.
    noise : Tensor of shape (S, n, d) or (S, 1, d)
        Standard normal draws.
    gradient : {"standard", "stl"}
        For psi: the reparameterised one, or its path derivative alone, "sticking the landing" (Roeder, Wu and
        Duvenaud 2017).
    seen : Tensor of shape (n, n_encoded), optional
        What q(w|x) is given in place of x: any map of it leaves the objective a bound.

    Raises
    ------
    InputError
        If the noise has not three axes, or the gradient is unknown.

    Examples
    --------
    >>> from mixtura.vae import Settings, build_model
    >>> generator = torch.Generator().manual_seed(0)
    >>> model = build_model(Settings(n_components=3, latent_dim=2), n_encoded=4, domain="real",
    ...                     generator=generator)
    >>> objective = elbo(model, torch.zeros(5, 4), torch.zeros(1, 5, 2))
    >>> bool(torch.allclose(objective.value, objective.free_energy.bound))
    True
    """
    if gradient not in ("standard", "stl"):
        raise InputError(f"gradient of the ELBO must be 'standard' or 'stl', not {gradient!r}")
    return renyi_bound(
        model, x, noise, alpha=1.0, gradient="doubly" if gradient == "stl" else "standard", seen=seen
    )


def iwae(
    model: GaussianMixtureVAE,
    x: Tensor,
    noise: Tensor,
    *,
    gradient: Literal["standard", "dreg"] = "dreg",
    seen: Tensor | None = None,
) -> Objective:
    """Return the importance-weighted bound, log 1/S sum_s r_s (Burda, Grosse and Salakhutdinov 2016, eq. 8).

    It is L_0 of the family; one draw makes it the evidence lower bound.

    Parameters
    ----------
    model : GaussianMixtureVAE
        theta, mu, sigma, pi and psi.
    x : Tensor of shape (n, n_encoded)
        Encoded rows.
    noise : Tensor of shape (S, n, d) or (S, 1, d)
        Standard normal draws.
    gradient : {"standard", "dreg"}
        For psi: as in the paper, or doubly reparameterised (Tucker, Lawson, Gu and Maddison 2019). Leaving
        out only the part through log q itself would be biased for S > 1.
    seen : Tensor of shape (n, n_encoded), optional
        What q(w|x) is given in place of x.

    Raises
    ------
    InputError
        If the noise has not three axes, or the gradient is unknown.

    Examples
    --------
    >>> from mixtura.vae import Settings, build_model
    >>> generator = torch.Generator().manual_seed(0)
    >>> model = build_model(Settings(n_components=3, latent_dim=2), n_encoded=4, domain="real",
    ...                     generator=generator)
    >>> objective = iwae(model, torch.zeros(5, 4), torch.randn((8, 5, 2), generator=generator))
    >>> bool((objective.value >= objective.free_energy.bound).all())
    True
    """
    if gradient not in ("standard", "dreg"):
        raise InputError(f"gradient of the IWAE bound must be 'standard' or 'dreg', not {gradient!r}")
    return renyi_bound(
        model,
        x,
        noise,
        alpha=0.0,
        gradient="doubly" if gradient == "dreg" else "standard",
        seen=seen,
    )


def renyi_bound(
    model: GaussianMixtureVAE,
    x: Tensor,
    noise: Tensor,
    *,
    alpha: float,
    gradient: Literal["standard", "doubly"] = "doubly",
    seen: Tensor | None = None,
) -> Objective:
    """Return Rényi's bound 1/(1 - alpha) log 1/S sum_s r_s^(1 - alpha) (Li and Turner 2016, section 4.1).

    Parameters
    ----------
    model : GaussianMixtureVAE
        theta, mu, sigma, pi and psi.
    x : Tensor of shape (n, n_encoded)
        Encoded rows.
    noise : Tensor of shape (S, n, d) or (S, 1, d)
        Standard normal draws.
    alpha : float
        1 is the ELBO, 0 the IWAE bound; the value never rises with alpha. Below 0 it may lie above log p(x).
    gradient : {"standard", "doubly"}
        For psi: with the part through log q itself, or doubly reparameterised; see the head of this module.
    seen : Tensor of shape (n, n_encoded), optional
        What q(w|x) is given in place of x.

    Raises
    ------
    InputError
        If alpha is not finite, the noise has not three axes, or the gradient is unknown.

    Examples
    --------
    >>> from mixtura.vae import Settings, build_model
    >>> generator = torch.Generator().manual_seed(0)
    >>> model = build_model(Settings(n_components=3, latent_dim=2), n_encoded=4, domain="real",
    ...                     generator=generator)
    >>> x, noise = torch.zeros(1, 4), torch.randn((8, 1, 2), generator=generator)
    >>> values = [float(renyi_bound(model, x, noise, alpha=alpha).value) for alpha in (0.0, 0.5, 1.0, 2.0)]
    >>> values == sorted(values, reverse=True)
    True
    """
    if isinstance(alpha, bool) or not isinstance(alpha, Real) or not math.isfinite(alpha):
        raise InputError(f"alpha must be a finite number, not {alpha!r}; 1 is the ELBO and 0 the IWAE bound")
    if gradient not in ("standard", "doubly"):
        raise InputError(f"gradient of a Rényi bound must be 'standard' or 'doubly', not {gradient!r}")
    if noise.dim() != 3 or len(noise) == 0:
        raise InputError(f"noise must have the shape (S, n, d) with S at least 1, not {tuple(noise.shape)}")
    posterior = model.posterior(x if seen is None else seen)
    w = posterior.reparameterise(noise)  # (S, n, d)
    scored, at = posterior, w
    if gradient == "doubly":
        scored = posterior.fixed()
        if alpha != 1.0 and w.requires_grad:
            at = w.clone()  # a hook of its own, so that w stays what it is for whoever else holds it
    prior = model.prior()
    reconstruction = model.likelihood(at).log_prob(x) + model.log_determinant
    log_joint_z = prior.log_weights + prior.component_log_prob(at)  # (S, n, K)
    log_prior = torch.logsumexp(log_joint_z, dim=-1)
    log_posterior = scored.log_prob(at)
    log_r = reconstruction + log_prior - log_posterior  # (S, n)
    fixed = log_r.detach()
    value, shares = _power_mean(fixed, 1.0 - alpha)
    if at is not w:
        at.register_hook(lambda g: g * (alpha + (1.0 - alpha) * shares).unsqueeze(-1))
    surrogate = value + (shares * (log_r - fixed)).sum(0)
    with torch.no_grad():
        responsibilities = torch.softmax(log_joint_z, dim=-1)
        log_ratio = torch.log_softmax(log_joint_z, dim=-1) - prior.log_weights
        cluster = torch.where(responsibilities > 0, responsibilities * log_ratio, 0.0).sum(-1)
        terms = FreeEnergy(
            gains={"reconstruction": reconstruction.detach()},
            costs={"cluster": cluster, "conditional_prior": log_posterior - log_prior - cluster},
        ).map(lambda term: term.mean(0))
    return Objective(value, surrogate, terms, fixed)


def _power_mean(log_r: Tensor, power: float) -> tuple[Tensor, Tensor]:
    """Return 1/power log 1/S sum_s r_s^power, (n,), and the shares of the draws in it, (S, n)."""
    if power == 0.0:
        return log_r.mean(0), torch.full_like(log_r, 1.0 / len(log_r))
    scaled = power * log_r
    peak = scaled.max(dim=0).values
    peak = torch.where(torch.isfinite(peak), peak, 0.0)
    # With expm1 and log1p nothing cancels as the power falls to zero, where the mean of log r is the limit.
    value = (peak + torch.expm1(scaled - peak).mean(0).log1p()) / power
    return value, torch.softmax(scaled, dim=0)
