from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Call = Callable[..., Any]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(0, 1, (30, 2)), rng.normal(8, 1, (30, 2))])
    lines = [f"{a:.6f},{b:.6f},{'uv'[i // 30]}" for i, (a, b) in enumerate(values)]
    (tmp_path / "rows.csv").write_text("\n".join(["a,b,class", *lines]) + "\n")
    return tmp_path


DEEP = ("rows.csv", "--labels", "class", "--model", "gmvae", "--epochs", "2")


def test_one_fit_is_merged(call: Call, place: Path) -> None:
    ended = call("select", *DEEP, "--criterion", "merge", "--to", 4, "--out", "path.csv", "--json")
    document = ended.document
    assert document["criterion"] == "merge" and document["n_fitted"] == 4
    assert len(document["component_groups"]) == 4 and document["table"][-1]["n_groups"] == 1
    k = document["n_components"]
    assert document["command"] == f"mixtura fit rows.csv --components {k} --epochs 2 --labels class"
    assert (place / "path.csv").read_text().splitlines()[0] == '"n_groups","score","members"'


def test_each_number_is_scored_on_rows_that_were_held_out(call: Call) -> None:
    document = call("select", *DEEP, "--to", 2, "--folds", 2, "--json").document
    assert [line["n_components"] for line in document["table"]] == [1, 2]
    assert document["family"] == "gmvae" and all(line["held_out"] < 0 for line in document["table"])
    assert set(document["chosen_by"]) == {"held_out", "one_se"}
    assert document["command"].startswith("mixtura fit rows.csv --components")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--model", "gmvae", "--criterion", "icl"), "--criterion icl is for mixtures fitted by EM"),
        (("--model", "gmvae", "--starts", 2), "--starts is for mixtures fitted by EM"),
        (("--model", "gmvae", "--covariance", "all"), "--covariance is for mixtures fitted by EM"),
        (("--model", "gmvae", "--epochs", 0), "--epochs 0 is less than 1"),
        (("--model", "gmvae", "--criterion", "merge", "--to", 61), "--to 61 is more than the 60 rows"),
        (("--criterion", "merge"), "--criterion merge is for the deep model; add --model gmvae"),
        (("--epochs", 3), "--epochs is for the deep model; add --model gmvae"),
    ],
)
def test_options_of_the_other_model_are_refused(call: Call, options: tuple[Any, ...], words: str) -> None:
    ended = call("select", "rows.csv", "--labels", "class", *options)
    assert ended.code == 2 and words in ended.err and ended.err.strip().count("mixtura: error") == 1
