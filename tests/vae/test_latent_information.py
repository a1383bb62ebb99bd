from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Normal, kl_divergence

from mixtura.errors import InputError
from mixtura.vae.latent_information import kl_to_standard_normal, latent_information


def made(n: int, d: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.normal(size=(n, d))), torch.from_numpy(np.exp(rng.normal(-1, 0.5, (n, d))))


@given(st.integers(1, 40), st.integers(1, 4), st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_the_parts_sum_to_the_mean_kl_draw_by_draw_but_for_noise(n, d, seed):
    loc, scale = made(n, d, seed)
    found = latent_information(loc, scale, torch.Generator().manual_seed(seed), 4096)
    torch_says = kl_divergence(Normal(loc, scale), Normal(0.0, 1.0))
    torch.testing.assert_close(kl_to_standard_normal(loc, scale), torch_says)
    assert found.kl == pytest.approx(float(torch_says.sum(1).mean()))
    whole = found.mutual_information + found.total_correlation + found.dimension_wise_kl
    errors = found.mutual_information_se + found.total_correlation_se + found.dimension_wise_kl_se
    assert whole == pytest.approx(found.kl, abs=5 * errors + 0.05)
    assert found.mutual_information < np.log(n) + 5 * found.mutual_information_se + 1e-9


def test_by_a_grid_on_the_plane():
    loc, scale = made(5, 2, 1)
    axis = torch.linspace(-8, 8, 1601, dtype=torch.float64)
    density = torch.stack(
        [Normal(loc[:, j : j + 1], scale[:, j : j + 1]).log_prob(axis).exp() for j in (0, 1)]
    )  # (2, N, grid)
    joint = torch.einsum("ni,nj->ij", density[0], density[1]) / 5
    first, second = density[0].mean(0), density[1].mean(0)
    step = float(axis[1] - axis[0])
    ratio = (joint.clamp(min=1e-300) / torch.outer(first, second).clamp(min=1e-300)).log()
    truth = float((joint * ratio).sum()) * step**2
    marginals = sum(
        float((q * (q.clamp(min=1e-300).log() - Normal(0.0, 1.0).log_prob(axis))).sum()) * step
        for q in (first, second)
    )
    found = latent_information(loc, scale, torch.Generator().manual_seed(0), 40_000)
    assert found.total_correlation == pytest.approx(truth, abs=4 * found.total_correlation_se)
    assert found.dimension_wise_kl == pytest.approx(marginals, abs=4 * found.dimension_wise_kl_se)


def test_rows_that_codes_tell_apart_are_log_n():
    loc = 100.0 * torch.arange(16, dtype=torch.float64)[:, None].expand(16, 3)
    found = latent_information(loc, torch.ones_like(loc), torch.Generator().manual_seed(0))
    assert found.mutual_information == pytest.approx(np.log(16))
    assert found.total_correlation == pytest.approx(2 * np.log(16))  # any dimension tells the other two


def test_codes_that_say_nothing():
    zeros = torch.zeros(20, 3, dtype=torch.float64)
    found = latent_information(zeros, torch.ones_like(zeros), torch.Generator().manual_seed(0))
    assert found.active_units == 0 and found.kl == 0 and found.total_correlation_of_means == 0
    for part in (found.mutual_information, found.total_correlation, found.dimension_wise_kl):
        assert part == pytest.approx(0, abs=1e-12)


def test_total_correlation_of_means_is_that_of_their_gaussian():
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(4000, 2)) @ np.array([[1.0, 0.8], [0.0, 0.6]])
    loc = torch.from_numpy(codes)
    found = latent_information(loc, torch.ones_like(loc), torch.Generator().manual_seed(0), 64)
    assert found.total_correlation_of_means == pytest.approx(-0.5 * np.log(1 - 0.64), abs=0.05)
    assert (
        latent_information(loc[:, :1], loc[:, :1].exp(), torch.Generator(), 4).total_correlation_of_means == 0
    )


def test_blocks_change_nothing(monkeypatch):
    loc, scale = made(50, 3, 2)
    whole = latent_information(loc, scale, torch.Generator().manual_seed(1), 100)
    monkeypatch.setattr("mixtura.vae.latent_information._BLOCK_VALUES", 150)
    parts = latent_information(loc, scale, torch.Generator().manual_seed(1), 100)
    assert parts.total_correlation == pytest.approx(whole.total_correlation, rel=1e-12)


@pytest.mark.parametrize(("rows", "n_draws"), [(0, 8), (3, 1)])
def test_too_little_is_refused(rows, n_draws):
    with pytest.raises(InputError, match="at least"):
        latent_information(torch.zeros(rows, 2), torch.ones(rows, 2), torch.Generator(), n_draws)


@pytest.mark.parametrize("rows", ["few", "dependent"])
def test_mean_codes_without_a_density_have_no_total_correlation(rows):
    loc = made(3 if rows == "few" else 50, 4, 0)[0]
    if rows == "dependent":
        loc[:, 3] = loc[:, 0] - 2 * loc[:, 1]
    told = latent_information(loc, torch.ones_like(loc), torch.Generator().manual_seed(0), 10)
    assert told.total_correlation_of_means is None


def test_rounding_is_no_correlation():
    loc = 1.0 + 1e-14 * made(50, 3, 0)[0]
    told = latent_information(loc, torch.ones_like(loc), torch.Generator().manual_seed(0), 10)
    assert told.total_correlation_of_means == 0.0
