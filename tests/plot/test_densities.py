from __future__ import annotations

import numpy as np
import pytest

from mixtura.plot.densities import Curve, draw_densities, visible_range
from mixtura.plot.paper import new_figure

X = np.linspace(-10, 10, 2001)


def normal(mean: float, scale: float) -> np.ndarray:
    return np.exp(-0.5 * ((X - mean) / scale) ** 2) / (scale * np.sqrt(2 * np.pi))


def test_what_is_seen_of_a_gaussian_is_three_standard_deviations() -> None:
    low, high = visible_range(X, [normal(1.0, 2.0)])
    assert low == pytest.approx(1 - 2 * 3.1, abs=0.05)
    assert high == pytest.approx(1 + 2 * 3.1, abs=0.05)
    assert visible_range(X, [normal(0.0, 0.1), normal(0.0, 3.0)])[1] == pytest.approx(9.3, abs=0.1)
    assert visible_range(X, [np.zeros_like(X)]) == (-10.0, 10.0)


def test_the_legend_has_the_target_first_and_no_line_without_a_label() -> None:
    curves = [Curve("q", normal(0, 1)), Curve("", normal(0, 2), place=1, faint=True)]
    ax = draw_densities(new_figure().add_subplot(), X, normal(0, 1), curves, target_label="p")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["p", "q"]
    full, faint = ax.get_lines()
    assert faint.get_linewidth() < full.get_linewidth()
    assert full.get_color() != faint.get_color()


def test_a_curve_is_not_drawn_along_the_axis() -> None:
    ax = draw_densities(new_figure().add_subplot(), X, normal(0, 1), [Curve("q", normal(0, 1))])
    y = ax.get_lines()[0].get_ydata()
    assert np.isnan(y[0]) and np.nanmin(y) > 0


@pytest.mark.parametrize("spike", [1e4, np.inf, 1e300])
def test_a_spike_does_not_flatten_the_curves(spike: float) -> None:
    target = normal(0, 1)
    target[1000] = spike
    ax = draw_densities(new_figure().add_subplot(), X, target, [Curve("q", normal(0, 1))])
    assert ax.get_ylim()[1] < 2.0


def test_a_modest_peak_is_drawn_whole() -> None:
    ax = draw_densities(new_figure().add_subplot(), X, normal(0, 0.2), [Curve("q", normal(0, 1))])
    assert ax.get_ylim()[1] > 1.99


def test_a_target_alone_is_drawn() -> None:
    ax = draw_densities(new_figure().add_subplot(), X, normal(0, 1), [])
    assert ax.get_ylim()[0] == 0.0
