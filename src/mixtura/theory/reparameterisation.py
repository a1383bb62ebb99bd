"""Problem 2: the encoder's gradient, reparameterised, by the score function, and without either."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor

from mixtura.theory.check import Figure, above, below, shown
from mixtura.vae.distributions import DiagonalGaussian
from mixtura.vae.inference import estimate_bound
from mixtura.vae.latent_information import kl_to_standard_normal
from mixtura.vae.model import GaussianMixtureVAE, build_model
from mixtura.vae.settings import Settings

_REPEATS, _STEPS, _BATCH = 300, 500, 100


def check(generator: np.random.Generator) -> Iterator[Figure]:
    """Yield means and variances of the estimators and the bounds they lead to, on images of digits."""
    x = torch.from_numpy(load_digits().data / 16.0).float()
    seed = int(generator.integers(2**31))
    means, spread = {}, {}
    # Where training is on its way, and not at its start, whose encoder says next to nothing.
    model, _ = _trained(x, reparameterised, seed, _STEPS // 10)
    draws = torch.Generator().manual_seed(seed)
    for name, estimator in ESTIMATORS.items():
        found = torch.stack([_gradient(model, estimator, x[:_BATCH], draws) for _ in range(_REPEATS)])
        means[name], spread[name] = found.mean(0), float(found.var(0).sum())
    size = float(means["reparameterised"].norm())
    distance = float((means["score function"] - means["reparameterised"]).norm())
    error = ((spread["reparameterised"] + spread["score function"]) / _REPEATS) ** 0.5
    yield below("the two estimators' means apart, in their standard error", distance / error, 1.5)
    base = spread["reparameterised"]
    yield above(
        "variance of the score function over the reparameterised", spread["score function"] / base, 10
    )
    yield above("the same with a baseline", spread["score, baseline"] / base, 2)
    share = float(means["neither"].norm()) / size
    yield below("gradient of the reconstruction without either, over the reparameterised", share, 1e-9)
    bounds = {}
    for name, estimator in ESTIMATORS.items():
        bounds[name], kl = _trained(x, estimator, seed, _STEPS)[1]
        yield shown(f"bound after {_STEPS} steps: {name}, nats", bounds[name])
        if name == "neither":
            yield below("KL of the codes without either: the encoder is told to forget, nats", kl, 0.05)
    for name in ("score function", "neither"):
        yield above(f"gain over {name}, nats", bounds["reparameterised"] - bounds[name], 1.0)


Surrogate = Callable[[GaussianMixtureVAE, Tensor, Tensor], Tensor]


def reparameterised(model: GaussianMixtureVAE, x: Tensor, noise: Tensor) -> Tensor:
    """Return log p(x|w) at w = m(x) + s(x) noise, whose gradient goes through w."""
    return model.likelihood(model.posterior(x).reparameterise(noise)).log_prob(x)


def neither(model: GaussianMixtureVAE, x: Tensor, noise: Tensor) -> Tensor:
    """Return log p(x|w) at a w that was drawn and no more: a number to the encoder."""
    return model.likelihood(model.posterior(x).reparameterise(noise).detach()).log_prob(x)


def score_function(model: GaussianMixtureVAE, x: Tensor, noise: Tensor) -> Tensor:
    """Return what has log p(x|w) grad log q(w|x) as its gradient in psi (Williams 1992)."""
    return _scored(model, x, noise, torch.zeros(len(x)))


def score_with_baseline(model: GaussianMixtureVAE, x: Tensor, noise: Tensor) -> Tensor:
    """Return the same less log p(x|w) at the mean code, which has no part in the draw."""
    with torch.no_grad():
        baseline = model.likelihood(model.posterior(x).base_dist.loc).log_prob(x)
    return _scored(model, x, noise, baseline)


def _scored(model: GaussianMixtureVAE, x: Tensor, noise: Tensor, baseline: Tensor) -> Tensor:
    q = model.posterior(x)
    w = q.reparameterise(noise).detach()
    gain = model.likelihood(w).log_prob(x)
    log_q = q.log_prob(w)
    return gain + (gain.detach() - baseline) * (log_q - log_q.detach())


ESTIMATORS: dict[str, Surrogate] = {
    "reparameterised": reparameterised,
    "score function": score_function,
    "score, baseline": score_with_baseline,
    "neither": neither,
}


def _gradient(model: GaussianMixtureVAE, estimator: Surrogate, x: Tensor, draws: torch.Generator) -> Tensor:
    """Return one estimate of the gradient of the mean reconstruction in psi."""
    noise = torch.randn((len(x), model.latent_dim), generator=draws)
    parameters = list(model.posterior.parameters())
    value = estimator(model, x, noise).mean()
    found = torch.autograd.grad(value, parameters, allow_unused=True)
    return torch.cat(
        [(torch.zeros_like(p) if g is None else g).ravel() for p, g in zip(parameters, found, strict=True)]
    )


def _trained(
    x: Tensor, estimator: Surrogate, seed: int, n_steps: int
) -> tuple[GaussianMixtureVAE, tuple[float, float]]:
    """Return a VAE trained on the bound by an estimator, its bound and the mean KL of its codes, in nats."""
    settings = Settings(n_components=1, latent_dim=4, hidden=(32,), responsibilities="exact", std_floor=0.2)
    draws = torch.Generator().manual_seed(seed)
    model = build_model(settings, n_encoded=64, domain="unit", generator=draws)
    model.prior.requires_grad_(False)
    optimiser = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=5e-3)
    for _ in range(n_steps):
        rows = x[torch.randint(len(x), (_BATCH,), generator=draws)]
        noise = torch.randn((_BATCH, model.latent_dim), generator=draws)
        objective = estimator(model, rows, noise) - _kl(model.posterior(rows))
        optimiser.zero_grad()
        (-objective.mean()).backward()
        optimiser.step()
    with torch.no_grad():
        bound = estimate_bound(model, x, 4, draws).free_energy.bound
        return model, (bound, float(_kl(model.posterior(x)).mean()))


def _kl(q: DiagonalGaussian) -> Tensor:
    return kl_to_standard_normal(q.base_dist.loc, q.base_dist.scale).sum(-1)
