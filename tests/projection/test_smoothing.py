from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.integrate import quad

from mixtura.projection.line_density import mixture_log_density
from mixtura.projection.pieces import resolve
from mixtura.projection.smoothing import smooth

LOG_DENSITY = mixture_log_density(np.log([0.3, 0.7]), np.array([-2.0, 1.5]), np.array([0.4, 1.1]))
PIECES = resolve(LOG_DENSITY, np.array([-30.0, -3, -2, -1, 1.5, 30]))
PLACES = [(-2.0, 0.05), (-0.5, 0.5), (0.3, 2.0), (1.0, 20.0)]


def mean_at(mu: float, sigma: float) -> float:
    def integrand(e: float) -> float:
        return np.exp(-0.5 * e**2) / np.sqrt(2 * np.pi) * LOG_DENSITY(np.array([mu + sigma * e]))[0]

    return quad(integrand, -12, 12, limit=500, epsabs=1e-12)[0]


@pytest.mark.parametrize(("mu", "sigma"), PLACES)
def test_mean_is_the_integral(mu: float, sigma: float) -> None:
    assert smooth(PIECES, mu, sigma).mean == pytest.approx(mean_at(mu, sigma), rel=1e-10)


@pytest.mark.parametrize(("mu", "sigma"), PLACES)
def test_each_derivative_is_the_slope_of_the_one_before(mu: float, sigma: float) -> None:
    step = 1e-4
    here = smooth(PIECES, mu, sigma)
    names = ["mean", "a1", "a2", "a3", "a4"]
    for below, above in itertools.pairwise(names):
        right, left = (getattr(smooth(PIECES, mu + s * step * sigma, sigma), below) for s in (1, -1))
        assert (right - left) / (2 * step) == pytest.approx(getattr(here, above), rel=1e-5, abs=1e-7)


@pytest.mark.parametrize(("mu", "sigma"), PLACES)
def test_the_mean_solves_the_heat_equation(mu: float, sigma: float) -> None:
    step = 1e-4
    wider, narrower = (smooth(PIECES, mu, sigma * np.exp(s * step)).mean for s in (1, -1))
    assert (wider - narrower) / (2 * step) == pytest.approx(smooth(PIECES, mu, sigma).a2, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize(("mu", "sigma"), PLACES)
def test_the_divergence_falls_by_the_remainder(mu: float, sigma: float) -> None:
    step = 1e-4
    wider, narrower = (smooth(PIECES, mu, sigma * np.exp(s * step)).divergence for s in (1, -1))
    slope = (wider - narrower) / (2 * step)
    assert slope == pytest.approx(-smooth(PIECES, mu, sigma).remainder, rel=1e-6, abs=1e-8)


def test_a_gaussian_is_at_no_distance_from_itself() -> None:
    log_density = mixture_log_density(np.zeros(1), np.array([2.0]), np.array([3.0]))
    here = smooth(resolve(log_density, np.array([-40.0, 40])), 2.0, 3.0)
    assert [here.a1, here.remainder, here.a3, here.a4] == pytest.approx([0, 0, 0, 0], abs=1e-12)
    assert here.divergence == pytest.approx(0, abs=1e-12)
    assert here.determinant == pytest.approx(2)
