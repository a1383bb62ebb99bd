from __future__ import annotations

import math

import pytest
import torch
from scipy import stats

from mixtura.errors import ConvergenceError
from mixtura.projection.importance import StudentMixture, points_near
from mixtura.projection.target import Target, as_target
from mixtura.projection.trust_region import Descent


def near(*means: list[float]) -> Descent:
    mean = torch.tensor(means, dtype=torch.float64)
    factor = torch.eye(mean.shape[1], dtype=torch.float64).expand(len(mean), -1, -1)
    return Descent(mean, factor, torch.zeros(len(mean), dtype=torch.float64), torch.zeros(len(mean)))


def student_mixture() -> StudentMixture:
    return StudentMixture(
        torch.tensor([0.3, 0.7], dtype=torch.float64).log(),
        torch.tensor([[0.0, 1.0], [4.0, -2.0]], dtype=torch.float64),
        torch.tensor([[[1.0, 0.0], [0.5, 2.0]], [[0.3, 0.0], [0.0, 1.0]]], dtype=torch.float64),
        torch.tensor([3.0, 12.0], dtype=torch.float64),
    )


def test_the_density_of_a_student_mixture() -> None:
    mixture = student_mixture()
    points = torch.randn(20, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 3
    found = torch.logsumexp(mixture.log_joint(mixture.distances(points)), dim=0).exp()
    expected = sum(
        weight * stats.multivariate_t(mean, (factor @ factor.T).numpy(), df).pdf(points.numpy())
        for weight, mean, factor, df in zip(
            (0.3, 0.7), mixture.means.numpy(), mixture.factors, (3.0, 12.0), strict=True
        )
    )
    torch.testing.assert_close(found, torch.from_numpy(expected))


def test_its_draws_have_that_density() -> None:
    mixture = student_mixture()
    before = torch.random.get_rng_state()
    points = mixture.draw(20_000, torch.Generator().manual_seed(0))
    assert torch.equal(before, torch.random.get_rng_state())
    second = points[6000:]  # the shares are kept exactly, in order
    scaled = (second[:, 0] - 4.0) / 0.3
    assert stats.kstest(scaled.numpy(), stats.t(12).cdf).pvalue > 1e-3


def correlated(d: int) -> Target:
    matrix = torch.tril(torch.ones(d, d, dtype=torch.float64))
    return as_target(lambda x: -0.5 * (x @ matrix).square().sum(dim=1), dimension=d)


@pytest.mark.parametrize("d", [1, 2, 8])
def test_the_integral_of_a_gaussian_is_found(d) -> None:
    target = correlated(d) if d > 1 else as_target(lambda x: -0.5 * x**2)
    points = points_near(target, near([0.5] * d), 8192, torch.Generator().manual_seed(0))
    exact = 0.5 * d * math.log(2 * math.pi)  # the matrix has determinant one
    assert abs(points.log_normaliser - exact) < 4 * points.log_normaliser_error
    assert points.log_normaliser_error < 0.05
    assert points.effective_size > 0.5 * 8192
    entropy, error = points.entropy()
    assert abs(entropy - 0.5 * d * (1 + math.log(2 * math.pi))) < 4 * error
    assert points.finding().level == "note"


def test_moments_of_a_bent_density() -> None:
    def banana(x: torch.Tensor) -> torch.Tensor:
        return -0.125 * x[:, 0] ** 2 - 2 * (x[:, 1] - x[:, 0] ** 2 / 4) ** 2

    points = points_near(
        as_target(banana, dimension=2), near([0.0, 0.0]), 65536, torch.Generator().manual_seed(0)
    )
    moments = points.moments()
    # x ~ N(0, 4), y ~ N(x^2 / 4, 1 / 4): E y = 1, Var y = 1/4 + Var(x^2) / 16 = 2.25
    torch.testing.assert_close(moments.mean, torch.tensor([0.0, 1.0]).double(), atol=0.1, rtol=0)
    torch.testing.assert_close(
        moments.covariance, torch.tensor([[4.0, 0.0], [0.0, 2.25]]).double(), atol=0.3, rtol=0
    )
    assert points.effective_size > 0.2 * 65536


def test_two_modes_are_both_weighed() -> None:
    def log_density(x: torch.Tensor) -> torch.Tensor:
        return torch.logaddexp(
            -0.5 * ((x + 5) ** 2).sum(dim=1), math.log(3) - 0.5 * ((x - 5) ** 2).sum(dim=1)
        )

    points = points_near(
        as_target(log_density, dimension=2),
        near([-5.0, -5.0], [5.0, 5.0]),
        8192,
        torch.Generator().manual_seed(0),
    )
    assert points.log_normaliser == pytest.approx(
        math.log(4 * 2 * math.pi), abs=5 * points.log_normaliser_error
    )
    assert float(points.moments().mean[0]) == pytest.approx(2.5, abs=0.3)


def test_a_density_that_no_point_meets() -> None:
    speck = as_target(lambda x: torch.where((x - 50).abs().sum(dim=1) < 1e-9, 0.0, -torch.inf), dimension=2)
    with pytest.raises(ConvergenceError, match="vanishes at all of 256 points"):
        points_near(speck, near([0.0, 0.0]), 256, torch.Generator().manual_seed(0))


def test_few_and_unequal_weights_are_said() -> None:
    target = correlated(2)
    few = points_near(target, near([0.0, 0.0]), 300, torch.Generator().manual_seed(0))
    assert few.finding().level == "warning" and "raise n_samples" in few.finding().remedy
    hardly = points_near(target, near([0.0, 0.0]), 64, torch.Generator().manual_seed(0))
    assert hardly.finding().level == "problem"
