from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import MultivariateNormal

from mixtura.divergence.mixtures import gaussian_mixture
from mixtura.projection.expectation import entropy, mean_log_density
from mixtura.projection.function_landscape import FunctionLandscape
from mixtura.projection.mixture_landscape import MixtureLandscape
from mixtura.projection.target import as_target

TARGET = as_target(
    gaussian_mixture(
        [0.3, 0.7], torch.tensor([[-2.0, 0.0], [1.0, 2.0]]), torch.tensor([[1.0, 1.0], [0.3, 2.0]])
    )
)
MEAN = torch.tensor([[0.0, 1.0]], dtype=torch.float64)
FACTOR = torch.tensor([[[1.0, 0.0], [0.5, 0.8]]], dtype=torch.float64)


def estimate(curvature: torch.Tensor, seed: int, count: int = 2048) -> tuple[float, float]:
    source = torch.Generator().manual_seed(seed)
    value, error = mean_log_density(MixtureLandscape(TARGET.mixture), MEAN, FACTOR, curvature, count, source)
    return float(value), float(error)


def test_it_agrees_with_many_draws_within_its_error() -> None:
    noise = torch.randn(400_000, 2, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    draws = TARGET.log_prob(MEAN + noise @ FACTOR[0].T)
    exact, spread = float(draws.mean()), float(draws.std()) / 400_000**0.5
    zero = torch.zeros(1, 2, 2, dtype=torch.float64)
    errors = []
    for seed in range(20):
        value, error = estimate(zero, seed)
        assert abs(value - exact) < 5 * math.hypot(error, spread)
        errors.append((value - exact) / math.hypot(error, spread))
    assert 0.4 < (sum(x * x for x in errors) / 20) ** 0.5 < 2.0


def test_the_control_variate_is_exact_for_a_gaussian() -> None:
    target = MultivariateNormal(
        torch.ones(2, dtype=torch.float64), torch.tensor([[2.0, 0.3], [0.3, 1.0]]).double()
    )
    form = as_target(target).mixture
    white = torch.linalg.solve_triangular(form.scale_trils[0], FACTOR[0], upper=False)
    value, error = mean_log_density(
        MixtureLandscape(form), MEAN, FACTOR, -(white.T @ white)[None], 64, torch.Generator().manual_seed(0)
    )
    offset = torch.linalg.solve_triangular(form.scale_trils[0], MEAN.T - 1, upper=False).square().sum()
    exact = (
        -0.5 * (white.square().sum() + offset)
        - target.scale_tril.diagonal().log().sum()
        - math.log(2 * math.pi)
    )
    assert float(value) == pytest.approx(float(exact), rel=1e-12)
    assert float(error) < 1e-12


def test_a_wrong_control_variate_is_still_unbiased() -> None:
    wrong = torch.tensor([[[3.0, -1.0], [2.0, 5.0]]], dtype=torch.float64)
    value, error = estimate(wrong, 0, 65536)
    right, small = estimate(torch.zeros(1, 2, 2, dtype=torch.float64), 1, 65536)
    assert abs(value - right) < 5 * math.hypot(error, small)


def test_a_density_that_vanishes() -> None:
    target = as_target(lambda x: torch.where(x[:, 0] > 0, -x.sum(dim=1), -torch.inf), dimension=2)
    value, error = mean_log_density(
        FunctionLandscape(target), MEAN, FACTOR, torch.zeros(1, 2, 2).double(), 64, torch.Generator()
    )
    assert float(value) == -torch.inf and float(error) == 0


def test_entropy() -> None:
    torch.testing.assert_close(
        entropy(FACTOR)[0], MultivariateNormal(MEAN[0], scale_tril=FACTOR[0]).entropy()
    )
