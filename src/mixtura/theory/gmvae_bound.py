"""Problem 7.1: the bound of a small GM-VAE and its three terms, by enumeration and quadrature."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from mixtura.theory.check import Figure, above, below
from mixtura.vae.bound import evidence_lower_bound
from mixtura.vae.model import GaussianMixtureVAE, build_model
from mixtura.vae.settings import Settings

_ROWS, _GRID = 4, 4001


def check(generator: np.random.Generator) -> Iterator[Figure]:
    """Yield the distance of the bound's terms from their definitions, and of the bound from log p(x)."""
    model = _model(int(generator.integers(2**31)))
    x = torch.from_numpy(generator.normal(size=(_ROWS, 2)))
    noise = torch.linspace(-8, 8, _GRID, dtype=torch.float64)
    mass = torch.exp(-0.5 * noise.square())
    mass = mass / mass.sum()
    draws = noise[:, None, None].expand(-1, _ROWS, 1)
    with torch.no_grad():
        terms = evidence_lower_bound(model, x, draws).map(lambda term: mass @ term)
        wanted = _by_enumeration(model, x, draws, mass)
        for name, value in terms.as_dict().items():
            yield below(
                f"{name}: largest difference from its definition, nats", _largest(value - wanted[name]), 1e-8
            )
        log_p = _log_evidence(model, x)
        prior_terms = terms.costs["cluster"] + terms.costs["conditional_prior"]
        gap = wanted["kl_to_posterior"]
        yield below(
            "log p(x) - bound - KL(q(w,z|x) || p(w,z|x)), nats", _largest(log_p - terms.bound - gap), 1e-5
        )
        yield above("least of log p(x) - bound, nats", float((log_p - terms.bound).min()), 0.0)
        yield above(
            "least of cluster + conditional_prior, which is a KL, nats", float(prior_terms.min()), 0.0
        )
        yield above("least of cluster, nats", float(terms.costs["cluster"].min()), 0.0)
        exact = model.prior().log_responsibilities(model.posterior(x).reparameterise(draws))
        best = torch.stack(
            [
                mass
                @ evidence_lower_bound(
                    model, x[i : i + 1].expand(_GRID, -1), draws[:, i], log_responsibilities=exact[:, i]
                ).bound
                for i in range(_ROWS)
            ]
        )
        price = wanted["kl_of_z"]
        yield below(
            "bound with p(z|w) - bound with q_phi - E KL(q_phi || p(z|w)), nats",
            _largest(best - terms.bound - price),
            1e-8,
        )
        yield above("least of E KL(q_phi || p(z|w)), nats", float(price.min()), 0.0)


def _largest(values: Tensor) -> float:
    return float(values.abs().max())


def _model(seed: int) -> GaussianMixtureVAE:
    """Return a model with K = 3 and one latent dimension, all its parameters random."""
    settings = Settings(n_components=3, latent_dim=1, hidden=(4,), std_floor=0.3)
    draws = torch.Generator().manual_seed(seed)
    model = build_model(settings, n_encoded=2, domain="real", generator=draws).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.7 * torch.randn(parameter.shape, generator=draws, dtype=torch.float64))
    return model


def _by_enumeration(model: GaussianMixtureVAE, x: Tensor, draws: Tensor, mass: Tensor) -> dict[str, Tensor]:
    """Return every term as a sum over z of logarithms of the model's own densities, by nodes of q(w|x)."""
    q, prior = model.posterior(x), model.prior()
    w = q.reparameterise(draws)
    log_q_w, log_q_z = q.log_prob(w), model.responsibilities(w, x, prior)
    log_x = model.likelihood(w).log_prob(x)
    normal = torch.distributions.Normal(prior.means[:, 0], prior.scales[:, 0])
    log_w_z = normal.log_prob(w)  # (grid, n, K)
    log_z = prior.log_weights
    log_evidence = _log_evidence(model, x)
    names = ("bound", "reconstruction", "cluster", "conditional_prior", "kl_to_posterior", "kl_of_z")
    total = {name: torch.zeros(_ROWS, dtype=torch.float64) for name in names}
    log_w = torch.logsumexp(log_w_z + log_z, dim=-1)
    for k in range(len(log_z)):
        share = log_q_z[..., k].exp()
        log_joint = log_x + log_w_z[..., k] + log_z[k]
        log_q = log_q_w + log_q_z[..., k]
        parts = {
            "bound": log_joint - log_q,
            "reconstruction": log_x,
            "cluster": log_q_z[..., k] - log_z[k],
            "conditional_prior": log_q_w - log_w_z[..., k],
            "kl_to_posterior": log_q - (log_joint - log_evidence),
            "kl_of_z": log_q_z[..., k] - (log_w_z[..., k] + log_z[k] - log_w),
        }
        for name, part in parts.items():
            total[name] += mass @ (share * part)
    return total


def _log_evidence(model: GaussianMixtureVAE, x: Tensor) -> Tensor:
    """Return log p(x) by quadrature over w."""
    w = torch.linspace(-15, 15, 20_001, dtype=torch.float64)[:, None, None]
    log_joint = model.likelihood(w).log_prob(x) + model.prior().log_prob(w)
    return torch.logsumexp(log_joint, dim=0) + np.log(30 / 20_000)
