from __future__ import annotations

import numpy as np
import pytest
import torch

from mixtura.vae.training.start import mean_codes, set_prior_from_groups

TRUTH = np.repeat([0, 1, 2], 40)


def blobs(seed: int = 0) -> np.ndarray:
    corners = 12 * np.array([[0, 0], [1, 0], [0, 1]])[TRUTH]
    return (np.random.default_rng(seed).normal(size=(120, 2)) + corners).astype(np.float32)


@torch.no_grad()
def test_mean_codes_average_over_views(make_model, make_rows) -> None:
    model, views = make_model("real", latent_dim=2), [make_rows("real", 5, seed=s) for s in range(3)]
    shown = iter(views)
    loc, variance = mean_codes(model, views[0], lambda block: next(shown), n_views=3)
    q = [model.posterior(view).base_dist for view in views]
    torch.testing.assert_close(loc, sum(p.loc for p in q) / 3)
    torch.testing.assert_close(variance, sum(p.scale**2 for p in q) / 3)


@pytest.mark.parametrize("covariance_type", ["spherical", "diag"])
def test_prior_takes_the_moments_of_each_group(covariance_type, make_model) -> None:
    rng = np.random.default_rng(0)
    loc = blobs().astype(np.float64)[:, :2] + 1e4  # centred first, or the offset would eat the spread
    variance = rng.uniform(0.1, 2.0, size=(120, 2))
    model = make_model("real", "exact", covariance_type, latent_dim=2)
    set_prior_from_groups(model, torch.from_numpy(loc), torch.from_numpy(variance), torch.from_numpy(TRUTH))
    prior = model.prior()
    for k in range(3):
        own = k == TRUTH
        spread = loc[own].var(axis=0) + variance[own].mean(axis=0)
        expected = np.sqrt(spread) if covariance_type == "diag" else np.sqrt(spread.mean()).repeat(2)
        np.testing.assert_allclose(prior.means[k].detach(), loc[own].mean(axis=0), rtol=1e-12)
        np.testing.assert_allclose(prior.scales[k].detach(), expected, rtol=1e-9)


def test_prior_of_an_empty_group_or_of_one_point_is_finite(make_model) -> None:
    model, loc = make_model("real", latent_dim=2), torch.ones(4, 2, dtype=torch.float64)
    set_prior_from_groups(model, loc, torch.zeros_like(loc), torch.tensor([0, 0, 0, 1]))
    prior = model.prior()
    for value in (prior.means, prior.scales.log(), prior.log_prob(loc)):
        assert torch.isfinite(value).all()


def test_a_group_without_rows_has_the_moments_of_all(make_model) -> None:
    model = make_model("real", "exact", "diag", latent_dim=2)
    k, d = model.n_components, 2
    generator = torch.Generator().manual_seed(0)
    loc = torch.randn(50, d, generator=generator) + 1
    variance = torch.rand(50, d, generator=generator)
    set_prior_from_groups(model, loc, variance, torch.zeros(50, dtype=torch.int64))
    mixture = model.prior()
    for component in range(1, k):
        torch.testing.assert_close(mixture.means[component].float(), loc.mean(dim=0), rtol=1e-4, atol=1e-5)
        spread = (variance + (loc - loc.mean(dim=0)).square()).mean(dim=0).sqrt()
        torch.testing.assert_close(mixture.scales[component].float(), spread, rtol=1e-4, atol=1e-5)
