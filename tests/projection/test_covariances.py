from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

from mixtura.errors import InputError
from mixtura.projection.covariances import FAMILIES, as_distribution, family_of

names = st.sampled_from(sorted(FAMILIES))
dimensions = st.integers(1, 5)


def random_factor(d: int, seed: int) -> torch.Tensor:
    noise = torch.randn(d, 2 * d + 1, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return torch.linalg.cholesky(noise @ noise.T)


@given(names, dimensions, st.integers(0, 100))
def test_gather_is_the_adjoint_of_spread(name, d, seed) -> None:
    family, source = family_of(name, d), torch.Generator().manual_seed(seed)
    coordinates = torch.randn(3, family.size, generator=source, dtype=torch.float64)
    slope = torch.randn(3, d, d, generator=source, dtype=torch.float64)
    left = (family.spread(coordinates) * slope).sum()
    torch.testing.assert_close(left, (coordinates * family.gather(slope)).sum())


@given(names, dimensions, st.integers(0, 100))
def test_a_short_step_is_half_its_square_in_nats_away(name, d, seed) -> None:
    family, source = family_of(name, d), torch.Generator().manual_seed(seed)
    mean = torch.randn(1, d, generator=source, dtype=torch.float64)
    factor = family.tightest(random_factor(d, seed)[None])
    step = torch.randn(1, d + family.size, generator=source, dtype=torch.float64)
    step *= 1e-3 / step.norm()
    moved = family.move(mean, factor, step)
    kl = kl_divergence(
        MultivariateNormal(moved[0][0], scale_tril=moved[1][0]),
        MultivariateNormal(mean[0], scale_tril=factor[0]),
    )
    assert float(kl) == pytest.approx(0.5e-6, rel=1e-2)


@given(names, dimensions, st.integers(0, 100))
def test_steps_stay_in_the_family(name, d, seed) -> None:
    family = family_of(name, d)
    factor = family.tightest(random_factor(d, seed)[None])
    step = torch.randn(1, d + family.size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    _, moved = family.move(torch.zeros(1, d, dtype=torch.float64), factor, step)
    assert bool((moved.diagonal(dim1=1, dim2=2) > 0).all())
    torch.testing.assert_close(moved, moved.tril())
    if name != "full":
        torch.testing.assert_close(family.matched(moved), moved)


@pytest.mark.parametrize("d", [1, 2, 4])
def test_projections_of_one_gaussian(d) -> None:
    factor = random_factor(d, 3)
    covariance = factor @ factor.T
    precision = torch.linalg.inv(covariance)
    expected = {
        "full": (covariance, covariance),
        "diag": (torch.diag(1 / precision.diagonal()), torch.diag(covariance.diagonal())),
        "spherical": (
            torch.eye(d, dtype=torch.float64) * d / precision.trace(),
            torch.eye(d, dtype=torch.float64) * covariance.trace() / d,
        ),
    }
    for name, (exclusive, inclusive) in expected.items():
        family = family_of(name, d)
        torch.testing.assert_close(family.tightest(factor).square().sum(dim=-1), _rows(exclusive))
        torch.testing.assert_close(family.matched(covariance), inclusive)


def _rows(covariance: torch.Tensor) -> torch.Tensor:
    return covariance.diagonal()


def test_the_kind_of_distribution_fits_family_and_events() -> None:
    mean, factor = torch.zeros(2, dtype=torch.float64), torch.eye(2, dtype=torch.float64)
    assert isinstance(as_distribution(mean, factor, "full", False), MultivariateNormal)
    for name in ("diag", "spherical"):
        found = as_distribution(mean, factor, name, False)
        assert isinstance(found, Independent) and found.event_shape == (2,)
    assert isinstance(as_distribution(mean[:1], factor[:1, :1], "full", True), Normal)
    assert as_distribution(mean[:1], factor[:1, :1], "diag", False).event_shape == (1,)


def test_sizes() -> None:
    assert {name: family_of(name, 4).size for name in FAMILIES} == {"full": 10, "diag": 4, "spherical": 1}


def test_an_unknown_family() -> None:
    with pytest.raises(InputError, match="covariance='tied' is not one of full, diag, spherical"):
        family_of("tied", 2)


def test_a_stretch_is_an_exponential() -> None:
    family = family_of("spherical", 2)
    step = torch.tensor([[0.0, 0.0, 2.0]], dtype=torch.float64)  # a / sqrt(2 d) = 1
    _, moved = family.move(
        torch.zeros(1, 2, dtype=torch.float64), torch.eye(2, dtype=torch.float64)[None], step
    )
    torch.testing.assert_close(moved[0], math.e * torch.eye(2, dtype=torch.float64))
