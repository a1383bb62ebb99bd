from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mixtura.cli import run_folder
from mixtura.cli.session import Session
from mixtura.data import read


def test_log_likelihood_is_measured_on_some_rows_of_many(
    fake: Any, rows: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(run_folder, "LIKELIHOOD_ROWS", 7)
    table = read(rows, drop=["class"])
    estimator = fake(2, random_state=5)
    with pytest.warns(UserWarning, match="one value"):
        estimator.fit(table.values)
    estimator.n_components = 2
    estimator.settings |= dict.fromkeys(("likelihood", "responsibilities", "procedure"), "as asked")
    said: list[str] = []
    (tmp_path / "run").mkdir()
    session = Session("mixtura fit rows.csv", started=time.perf_counter())
    metrics = run_folder.write_run(tmp_path / "run", estimator, table, session, "rows.csv", said.append)
    chosen = np.sort(np.random.default_rng(5).permutation(40)[:7])
    assert metrics["log_likelihood_rows"] == 7
    assert metrics["log_likelihood"] == pytest.approx(-np.abs(table.values[chosen, 0]).mean())
    assert (metrics["seed"], metrics["source"], metrics["command"]) == (5, "rows.csv", "mixtura fit rows.csv")
    assert said[0] == "estimating log p(x) on 7 rows"
