from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def test_the_page_is_made_again(call: Callable[..., Any], run_folder: Path) -> None:
    page = run_folder / "report.html"
    before = page.read_bytes()
    page.unlink()
    code, out, err = call("report", "run")
    assert (code, err) == (0, "")
    assert str(page.relative_to(run_folder.parent)) in out
    assert page.read_bytes() == before


def test_out_and_json(call: Callable[..., Any], run_folder: Path) -> None:
    assert call("report", "run", "--out", "page.html", "--json").document == {"report": "page.html"}
    assert (run_folder.parent / "page.html").read_bytes() == (run_folder / "report.html").read_bytes()
    call("report", "run", "--out", "page.html").assert_refused("--force")
    assert call("report", "run", "--out", "page.html", "--force", "--quiet") == (0, "", "")


@pytest.mark.parametrize("run", ["", "nowhere", "rows.csv", "run/model"])
def test_what_is_no_run_is_refused(call: Callable[..., Any], run_folder: Path, run: str) -> None:
    call("report", run, "--out", "page.html").assert_refused()
    assert {path.name for path in run_folder.parent.iterdir()} == {"run", "rows.csv"}


@pytest.mark.parametrize("name", ["metrics.json", "summary.npz", "assignments.parquet", "log.jsonl"])
def test_a_damaged_run_is_refused(call: Callable[..., Any], run_folder: Path, name: str) -> None:
    file = run_folder / name
    file.write_bytes(file.read_bytes()[:20])
    call("report", "run").assert_refused(name)
