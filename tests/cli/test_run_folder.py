from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mixtura.cli import run_folder
from mixtura.cli.session import Session
from mixtura.data import Table, read


@pytest.fixture
def fitted(fake: Any, rows: Path) -> tuple[Any, Table]:
    """Return the fake fitted to the rows, and the rows."""
    table = read(rows, drop=["class"])
    estimator = fake(2, random_state=5)
    with pytest.warns(UserWarning, match="one value"):
        estimator.fit(table.values)
    estimator.settings |= dict.fromkeys(
        ("likelihood", "responsibilities", "inference", "procedure"), "as asked"
    )
    return estimator, table


def written(folder: Path, fitted: tuple[Any, Table], said: list[str]) -> dict[str, Any]:
    folder.mkdir()
    session = Session("mixtura fit rows.csv", started=time.perf_counter())
    return run_folder.write_run(folder, *fitted, session, "rows.csv", said.append)


def test_log_likelihood_is_measured_on_some_rows_of_many(
    fitted: tuple[Any, Table], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(run_folder, "LIKELIHOOD_ROWS", 7)
    said: list[str] = []
    metrics = written(tmp_path / "run", fitted, said)
    chosen = np.sort(np.random.default_rng(5).permutation(40)[:7])
    assert metrics["log_likelihood_rows"] == 7
    assert metrics["log_likelihood"] == pytest.approx(-np.abs(fitted[1].values[chosen, 0]).mean())
    assert (metrics["seed"], metrics["source"], metrics["command"]) == (5, "rows.csv", "mixtura fit rows.csv")
    assert said[0] == "estimating log p(x) on 7 rows"


def test_probabilities_and_codes_are_computed_once(
    fitted: tuple[Any, Table], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[str] = []

    def count(name: str, real: Callable[[Any], Any]) -> None:
        monkeypatch.setattr(fitted[0], name, lambda X: (asked.append(name), real(X))[1])

    count("predict_proba", fitted[0].predict_proba)
    count("transform", fitted[0].transform)
    written(tmp_path / "run", fitted, [])
    assert sorted(asked) == ["predict_proba", "transform"]


def test_the_group_of_a_row_is_the_same_in_every_file(fitted: tuple[Any, Table], tmp_path: Path) -> None:
    from pyarrow import parquet

    fitted[0].labels_ = 1 - fitted[0].labels_  # at a tie, the label and the largest share may differ
    metrics = written(tmp_path / "run", fitted, [])
    labels = fitted[0].labels_.tolist()
    table = parquet.read_table(tmp_path / "run" / "assignments.parquet")
    assert table["component"].to_pylist() == labels
    assert metrics["sizes"] == np.bincount(labels).tolist()
    with np.load(tmp_path / "run" / "summary.npz") as summary:
        assert summary["map_component"].tolist() == labels
        np.testing.assert_array_equal(summary["map_probability"], table["probability"].to_numpy())
        assert np.isin(summary["example_rows"][0], np.flatnonzero(fitted[0].labels_ == 0)).all()
