r"""q by the inclusive direction, KL(p(w, z|x) || q(w, z|x)): what wake and sleep maximise in psi and phi.

For one row the inclusive divergence is, up to the entropy of p(w, z|x), which no q changes,

    -E_p(w,z|x)[ log q_psi(w|x) + log q_phi(z|w, x) ].

It needs expectations over the posterior that is looked for. Two estimators of its gradient are known:

- wake, over rows of the data: self-normalised importance weights c_s = r_s / sum_t r_t of draws from q
  itself, log r_s = log p(x, w_s) - log q_psi(w_s|x). Biased by O(1/S), as every ratio of means is.
- sleep, over rows that the model dreams: x, w, z from p(x, w, z), for which w, z is a draw of the posterior
  of x by construction. Unbiased, but for rows as the model has them, and not as the data do.

Neither needs a gradient through w, so that neither asks for reparameterisation. Sources: Hinton, Dayan, Frey
and Neal (1995), "The wake-sleep algorithm"; Bornschein and Bengio (2015), "Reweighted wake-sleep", eq. 7, 9.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from mixtura.errors import InputError
from mixtura.vae.importance import log_importance_weights
from mixtura.vae.inference import sample_joint
from mixtura.vae.model import GaussianMixtureVAE
from mixtura.vae.posterior import AmortisedResponsibilities


@dataclass(frozen=True)
class Wake:
    """The wake objective of some rows.

    Parameters
    ----------
    value : Tensor of shape (n,)
        E_p(w,z|x)[ log q(w, z|x) ], in nats, estimated; its gradient reaches psi and phi alone.
    kl : Tensor of shape (n,)
        KL(p(w|x) || q(w|x)) by the same weights: sum_s c_s log r_s - log 1/S sum_s r_s, which is
        sum_s c_s log(S c_s) and lies between 0 and log S whatever the truth; no gradient.
    log_weights : Tensor of shape (S, n)
        log r_s; no gradient.
    """

    value: Tensor
    kl: Tensor
    log_weights: Tensor

    @property
    def effective_sample_size(self) -> Tensor:
        """Kish's effective number of draws of each row, between 1 and S: shape (n,)."""
        return 1.0 / torch.softmax(self.log_weights, dim=0).square().sum(0)


def wake(model: GaussianMixtureVAE, x: Tensor, noise: Tensor, *, teach_groups: bool = True) -> Wake:
    """Return E_p(w,z|x)[log q(w, z|x)] of rows by self-normalised importance weights.

    Parameters
    ----------
    model : GaussianMixtureVAE
        The model.
    x : Tensor of shape (n, n_encoded)
        Encoded rows.
    noise : Tensor of shape (S, n, d) or (S, 1, d)
        Standard normal draws, from which those of q(w|x) are made. With S = 1 the one draw has all the
        weight, whatever it is, and nothing is learned: at least 2 are needed.
    teach_groups : bool
        With log q_phi(z|w, x) in it, where there is a q_phi. z is summed out by the exact p(z|w).

    Raises
    ------
    InputError
        If the noise has not three axes, or fewer than two draws.

    Examples
    --------
    >>> from mixtura.vae import Settings, build_model
    >>> generator = torch.Generator().manual_seed(0)
    >>> model = build_model(Settings(n_components=3, latent_dim=2), n_encoded=4, domain="real",
    ...                     generator=generator)
    >>> found = wake(model, torch.zeros(5, 4), torch.randn((8, 5, 2), generator=generator))
    >>> tuple(found.value.shape), bool((found.kl >= 0).all())
    ((5,), True)
    """
    if noise.dim() != 3 or len(noise) < 2:
        raise InputError(f"noise must have the shape (S, n, d) with S at least 2, not {tuple(noise.shape)}")
    posterior = model.posterior(x)
    with torch.no_grad():
        w = posterior.reparameterise(noise)
        log_weights = log_importance_weights(model, x, noise)
        shares = torch.softmax(log_weights, dim=0)
        kl = torch.special.xlogy(shares, shares).sum(0) + math.log(len(noise))
    log_q = posterior.log_prob(w) + _log_group(model, w, x, teach_groups)
    return Wake((shares * log_q).sum(0), kl, log_weights)


def sleep(
    model: GaussianMixtureVAE, n_rows: int, generator: torch.Generator, *, teach_groups: bool = True
) -> Tensor:
    """Return log q(w, z|x) at rows that the model dreams, x, w and z from p(x, w, z): shape (n_rows,).

    Its mean is an unbiased estimate of E_p(x,w,z)[ log q(w, z|x) ], and so is its gradient in psi and phi; it
    has none elsewhere.

    Parameters
    ----------
    model : GaussianMixtureVAE
        The model.
    n_rows : int
        How many rows to dream.
    generator : torch.Generator
        On the device of the model.
    teach_groups : bool
        With log q_phi(z|w, x) in it, where there is a q_phi; z is summed out by the exact p(z|w).

    Examples
    --------
    >>> from mixtura.vae import Settings, build_model
    >>> generator = torch.Generator().manual_seed(0)
    >>> model = build_model(Settings(n_components=3, latent_dim=2), n_encoded=4, domain="real",
    ...                     generator=generator)
    >>> tuple(sleep(model, 7, generator).shape)
    (7,)
    """
    x, w = sample_joint(model, n_rows, generator)
    return model.posterior(x).log_prob(w) + _log_group(model, w, x, teach_groups)


def _log_group(model: GaussianMixtureVAE, w: Tensor, x: Tensor, wanted: bool) -> Tensor | float:
    """Return E_p(z|w)[ log q_phi(z|w, x) ], or 0 where there is no q_phi to teach."""
    if not wanted or not isinstance(model.responsibilities, AmortisedResponsibilities):
        return 0.0
    prior = model.prior()
    with torch.no_grad():
        exact = prior.log_responsibilities(w).exp()
    return (exact * model.responsibilities(w, x, prior)).sum(-1)
