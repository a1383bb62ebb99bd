from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import distributions as td

from mixtura.divergence.mixtures import gaussian_mixture
from mixtura.errors import InputError
from mixtura.projection.covariances import FAMILIES, as_distribution, family_of
from mixtura.projection.inclusive import inclusive
from mixtura.projection.target import as_target


def correlated(d: int) -> td.MultivariateNormal:
    source = torch.Generator().manual_seed(d)
    root = torch.randn(d, 2 * d, generator=source, dtype=torch.float64)
    return td.MultivariateNormal(torch.arange(d, dtype=torch.float64), root @ root.T / d)


def mixture_of(d: int) -> td.MixtureSameFamily:
    source = torch.Generator().manual_seed(d)
    roots = torch.randn(3, d, 2 * d, generator=source, dtype=torch.float64)
    means = 2 * torch.randn(3, d, generator=source, dtype=torch.float64)
    return gaussian_mixture([0.2, 0.5, 0.3], means, roots @ roots.mT / d)


@pytest.mark.parametrize("name", sorted(FAMILIES))
@pytest.mark.parametrize("d", [1, 2, 5])
def test_a_gaussian_target_is_matched_exactly(name, d) -> None:
    target = correlated(d)
    found = inclusive(as_target(target), name)
    expected = family_of(name, d).matched(target.covariance_matrix)
    torch.testing.assert_close(found.mean, target.loc, atol=1e-12, rtol=0)
    torch.testing.assert_close(found.covariance, expected, atol=1e-12, rtol=1e-12)
    kl = td.kl_divergence(target, td.MultivariateNormal(target.loc, expected))
    assert found.kl == pytest.approx(float(kl), abs=1e-12) and found.kl_error == 0


def test_the_source_problem() -> None:
    found = inclusive(as_target("1/3 N(-3,1) + 2/3 N(3,1)"))
    assert float(found.mean) == pytest.approx(1.0, abs=1e-12)
    assert float(found.covariance) == pytest.approx(9.0, abs=1e-12)
    assert found.kl_error < 1e-9 and found.findings == ()


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_the_divergence_agrees_with_draws(name) -> None:
    mixture = mixture_of(3)
    found = inclusive(as_target(mixture), name)
    closest = as_distribution(found.mean, torch.linalg.cholesky(found.covariance), name, False)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        draws = mixture.sample((200_000,))
    ratios = mixture.log_prob(draws) - closest.log_prob(draws)
    error = math.hypot(found.kl_error, float(ratios.std()) / 200_000**0.5)
    assert abs(found.kl - float(ratios.mean())) < 5 * error


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_no_other_gaussian_of_the_family_is_closer(name) -> None:
    mixture, family = mixture_of(2), family_of(name, 2)
    found = inclusive(as_target(mixture), name)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        draws = mixture.sample((50_000,))
    # On the draws themselves: their own moments are the optimum there, and these are close to it.
    factor = torch.linalg.cholesky(found.covariance)
    best = -as_distribution(found.mean, factor, name, False).log_prob(draws).mean()
    source = torch.Generator().manual_seed(1)
    for _ in range(20):
        step = 0.3 * torch.randn(1, 2 + family.size, generator=source, dtype=torch.float64)
        mean, moved = family.move(found.mean[None], factor[None], step)
        assert -as_distribution(mean[0], moved[0], name, False).log_prob(draws).mean() > best - 1e-3


def test_log_densities_agree_with_the_mixture() -> None:
    mixture = mixture_of(2)
    exact = inclusive(as_target(mixture))
    found = inclusive(as_target(lambda x: mixture.log_prob(x) + 5.0, dimension=2))
    scale = exact.covariance.diagonal().sqrt()
    assert float(((found.mean - exact.mean) / scale).abs().max()) < 0.02
    torch.testing.assert_close(
        found.covariance, exact.covariance, rtol=0.05, atol=0.05 * float(scale.min()) ** 2
    )
    assert found.kl == pytest.approx(exact.kl, abs=4 * math.hypot(found.kl_error, exact.kl_error))
    assert found.findings[0].name == "importance-weights"


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_a_density_that_vanishes_outside_a_box(name) -> None:
    box = as_target(lambda x: torch.where((x.abs() < 1).all(dim=1), 0.0, -torch.inf), dimension=2)
    found = inclusive(box, name)
    torch.testing.assert_close(found.covariance, torch.eye(2).double() / 3, atol=0.02, rtol=0)
    exact = math.log(2 * math.pi / 3) + 1 - 2 * math.log(2)
    assert found.kl == pytest.approx(exact, abs=4 * found.kl_error)


def test_distributions_that_know_their_moments() -> None:
    pair = td.Independent(td.Laplace(torch.zeros(2), torch.tensor([1.0, 100.0])), 1)
    found = inclusive(as_target(pair))
    torch.testing.assert_close(found.covariance, torch.diag(torch.tensor([2.0, 2e4]).double()))
    kl = 0.5 * math.log(2 * math.pi * math.e * 2) - 1 - math.log(2)
    assert found.kl == pytest.approx(2 * kl, abs=4 * found.kl_error)


def test_a_distribution_that_does_not() -> None:
    base = td.MultivariateNormal(torch.zeros(2), 0.25 * torch.eye(2))
    found = inclusive(as_target(td.TransformedDistribution(base, [td.ExpTransform()])))
    mean, variance = math.exp(0.125), math.exp(0.25) * (math.exp(0.25) - 1)
    assert found.mean.tolist() == pytest.approx([mean] * 2, rel=0.01)
    assert found.covariance.diagonal().tolist() == pytest.approx([variance] * 2, rel=0.05)
    assert found.method == "Monte Carlo"


@pytest.mark.parametrize(
    ("distribution", "variance"),
    [(td.Uniform(0.0, 2.0), 1 / 3), (td.Laplace(1.0, 1.0), 2.0), (td.Exponential(2.0), 0.25)],
)
def test_on_the_line_by_quadrature(distribution, variance) -> None:
    found = inclusive(as_target(distribution))
    assert float(found.covariance) == pytest.approx(variance, rel=1e-9)
    kl = 0.5 * math.log(2 * math.pi * math.e * variance) - float(distribution.entropy())
    assert found.kl == pytest.approx(kl, abs=1e-7)


def test_answers_are_the_generators_alone() -> None:
    target = as_target(lambda x: -x.square().sum(dim=1) - x[:, 0] ** 4, dimension=2)
    before = torch.random.get_rng_state()
    one, again = inclusive(target), inclusive(target, generator=torch.Generator().manual_seed(0))
    other = inclusive(target, generator=torch.Generator().manual_seed(1))
    assert torch.equal(one.covariance, again.covariance) and not torch.equal(one.covariance, other.covariance)
    assert torch.equal(before, torch.random.get_rng_state())


WRONG = {
    "Cauchy": (td.Cauchy(0.0, 1.0), None, "without second moments"),
    "Student-t with two degrees": (td.StudentT(2.0), None, "without second moments"),
    "one coordinate without": (
        td.Independent(td.StudentT(torch.tensor([3.0, 1.0])), 1),
        None,
        "without second moments",
    ),
    "a long tail on the line": (lambda x: -1.25 * torch.log1p(x * x), None, "has no second moments"),
    "a long tail in the plane": (
        lambda x: -2 * torch.log1p(x.square().sum(dim=1) / 2),
        2,
        "has no second moments",
    ),
    "flat": (lambda x: 0 * x.sum(dim=1), 2, "is not integrable"),
    "flat on the line": (lambda x: 0 * x, None, "is not integrable"),
    "a ridge": (lambda x: -0.5 * x[:, 0].square() + 0 * x[:, 1], 2, "is not integrable"),
    "simplex": (td.Dirichlet(torch.ones(3)), None, "the covariance of Dirichlet is singular"),
    "not a number": (lambda x: torch.sqrt(x), None, "is nan at x = "),
}


@pytest.mark.parametrize("name", sorted(WRONG))
def test_what_is_wrong_is_said(name) -> None:
    given, dimension, message = WRONG[name]
    with pytest.raises(InputError) as caught:
        inclusive(as_target(given, dimension=dimension))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_tails_that_are_too_long_along_axes_alone_are_suspected() -> None:
    # Generic rays see the product of two tails; only the points tell that no variance is there.
    cross = as_target(lambda x: -1.5 * torch.log1p(x.square() / 2).sum(dim=1), dimension=2)
    assert [finding.name for finding in inclusive(cross).findings][-1] == "second-moments"


def test_extreme_mixtures() -> None:
    far = inclusive(as_target(gaussian_mixture([0.5, 0.5], np.array([[-5e5, 0.0], [5e5, 0.0]]), np.ones(2))))
    assert float(far.covariance[0, 0]) == pytest.approx(2.5e11 + 1, rel=1e-12)
    assert far.kl == pytest.approx(0.5 * math.log(2.5e11 + 1) - math.log(2), abs=1e-6)
