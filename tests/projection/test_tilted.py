from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad

from mixtura.projection.tilted import tilted

MIXTURE = ([0.3, 0.7], [-2.0, 1.5], [0.4, 1.1])
ALPHAS = [0.0, 1e-7, 1e-3, 0.2, 0.5, 0.5000001, 0.8, 0.999, 1.0]
MU, SIGMA = 0.4, 1.7


@pytest.fixture(scope="module")
def density(as_line):
    return as_line(*MIXTURE)


def log_p(density, x: float) -> float:
    return float(density.pieces.log_density(np.array([x - density.centre]))[0])


def log_q(x: float) -> float:
    return -0.5 * ((x - MU) / SIGMA) ** 2 - np.log(SIGMA) - 0.5 * np.log(2 * np.pi)


def integral(function) -> float:
    return quad(function, -25, 25, points=[-3, -2, -1, 1.5], limit=1000, epsabs=1e-13)[0]


@pytest.mark.parametrize("alpha", [0.2, 0.5, 0.8])
def test_divergence_is_its_definition(density, alpha: float) -> None:
    power = integral(lambda x: np.exp(alpha * log_p(density, x) + (1 - alpha) * log_q(x)))
    expected = (1 - power) / (alpha * (1 - alpha))
    assert tilted(density, alpha, MU, SIGMA).divergence == pytest.approx(expected, rel=1e-9)


def test_the_ends_are_the_two_directions_of_kl(density) -> None:
    exclusive = integral(lambda x: np.exp(log_q(x)) * (log_q(x) - log_p(density, x)))
    inclusive = integral(lambda x: np.exp(log_p(density, x)) * (log_p(density, x) - log_q(x)))
    assert tilted(density, 0.0, MU, SIGMA).divergence == pytest.approx(exclusive, rel=1e-9)
    assert tilted(density, 1.0, MU, SIGMA).divergence == pytest.approx(inclusive, rel=1e-9)


@pytest.mark.parametrize("edge", [0.0, 0.5, 1.0])
def test_nothing_jumps_where_the_formula_changes(density, edge: float) -> None:
    sides = [min(max(edge + s * 1e-9, 0), 1) for s in (-1, 1)]
    first, second = (tilted(density, alpha, MU, SIGMA) for alpha in sides)
    assert first.divergence == pytest.approx(second.divergence, abs=1e-7)
    assert np.allclose(first.residual, second.residual, atol=1e-7)
    assert np.allclose(first.jacobian, second.jacobian, atol=1e-6)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_jacobian_is_that_of_differences(density, alpha: float) -> None:
    step = 1e-5
    here = tilted(density, alpha, MU, SIGMA)
    for column, (mu, sigma) in enumerate([(step * SIGMA, 0.0), (0.0, step)]):
        right = tilted(density, alpha, MU + mu, SIGMA * np.exp(sigma)).residual
        left = tilted(density, alpha, MU - mu, SIGMA * np.exp(-sigma)).residual
        assert np.allclose((right - left) / (2 * step), here.jacobian[:, column], atol=1e-7)
    if 1e-4 < alpha < 0.9999:
        right, left = (tilted(density, alpha + s * step, MU, SIGMA).residual for s in (1, -1))
        assert np.allclose((right - left) / (2 * step), here.jacobian[:, 2], atol=1e-6)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.5, 0.8, 1.0])
def test_the_residual_points_downhill(density, alpha: float) -> None:
    # dD/du = -c g1 and dD/dv = -c g2 with one c > 0.
    step = 1e-5
    here = tilted(density, alpha, MU, SIGMA)
    slopes = []
    for mu, sigma in [(step * SIGMA, 0.0), (0.0, step)]:
        right = tilted(density, alpha, MU + mu, SIGMA * np.exp(sigma)).divergence
        left = tilted(density, alpha, MU - mu, SIGMA * np.exp(-sigma)).divergence
        slopes.append((right - left) / (2 * step))
    ratio = -np.array(slopes) / here.residual
    assert ratio[0] > 0 and ratio[0] == pytest.approx(ratio[1], rel=1e-5)
