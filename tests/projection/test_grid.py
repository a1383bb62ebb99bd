from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.integrate import trapezoid
from torch.distributions import Cauchy, Distribution, Exponential, Gamma, Laplace, Uniform

from mixtura.projection.grid import line_grid, plane_grid
from mixtura.projection.target import as_target

STANDARD = (np.zeros(1), np.ones((1, 1)))
PLANE = (np.zeros(2), np.eye(2))


@pytest.mark.parametrize(
    "text",
    ["N(0,1)", "1/3 N(-3,1) + 2/3 N(3,1)", "0.5 N(0,1e-12) + 0.5 N(5,1)", "0.5 N(-1e6,1) + 0.5 N(1e6,1)"],
)
def test_a_mixture_has_its_mass_on_the_grid(text: str) -> None:
    x, density = line_grid(as_target(text), [STANDARD])
    assert (np.diff(x) > 0).all()
    assert trapezoid(density, x) == pytest.approx(1.0, abs=2e-3)


@pytest.mark.parametrize(
    ("target", "missing"),
    [
        (Laplace(0.0, 1.0), 0.01),
        (Exponential(1.0), 0.01),
        (Uniform(-1.0, 1.0), 0.01),
        (Cauchy(0.0, 1.0), 0.01),
        (Gamma(2.0, 1.0), 0.01),
    ],
)
def test_other_distributions_have_theirs(target: Distribution, missing: float) -> None:
    x, density = line_grid(as_target(target), [STANDARD])
    assert np.isfinite(density).all()
    assert trapezoid(density, x) == pytest.approx(1.0, abs=missing)


def test_an_unnormalised_target_is_normalised_over_the_grid() -> None:
    x, density = line_grid(as_target(lambda x: 700.0 - 0.5 * (x - 2) ** 2), [STANDARD])
    assert trapezoid(density, x) == pytest.approx(1.0)
    assert density.max() == pytest.approx(1 / np.sqrt(2 * np.pi), rel=1e-4)


def test_a_target_far_wider_than_its_gaussian_is_found() -> None:
    x, density = line_grid(as_target(lambda x: -0.5 * (x / 500) ** 2), [STANDARD])
    assert x[0] < -1500 and x[-1] > 1500
    assert density.max() == pytest.approx(1 / (500 * np.sqrt(2 * np.pi)), rel=1e-3)


def test_the_range_of_many_components_stays_cheap() -> None:
    n = 3_000
    text = " + ".join(f"N({i}, 1e-4)" for i in range(n))
    from mixtura.projection.notation import parse_mixture

    x, _ = line_grid(as_target(parse_mixture(text, normalise=True)), [STANDARD])
    assert len(x) < 6_000


def test_the_plane_has_the_shape_of_its_axes() -> None:
    text = "0.5 N([-3, 0], [[1, 0.5], [0.5, 1]]) + 0.5 N([3, 0], [0.0001, 4])"
    x, y, density = plane_grid(as_target(text), [PLANE])
    assert density.shape == (len(y), len(x)) and density.max() == pytest.approx(1.0)
    assert x[0] < -7 and x[-1] > 4 and y[0] < -8 and y[-1] > 8
    # The narrow component is met by points of its own.
    assert (np.abs(x - 3) < 0.02).sum() > 20


def test_a_function_on_the_plane_is_found_where_it_is() -> None:
    def banana(z: torch.Tensor) -> torch.Tensor:
        return -0.5 * ((z[:, 0] / 5) ** 2 + (z[:, 1] - 0.2 * z[:, 0] ** 2) ** 2)

    x, y, density = plane_grid(as_target(banana, dimension=2), [PLANE])
    assert x[0] < -10 and x[-1] > 10 and y[-1] > 20
    assert density.max() == 1.0


def test_a_density_that_is_infinite_at_its_end_is_finite_on_the_grid() -> None:
    x, density = line_grid(as_target(Gamma(0.5, 1.0)), [STANDARD])
    assert np.isfinite(density).all()
    assert (density[x < 0] == 0).all() and density[np.searchsorted(x, 0.0)] > 1e3
