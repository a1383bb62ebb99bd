from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import (
    AffineTransform,
    Beta,
    Cauchy,
    Exponential,
    Gamma,
    HalfCauchy,
    Independent,
    LowRankMultivariateNormal,
    MultivariateNormal,
    Normal,
    Pareto,
    Poisson,
    StudentT,
    TransformedDistribution,
    Uniform,
    VonMises,
)

from mixtura.divergence.landmarks import ends, landmarks, scalar_form, translate
from mixtura.divergence.sampling import draw

inf = math.inf
LINE = ["normal", "laplace", "cauchy", "student", "gumbel", "logistic", "exponential", "gamma", "chi2"]
LINE += ["half normal", "log normal", "weibull", "pareto", "fisher", "beta", "kumaraswamy", "uniform"]


@pytest.mark.parametrize("name", LINE)
def test_the_ends_and_landmarks_enclose_the_draws(families, name) -> None:
    distribution = families(name, (3,))
    lower, upper = ends(distribution)
    points = draw(distribution, 200).double()
    assert (lower <= points).all() and (points <= upper).all()
    marks = landmarks(distribution)
    assert marks.shape[1:] == (3,)
    # Some landmark lies left of the upper quartile and one right of the lower.
    low, high = points.quantile(0.25, dim=0), points.quantile(0.75, dim=0)
    finite = torch.where(torch.isfinite(marks), marks, 0.0)
    assert (finite.amin(dim=0) <= high).all() and (finite.amax(dim=0) >= low).all()


@pytest.mark.parametrize(
    ("distribution", "lower", "upper"),
    [
        (Normal(0.0, 1.0), -inf, inf),
        (Exponential(1.0), 0.0, inf),
        (Uniform(1.0, 2.0), 1.0, 2.0),
        (Beta(1.0, 2.0), 0.0, 1.0),
        (Pareto(3.0, 1.0), 3.0, inf),
        (VonMises(0.0, 1.0), -math.pi, math.pi),
        (TransformedDistribution(Exponential(1.0), [AffineTransform(2.0, -1.0)]), -inf, 2.0),
    ],
)
def test_ends(distribution, lower, upper) -> None:
    found = [float(end) for end in ends(distribution)]
    assert found == pytest.approx([lower, upper], rel=1e-7)


def test_a_distribution_without_moments_is_led_to_by_its_draws() -> None:
    marks = landmarks(HalfCauchy(torch.tensor(5.0)))
    finite = marks[torch.isfinite(marks)]
    assert len(finite) > 3
    assert finite.median() == pytest.approx(5.0, rel=0.9)


def test_a_narrow_distribution_far_away_is_led_to() -> None:
    marks = landmarks(Gamma(torch.tensor(1e8, dtype=torch.float64), torch.tensor(1.0, dtype=torch.float64)))
    assert ((marks - 1e8).abs() <= 20 * 1e4 * 1.01).all()


@pytest.mark.parametrize(
    "distribution",
    [
        MultivariateNormal(torch.zeros(4, 1), 4 * torch.eye(1)),
        LowRankMultivariateNormal(torch.zeros(4, 1), torch.ones(4, 1, 1), 3 * torch.ones(4, 1)),
        Independent(Normal(torch.zeros(4, 1), 2.0), 1),
        Normal(torch.zeros(4), 2.0),
    ],
)
def test_every_gaussian_over_the_line_becomes_a_normal(distribution) -> None:
    scalar = scalar_form(distribution)
    assert type(scalar) is Normal
    assert scalar.batch_shape == (4,)
    torch.testing.assert_close(scalar.scale, torch.full((4,), 2.0, dtype=torch.float64))


def test_what_is_over_the_line_and_what_is_not() -> None:
    gamma = scalar_form(Independent(Gamma(torch.ones(4, 1), 1.0), 1))
    assert type(gamma) is Gamma and gamma.batch_shape == (4,)
    assert scalar_form(Poisson(1.0)) is None
    assert scalar_form(Normal(torch.zeros(2), 1.0).expand((3, 2))) is not None
    assert scalar_form(MultivariateNormal(torch.zeros(2), torch.eye(2))) is None


@pytest.mark.parametrize("kind", [Normal, Cauchy, StudentT])
def test_a_translated_density_is_told_by_offsets(kind) -> None:
    loc = torch.tensor([1e6, -3.0], dtype=torch.float64)
    scale = torch.tensor([1e-6, 2.0], dtype=torch.float64)
    distribution = kind(2.0 + 0 * loc, loc, scale) if kind is StudentT else kind(loc, scale)
    moved = translate(distribution, loc)
    offset = 0.25 * scale
    standard = kind(2.0 + 0 * loc, 0 * loc, scale) if kind is StudentT else kind(0 * loc, scale)
    torch.testing.assert_close(moved.log_prob(offset), standard.log_prob(offset), rtol=0.0, atol=0.0)
    assert translate(Gamma(1.0, 1.0), torch.zeros(())) is None
