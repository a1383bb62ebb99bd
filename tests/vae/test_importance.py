"""Importance weighting, held against a model whose log p(x) is a Gaussian mixture in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import integrate, special, stats
from torch import nn

from mixtura.numerics import log_mean_exp
from mixtura.vae import importance
from mixtura.vae.bound import evidence_lower_bound
from mixtura.vae.importance import estimate_log_likelihood, log_importance_weights, row_blocks
from mixtura.vae.likelihood import GaussianLikelihood
from mixtura.vae.model import GaussianMixtureVAE
from mixtura.vae.posterior import ExactResponsibilities, GaussianPosterior
from mixtura.vae.prior import GaussianMixturePrior

LATENT, FEATURES, LOG_DETERMINANT = 2, 3, 0.4


@dataclass
class LinearModel:
    """x = A w + b + noise of one variance: log p(x) is a mixture of three Gaussians."""

    model: GaussianMixtureVAE
    x: torch.Tensor
    log_evidence: NDArray[np.float64]


def set_linear(layer: nn.Linear, weight: NDArray[np.float64], bias: NDArray[np.float64]) -> nn.Linear:
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weight))
        layer.bias.copy_(torch.from_numpy(bias))
    return layer


def linear_model(seed: int = 0, n_rows: int = 20, encoder: str = "good") -> LinearModel:
    """Make the model; its encoder is a Gaussian's exact posterior made wider, or random."""
    rng = np.random.default_rng(seed)
    slope, offset, raw = rng.normal(size=(FEATURES, LATENT)), rng.normal(size=FEATURES), -2.5
    weights, means = np.array([0.5, 0.3, 0.2]), 2 * rng.normal(size=(3, LATENT))
    scales = np.array([[0.4], [0.8], [1.2]])
    decoder = set_linear(
        nn.Linear(LATENT, 2 * FEATURES).double(),
        np.vstack([slope, np.zeros_like(slope)]),
        np.concatenate([offset, np.full(FEATURES, raw)]),
    )
    likelihood = GaussianLikelihood(decoder, "real", 0.25).double()
    variance = 0.25**2 + 25 * special.expit(raw - np.log(24))
    prior = GaussianMixturePrior(3, LATENT).double()
    prior.set_components(torch.from_numpy(means), torch.from_numpy(scales))
    prior.log_weights.copy_(torch.from_numpy(np.log(weights)))

    z = rng.choice(3, size=n_rows, p=weights)
    w = means[z] + scales[z] * rng.normal(size=(n_rows, LATENT))
    x = w @ slope.T + offset + np.sqrt(variance) * rng.normal(size=(n_rows, FEATURES))
    components = [
        stats.multivariate_normal(
            slope @ m + offset, s**2 * slope @ slope.T + variance * np.eye(FEATURES)
        ).logpdf(x)
        for m, s in zip(means, scales.ravel(), strict=True)
    ]
    log_evidence = special.logsumexp(np.log(weights)[:, None] + np.array(components), axis=0)

    head = nn.Linear(FEATURES, 2 * LATENT).double()
    if encoder == "good":
        precision = slope.T @ slope / variance + np.eye(LATENT) / 4
        to_mean = np.linalg.solve(precision, slope.T) / variance
        log_variance = np.log(2.5 * np.diag(np.linalg.inv(precision)))
        set_linear(
            head,
            np.vstack([to_mean, np.zeros_like(to_mean)]),
            np.concatenate([-to_mean @ offset, log_variance]),
        )
    else:
        set_linear(
            head, rng.normal(size=(2 * LATENT, FEATURES)) * 0.3, np.append(np.zeros(LATENT), [-1.0, 0.5])
        )
    model = GaussianMixtureVAE(
        GaussianPosterior(head), ExactResponsibilities(), prior, likelihood, LOG_DETERMINANT
    )
    return LinearModel(model.requires_grad_(False), torch.from_numpy(x), log_evidence + LOG_DETERMINANT)


def draws(n_samples: int, seed: int = 0, latent_dim: int = LATENT) -> torch.Tensor:
    return torch.randn(
        (n_samples, latent_dim), generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )


@pytest.mark.parametrize("seed", range(6))
def test_bound_stays_below_for_random_encoders(seed) -> None:
    linear = linear_model(seed, encoder="random")
    bounds = evidence_lower_bound(linear.model, linear.x, draws(2000).unsqueeze(1)).bound
    ceiling = torch.from_numpy(linear.log_evidence)
    assert (bounds.mean(0) + 4 * bounds.std(0) / 2000**0.5 < ceiling).all()
    # The importance-weighted bound of the same encoder lies between the two.
    assert (torch.from_numpy(estimate(linear, 2000).per_row) > bounds.mean(0)).all()


def estimate(linear: LinearModel, n_samples: int, seed: int = 0) -> importance.LikelihoodEstimate:
    return estimate_log_likelihood(linear.model, linear.x, draws(n_samples, seed))


def test_importance_weighting_converges_to_the_evidence() -> None:
    linear, sizes = linear_model(), (10, 100, 1000, 10_000)
    errors = [
        np.mean([np.abs(estimate(linear, s, seed).per_row - linear.log_evidence).mean() for seed in range(5)])
        for s in sizes
    ]
    assert all(b < 0.7 * a for a, b in pairwise(errors))
    assert errors[-1] < errors[0] / 10
    assert errors[-1] < 0.03
    assert estimate(linear, 10_000).mean == pytest.approx(linear.log_evidence.mean(), abs=0.04)


def test_truth_lies_within_a_few_standard_errors() -> None:
    linear, truth = linear_model(), linear_model().log_evidence.mean()
    found = [estimate(linear, 300, seed) for seed in range(150)]
    away = np.array([(e.mean - truth) / e.standard_error for e in found])
    assert (np.abs(away) < 2).mean() > 0.9
    assert (np.abs(away) < 4).mean() > 0.99


@pytest.mark.parametrize("n_samples", [50, 300])
def test_jackknife_error_is_the_spread_over_repeated_draws(n_samples) -> None:
    linear = linear_model(seed=1)
    found = [estimate(linear, n_samples, seed) for seed in range(200)]
    spread = np.std([e.mean for e in found], ddof=1)
    reported = np.sqrt(np.mean([e.standard_error**2 for e in found]))
    # Draws are shared by all rows: an error that took the rows for independent would be far too small.
    assert 0.8 < reported / spread < 1.3


def test_estimates_rise_with_the_number_of_draws() -> None:
    """Over the same draws in blocks of S the mean of log-mean-exp never falls as S doubles (Jensen)."""
    linear = linear_model(seed=2, encoder="random")
    log_weights = log_importance_weights(linear.model, linear.x, draws(1024)).numpy()
    means = [
        log_mean_exp(log_weights.reshape(1024 // s, s, -1), axis=1).mean() for s in (1, 2, 4, 16, 64, 256)
    ]
    assert all(a < b for a, b in pairwise(means))
    assert means[-1] < linear.log_evidence.mean() + 0.05


def test_one_draw_is_the_bound() -> None:
    linear = linear_model()
    found = estimate_log_likelihood(linear.model, linear.x, draws(1))
    bound = evidence_lower_bound(linear.model, linear.x, draws(1).unsqueeze(1)).bound[0]
    np.testing.assert_allclose(found.per_row, bound, rtol=1e-12)
    assert np.isnan(found.standard_error)
    assert found.effective_sample_size == 1
    assert found.n_samples == 1


@pytest.mark.parametrize("encoder", ["good", "random"])
@pytest.mark.parametrize("n_samples", [2, 30])
def test_effective_sample_size_is_between_one_and_all(encoder, n_samples) -> None:
    found = estimate(linear_model(encoder=encoder), n_samples)
    assert 1 <= found.effective_sample_size <= n_samples


def test_effective_sample_size_is_all_when_the_encoder_is_exact() -> None:
    linear = linear_model()
    linear.model.prior.reset()
    # A decoder that ignores w, so that the posterior is the prior.
    set_linear(linear.model.likelihood.network, np.zeros((2 * FEATURES, LATENT)), np.zeros(2 * FEATURES))
    set_linear(linear.model.posterior.network, np.zeros((2 * LATENT, FEATURES)), np.zeros(2 * LATENT))
    found = estimate(linear, 30)
    assert found.effective_sample_size == pytest.approx(30)
    assert found.standard_error == pytest.approx(0, abs=1e-12)


def test_density_of_raw_values_integrates_to_one(make_model) -> None:
    """One column in units of 5: p(raw) = p(encoded) / 5."""
    unit = 5.0
    model = make_model("real", n_encoded=1, log_determinant=-np.log(unit), spread=0.4).requires_grad_(False)
    head = model.posterior.network[-1]
    set_linear(head, np.zeros(head.weight.shape), np.array([0.0, np.log(9.0)]))
    raw = np.linspace(-60, 60, 601)
    x = torch.from_numpy(raw / unit).unsqueeze(1)
    quantiles = torch.from_numpy(stats.norm.ppf((np.arange(1000) + 0.5) / 1000)).unsqueeze(1)
    density = np.exp(estimate_log_likelihood(model, x, quantiles).per_row)
    assert integrate.trapezoid(density, raw) == pytest.approx(1, abs=1e-3)


def test_estimate_agrees_with_quadrature(case, make_model, make_oracle, make_rows) -> None:
    model, x = make_model(*case, spread=0.5, log_determinant=-0.3), make_rows(case[0], 4)
    found = estimate_log_likelihood(model, x, draws(20_000, latent_dim=1))
    expected = make_oracle(model, case[0]).log_evidence(x.numpy())
    np.testing.assert_allclose(found.per_row, expected, atol=0.03)


# Several rows a block, and several pieces of the draws of one row.
@pytest.mark.parametrize("block", [7 * 20 * FEATURES, 5 * 20])
def test_a_row_does_not_depend_on_its_company(block, monkeypatch) -> None:
    linear = linear_model()
    together = estimate(linear, 20).per_row
    alone = [estimate_log_likelihood(linear.model, x, draws(20)).per_row[0] for x in linear.x.split(1)]
    np.testing.assert_allclose(alone, together, rtol=1e-13)
    monkeypatch.setattr(importance, "_BLOCK_VALUES", block)
    blocked = estimate(linear, 20)
    np.testing.assert_allclose(blocked.per_row, together, rtol=1e-13)


@pytest.mark.parametrize("block", [7 * 20 * FEATURES, 5 * 20])
def test_blocks_change_no_error(block, monkeypatch) -> None:
    linear = linear_model()
    whole = estimate(linear, 20)
    monkeypatch.setattr(importance, "_BLOCK_VALUES", block)
    blocked = estimate(linear, 20)
    assert blocked.standard_error == pytest.approx(whole.standard_error, rel=1e-12)
    assert blocked.effective_sample_size == pytest.approx(whole.effective_sample_size, rel=1e-12)


@pytest.mark.parametrize("gap", [5.0, 50.0, 5000.0])
def test_error_is_right_when_one_draw_carries_all_the_weight(gap, monkeypatch, rng) -> None:
    """Without the heaviest draw the others count, and total - weight would have cancelled to nothing."""
    log_weights = rng.normal(size=(6, 3))
    log_weights[2] += gap
    monkeypatch.setattr(
        importance, "log_importance_weights", lambda model, x, noise: torch.from_numpy(log_weights)
    )
    found = estimate_log_likelihood(SimpleNamespace(values_per_row=8), torch.zeros(3, 1), torch.zeros(6, 1))
    rest = [np.delete(log_weights, s, axis=0) for s in range(6)]
    statistics = np.array([(special.logsumexp(r, axis=0) - np.log(5)).mean() for r in rest])
    expected = np.sqrt(5 / 6 * ((statistics - statistics.mean()) ** 2).sum())
    assert found.standard_error == pytest.approx(expected, rel=1e-9)
    np.testing.assert_allclose(found.per_row, special.logsumexp(log_weights, axis=0) - np.log(6))


def test_a_row_of_no_density_is_minus_infinity_and_no_nan() -> None:
    linear = linear_model(n_rows=2)
    linear.x[0] = 1e200
    found = estimate(linear, 5)
    assert found.per_row[0] == -np.inf
    assert np.isfinite(found.per_row[1])
    assert found.mean == -np.inf


@pytest.mark.parametrize(("n_rows", "values"), [(0, 5), (1, 5), (10, 2**21), (10, 2**30), (7, 0)])
def test_row_blocks_cover_every_row_once(n_rows, values) -> None:
    covered = [row for block in row_blocks(n_rows, values) for row in range(n_rows)[block]]
    assert covered == list(range(n_rows))
