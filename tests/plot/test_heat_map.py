from __future__ import annotations

import numpy as np

from mixtura.plot import heat_map


def test_features_run_down_and_groups_across() -> None:
    figure = heat_map([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], ["a", "b", "c"])
    np.testing.assert_array_equal(figure.data[0].z, [[1, 4], [2, 5], [3, 6]])
    assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1]


def test_zero_is_the_middle_of_the_colours_and_a_far_value_does_not_wash_out_the_rest() -> None:
    differences = np.full((10, 10), 0.5)
    differences[0, 0] = 1000.0
    axis = heat_map(differences, [str(i) for i in range(10)]).layout.coloraxis
    assert (axis.cmin, axis.cmid, axis.cmax) == (-axis.cmax, 0, 1.0)


def test_names_are_shown_as_they_stand_and_cut_on_the_axis_only() -> None:
    name = "<i>" + "x" * 60
    figure = heat_map([[0.0]], [name])
    assert figure.layout.yaxis.ticktext == ("&lt;i&gt;" + "x" * 20 + "…",)
    assert figure.data[0].customdata[0][0][0] == "&lt;i&gt;" + "x" * 60


def test_features_of_the_same_name_keep_their_rows() -> None:
    figure = heat_map([[1.0, 2.0]], ["same", "same"])
    assert list(figure.data[0].y) == [0, 1]


def test_hover_tells_the_raw_means() -> None:
    figure = heat_map([[1.0, np.nan]], ["a", "b"], details=[[[10.0, 5.0], [np.nan, 7.0]]])
    assert list(figure.data[0].customdata[0][0]) == ["a", 10.0, 5.0]


def test_nothing_finite_is_drawn_too() -> None:
    assert heat_map([[np.nan]], ["a"]).layout.coloraxis.cmax == 1.0
