from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import distributions as dist
from torch.distributions import Independent, MultivariateNormal, Normal

import mixtura
from mixtura.errors import InputError

SOURCE = "1/3 N(-3,1) + 2/3 N(3,1)"
PLANE = "0.4 N([-2, 0], [[1, 0.5], [0.5, 2]]) + 0.6 N([2, 1], [[1, -0.3], [-0.3, 0.5]])"


def test_the_inclusive_gaussian_of_the_source() -> None:
    closest = mixtura.project(SOURCE)
    assert closest.direction == "inclusive" and closest.alpha == 1.0
    assert float(closest.mean) == pytest.approx(1, abs=1e-12)
    assert float(closest.distribution.stddev) == pytest.approx(3, abs=1e-12)
    [only] = closest.stationary_points
    assert only.kind == "minimum" and only.kl == closest.kl


def test_the_exclusive_gaussian_of_the_source() -> None:
    closest = mixtura.project(SOURCE, "exclusive")
    assert float(closest.mean) == pytest.approx(2.9896363434952614, abs=1e-8)
    assert float(closest.distribution.stddev) == pytest.approx(1.0159549224897022, abs=1e-8)
    assert closest.kl == closest.stationary_points[0].kl
    assert closest.kl_error < 1e-9


@pytest.mark.parametrize("direction", ["inclusive", "exclusive"])
def test_kl_is_what_kl_says(direction: str, source_target) -> None:
    closest = mixtura.project(source_target, direction)
    pair = (source_target, closest.distribution)
    value = mixtura.kl(*(pair if direction == "inclusive" else pair[::-1]))
    assert closest.kl == pytest.approx(float(value), abs=1e-8)


@pytest.mark.parametrize(("covariance", "kind"), [("full", MultivariateNormal), ("diag", Independent)])
@pytest.mark.parametrize("direction", ["inclusive", "exclusive"])
def test_on_the_plane(direction: str, covariance: str, kind: type) -> None:
    closest = mixtura.project(PLANE, direction, covariance)
    assert isinstance(closest.distribution, kind)
    assert closest.covariance == covariance and closest.covariance_matrix.shape == (2, 2)
    assert 0 < closest.kl < 1.5 and 0 <= closest.kl_error < 0.01
    assert "stationary" in repr(closest)


@pytest.mark.parametrize("covariance", ["full", "diag", "spherical"])
def test_on_the_line_the_families_are_one(covariance: str) -> None:
    closest = mixtura.project(SOURCE, "exclusive", covariance)
    assert isinstance(closest.distribution, Normal)
    assert closest.kl == mixtura.project(SOURCE, "exclusive").kl


def test_a_vector_of_one_number_stays_a_vector() -> None:
    target = MultivariateNormal(torch.zeros(1).double(), 4 * torch.eye(1).double())
    for direction in ("inclusive", "exclusive"):
        closest = mixtura.project(target, direction)
        assert closest.distribution.event_shape == (1,)
        assert float(closest.covariance_matrix) == pytest.approx(4)


def test_a_log_density_needs_no_constant() -> None:
    for shift in (0.0, 100.0):
        for direction in ("inclusive", "exclusive"):
            closest = mixtura.project(lambda x, shift=shift: shift - 0.5 * ((x - 1) / 2) ** 2, direction)
            assert float(closest.mean) == pytest.approx(1, abs=1e-8)
            assert float(closest.distribution.stddev) == pytest.approx(2, abs=1e-8)
            assert closest.kl == pytest.approx(0, abs=1e-9)


def test_the_same_generator_gives_the_same_bits_and_the_global_one_is_left_alone() -> None:
    state = torch.random.get_rng_state()

    def answer(seed: int) -> float:
        return mixtura.project(PLANE, "exclusive", generator=torch.Generator().manual_seed(seed)).kl

    assert answer(1) == answer(1)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_points_are_sorted_by_divergence() -> None:
    points = mixtura.project(SOURCE, "exclusive").stationary_points
    assert [point.kl for point in points] == sorted(point.kl for point in points)


@pytest.mark.parametrize("direction", ["inclusive", "exclusive"])
def test_it_draws_itself(direction: str) -> None:
    from matplotlib.figure import Figure

    ax = Figure().subplots()
    assert mixtura.project(SOURCE, direction).plot(ax) is ax
    assert mixtura.project(PLANE, direction).plot() is not None
    assert len(ax.get_legend().get_texts()) >= 2


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (
            lambda: mixtura.project(SOURCE, "sideways"),
            "direction='sideways' is not one of inclusive, exclusive",
        ),
        (
            lambda: mixtura.project(SOURCE, covariance="tied"),
            "covariance='tied' is not one of full, diag, spherical",
        ),
        (lambda: mixtura.project(PLANE, "exclusive", n_starts=0), "n_starts=0"),
        (lambda: mixtura.project(PLANE, "exclusive", n_samples=2.5), "n_samples=2.5"),
        (lambda: mixtura.project(np.zeros(3)), "type ndarray cannot be projected"),
        (lambda: mixtura.project(dist.Cauchy(0.0, 1.0)), "second moments|variance"),
        (lambda: mixtura.project(dist.StudentT(2.0)), "second moments|variance"),
        (lambda: mixtura.project(lambda x: -torch.log1p(x**2)), "second moments|variance"),
        (lambda: mixtura.project(lambda x: 0 * x), "integrable|no maximum"),
        (lambda: mixtura.project(lambda x: 0 * x.sum(-1), "exclusive", dimension=2), "integrable"),
        (lambda: mixtura.project(dist.Gamma(2.0, 1.0), "exclusive"), "infinite"),
        (lambda: mixtura.project(dist.Dirichlet(torch.ones(3)), "exclusive"), "infinite|support"),
        (lambda: mixtura.project(lambda x: x * float("nan"), "exclusive"), "nan at x"),
        (lambda: mixtura.project("1/3 N(-3,1) + 1/3 N(3,1)"), "sum"),
    ],
)
def test_what_has_no_closest_gaussian_is_refused(call, match: str) -> None:
    with pytest.raises(InputError, match=match):
        call()


def test_a_bounded_density_has_an_inclusive_gaussian() -> None:
    closest = mixtura.project(dist.Gamma(torch.tensor(2.0).double(), torch.tensor(1.0).double()))
    assert float(closest.mean) == pytest.approx(2) and float(closest.distribution.variance) == pytest.approx(
        2
    )
