r"""The evidence lower bound of the GM-VAE and its three named terms, in nats per observation.

bound = reconstruction - cluster - conditional_prior, with z summed out exactly and w reparameterised:

- reconstruction    = E_q(w|x) [ log p(x|w) ], the log-determinant of the data's scaling included
- cluster           = E_q(w|x) [ KL( q(z|w,x) || p(z) ) ]
- conditional_prior = E_q(w|x) E_q(z|w,x) [ log q(w|x) - log p(w|z) ]
"""

from __future__ import annotations

import torch
from torch import Tensor

from mixtura.free_energy import FreeEnergy
from mixtura.vae.distributions import DiagonalGaussian, GaussianMixture
from mixtura.vae.model import GaussianMixtureVAE


def evidence_lower_bound(
    model: GaussianMixtureVAE,
    x: Tensor,
    noise: Tensor,
    *,
    seen: Tensor | None = None,
    log_responsibilities: Tensor | None = None,
) -> FreeEnergy:
    """Return the terms of the bound at one draw of w for each row and draw of the noise.

    Parameters
    ----------
    model : GaussianMixtureVAE
        theta, mu, sigma, psi and phi.
    x : Tensor of shape (n, n_encoded)
        Encoded rows.
    noise : Tensor of shape (n, d) or (S, n, d) or (S, 1, d)
        Standard normal draws; w = m(x) + s(x) * noise. Noise of shape (S, 1, d) is shared by all rows.
    seen : Tensor of shape (n, n_encoded), optional
        What q(w, z|x) is given in place of x, such as a transformed image: for every such map the
        result is a valid bound on log p(x), since q may be any distribution.
    log_responsibilities : Tensor of shape (n, K), optional
        log q(z) to use in place of the model's own q(z|w, x); any choice gives a valid bound.

    Returns
    -------
    FreeEnergy
        Tensors of shape (n,) or (S, n), in nats, the log-determinant of the scaling included.

    Examples
    --------
    >>> from mixtura.vae.model import build_model
    >>> from mixtura.vae.settings import Settings
    >>> generator = torch.Generator().manual_seed(0)
    >>> model = build_model(Settings(n_components=3, latent_dim=2), n_encoded=4, domain="real",
    ...                     generator=generator)
    >>> terms = evidence_lower_bound(model, torch.zeros(5, 4), torch.zeros(5, 2))
    >>> sorted(terms.terms), tuple(terms.bound.shape)
    (['cluster', 'conditional_prior', 'reconstruction'], (5,))
    """
    seen = x if seen is None else seen
    posterior = model.posterior(seen)
    prior = model.prior()
    w = posterior.reparameterise(noise)
    if log_responsibilities is None:
        log_responsibilities = model.responsibilities(w, seen, prior)
    return bound_terms(
        reconstruction=model.likelihood(w).log_prob(x) + model.log_determinant,
        posterior=posterior,
        prior=prior,
        w=w,
        log_responsibilities=log_responsibilities,
    )


def bound_terms(
    *,
    reconstruction: Tensor,
    posterior: DiagonalGaussian,
    prior: GaussianMixture,
    w: Tensor,
    log_responsibilities: Tensor,
) -> FreeEnergy:
    """Return the three terms at given draws of w, with z summed out.

    Parameters
    ----------
    reconstruction : Tensor of shape (...)
        log p(x|w) at the draws.
    posterior : DiagonalGaussian
        q(w|x).
    prior : GaussianMixture
        p(w, z).
    w : Tensor of shape (..., d)
        Draws of q(w|x).
    log_responsibilities : Tensor of shape (..., K)
        log q(z|w, x) at the draws; -inf where it is zero.
    """
    responsibilities = log_responsibilities.exp()
    # 0 log 0 = 0: a component that q rules out costs nothing.
    log_ratio = torch.where(responsibilities > 0, log_responsibilities - prior.log_weights, 0.0)
    cluster = (responsibilities * log_ratio).sum(-1)
    expected_log_prior = (responsibilities * prior.component_log_prob(w)).sum(-1)
    return FreeEnergy(
        gains={"reconstruction": reconstruction},
        costs={"cluster": cluster, "conditional_prior": posterior.log_prob(w) - expected_log_prior},
    )
