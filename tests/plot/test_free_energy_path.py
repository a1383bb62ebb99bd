from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mixtura.errors import InputError
from mixtura.plot.free_energy_path import draw_free_energy_path
from mixtura.plot.paper import new_figure

PATH = [-3.0, -2.5, -2.4, -2.3, -2.25, -2.24]


def draw(path: Any) -> tuple[Any, ...]:
    figure = new_figure()
    axes = tuple(draw_free_energy_path(figure.subplots(2, sharex=True), path))
    figure.draw_without_rendering()
    return axes


def drawn(ax: Any, marker: str) -> tuple[list[float], list[float]]:
    """Return what the line with this marker shows; those of the legend are empty."""
    lines = [line for line in ax.get_lines() if line.get_marker() == marker and len(line.get_xdata())]
    assert len(lines) == 1
    return list(lines[0].get_xdata()), list(lines[0].get_ydata())


def labels(ax: Any) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_e_steps_stand_at_whole_numbers_and_m_steps_between() -> None:
    upper, _ = draw(PATH)
    assert drawn(upper, "o") == ([1, 2, 3], PATH[::2])
    assert drawn(upper, "s") == ([1.5, 2.5, 3.5], PATH[1::2])
    assert labels(upper) == ["log p(x)", "E-step", "M-step"]


def test_log_p_touches_f_after_each_e_step_and_is_above_it_after_each_m_step() -> None:
    upper, _ = draw(PATH)
    level = next(line for line in upper.get_lines() if line.get_label() == "log p(x)")
    x, y = level.get_xdata(), level.get_ydata()
    for place, height in zip((1.0, 2.0, 3.0), PATH[::2], strict=True):
        assert np.interp(place, x, y) == height
    for place, height in zip((1.5, 2.5), PATH[1::2], strict=False):
        assert y[x == place].max() > height


def test_gains_are_told_apart_by_their_step() -> None:
    _, lower = draw(PATH)
    for marker, x, gains in (("s", [1.5, 2.5, 3.5], [0.5, 0.1, 0.01]), ("o", [2, 3], [0.1, 0.05])):
        places, values = drawn(lower, marker)
        assert places == x
        np.testing.assert_allclose(values, gains)
    assert lower.get_yscale() == "log"


def test_falls_are_crosses() -> None:
    upper, lower = draw([-3.0, -2.5, -2.4, -2.45, -2.3])
    assert labels(upper)[-1] == "a fall"
    places, values = drawn(lower, "x")
    assert places == [2.5] and values == [pytest.approx(0.05)]


def test_rounding_is_neither_gain_nor_fall() -> None:
    upper, lower = draw([-3.0, -2.5, -2.5 + 4e-16, -2.5 - 4e-16, -2.5])
    assert "a fall" not in labels(upper)
    assert drawn(lower, "s")[1][0] == 0.5
    assert np.isnan(drawn(lower, "s")[1][1]) and np.isnan(drawn(lower, "o")[1]).all()


def test_a_late_climb_is_shown_whole() -> None:
    path = np.concatenate([np.linspace(-3, -2, 20), -2 + 0.01 * np.linspace(0, 1, 200)])
    assert draw(path)[0].get_ylim()[0] < -3


def test_a_steep_start_leaves_the_panel() -> None:
    path = -2 - 100 * 0.05 ** np.arange(20.0) - 0.1 * 0.9 ** np.arange(20.0)
    assert draw(path)[0].get_ylim()[0] > -10


@pytest.mark.parametrize("n", [1, 2, 3, 500])
def test_any_length_is_drawn(n: int) -> None:
    upper, _ = draw(-2 - 0.9 ** np.arange(float(n)))
    assert len(drawn(upper, "o")[0]) == (n + 1) // 2


def test_a_path_that_stays_where_it_is_has_no_gains() -> None:
    draw([-2.0, -2.0, -2.0])


@pytest.mark.parametrize("path", [[], 1.0, [[1.0, 2.0]], [-1.0, np.nan], [-np.inf, -1.0]])
def test_what_is_no_path_is_refused(path: object) -> None:
    with pytest.raises(InputError, match="path"):
        draw(path)
