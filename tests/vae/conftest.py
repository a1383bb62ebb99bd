"""Tiny models, and the same mathematics written again in NumPy and SciPy as an independent oracle."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import integrate, special, stats

from mixtura.vae import GaussianMixtureVAE, Settings, build_model

Array = NDArray[np.float64]

WEIGHTS = (0.6, 0.3, 0.1)
"""Of the tiny models' components: unequal, so that a lost or doubled log pi shows."""

STD_FLOOR = 0.3

CASES = tuple(product(("real", "unit", "binary"), ("exact", "amortised"), ("spherical", "diag")))


class Oracle:
    """Every density of a tiny fully connected model, from its parameters alone."""

    def __init__(self, model: GaussianMixtureVAE, domain: str) -> None:
        self.values = {name: value.numpy().copy() for name, value in model.state_dict().items()}
        self.domain = domain

    def network(self, prefix: str, inputs: Array) -> Array:
        names = [name for name in self.values if name.startswith(prefix) and name.endswith("weight")]
        for i, name in enumerate(names):
            inputs = inputs @ self.values[name].T + self.values[name.replace("weight", "bias")]
            inputs = np.maximum(inputs, 0.0) if i < len(names) - 1 else inputs
        return inputs

    def posterior(self, x: Array) -> tuple[Array, Array]:
        mean, log_variance = np.split(self.network("posterior.", x), 2, axis=-1)
        return mean, np.sqrt(np.exp(np.clip(log_variance, -12.0, 4.0)))

    def log_posterior(self, w: Array, x: Array) -> Array:
        return stats.norm.logpdf(w, *self.posterior(x)).sum(-1)

    def log_weights(self) -> Array:
        return self.values["prior.log_weights"]

    def log_components(self, w: Array) -> Array:
        scales = np.exp(np.clip(self.values["prior.log_scales"], -6.0, 6.0))
        return stats.norm.logpdf(w[..., None, :], self.values["prior.means"], scales).sum(-1)

    def log_prior(self, w: Array) -> Array:
        return special.logsumexp(self.log_weights() + self.log_components(w), axis=-1)

    def log_exact(self, w: Array) -> Array:
        """Return log p(z|w)."""
        return self.log_weights() + self.log_components(w) - self.log_prior(w)[..., None]

    def log_responsibilities(self, w: Array, x: Array) -> Array:
        """Return log q(z|w, x)."""
        if "responsibilities.from_w.weight" not in self.values:
            return self.log_exact(w)
        features = self.network("responsibilities.network.", x)
        hidden = np.maximum(w @ self.values["responsibilities.from_w.weight"].T + features, 0.0)
        logits = hidden @ self.values["responsibilities.to_logits.weight"].T
        return special.log_softmax(logits + self.values["responsibilities.to_logits.bias"], axis=-1)

    def log_likelihood(self, x: Array, w: Array) -> Array:
        output = self.network("likelihood.", w)
        if self.domain == "binary":
            return stats.bernoulli.logpmf(x, special.expit(output)).sum(-1)
        mean, raw = np.split(output, 2, axis=-1)
        if self.domain == "unit":
            mean, variance = special.expit(mean), 0.25 * special.expit(raw)
        else:
            variance = 25.0 * special.expit(raw - np.log(24.0))
        floor = self.values["likelihood.std_floor"]
        return stats.norm.logpdf(x, mean, np.sqrt(variance + floor**2)).sum(-1)

    def terms(self, x: Array, w: Array) -> dict[str, Array]:
        """Return the bound and its terms at draws of w, by enumeration over z."""
        log_q_w = self.log_posterior(w, x)
        log_q_z = self.log_responsibilities(w, x)
        log_components = self.log_components(w)
        reconstruction = self.log_likelihood(x, w) + self.values["log_determinant"]
        bound, cluster, conditional = (np.zeros(log_q_w.shape) for _ in range(3))
        for k, log_pi in enumerate(self.log_weights()):
            q = np.exp(log_q_z[..., k])
            log_joint = reconstruction + log_components[..., k] + log_pi
            bound += q * (log_joint - log_q_w - log_q_z[..., k])
            cluster += q * (log_q_z[..., k] - log_pi)
            conditional += q * (log_q_w - log_components[..., k])
        return {
            "bound": bound,
            "reconstruction": reconstruction,
            "cluster": cluster,
            "conditional_prior": conditional,
        }

    def expected_terms(self, x: Array) -> dict[str, Array]:
        """Return the expectation of `terms` under q(w|x) by quadrature over a 1-D w: (n,) each."""
        mean, scale = self.posterior(x)
        noise = np.linspace(-9.0, 9.0, 6001)
        density = stats.norm.pdf(noise)[:, None]
        values = self.terms(x, mean + scale * noise[:, None, None])
        return {name: integrate.trapezoid(value * density, noise, axis=0) for name, value in values.items()}

    def log_evidence(self, x: Array) -> Array:
        """Return log p(x) by quadrature over a 1-D w."""
        w = np.linspace(-30.0, 30.0, 60_001)[:, None, None]
        log_joint = self.log_likelihood(x, w) + self.log_prior(w)
        area = integrate.trapezoid(np.exp(log_joint), w.ravel(), axis=0)
        return np.log(area) + self.values["log_determinant"]


def _make_model(
    domain: str = "real",
    responsibilities: str = "exact",
    covariance_type: str = "spherical",
    *,
    latent_dim: int = 1,
    n_encoded: int = 2,
    weights: tuple[float, ...] = WEIGHTS,
    log_determinant: float = 0.0,
    spread: float = 0.7,
    seed: int = 0,
    **settings: Any,
) -> GaussianMixtureVAE:
    chosen = Settings(
        n_components=len(weights),
        latent_dim=latent_dim,
        likelihood="bernoulli" if domain == "binary" else "gaussian",
        responsibilities=responsibilities,
        covariance_type=covariance_type,
        hidden=(4,),
        std_floor=STD_FLOOR,
        **settings,
    )
    model = build_model(chosen, n_encoded=n_encoded, domain=domain, log_determinant=log_determinant).double()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(spread * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
        model.prior.log_weights.copy_(torch.tensor(weights, dtype=torch.float64).log())
    return model


@pytest.fixture(scope="session")
def make_model() -> Callable[..., GaussianMixtureVAE]:
    """Make a tiny fully connected model in float64, all its parameters random, its weights unequal."""
    return _make_model


@pytest.fixture(scope="session")
def make_oracle() -> Callable[[GaussianMixtureVAE, str], Oracle]:
    return Oracle


@pytest.fixture(scope="session")
def make_rows() -> Callable[..., torch.Tensor]:
    """Make rows that a domain allows."""

    def make(domain: str, n_rows: int, n_encoded: int = 2, seed: int = 0) -> torch.Tensor:
        rng = np.random.default_rng(seed)
        if domain == "binary":
            return torch.from_numpy(rng.integers(0, 2, (n_rows, n_encoded)).astype(np.float64))
        values = rng.random((n_rows, n_encoded)) if domain == "unit" else rng.normal(size=(n_rows, n_encoded))
        return torch.from_numpy(values)

    return make


@pytest.fixture(params=CASES, ids="-".join)
def case(request: pytest.FixtureRequest) -> tuple[str, str, str]:
    """Go through every kind of model: (domain, responsibilities, covariance_type)."""
    return request.param
