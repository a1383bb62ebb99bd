from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from mixtura.report.charts import draw_charts
from mixtura.report.run_folder import Run, read_run


@pytest.fixture(scope="module")
def digits(digits_folder: Path) -> Run:
    return read_run(digits_folder)


def test_pictures_have_no_heat_map_and_tables_do(digits: Run, wine_folder: Path) -> None:
    assert set(draw_charts(digits)) == {"sizes", "map", "probability", "doubt", "curves"}
    assert "apart" in draw_charts(read_run(wine_folder))


def test_every_chart_has_words(digits: Run) -> None:
    for chart in draw_charts(digits).values():
        assert chart.label
        assert chart.caption.endswith(".")
        assert chart.height > 100


@pytest.mark.parametrize(
    ("kind", "words"),
    [("discriminant", "57"), ("principal", "principal components"), ("line", "one dimension")],
)
def test_the_page_says_what_the_axes_are(digits: Run, kind: str, words: str) -> None:
    run = dataclasses.replace(digits, summary=digits.summary | {"map_kind": np.array(kind)})
    assert words in draw_charts(run)["map"].caption


def test_a_summary_that_does_not_say_how_the_map_was_made_is_drawn(digits: Run) -> None:
    summary = {name: array for name, array in digits.summary.items() if not name.startswith("map_k")}
    assert "latent space" in draw_charts(dataclasses.replace(digits, summary=summary))["map"].caption


def test_the_curves_take_the_lines_that_hold_a_bound(digits: Run) -> None:
    figure = draw_charts(digits)["curves"].figure
    assert list(figure.data[0].x) == list(range(1, 21))
    assert [trace.name for trace in figure.data] == [
        "bound",
        "reconstruction",
        "cluster",
        "conditional_prior",
    ]
    assert np.isnan(figure.data[2].y[:10]).all()


def test_epochs_that_start_again_in_each_stage_are_counted_on(digits: Run) -> None:
    history = [{"stage": stage, "epoch": epoch, "bound": -1.0} for stage in "ab" for epoch in (1, 2)]
    figure = draw_charts(dataclasses.replace(digits, history=history))["curves"].figure
    assert list(figure.data[0].x) == [1, 2, 3, 4]


def test_a_log_without_epochs_has_no_curves(digits: Run) -> None:
    assert "curves" not in draw_charts(dataclasses.replace(digits, history=[{"stage": "a", "message": "b"}]))
