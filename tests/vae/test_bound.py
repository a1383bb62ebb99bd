from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mixtura.free_energy import FreeEnergy
from mixtura.vae.bound import bound_terms, evidence_lower_bound
from mixtura.vae.distributions import DiagonalGaussian, GaussianMixture
from mixtura.vae.posterior import ExactResponsibilities

TERMS = ("bound", "reconstruction", "cluster", "conditional_prior")


def draws(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def assert_terms_equal(found: FreeEnergy, expected: dict[str, Any], rtol: float = 1e-10) -> None:
    assert set(found.as_dict()) == set(TERMS)
    for name in TERMS:
        np.testing.assert_allclose(found.as_dict()[name].numpy(), expected[name], rtol=rtol, atol=1e-10)


@pytest.mark.parametrize("latent_dim", [1, 3])
@torch.no_grad()
def test_every_term_draw_by_draw(case, latent_dim, make_model, make_oracle, make_rows) -> None:
    model = make_model(*case, latent_dim=latent_dim, log_determinant=0.7)
    oracle, x, noise = make_oracle(model, case[0]), make_rows(case[0], 5), draws(7, 5, latent_dim)
    mean, scale = oracle.posterior(x.numpy())
    expected = oracle.terms(x.numpy(), mean + scale * noise.numpy())
    assert_terms_equal(evidence_lower_bound(model, x, noise), expected)


@torch.no_grad()
def test_monte_carlo_mean_of_every_term_agrees_with_quadrature(
    case, make_model, make_oracle, make_rows
) -> None:
    model, x, n_draws = make_model(*case), make_rows(case[0], 3), 4000
    expected = make_oracle(model, case[0]).expected_terms(x.numpy())
    found = evidence_lower_bound(model, x, draws(n_draws, 3, 1)).as_dict()
    for name in TERMS:
        mean, standard_error = found[name].mean(0), found[name].std(0) / n_draws**0.5
        assert ((mean - torch.from_numpy(expected[name])).abs() < 4 * standard_error + 1e-9).all(), name


def test_prior_terms_are_a_divergence_in_expectation(case, make_model, make_oracle, make_rows) -> None:
    model, x = make_model(*case), make_rows(case[0], 4)
    oracle = make_oracle(model, case[0])
    terms = oracle.expected_terms(x.numpy())
    divergence = terms["cluster"] + terms["conditional_prior"]  # KL(q(w, z|x) || p(w, z))
    assert (divergence >= 0).all()
    assert (terms["bound"] <= oracle.log_evidence(x.numpy())).all()
    # F = log p(x) - KL(q || p(w, z|x)) with the first part of the KL already in the reconstruction.
    np.testing.assert_allclose(terms["reconstruction"] - divergence, terms["bound"], rtol=1e-9)


@torch.no_grad()
def test_draws_may_be_shared_and_their_axes_agree(case, make_model, make_rows) -> None:
    model, x, noise = make_model(*case, latent_dim=2), make_rows(case[0], 4), draws(3, 1, 2)
    shared = evidence_lower_bound(model, x, noise)
    each = evidence_lower_bound(model, x, noise.expand(3, 4, 2))
    first = evidence_lower_bound(model, x, noise[0].expand(4, 2))
    assert shared.bound.shape == (3, 4)
    for name in TERMS:
        torch.testing.assert_close(shared.as_dict()[name], each.as_dict()[name])
        torch.testing.assert_close(shared.as_dict()[name][0], first.as_dict()[name])


@pytest.mark.parametrize("responsibilities", ["exact", "amortised"])
@torch.no_grad()
def test_other_units_shift_the_bound_by_their_log_determinant(
    responsibilities, make_model, make_rows
) -> None:
    x, noise, units = make_rows("real", 4), draws(4, 1), np.array([12.0, 0.03])
    without = evidence_lower_bound(make_model("real", responsibilities), x, noise)
    model = make_model("real", responsibilities, log_determinant=float(-np.log(units).sum()))
    counted = evidence_lower_bound(model, x, noise)
    shift = torch.full((4,), -np.log(units).sum(), dtype=torch.float64)
    torch.testing.assert_close(counted.bound - without.bound, shift)
    torch.testing.assert_close(counted.terms["reconstruction"] - without.terms["reconstruction"], shift)
    for name in ("cluster", "conditional_prior"):
        torch.testing.assert_close(counted.terms[name], without.terms[name])


@pytest.mark.parametrize("domain", ["real", "unit", "binary"])
@pytest.mark.parametrize("latent_dim", [1, 2, 10])
@torch.no_grad()
def test_exact_minus_amortised_is_the_divergence_draw_by_draw(
    domain, latent_dim, make_model, make_rows
) -> None:
    model = make_model(domain, "amortised", latent_dim=latent_dim, seed=latent_dim)
    x, noise = make_rows(domain, 6), draws(50, 6, latent_dim)
    amortised = evidence_lower_bound(model, x, noise)
    w = model.posterior(x).reparameterise(noise)
    learned = model.responsibilities(w, x, model.prior())
    model.responsibilities = ExactResponsibilities()
    exact = evidence_lower_bound(model, x, noise)
    gap = (learned.exp() * (learned - model.prior().log_responsibilities(w))).sum(-1)
    assert (gap > 0).all()
    scale = 1 + exact.bound.abs()
    assert ((exact.bound - amortised.bound - gap).abs() / scale).max() < 1e-12
    torch.testing.assert_close(exact.terms["reconstruction"], amortised.terms["reconstruction"])


@pytest.mark.parametrize("covariance_type", ["spherical", "diag"])
@torch.no_grad()
def test_exact_bound_is_the_one_with_the_mixture_marginal(covariance_type, make_model, make_rows) -> None:
    model = make_model("real", "exact", covariance_type, latent_dim=3, log_determinant=1.5)
    x, noise = make_rows("real", 6), draws(20, 6, 3)
    posterior, terms = model.posterior(x), evidence_lower_bound(model, x, noise)
    w = posterior.reparameterise(noise)
    marginal = model.likelihood(w).log_prob(x) + 1.5 + model.prior().log_prob(w) - posterior.log_prob(w)
    torch.testing.assert_close(terms.bound, marginal, rtol=1e-12, atol=1e-12)


@torch.no_grad()
def test_what_the_encoder_sees_may_differ_from_the_target(make_model, make_oracle, make_rows) -> None:
    model, x, seen, noise = (
        make_model("real", "amortised"),
        make_rows("real", 5),
        make_rows("real", 5, seed=9),
        draws(5, 1),
    )
    oracle = make_oracle(model, "real")
    mean, scale = oracle.posterior(seen.numpy())
    w = mean + scale * noise.numpy()
    expected = oracle.terms(seen.numpy(), w)
    moved = oracle.log_likelihood(x.numpy(), w) - oracle.log_likelihood(seen.numpy(), w)
    expected["reconstruction"] += moved
    expected["bound"] += moved
    assert_terms_equal(evidence_lower_bound(model, x, noise, seen=seen), expected)


@torch.no_grad()
def test_fixed_groups_cost_their_log_weight_and_no_nan(make_model, make_rows) -> None:
    model, x, noise = make_model("real", latent_dim=2), make_rows("real", 3), draws(3, 2)
    groups = torch.tensor([0, 1, 2])
    log_q = torch.nn.functional.one_hot(groups, 3).double().log()
    terms = evidence_lower_bound(model, x, noise, log_responsibilities=log_q)
    torch.testing.assert_close(terms.terms["cluster"], -model.prior.log_weights[groups])
    w = model.posterior(x).reparameterise(noise)
    own = model.prior().component_log_prob(w).gather(1, groups.unsqueeze(1)).squeeze(1)
    torch.testing.assert_close(terms.terms["conditional_prior"], model.posterior(x).log_prob(w) - own)


finite = st.floats(-40, 40)


@settings(max_examples=30)
@given(arrays(np.float64, (4, 3), elements=finite), arrays(np.float64, 3, elements=finite), st.integers(0, 3))
def test_cluster_is_never_negative(logits: Any, log_weights: Any, n_impossible: int) -> None:
    log_q = torch.from_numpy(logits)
    log_q[:n_impossible, 0] = -np.inf
    prior = GaussianMixture(
        torch.log_softmax(torch.from_numpy(log_weights), 0), torch.zeros(3, 1), torch.ones(3, 1)
    )
    terms = bound_terms(
        reconstruction=torch.zeros(4),
        posterior=DiagonalGaussian(torch.zeros(4, 1), torch.ones(4, 1)),
        prior=prior,
        w=torch.zeros(4, 1),
        log_responsibilities=torch.log_softmax(log_q, dim=-1),
    )
    assert (terms.terms["cluster"] >= -1e-12).all()
    assert torch.isfinite(terms.bound).all()


def gradients(model: torch.nn.Module, value: torch.Tensor) -> dict[str, torch.Tensor]:
    named = dict(model.named_parameters())
    return dict(zip(named, torch.autograd.grad(value, list(named.values()), allow_unused=True), strict=True))


def test_gradient_of_a_batch_is_the_sum_of_each_rows(case, make_model, make_rows) -> None:
    model, x, noise = make_model(*case, latent_dim=2), make_rows(case[0], 2), draws(2, 2)
    both = gradients(model, evidence_lower_bound(model, x, noise).bound.sum())
    each = [
        gradients(model, evidence_lower_bound(model, x[i : i + 1], noise[i : i + 1]).bound.sum())
        for i in range(2)
    ]
    for name, gradient in both.items():
        torch.testing.assert_close(gradient, each[0][name] + each[1][name])


def test_gradient_equals_finite_differences_of_the_oracle(
    case, make_model, make_oracle, make_rows, rng
) -> None:
    model, x, noise = make_model(*case, latent_dim=2, seed=3), make_rows(case[0], 3), draws(3, 2)
    oracle, step = make_oracle(model, case[0]), 1e-6

    def bound() -> float:
        mean, scale = oracle.posterior(x.numpy())
        return float(oracle.terms(x.numpy(), mean + scale * noise.numpy())["bound"].sum())

    for name, gradient in gradients(model, evidence_lower_bound(model, x, noise).bound.sum()).items():
        value, direction = oracle.values[name], rng.normal(size=gradient.shape)
        oracle.values[name] = value + step * direction
        above = bound()
        oracle.values[name] = value - step * direction
        below = bound()
        oracle.values[name] = value
        along = float((gradient.numpy() * direction).sum())
        assert abs((above - below) / (2 * step) - along) < 1e-5 * (1 + abs(above)), name
        assert gradient.abs().max() > 0, name


def test_gradient_of_the_mixture_by_hand(make_model, make_rows) -> None:
    """With r = p(z|w): d / d mu_k = r_k (w - mu_k) / sigma_k^2, and d / d log sigma_k = r_k (|.|^2 - d)."""
    model, x, noise = make_model("real", latent_dim=3), make_rows("real", 5), draws(5, 3)
    found = gradients(model, evidence_lower_bound(model, x, noise).bound.sum())
    with torch.no_grad():
        w = model.posterior(x).reparameterise(noise)
        r = model.prior().log_responsibilities(w).exp()
        sigma = model.prior.log_scales.exp()
        away = w.unsqueeze(1) - model.prior.means  # (n, K, d)
        by_mean = (r.unsqueeze(-1) * away / sigma**2).sum(0)
        by_log_scale = (r * ((away / sigma).square().sum(-1) - 3)).sum(0)
    torch.testing.assert_close(found["prior.means"], by_mean)
    torch.testing.assert_close(found["prior.log_scales"].squeeze(1), by_log_scale)


@pytest.mark.parametrize("size", [0.0, 1e-30, 1e4, 1e30])
@pytest.mark.parametrize("responsibilities", ["exact", "amortised"])
def test_extreme_rows_give_finite_terms_and_gradients(size, responsibilities, make_model) -> None:
    model = make_model("real", responsibilities, latent_dim=2)
    x = size * torch.tensor([[1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]], dtype=torch.float64)
    terms = evidence_lower_bound(model, x, draws(3, 2))
    for name in TERMS:
        assert torch.isfinite(terms.as_dict()[name]).all(), name
    for name, gradient in gradients(model, terms.bound.sum()).items():
        assert torch.isfinite(gradient).all(), name


def test_groups_ruled_out_give_finite_gradients(make_model, make_rows) -> None:
    model, x, noise = make_model("real", latent_dim=2), make_rows("real", 3), draws(3, 2)
    log_q = torch.nn.functional.one_hot(torch.tensor([0, 1, 1]), 3).double().log()
    value = evidence_lower_bound(model, x, noise, log_responsibilities=log_q).bound.sum()
    for name, gradient in gradients(model, value).items():
        assert torch.isfinite(gradient).all(), name
