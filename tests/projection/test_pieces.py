from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from mixtura.errors import ConvergenceError, InputError
from mixtura.projection.line_density import mixture_log_density
from mixtura.projection.pieces import Pieces, panels, require_finite, resolve


def mixture(weights, means, scales):
    return mixture_log_density(np.log(weights), np.asarray(means, float), np.asarray(scales, float))


def test_a_polynomial_of_low_degree_needs_one_piece() -> None:
    pieces = resolve(lambda x: -(x**12) + x**3, np.array([-1.0, 1.0]))
    assert len(pieces.edges) == 2


@settings(max_examples=30)
@given(st.integers(0, 10_000))
def test_modes_are_the_sign_changes_of_the_slope(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 6))
    weights, means = rng.dirichlet(np.ones(count)), rng.normal(size=count) * 4
    scales = np.exp(rng.normal(size=count) * 0.7)
    log_density = mixture(weights, means, scales)
    steps = 4.0 ** np.arange(8)
    edges = np.unique(
        np.concatenate([means + s * step * scales for s in (-1, 1) for step in steps] + [means])
    )
    edges = edges[np.abs(edges) < 60]
    modes = resolve(log_density, edges).modes()
    grid = np.linspace(edges[0], edges[-1], 400_001)
    rising = np.diff(log_density(grid)) > 0
    tops = grid[1:-1][rising[:-1] & ~rising[1:]]
    assert len(modes) == len(tops)
    assert np.allclose([mode.location for mode in modes], tops, atol=1e-3)


def test_widths_and_gaps_of_modes() -> None:
    [left, right] = resolve(mixture([0.5, 0.5], [-10, 10], [1, 2]), np.array([-40.0, -10, 10, 40])).modes()
    assert (left.location, right.location) == pytest.approx((-10, 10), abs=1e-9)
    assert (left.width, right.width) == pytest.approx((1, 2), abs=1e-9)
    assert 0 < left.gap < 20 and left.gap + right.gap == pytest.approx(20, abs=1e-6)


def test_a_mode_that_lies_on_an_edge_is_counted_once() -> None:
    assert len(resolve(lambda x: -(x**2), np.array([-2.0, 0.0, 1.0, 3.0])).modes()) == 1


@pytest.mark.parametrize("edges", [[-1.0, 2.0], [-1.0, 0.0, 2.0]])
def test_a_kink_is_a_mode(edges: list[float]) -> None:
    [mode] = resolve(lambda x: -np.abs(x), np.array(edges)).modes()
    assert mode.location == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("spacing", [0.3, 1.0, 7.0])
def test_nodes_integrate_what_the_pieces_resolve(spacing: float) -> None:
    log_density = mixture([0.2, 0.8], [-1, 2], [0.01, 1])
    pieces = resolve(log_density, np.array([-10.0, -1.1, -1.0, -0.9, 2.0, 12.0]))
    x, weights, values = pieces.nodes(-5.0, 3.0, spacing)
    expected, _ = quad(
        lambda x: log_density(np.array([x]))[0],
        -5,
        3,
        points=[-1.1, -1.05, -1, -0.95, -0.9],
        epsabs=1e-11,
        limit=500,
    )
    assert np.array_equal(values, log_density(x))
    assert weights @ values == pytest.approx(expected, abs=1e-9)


def test_nodes_reach_beyond_the_pieces() -> None:
    x, weights, values = Pieces(lambda x: x**2, np.array([-1.0, 1.0])).nodes(-3.0, 3.0, 1.0)
    assert weights @ values == pytest.approx(18.0, rel=1e-14)
    assert x.min() < -2.9


def test_panels_integrate_polynomials_of_degree_31() -> None:
    x, weights = panels(np.array([0.0, 0.5, 2.0]))
    assert weights @ x**31 == pytest.approx(2.0**32 / 32, rel=1e-13)


def test_noise_is_refused_with_the_place() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ConvergenceError, match="too rough near x = "):
        resolve(lambda x: rng.normal(size=x.shape), np.array([0.0, 1.0]))


def test_a_density_that_vanishes_is_refused_with_the_place() -> None:
    with np.errstate(divide="ignore"), pytest.raises(InputError, match=r"vanishes at x = .* inclusive"):
        require_finite(lambda x: np.log(np.maximum(x, 0)))(np.array([1.0, -2.0]))
