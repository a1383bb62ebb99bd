from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest


def test_the_estimate_and_the_lowest_rows(call: Callable[..., Any], run_folder: Path) -> None:
    ended = call("score", "run", "rows.csv", "--drop", "class", "--json")
    document = ended.document
    per_row = np.array(document["log_likelihood_per_row"])
    assert document["log_likelihood"] == pytest.approx(per_row.mean())
    assert (document["log_likelihood_se"], document["effective_sample_size"]) == (0.01, 12.5)
    assert document["log_likelihood_samples"] == 64
    assert [low["row"] for low in document["lowest"]] == np.argsort(per_row)[:10].tolist()
    out = call("score", "run", "rows.csv", "--drop", "class").out
    for words in ("log p(x)", "nats per observation", "standard error", "effective sample size", "lowest"):
        assert words in out
    assert out.splitlines()[-10].split()[0] == str(per_row.argmin())


def test_samples_are_handed_on(call: Callable[..., Any], run_folder: Path) -> None:
    document = call("score", "run", "rows.csv", "--drop", "class", "--samples", 7, "--json").document
    assert document["log_likelihood_samples"] == 7


def test_out_keeps_each_row(call: Callable[..., Any], run_folder: Path) -> None:
    from pyarrow import parquet

    ended = call("score", "run", "rows.csv", "--drop", "class", "--out", "scores.parquet", "--json")
    assert ended.document["out"] == "scores.parquet"
    assert "log_likelihood_per_row" not in ended.document
    table = parquet.read_table(run_folder.parent / "scores.parquet")
    assert table.column_names == ["row", "log_likelihood"]
    assert str(table.schema.field("log_likelihood").type) == "double"
    assert table["log_likelihood"].to_numpy().mean() == pytest.approx(ended.document["log_likelihood"])


def test_one_row(call: Callable[..., Any], run_folder: Path) -> None:
    (run_folder.parent / "one.csv").write_text("a,b,c\n1,2,3\n")
    code, out, _ = call("score", "run", "one.csv")
    assert code == 0
    assert out.splitlines()[-1].split() == ["0", "-1.000"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--samples", "0"), "--samples 0"),
        (("--out", "a.npz"), ".parquet or .csv"),
        (("--out", "rows.csv"), "--force"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    call: Callable[..., Any], run_folder: Path, words: tuple[str, ...], said: str
) -> None:
    call("score", "run", "rows.csv", "--drop", "class", *words).assert_refused(said)
    assert {path.name for path in run_folder.parent.iterdir()} == {"run", "rows.csv"}


def test_the_document_is_strict_json(call: Callable[..., Any], run_folder: Path) -> None:
    out = call("score", "run", "rows.csv", "--drop", "class", "--json").out

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    json.loads(out, parse_constant=refuse)
