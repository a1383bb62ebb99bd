from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import distributions as dist

from mixtura.errors import InputError
from mixtura.projection.line import exclusive_on_line
from mixtura.projection.line_density import line_density
from mixtura.projection.target import as_target


@pytest.mark.parametrize("seed", range(20))
def test_the_bound_on_sigma_holds(as_line, random_line_mixture, seed: int) -> None:
    density = as_line(*random_line_mixture(seed))
    assert all(point.sigma <= density.widest for point in exclusive_on_line(density))


@pytest.mark.parametrize(("shift", "scale"), [(0.0, 1.0), (1e5, 1.0), (-3.0, 1e-3), (2.0, 1e4)])
def test_a_log_density_agrees_with_the_mixture_that_it_is(as_line, shift: float, scale: float) -> None:
    weights, means, scales = (
        np.array([1 / 3, 2 / 3]),
        shift + scale * np.array([-3.0, 3.0]),
        scale * np.ones(2),
    )
    mixture = dist.MixtureSameFamily(
        dist.Categorical(torch.from_numpy(weights)),
        dist.Normal(torch.from_numpy(means), torch.from_numpy(scales)),
    )
    known = exclusive_on_line(as_line(weights, means, scales))
    found = exclusive_on_line(line_density(as_target(lambda x: mixture.log_prob(x) + 7.0)))
    assert len(known) == len(found)
    for first, second in zip(known, found, strict=True):
        assert (second.mu - first.mu) / first.sigma == pytest.approx(0, abs=1e-6)
        assert second.sigma == pytest.approx(first.sigma, rel=1e-6)
        assert second.divergence == pytest.approx(first.divergence, abs=1e-6)
        assert first.kind == second.kind


@pytest.mark.parametrize(
    "distribution",
    [dist.StudentT(3.0), dist.Laplace(1.0, 2.0), dist.Gumbel(0.0, 1.0), dist.StudentT(1.5, 4.0, 0.1)],
)
def test_other_densities_have_a_closest_gaussian(distribution) -> None:
    points = exclusive_on_line(line_density(as_target(distribution)))
    kinds = [point.kind for point in points]
    assert kinds.count("minimum") - kinds.count("saddle") == 1
    best = points[0]
    x = best.mu + best.sigma * torch.linspace(-9, 9, 20_001, dtype=torch.float64)
    q = dist.Normal(torch.tensor(best.mu).double(), torch.tensor(best.sigma).double())
    kl = torch.trapezoid(q.log_prob(x).exp() * (q.log_prob(x) - distribution.log_prob(x).double()), x)
    assert best.divergence == pytest.approx(float(kl), abs=1e-6)
    assert best.divergence >= 0


def test_the_exclusive_gaussian_of_a_laplace_density() -> None:
    # E|x| = sigma sqrt(2/pi) for q = N(0, sigma^2), so -log sigma + E|x| is least at sigma = sqrt(pi/2).
    [point] = exclusive_on_line(line_density(as_target(dist.Laplace(0.0, 1.0))))
    assert point.mu == pytest.approx(0, abs=1e-8)
    assert point.sigma == pytest.approx(np.sqrt(np.pi / 2), abs=1e-8)


@pytest.mark.parametrize("power", [2, 4, 6])
def test_the_normaliser_is_the_integral(power: int) -> None:
    from math import gamma

    density = line_density(as_target(lambda x: -(x**power)))
    assert density.log_normaliser == pytest.approx(np.log(2 * gamma(1 + 1 / power)), abs=1e-10)


def test_a_log_density_that_overflows_far_away_is_no_bounded_support() -> None:
    [point] = exclusive_on_line(line_density(as_target(lambda x: -torch.cosh(x))))
    assert point.mu == pytest.approx(0, abs=1e-9) and 0.5 < point.sigma < 1.5


def test_a_periodic_term_is_followed_where_the_mass_is() -> None:
    points = exclusive_on_line(
        line_density(as_target(lambda x: -0.5 * x**2 + torch.log1p(0.5 * torch.sin(3 * x) ** 2)))
    )
    kinds = [point.kind for point in points]
    assert kinds.count("minimum") - kinds.count("saddle") == 1


def test_a_mode_far_from_the_origin_is_found() -> None:
    [point] = exclusive_on_line(line_density(as_target(lambda x: -0.5 * ((x - 3e5) / 7) ** 2)))
    assert (point.mu, point.sigma) == pytest.approx((3e5, 7), rel=1e-8)


def test_heavy_tails_are_extrapolated_and_said() -> None:
    density = line_density(as_target(lambda x: -0.7 * torch.log1p(x**2)))
    from scipy.special import beta

    assert density.log_normaliser == pytest.approx(np.log(beta(0.5, 0.2)), abs=1e-4)
    assert [finding.name for finding in density.findings] == ["heavy-tails"]


@pytest.mark.parametrize(
    ("target", "match"),
    [
        (dist.Gamma(2.0, 1.0), "support of Gamma is bounded, from 0 to inf"),
        (dist.Uniform(0.0, 1.0), "bounded, from 0 to 1"),
        (lambda x: torch.where(x.abs() < 3, -(x**2), -torch.inf), "vanishes between x = "),
        (lambda x: torch.where((x - 1).abs() < 0.3, -torch.inf, -(x**2)), "vanishes at x = "),
        (lambda x: 0 * x, "no maximum"),
        (lambda x: -0.5 * torch.log1p(x**2), "not integrable"),
        (lambda x: x**2, "is inf at x|no maximum"),
        (lambda x: torch.where(x > 50, torch.nan, -(x**2)), "is nan at x = "),
    ],
)
def test_densities_without_an_exclusive_gaussian_are_refused(target, match: str) -> None:
    with pytest.raises(InputError, match=match):
        line_density(as_target(target))
