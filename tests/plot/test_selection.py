from __future__ import annotations

import numpy as np
import pytest

from mixtura.plot.paper import new_figure
from mixtura.plot.selection import ScoreCurve, draw_selection_curves, visible_scores


def test_curves_are_drawn_with_bars_and_a_line_at_the_choice():
    curves = [
        ScoreCurve("held out", [1, 2, 3], [-3.0, -2.0, -2.5], [0.2, 0.0, np.nan]),
        ScoreCurve("other", [1, 2, 3], [-3.1, -np.inf, -2.6]),
    ]
    ax = draw_selection_curves(new_figure().add_subplot(), curves, 2, "chosen: K = 2")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["held out", "other", "chosen: K = 2"]
    low, high = ax.get_ylim()
    assert low < -3.1 and high > -2.0
    assert all(tick == int(tick) for tick in ax.get_xticks())


@pytest.mark.parametrize("scores", [[[np.nan, np.nan]], [[]], [[2.0]], [[-1.0, -1.0]], [[0.0]]])
def test_few_scores_make_a_range(scores):
    low, high = visible_scores([np.array(score) for score in scores])
    assert np.isfinite([low, high]).all() and low < high


def test_a_fall_of_millions_does_not_flatten_the_rest():
    low, high = visible_scores([[-4.7, -4.2, -4.25, -4.3, -4.3, -1e3, -5e6]])
    assert high - low < 2
