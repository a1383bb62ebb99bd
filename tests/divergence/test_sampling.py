from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats
from torch.distributions import (
    Categorical,
    Independent,
    LowRankMultivariateNormal,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    Poisson,
)

from mixtura.divergence.sampling import draw


def _from(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_same_seed_same_bits_other_seed_others_and_no_global_state(families, family) -> None:
    distribution = families(family, (2,))
    before = torch.get_rng_state()
    first, again, other = (draw(distribution, 50, _from(seed)) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert first.shape == (50, 2, *distribution.event_shape)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    torch.manual_seed(12345)
    assert torch.equal(draw(distribution, 50, _from(1)), first)
    assert draw(distribution, 0).shape == (0, 2, *distribution.event_shape)


def test_without_a_generator_the_draws_are_those_of_seed_zero() -> None:
    assert torch.equal(draw(Normal(0.0, 1.0), 5), draw(Normal(0.0, 1.0), 5, _from(0)))


def test_a_generator_is_advanced() -> None:
    generator = _from(0)
    for distribution in (Normal(0.0, 1.0), Poisson(3.0)):
        assert not torch.equal(draw(distribution, 20, generator), draw(distribution, 20, generator))


COVARIANCE = np.array([[2.0, 0.5], [0.5, 1.0]])
TRIL = torch.from_numpy(np.linalg.cholesky(COVARIANCE))
MEAN = torch.tensor([1.0, -2.0], dtype=torch.float64)


@pytest.mark.parametrize(
    ("distribution", "covariance"),
    [
        (MultivariateNormal(MEAN, scale_tril=TRIL), COVARIANCE),
        (MultivariateNormal(MEAN, torch.from_numpy(COVARIANCE)), COVARIANCE),
        (MultivariateNormal(MEAN, precision_matrix=torch.from_numpy(np.linalg.inv(COVARIANCE))), COVARIANCE),
        (Independent(Normal(MEAN, torch.tensor([2.0, 1.0]).double().sqrt()), 1), np.diag([2.0, 1.0])),
        (
            LowRankMultivariateNormal(MEAN, torch.tensor([[0.5], [1.0]]).double(), torch.ones(2).double()),
            np.array([[1.25, 0.5], [0.5, 2.0]]),
        ),
    ],
)
def test_gaussians_have_their_moments(distribution, covariance) -> None:
    points = draw(distribution, 40_000, _from(3)).numpy()
    np.testing.assert_allclose(points.mean(axis=0), MEAN, atol=0.04)
    np.testing.assert_allclose(np.cov(points.T), covariance, atol=0.06)


def test_a_normal_is_normal() -> None:
    points = draw(Normal(torch.tensor(3.0).double(), 2.0), 20_000, _from(5)).numpy()
    assert stats.kstest(points, "norm", args=(3.0, 2.0)).pvalue > 1e-3


def test_a_mixture_has_its_shares_in_every_entry_of_a_batch() -> None:
    weights = torch.tensor([[0.2, 0.8, 0.0], [0.5, 0.25, 0.25]]).double()
    parts = MultivariateNormal(
        torch.tensor([-10.0, 0.0, 10.0]).double()[:, None].expand(2, 3, 1), torch.eye(1).double()
    )
    points = draw(MixtureSameFamily(Categorical(weights), parts), 20_000, _from(7))
    shares = torch.stack(
        [((points - mean).abs() < 5).double().mean(dim=(0, 2)) for mean in (-10, 0, 10)], dim=1
    )
    torch.testing.assert_close(shares, weights, atol=0.02, rtol=0.0)
    spread = (points[:, 0, 0][points[:, 0, 0] < -5] + 10).std()
    assert float(spread) == pytest.approx(1.0, abs=0.05)


def test_draws_of_a_mixture_are_independent() -> None:
    points = draw(MixtureSameFamily(Categorical(torch.ones(2)), Normal(torch.tensor([-5.0, 5.0]), 1.0)), 5000)
    signs = points.sign()
    assert abs(float((signs[1:] * signs[:-1]).mean())) < 0.06


def test_gradients_flow_where_there_are_reparametrised_draws() -> None:
    mean, scale = (torch.tensor(value, requires_grad=True) for value in (1.0, 2.0))
    points = draw(Normal(mean, scale), 4, _from(0))
    noise = draw(Normal(0.0, 1.0), 4, _from(0))
    torch.testing.assert_close(
        torch.autograd.grad(points.sum(), (mean, scale)), (torch.tensor(4.0), noise.sum())
    )
    rate = torch.tensor(2.0, requires_grad=True)
    assert not draw(Poisson(rate), 4).requires_grad
    mixture = MixtureSameFamily(Categorical(torch.ones(2)), Normal(mean.expand(2), 1.0))
    assert not draw(mixture, 4).requires_grad


def test_a_state_that_fails_to_draw_is_put_back() -> None:
    class Broken(Poisson):
        def sample(self, sample_shape=()):
            torch.rand(3)
            raise RuntimeError("broken")

    before = torch.get_rng_state()
    with pytest.raises(RuntimeError, match="broken"):
        draw(Broken(1.0), 3)
    assert torch.equal(torch.get_rng_state(), before)
