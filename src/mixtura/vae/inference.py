"""What a trained model says of rows: codes, responsibilities, bound, reconstructions, samples.

Everything here is deterministic given its noise and works row by row, in blocks of bounded memory.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mixtura.free_energy import FreeEnergy
from mixtura.vae.bound import bound_terms
from mixtura.vae.distributions import DiagonalGaussian
from mixtura.vae.importance import row_blocks
from mixtura.vae.model import GaussianMixtureVAE
from mixtura.vae.posterior import AmortisedResponsibilities, ExactResponsibilities


@dataclass(frozen=True)
class BoundEstimate:
    """The bound on a set of rows.

    Parameters
    ----------
    free_energy : FreeEnergy
        The three terms with the model's own q(z|w, x), means over rows and draws, in nats.
    gap : float
        Exact minus amortised bound at the same draws, E[ KL(q_phi(z|w, x) || p(z|w)) ]; 0 when exact.
    """

    free_energy: FreeEnergy
    gap: float


@torch.no_grad()
def codes(model: GaussianMixtureVAE, x: Tensor) -> Tensor:
    """Return the mean of q(w|x) for every row: (n, d)."""
    parts = [model.posterior(x[rows]).base_dist.loc for rows in row_blocks(len(x), model.values_per_row)]
    return torch.cat(parts)


@torch.no_grad()
def code_moments(model: GaussianMixtureVAE, x: Tensor) -> Tensor:
    """Return the means of q(w|x) and its standard deviations for every row: (n, 2, d)."""
    parts = []
    for rows in row_blocks(len(x), model.values_per_row):
        q = model.posterior(x[rows]).base_dist
        parts.append(torch.stack((q.loc, q.scale), dim=1))
    return torch.cat(parts)


@torch.no_grad()
def responsibilities(model: GaussianMixtureVAE, x: Tensor, noise: Tensor) -> Tensor:
    """Return q(z|x) = E_q(w|x)[ q(z|w, x) ] over draws shared by all rows: (n, K).

    Parameters
    ----------
    model : GaussianMixtureVAE
        The model.
    x : Tensor of shape (n, n_encoded)
        Encoded rows.
    noise : Tensor of shape (S, d)
        Standard normal draws.
    """
    prior, phi = model.prior(), model.responsibilities
    learned = phi if isinstance(phi, AmortisedResponsibilities) else None
    parts = []
    for rows in row_blocks(len(x), model.values_per_row):
        block = x[rows]
        log_responsibilities = prior.log_responsibilities if learned is None else learned.given(block)
        if learned is not None and not learned.reads_codes:
            # Every draw would say the same.
            parts.append(log_responsibilities(noise.new_zeros(len(block), model.latent_dim)).exp())
            continue
        posterior = model.posterior(block)
        draws = (log_responsibilities(posterior.reparameterise(draw)).exp() for draw in noise)
        parts.append(sum(draws, noise.new_zeros(())) / len(noise))
    mean = torch.cat(parts)
    return mean / mean.sum(dim=1, keepdim=True)


@torch.no_grad()
def estimate_bound(
    model: GaussianMixtureVAE, x: Tensor, n_samples: int, generator: torch.Generator
) -> BoundEstimate:
    """Return the mean bound of the rows and its terms.

    Parameters
    ----------
    model : GaussianMixtureVAE
        The model.
    x : Tensor of shape (n, n_encoded)
        Encoded rows.
    n_samples : int
        Draws of w for each row, independent between rows so that their errors average out.
    generator : torch.Generator
        On the device of ``x``.
    """
    totals: dict[str, float] = {}
    gap = 0.0
    terms: FreeEnergy | None = None
    for rows in row_blocks(len(x), n_samples * model.values_per_row):
        block = x[rows]
        noise = torch.randn(
            (n_samples, len(block), model.latent_dim), generator=generator, device=x.device, dtype=x.dtype
        )
        posterior, prior = model.posterior(block), model.prior()
        w = posterior.reparameterise(noise)
        log_q = model.responsibilities(w, block, prior)
        terms = bound_terms(
            reconstruction=model.likelihood(w).log_prob(block) + model.log_determinant,
            posterior=posterior,
            prior=prior,
            w=w,
            log_responsibilities=log_q,
        )
        for name, value in terms.terms.items():
            totals[name] = totals.get(name, 0.0) + float(value.sum()) / (n_samples * len(x))
        if not isinstance(model.responsibilities, ExactResponsibilities):
            ratio = log_q - prior.log_responsibilities(w)
            gap += float((log_q.exp() * ratio).sum()) / (n_samples * len(x))
    assert terms is not None
    return BoundEstimate(
        FreeEnergy({n: totals[n] for n in terms.gains}, {n: totals[n] for n in terms.costs}), gap
    )


@torch.no_grad()
def decode(model: GaussianMixtureVAE, w: Tensor) -> Tensor:
    """Return E[x|w], encoded: (n, n_encoded) from (n, d)."""
    return torch.cat([model.likelihood(w[rows]).mean for rows in row_blocks(len(w), model.values_per_row)])


@torch.no_grad()
def sample(model: GaussianMixtureVAE, components: Tensor, generator: torch.Generator) -> Tensor:
    """Return draws of p(x|z), encoded, one for each given component.

    Parameters
    ----------
    model : GaussianMixtureVAE
        The model.
    components : Tensor of shape (n,)
        z of each draw.
    generator : torch.Generator
        On the device of the model.
    """
    w = _draw_codes(model, components, generator)
    return torch.cat(
        [model.likelihood(w[rows]).draw(generator) for rows in row_blocks(len(w), model.values_per_row)]
    )


@torch.no_grad()
def sample_joint(model: GaussianMixtureVAE, n_rows: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return draws of p(x, w), encoded rows (n, n_encoded) and their codes (n, d).

    Parameters
    ----------
    model : GaussianMixtureVAE
        The model.
    n_rows : int
        How many.
    generator : torch.Generator
        On the device of the model.
    """
    weights = model.prior().log_weights.exp()
    components = torch.multinomial(weights, n_rows, replacement=True, generator=generator)
    w = _draw_codes(model, components, generator)
    rows: Tensor = model.likelihood(w).draw(generator)
    return rows, w


def _draw_codes(model: GaussianMixtureVAE, components: Tensor, generator: torch.Generator) -> Tensor:
    """Return draws of p(w|z)."""
    prior = model.prior()
    return DiagonalGaussian(prior.means[components], prior.scales[components]).draw(generator)
