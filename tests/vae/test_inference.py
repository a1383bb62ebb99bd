from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import special

from mixtura.vae import importance
from mixtura.vae.bound import evidence_lower_bound
from mixtura.vae.inference import codes, decode, estimate_bound, responsibilities, sample
from mixtura.vae.posterior import ExactResponsibilities

COVARIANCES = ("spherical", "diag")


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def draws(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=seeded(), dtype=torch.float64)


def test_bound_estimate_is_the_mean_over_rows_and_draws(case, make_model, make_oracle, make_rows) -> None:
    model, x = make_model(*case, log_determinant=0.2), make_rows(case[0], 5)
    found = estimate_bound(model, x, 2000, seeded())
    expected = make_oracle(model, case[0]).expected_terms(x.numpy())
    with torch.no_grad():
        terms = evidence_lower_bound(model, x, draws(2000, 5, 1)).as_dict()
    for name, value in found.free_energy.as_dict().items():
        spread = float(terms[name].std(0).square().sum().sqrt()) / 5
        assert value == pytest.approx(expected[name].mean(), abs=4 * spread / 2000**0.5 + 1e-9), name


@pytest.mark.parametrize("domain", ["real", "unit", "binary"])
def test_gap_is_the_exact_minus_the_amortised_bound(domain, make_model, make_rows) -> None:
    model, x = make_model(domain, "amortised", latent_dim=2), make_rows(domain, 7)
    amortised = estimate_bound(model, x, 16, seeded())
    model.responsibilities = ExactResponsibilities()
    exact = estimate_bound(model, x, 16, seeded())  # the same seed, hence the same draws
    assert amortised.gap > 0
    assert exact.gap == 0
    assert exact.free_energy.bound - amortised.free_energy.bound == pytest.approx(amortised.gap, rel=1e-10)


def test_bound_estimate_does_not_depend_on_blocks_beyond_its_draws(
    monkeypatch, make_model, make_rows
) -> None:
    model, x = make_model("real", "amortised"), make_rows("real", 10)
    whole = estimate_bound(model, x, 4000, seeded())
    monkeypatch.setattr(importance, "_BLOCK_VALUES", 3 * 4000 * 2)
    blocked = estimate_bound(model, x, 4000, seeded())
    for name, value in whole.free_energy.as_dict().items():
        assert blocked.free_energy.as_dict()[name] == pytest.approx(value, abs=0.1), name
    assert blocked.gap == pytest.approx(whole.gap, abs=0.05)


def test_responsibilities_are_means_over_shared_draws(case, make_model, make_oracle, make_rows) -> None:
    model, x, noise = make_model(*case, latent_dim=2), make_rows(case[0], 6), draws(30, 2)
    oracle = make_oracle(model, case[0])
    mean, scale = oracle.posterior(x.numpy())
    w = mean + scale * noise.numpy()[:, None, :]
    expected = np.exp(oracle.log_responsibilities(w, x.numpy())).mean(axis=0)
    np.testing.assert_allclose(responsibilities(model, x, noise), expected, rtol=1e-9, atol=1e-12)


def test_responsibilities_that_read_no_codes_are_those_of_any_draw(make_model, make_rows) -> None:
    model, x, noise = make_model("real", "amortised", latent_dim=2), make_rows("real", 6), draws(30, 2)
    assert model.responsibilities.reads_codes
    model.responsibilities.forget_codes()
    assert not model.responsibilities.reads_codes
    with torch.no_grad():
        expected = model.responsibilities(1e3 * noise[:6], x, model.prior()).exp()
    np.testing.assert_allclose(responsibilities(model, x, noise), expected, rtol=1e-12)


@pytest.mark.parametrize("latent_dim", [1, 2, 10])
def test_responsibilities_count_each_weight_once(latent_dim, make_model, make_rows) -> None:
    """Where the components are alike the answer is pi, in any number of dimensions."""
    model, x = make_model("real", latent_dim=latent_dim), make_rows("real", 4)
    with torch.no_grad():
        model.prior.means.zero_()
        model.prior.log_scales.fill_(0.3)
    found = responsibilities(model, x, draws(5, latent_dim))
    np.testing.assert_allclose(found, np.tile([0.6, 0.3, 0.1], (4, 1)), rtol=1e-12)


def test_a_row_does_not_depend_on_its_company(monkeypatch, case, make_model, make_rows) -> None:
    model, x, noise = make_model(*case, latent_dim=2), make_rows(case[0], 9), draws(8, 2)
    together = responsibilities(model, x, noise), codes(model, x)
    alone = [(responsibilities(model, row, noise), codes(model, row)) for row in x.split(1)]
    for i in range(2):
        torch.testing.assert_close(torch.cat([a[i] for a in alone]), together[i], rtol=1e-12, atol=1e-14)
    monkeypatch.setattr(importance, "_BLOCK_VALUES", 40)
    torch.testing.assert_close(responsibilities(model, x, noise), together[0], rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(codes(model, x), together[1], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("responsibility", ["exact", "amortised"])
@pytest.mark.parametrize("size", [1e-30, 1e6, 1e30])
def test_extreme_rows_have_probabilities(size, responsibility, make_model) -> None:
    model = make_model("real", responsibility, latent_dim=2)
    x = size * torch.tensor([[1.0, -1.0], [1.0, 1.0]], dtype=torch.float64)
    found = responsibilities(model, x, draws(4, 2))
    torch.testing.assert_close(found.sum(1), torch.ones(2, dtype=torch.float64))


def test_codes_are_the_means_of_the_posterior(case, make_model, make_oracle, make_rows) -> None:
    model, x = make_model(*case, latent_dim=3), make_rows(case[0], 5)
    expected = make_oracle(model, case[0]).posterior(x.numpy())[0]
    np.testing.assert_allclose(codes(model, x), expected, rtol=1e-12)


def test_decode_is_the_mean_of_the_likelihood(case, make_model, make_oracle) -> None:
    model, w = make_model(*case, latent_dim=2), draws(1500, 2)  # more than one block
    output = make_oracle(model, case[0]).network("likelihood.", w.numpy())
    mean = output if case[0] == "binary" else output[:, :2]
    expected = mean if case[0] == "real" else special.expit(mean)
    np.testing.assert_allclose(decode(model, w), expected, rtol=1e-12)


def linear_decoder(model: torch.nn.Module, weight: list[list[float]], raw: float) -> None:
    """Make the mean a linear map of w and the variance one number."""
    first, last = model.likelihood.network[0], model.likelihood.network[-1]
    with torch.no_grad():
        # relu(w) - relu(-w) = w: a linear map through the rectifier.
        first.weight.copy_(torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]))
        first.bias.zero_()
        a = torch.tensor(weight, dtype=torch.float64)
        halves = torch.stack([a[:, 0], -a[:, 0], a[:, 1], -a[:, 1]], dim=1)
        last.weight.copy_(torch.cat([halves, torch.zeros_like(halves)]))
        last.bias.copy_(torch.tensor([0.5, -1.0, raw, raw]))


@pytest.mark.parametrize("covariance_type", COVARIANCES)
def test_samples_have_the_moments_of_their_component(covariance_type, make_model, make_oracle) -> None:
    """x | z = k is N(A mu_k + b, A diag(sigma_k^2) A' + s^2 I) where the decoder is linear."""
    model, slope, raw, n = (
        make_model("real", "exact", covariance_type, latent_dim=2),
        [[1.0, 0.5], [-1.0, 2.0]],
        -2.0,
        20_000,
    )
    linear_decoder(model, slope, raw)
    for k in range(3):
        x = sample(model, torch.full((n,), k), seeded(k)).numpy()
        a, prior = np.array(slope), model.prior()
        mean = a @ prior.means[k].detach().numpy() + [0.5, -1.0]
        noise = float(model.likelihood.std_floor) ** 2 + 25 * special.expit(raw - np.log(24))
        covariance = a @ np.diag(prior.scales[k].detach().numpy() ** 2) @ a.T + noise * np.eye(2)
        assert (np.abs(x.mean(0) - mean) < 4 * np.sqrt(np.diag(covariance) / n)).all()
        sizes = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
        assert (np.abs(np.cov(x.T) - covariance) < 4 * sizes * np.sqrt(2 / n)).all()


def test_binary_samples_are_zeros_and_ones_with_the_right_mean(make_model) -> None:
    model, n = make_model("binary", latent_dim=2), 20_000
    x = sample(model, torch.full((n,), 1), seeded())
    assert set(x.unique().tolist()) == {0.0, 1.0}
    prior = model.prior()
    w = prior.means[1] + prior.scales[1] * draws(n, 2)
    expected = model.likelihood(w).mean.mean(0).detach()
    torch.testing.assert_close(x.mean(0), expected, atol=4 * 0.7 / n**0.5, rtol=0)


@pytest.mark.parametrize("domain", ["real", "unit", "binary"])
def test_same_generator_same_samples_and_no_global_state(domain, make_model) -> None:
    model, components = make_model(domain, latent_dim=2), torch.tensor([0, 2, 1] * 500)
    before = torch.random.get_rng_state()
    first, again, other = (sample(model, components, seeded(seed)) for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.shape == (1500, 2)
    assert torch.equal(torch.random.get_rng_state(), before)
