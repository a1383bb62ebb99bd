"""Objectives of several draws: values by brute force, gradients by quadrature over the draws."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import special
from torch import Tensor, nn

from mixtura.errors import InputError
from mixtura.vae.bound import evidence_lower_bound
from mixtura.vae.importance import log_importance_weights
from mixtura.vae.likelihood import GaussianLikelihood
from mixtura.vae.model import GaussianMixtureVAE
from mixtura.vae.objectives import Objective, _power_mean, elbo, iwae, renyi_bound
from mixtura.vae.posterior import ExactResponsibilities, GaussianPosterior
from mixtura.vae.prior import GaussianMixturePrior

OBJECTIVES: dict[str, Callable[..., Objective]] = {
    "elbo-standard": lambda *given, **more: elbo(*given, gradient="standard", **more),
    "elbo-stl": lambda *given, **more: elbo(*given, gradient="stl", **more),
    "iwae-standard": lambda *given, **more: iwae(*given, gradient="standard", **more),
    "iwae-dreg": lambda *given, **more: iwae(*given, gradient="dreg", **more),
    "renyi-standard": lambda *given, **more: renyi_bound(*given, alpha=0.4, gradient="standard", **more),
    "renyi-doubly": lambda *given, **more: renyi_bound(*given, alpha=0.4, gradient="doubly", **more),
    "renyi-beyond": lambda *given, **more: renyi_bound(*given, alpha=2.0, gradient="doubly", **more),
}
ALPHAS = {name: {"elbo": 1.0, "iwae": 0.0, "renyi": 0.4}[name.split("-")[0]] for name in OBJECTIVES}
ALPHAS["renyi-beyond"] = 2.0


@pytest.fixture(params=OBJECTIVES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def draws(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def by_hand(log_weights: np.ndarray, alpha: float) -> np.ndarray:
    if alpha == 1.0:
        return log_weights.mean(0)
    mean = special.logsumexp((1 - alpha) * log_weights, axis=0) - np.log(len(log_weights))
    return mean / (1 - alpha)


def gradients(model: nn.Module, value: Tensor) -> dict[str, Tensor]:
    named = {key: p for key, p in model.named_parameters() if not key.startswith("responsibilities")}
    found = torch.autograd.grad(value, list(named.values()), retain_graph=True)
    return dict(zip(named, found, strict=True))


def of_encoder(found: dict[str, Tensor]) -> Tensor:
    return torch.cat([value.ravel() for key, value in found.items() if key.startswith("posterior")])


@pytest.mark.parametrize("latent_dim", [2])
@torch.no_grad()
def test_values_draw_by_draw(name, case, latent_dim, make_model, make_oracle, make_rows) -> None:
    model = make_model(*case, latent_dim=latent_dim, log_determinant=0.7)
    oracle, x, noise = make_oracle(model, case[0]), make_rows(case[0], 5), draws(7, 5, latent_dim)
    mean, scale = oracle.posterior(x.numpy())
    w = mean + scale * noise.numpy()
    log_r = (
        oracle.log_likelihood(x.numpy(), w) + 0.7 + oracle.log_prior(w) - oracle.log_posterior(w, x.numpy())
    )
    found = OBJECTIVES[name](model, x, noise)
    np.testing.assert_allclose(found.log_weights, log_r, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(found.value, by_hand(log_r, ALPHAS[name]), rtol=1e-10)
    np.testing.assert_allclose(found.surrogate, found.value, rtol=1e-12)
    shares = special.softmax(log_r, axis=0)
    np.testing.assert_allclose(found.effective_sample_size, 1 / (shares**2).sum(0), rtol=1e-9)


@pytest.mark.parametrize("responsibilities", ["exact", "amortised"])
@torch.no_grad()
def test_terms_are_those_of_the_bound_with_the_exact_posterior_of_z(
    responsibilities, make_model, make_rows
) -> None:
    model, x, noise = make_model("real", responsibilities, latent_dim=2), make_rows("real", 4), draws(6, 4, 2)
    found = iwae(model, x, noise).free_energy.as_dict()
    model.responsibilities = ExactResponsibilities()
    expected = evidence_lower_bound(model, x, noise).map(lambda term: term.mean(0)).as_dict()
    assert list(found) == list(expected)
    for key, term in expected.items():
        torch.testing.assert_close(found[key], term)


@torch.no_grad()
def test_weights_are_those_that_score(make_model, make_rows) -> None:
    model, x, noise = make_model("binary", latent_dim=2), make_rows("binary", 4), draws(6, 2)
    expected = log_importance_weights(model, x, noise)
    torch.testing.assert_close(iwae(model, x, noise.unsqueeze(1)).log_weights, expected)


def test_one_draw_of_any_power_is_the_bound_and_its_gradient(make_model, make_rows) -> None:
    model, x, noise = make_model("real", latent_dim=2), make_rows("real", 4), draws(1, 4, 2)
    first = elbo(model, x, noise, gradient="standard")
    for alpha in (0.0, 0.3, 3.0):
        other = renyi_bound(model, x, noise, alpha=alpha, gradient="standard")
        torch.testing.assert_close(other.value, first.value)
        for one, two in zip(
            gradients(model, first.surrogate.sum()).values(),
            gradients(model, other.surrogate.sum()).values(),
            strict=True,
        ):
            torch.testing.assert_close(one, two)


@pytest.mark.parametrize("name", [key for key in OBJECTIVES if key.endswith("standard")])
def test_gradient_of_the_standard_estimators_is_that_of_the_value(case, name, make_model, make_rows) -> None:
    model, x, noise = make_model(*case, latent_dim=2), make_rows(case[0], 4), draws(5, 4, 2)
    found = gradients(model, OBJECTIVES[name](model, x, noise).surrogate.sum())
    posterior = model.posterior(x)
    w = posterior.reparameterise(noise)
    log_r = model.likelihood(w).log_prob(x) + model.prior().log_prob(w) - posterior.log_prob(w)
    power = 1.0 - ALPHAS[name]
    value = log_r.mean(0) if power == 0 else (torch.logsumexp(power * log_r, 0) - np.log(5)) / power
    for key, gradient in gradients(model, value.sum()).items():
        torch.testing.assert_close(found[key], gradient, rtol=1e-9, atol=1e-11)


def pair_quadrature(n_nodes: int = 160) -> tuple[Tensor, Tensor]:
    """Return all pairs of nodes as two draws of 1-D noise for each row, and their probabilities."""
    nodes = torch.linspace(-7.5, 7.5, n_nodes, dtype=torch.float64)
    weights = torch.exp(-0.5 * nodes.square())
    weights = weights / weights.sum()
    first, second = (axis.ravel() for axis in torch.meshgrid(nodes, nodes, indexing="ij"))
    return torch.stack([first, second]).unsqueeze(-1), torch.outer(weights, weights).ravel()


@pytest.mark.parametrize("domain", ["real", "binary"])
def test_every_estimator_is_unbiased(name, domain, make_model, make_rows) -> None:
    """Averaged over two draws of a 1-D w by quadrature, K = 3, it is the gradient of the averaged value."""
    # With this seed no rectifier has its kink where the draws are, so that quadrature is exact.
    model, x = make_model(domain, covariance_type="diag", spread=0.6, seed=1), make_rows(domain, 1, seed=4)
    noise, weights = pair_quadrature()
    rows = x.expand(len(weights), -1)
    found = gradients(model, (weights * OBJECTIVES[name](model, rows, noise).surrogate).sum())
    posterior = model.posterior(rows)
    w = posterior.reparameterise(noise)
    log_r = model.likelihood(w).log_prob(rows) + model.prior().log_prob(w) - posterior.log_prob(w)
    power = 1.0 - ALPHAS[name]
    value = log_r.mean(0) if power == 0 else (torch.logsumexp(power * log_r, 0) - np.log(2)) / power
    expected = gradients(model, (weights * value).sum())
    size = float(of_encoder(expected).abs().max())
    for key, gradient in expected.items():
        torch.testing.assert_close(found[key], gradient, rtol=1e-5, atol=1e-5 * size, msg=key)


@pytest.mark.parametrize("kind", ["elbo", "iwae"])
def test_monte_carlo_mean_of_both_estimators_agrees(kind, make_model, make_rows) -> None:
    model, x = make_model("real", latent_dim=3), make_rows("real", 1).expand(400, -1)
    means, errors = [], []
    for estimator in [key for key in OBJECTIVES if key.startswith(kind)]:
        batches = torch.stack(
            [
                of_encoder(
                    gradients(
                        model, OBJECTIVES[estimator](model, x, draws(4, 400, 3, seed=s)).surrogate.mean()
                    )
                )
                for s in range(30)
            ]
        )
        means.append(batches.mean(0))
        errors.append(batches.std(0) / 30**0.5)
    away = (means[0] - means[1]).abs() / (errors[0].square() + errors[1].square()).sqrt().clamp(min=1e-12)
    assert away.max() < 4.5


def linear_gaussian(exact: bool = True) -> tuple[GaussianMixtureVAE, Tensor]:
    """Make x = A w + noise with orthogonal columns of A, and its posterior N(m(x), s^2), exact or moved."""
    slope = torch.tensor([[1.0, 0.5], [1.0, -0.5], [0.5, 0.0]], dtype=torch.float64)
    decoder, head = nn.Linear(2, 6).double(), nn.Linear(3, 4).double()
    variance = 0.25**2 + 25 * special.expit(-2.5 - np.log(24))
    precision = slope.square().sum(0) / variance + 1
    with torch.no_grad():
        decoder.weight.copy_(torch.cat([slope, torch.zeros(3, 2)]))
        decoder.bias.copy_(torch.tensor([0.0] * 3 + [-2.5] * 3))
        head.weight.copy_(torch.cat([(slope / precision / variance).T, torch.zeros(2, 3)]))
        head.bias.copy_(torch.cat([torch.zeros(2), -precision.log()]))
        if not exact:
            head.bias += torch.tensor([0.2, -0.1, 0.4, 0.2])
    model = GaussianMixtureVAE(
        GaussianPosterior(head),
        ExactResponsibilities(),
        GaussianMixturePrior(2, 2).double(),
        GaussianLikelihood(decoder, "real", 0.25).double(),
    )
    return model, draws(8, 3, seed=3)


def test_doubly_reparameterised_gradients_vanish_at_the_exact_posterior(name) -> None:
    model, x = linear_gaussian()
    found = of_encoder(gradients(model, OBJECTIVES[name](model, x, draws(6, 8, 2)).surrogate.sum()))
    if name.endswith("standard"):
        assert found.abs().max() > 0.1
    else:
        assert found.abs().max() < 1e-5  # log s^2 and the decoder's variance are rounded to float32 at first


def test_all_powers_are_log_p_at_the_exact_posterior(name) -> None:
    model, x = linear_gaussian()
    slope = model.likelihood.network.weight[:3].detach()
    variance = 0.25**2 + 25 * special.expit(-2.5 - np.log(24))
    covariance = slope @ slope.T + variance * torch.eye(3)
    truth = torch.distributions.MultivariateNormal(torch.zeros(3).double(), covariance).log_prob(x)
    torch.testing.assert_close(OBJECTIVES[name](model, x, draws(6, 8, 2)).value, truth, rtol=1e-5, atol=1e-5)


class Table(nn.Module):
    """An encoder that knows its rows by heart: the gradient of each is that of one estimate."""

    def __init__(self, values: Tensor) -> None:
        super().__init__()
        self.values = nn.Parameter(values)

    def forward(self, x: Tensor) -> Tensor:
        return self.values


def signal_to_noise(gradient: str, n_draws: int) -> float:
    """Return |mean| / standard deviation of the encoder's gradient, in the mean over its outputs."""
    model, x = linear_gaussian(exact=False)
    rows = x[:1].expand(2000, -1)
    table = Table(model.posterior.network(rows).detach())
    model.posterior.network = table
    objective = iwae(model, rows, draws(n_draws, 2000, 2), gradient=gradient)
    (found,) = torch.autograd.grad(objective.surrogate.sum(), [table.values])
    return float((found.mean(0).abs() / found.std(0)).mean())


def test_signal_to_noise_falls_with_draws_unless_doubly_reparameterised() -> None:
    assert signal_to_noise("standard", 64) < signal_to_noise("standard", 1)
    rising = [signal_to_noise("dreg", n) for n in (1, 8, 64)]
    assert all(one < two for one, two in pairwise(rising))


@torch.no_grad()
def test_more_draws_and_lower_powers_are_tighter(make_model, make_rows) -> None:
    model, x = make_model("real", latent_dim=2, spread=0.4), make_rows("real", 5)
    noise = draws(512, 5, 2)
    log_r = iwae(model, x, noise).log_weights
    by_draws = [_power_mean(log_r.reshape(s, -1, 5).flatten(1), 1.0)[0].mean() for s in (1, 4, 32, 512)]
    assert all(one < two for one, two in pairwise(by_draws))
    by_power = [
        renyi_bound(model, x, noise, alpha=alpha).value.mean() for alpha in (5.0, 1.0, 0.5, 0.0, -2.0)
    ]
    assert all(one < two for one, two in pairwise(by_power))


@settings(max_examples=30)
@given(arrays(np.float64, (5, 3), elements=st.floats(-800, 100)), st.floats(-3, 3))
def test_power_means_agree_with_the_formula_and_lie_within_the_values(values: Any, power: float) -> None:
    found, shares = _power_mean(torch.from_numpy(values), power)
    assert (found <= torch.from_numpy(values.max(0)) + 1e-9).all()
    assert (found >= torch.from_numpy(values.min(0)) - 1e-9).all()
    np.testing.assert_allclose(shares.sum(0), 1.0)
    if abs(power) > 0.1:
        np.testing.assert_allclose(found, by_hand(values, 1.0 - power), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("power", [1e-4, 1e-9, 1e-14, -1e-9])
def test_small_powers_lose_nothing(power) -> None:
    values = draws(5, 3)
    torch.testing.assert_close(
        _power_mean(values, power)[0], values.mean(0), rtol=0, atol=3 * abs(power) + 1e-15
    )


@torch.no_grad()
def test_rows_without_density_are_minus_infinity(name, make_model, make_rows) -> None:
    model, x = make_model("real", latent_dim=2), make_rows("real", 2)
    x[0] = 1e200
    value = OBJECTIVES[name](model, x, draws(3, 2, 2)).value
    assert value[0] == -torch.inf
    assert torch.isfinite(value[1])


def test_rows_do_not_touch_each_other(name, make_model, make_rows) -> None:
    model, x, noise = make_model("real", latent_dim=2), make_rows("real", 2), draws(4, 2, 2)
    both = gradients(model, OBJECTIVES[name](model, x, noise).surrogate.sum())
    each = [
        gradients(model, OBJECTIVES[name](model, x[i : i + 1], noise[:, i : i + 1]).surrogate.sum())
        for i in (0, 1)
    ]
    for key, gradient in both.items():
        torch.testing.assert_close(gradient, each[0][key] + each[1][key])


def test_what_the_encoder_sees_may_differ_from_the_target(name, make_model, make_rows) -> None:
    model, x, noise = make_model("real", latent_dim=2), make_rows("real", 3), draws(4, 3, 2)
    seen = make_rows("real", 3, seed=5)
    found = OBJECTIVES[name](model, x, noise, seen=seen)
    w = model.posterior(seen).reparameterise(noise)
    log_r = model.likelihood(w).log_prob(x) + model.prior().log_prob(w) - model.posterior(seen).log_prob(w)
    torch.testing.assert_close(found.log_weights, log_r.detach())


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda m, x: elbo(m, x, draws(3, 2)), "noise must have the shape"),
        (lambda m, x: iwae(m, x, draws(0, 3, 2)), "with S at least 1"),
        (lambda m, x: elbo(m, x, draws(1, 3, 2), gradient="dreg"), "'standard' or 'stl'"),
        (lambda m, x: iwae(m, x, draws(1, 3, 2), gradient="stl"), "'standard' or 'dreg'"),
        (lambda m, x: renyi_bound(m, x, draws(1, 3, 2), alpha=0.5, gradient="stl"), "'standard' or 'doubly'"),
        (lambda m, x: renyi_bound(m, x, draws(1, 3, 2), alpha=float("nan")), "alpha must be a finite number"),
        (lambda m, x: renyi_bound(m, x, draws(1, 3, 2), alpha=None), "alpha must be a finite number"),
    ],
)
def test_bad_input_is_named_in_one_line(call, said, make_model, make_rows) -> None:
    with pytest.raises(InputError, match=said) as caught:
        call(make_model("real", latent_dim=2), make_rows("real", 3))
    assert "\n" not in str(caught.value)
