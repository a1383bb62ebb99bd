from __future__ import annotations

import numpy as np
import pytest

from mixtura.plot import doubt_by_group, group_colour, group_sizes, probability_histogram


def test_sizes_are_shown_in_the_colours_of_the_groups() -> None:
    bars = group_sizes([5, 3, 0]).data[0]
    assert list(bars.y) == [5, 3, 0]
    assert list(bars.marker.color) == [group_colour(group) for group in range(3)]
    np.testing.assert_allclose(bars.customdata, [5 / 8, 3 / 8, 0])


def test_many_groups_share_one_colour() -> None:
    assert group_sizes(np.ones(200, dtype=int)).data[0].marker.color is None


@pytest.mark.parametrize("sizes", [[1], [0, 0], np.arange(200)])
def test_any_number_of_groups_has_bars(sizes: np.ndarray) -> None:
    assert len(group_sizes(sizes).data[0].y) == len(sizes)


def test_each_probability_falls_into_one_bin() -> None:
    bars = probability_histogram(np.array([0.0, 0.049, 0.05, 0.96, 1.0, 1.0], dtype=np.float32)).data[0]
    assert bars.y[0] == 2
    assert bars.y[-1] == 3
    assert sum(bars.y) == 6


def test_marks_stand_at_their_probabilities() -> None:
    figure = probability_histogram([0.7], marks=(0.25,))
    assert [shape.x0 for shape in figure.layout.shapes] == [0.25]


def test_a_little_doubt_does_not_fill_the_chart() -> None:
    assert doubt_by_group([0.0], [0.01]).layout.yaxis.range == (0, 0.1)
    assert doubt_by_group([0.5], [0.8]).layout.yaxis.range[1] == pytest.approx(0.84)


def test_an_empty_group_has_no_doubt() -> None:
    figure = doubt_by_group([0.1, np.nan], [0.2, np.nan])
    assert np.isnan(figure.data[0].y[1])
    assert np.isfinite(figure.layout.yaxis.range[1])
