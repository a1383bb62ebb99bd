from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from mixtura.plot.curves import late_range, stage_spans, term_curves


def test_a_stage_that_comes_twice_has_two_spans() -> None:
    assert stage_spans([1, 2, 3], ["a", "b", "a"]) == [("a", 1, 1), ("b", 2, 2), ("a", 3, 3)]


def test_each_term_has_a_panel_of_its_own() -> None:
    terms = {"bound": [1.0, 2.0], "cluster": [0.5, np.nan], "conditional_prior": [3.0, 3.0]}
    figure = term_curves([1, 2], terms, ["pretrain", "joint"])
    assert [trace.yaxis for trace in figure.data] == ["y", "y2", "y3"]
    domains = [figure.layout[axis].domain for axis in ("yaxis", "yaxis2", "yaxis3")]
    assert all(upper[0] > lower[1] for upper, lower in pairwise(domains))
    assert np.isnan(figure.data[1].y[1])


def test_stages_are_named_as_they_stand() -> None:
    figure = term_curves([1, 2], {"bound": [1.0, 2.0]}, ["<b>first</b>", "second"])
    texts = [note.text for note in figure.layout.annotations]
    assert "&lt;b&gt;first&lt;/b&gt;" in texts
    assert "second" in texts
    assert figure.data[0].customdata[0] == "&lt;b&gt;first&lt;/b&gt;"


def test_bands_of_stages_meet_and_do_not_overlap() -> None:
    epochs, stages = [1.0, 2.0, 2.25, 2.5, 3.5], ["a", "a", "b", "c", "c"]
    bands = term_curves(epochs, {"bound": np.zeros(5)}, stages).layout.shapes
    assert [(band.x0, band.x1) for band in bands] == [(0.5, 2.125), (2.375, 4.0)]


def test_one_epoch_and_none_are_drawn() -> None:
    assert term_curves([1], {"bound": [2.0]}, ["joint"]).layout.xaxis.range == (0.5, 1.5)
    assert len(term_curves([], {"bound": []}, []).data) == 1


def test_a_steep_start_leaves_the_panel_and_the_rest_is_shown() -> None:
    low, high = late_range([-500.0, -200.0, *np.linspace(-110, -100, 18)])
    assert -125 < low < -110
    assert -100 < high < -98


def test_a_curve_that_falls_at_first_leaves_upwards() -> None:
    low, high = late_range([900.0, 200.0, *np.linspace(20, 10, 18)])
    assert low == pytest.approx(10, abs=1)
    assert 20 < high < 40


@pytest.mark.parametrize("curve", [[], [1.0], [2.0] * 30, np.linspace(0, 1, 50), [np.nan] * 20])
def test_other_curves_are_shown_whole(curve: np.ndarray) -> None:
    assert late_range(curve) is None
