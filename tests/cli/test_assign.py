from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest


@pytest.mark.parametrize("model", ["run", "run/model"])
def test_sizes_are_printed(call: Callable[..., Any], run_folder: Path, model: str) -> None:
    code, out, err = call("assign", model, "rows.csv", "--drop", "class")
    assert code == 0, err
    assert [line.split() for line in out.splitlines()] == [
        ["component", "rows", "share"],
        ["0", "20", "50.0%"],
        ["1", "20", "50.0%"],
    ]
    assert "40 rows" in err


def test_labels_score(call: Callable[..., Any], run_folder: Path) -> None:
    out = call("assign", "run", "rows.csv", "--labels", "class").out
    assert ["accuracy", "1.0000"] in [line.split() for line in out.splitlines()]
    document = call("assign", "run", "rows.csv", "--labels", "class", "--json").document
    assert (document["accuracy"], document["nmi"], document["ari"]) == (1.0, 1.0, 1.0)


def test_json_holds_the_assignment(call: Callable[..., Any], run_folder: Path) -> None:
    document = call("assign", "run", "rows.csv", "--drop", "class", "--json").document
    assert document["n_rows"] == len(document["component"]) == len(document["probability"]) == 40
    assert document["sizes"] == np.bincount(document["component"]).tolist()
    assert "accuracy" not in document


@pytest.mark.parametrize("name", ["groups.csv", "deep/er/groups.parquet"])
def test_out_keeps_each_row(call: Callable[..., Any], run_folder: Path, name: str) -> None:
    from pyarrow import csv, parquet

    words = ("assign", "run", "rows.csv", "--drop", "class", "--out", name)
    ended = call(*words, "--json")
    assert ended.document["out"] == name and "component" not in ended.document
    file = run_folder.parent / name
    table = csv.read_csv(file) if name.endswith("csv") else parquet.read_table(file)
    assert table.column_names == ["row", "component", "probability", "p_0", "p_1"]
    assert table.num_rows == 40
    call(*words).assert_refused("--force")
    assert call(*words, "--force").code == 0
    assert call(*words, "--force", "--quiet") == (0, "", "")


def test_columns_in_another_order_are_put_right(call: Callable[..., Any], run_folder: Path) -> None:
    lines = (run_folder.parent / "rows.csv").read_text().splitlines()
    turned = [",".join(line.split(",")[:3][::-1]) for line in lines]
    (run_folder.parent / "turned.csv").write_text("\n".join(turned) + "\n")
    asked = call("assign", "run", "turned.csv", "--json").document
    assert (
        asked["component"]
        == call("assign", "run", "rows.csv", "--drop", "class", "--json").document["component"]
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere", "rows.csv"), "nowhere"),
        (("", "rows.csv"), "no model folder"),
        (("rows.csv", "rows.csv"), "is a file"),
        (("run", "nowhere.csv"), "nowhere.csv"),
        (("run", "rows.csv"), "class"),
        (("run", "rows.csv", "--drop", "class", "--drop", "b"), "'b'"),
        (("run", "rows.csv", "--drop", "class", "--out", "a.txt"), ".parquet or .csv"),
        (("run", "rows.csv", "--drop", "class", "--out", "run"), "run"),
        (("run", "rows.csv", "--drop", "class", "--out", "rows.csv"), "--force"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    call: Callable[..., Any], run_folder: Path, words: tuple[str, ...], said: str
) -> None:
    call("assign", *words).assert_refused(said)
    assert {path.name for path in run_folder.parent.iterdir()} == {"run", "rows.csv"}


def test_a_model_that_lacks_a_file(call: Callable[..., Any], run_folder: Path) -> None:
    (run_folder / "model" / "model.json").unlink()
    call("assign", "run", "rows.csv", "--drop", "class").assert_refused("model.json")
