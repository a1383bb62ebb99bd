from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from mixtura import GaussianMixture, select_components

Call = Callable[..., Any]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(0, 1, (30, 2)), rng.normal(8, 1, (30, 2))])
    lines = [f"{a:.6f},{b:.6f},{'uv'[i // 30]},{1 + i % 2}" for i, (a, b) in enumerate(values)]
    (tmp_path / "rows.csv").write_text("\n".join(["a,b,class,times", *lines]) + "\n")
    return tmp_path


DATA = ("rows.csv", "--labels", "class", "--drop", "times", "--starts", "2")


def values(place: Path) -> np.ndarray:
    return np.loadtxt(place / "rows.csv", delimiter=",", skiprows=1, usecols=(0, 1))


def test_the_table_is_that_of_python(call: Call, place: Path) -> None:
    document = call("select", *DATA, "--to", 3, "--json").document
    selection = select_components(
        values(place), range(1, 4), estimator=GaussianMixture(n_init=2), random_state=0
    )
    assert [line["held_out"] for line in document["table"]] == selection.held_out.tolist()
    assert [line["bic"] for line in document["table"]] == selection.bic.tolist()
    assert (document["n_components"], document["criterion"], document["family"]) == (
        2,
        "held_out",
        "gaussian",
    )
    assert document["chosen_by"]["icl"] == {"model": "GaussianMixture", "n_components": 2}
    assert document["command"] == "mixtura em rows.csv --components 2 --starts 2 --labels class --drop times"


def test_a_person_reads_the_table_the_choice_and_what_comes_next(call: Call) -> None:
    ended = call("select", *DATA, "--to", 3)
    lines = ended.out.splitlines()
    assert ended.code == 0 and lines[1].split()[0] == "K"
    assert any(line.startswith("held_out  K = 2, chosen") for line in lines)
    assert lines[-1].startswith("fit it: mixtura em rows.csv --components 2")
    assert "K = 1 to 3" in ended.err
    assert call("select", *DATA, "--to", 2, "--quiet") == (0, "", "")


def test_the_command_that_comes_next_runs(call: Call) -> None:
    command = call("select", *DATA, "--to", 2, "--json").document["command"].split()
    metrics = call(*command[1:], "--json", "--out", "run").document
    assert metrics["n_components"] == 2


def test_table_and_figure_are_written(call: Call, place: Path) -> None:
    words = ["select", *DATA, "--to", 2, "--out", "t.csv", "--figure", "f.svg", "--json"]
    document = call(*words).document
    assert (document["out"], document["figure"]) == ("t.csv", "f.svg")
    with (place / "t.csv").open() as stream:
        read = list(csv.DictReader(stream))
    assert [float(line["held_out"]) for line in read] == [line["held_out"] for line in document["table"]]
    assert (place / "f.svg").read_text().startswith("<?xml")
    call(*words).assert_refused("t.csv", "--force")
    assert call(*words, "--force").code == 0
    assert call("select", *DATA, "--to", 2, "--out", "t.parquet", "--quiet").code == 0
    assert pq.read_table("t.parquet").num_rows == 2


def test_all_covariances_in_one_table(call: Call) -> None:
    document = call("select", *DATA, "--from", 2, "--to", 2, "--covariance", "all", "--json").document
    assert [line["model"] for line in document["table"]] == ["full", "tied", "diag", "spherical"]
    assert f"--covariance {document['model']}" in document["command"]


def test_other_criteria_choose_and_weights_count(call: Call) -> None:
    words = ["select", "rows.csv", "--drop", "class", "--weights", "times", "--to", 2, "--criterion", "bic"]
    document = call(*words, "--json").document
    assert document["criterion"] == "bic" and document["n_rows"] == 90
    assert "--weights times" in document["command"]


def test_text_beside_numbers_is_a_mixed_table(call: Call) -> None:
    document = call("select", "rows.csv", "--to", 2, "--drop", "times", "--starts", 1, "--json").document
    assert document["family"] == "mixed" and document["n_components"] == 2


def test_expected_counts(call: Call, place: Path) -> None:
    rates = np.where((np.arange(60) < 40)[:, None], [2.0, 9.0], [12.0, 3.0])
    np.save(place / "expected.npy", np.random.default_rng(0).poisson(rates) * 0.9 + 0.05)
    document = call("select", "expected.npy", "--to", 2, "--fractions", "--json").document
    assert document["family"] == "poisson" and document["n_components"] == 2
    assert document["command"] == "mixtura em expected.npy --components 2 --fractions"
    assert call(*document["command"].split()[1:], "--json", "--out", "run").document["family"] == "poisson"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--from 0", ["--from 0"]),
        ("--from 3 --to 2", ["--to 2", "--from 3"]),
        ("--folds 1", ["--folds 1"]),
        ("--folds 61", ["61 folds", "60 rows"]),
        ("--jobs 0", ["--jobs 0"]),
        ("--starts 0", ["--starts 0"]),
        ("--seed -1", ["--seed -1"]),
        ("--to ten", ["ten"]),
        ("--criterion aic", ["aic", "one_se"]),
        ("--out t.txt", ["--out", "t.txt", ".csv"]),
        ("--figure f.jpg", ["--figure", "f.jpg", ".svg"]),
        ("--family poisson", ["a", "row 0"]),
        ("--family bernoulli --covariance all --binarise 1", ["--covariance"]),
        ("--from 61 --to 61", ["n_components = 61"]),
        ("--drop nothing", ["nothing"]),
    ],
)
def test_bad_words_are_one_line_and_nothing_is_written(
    call: Call, place: Path, words: str, said: list
) -> None:
    before = sorted(place.iterdir())
    call("select", *DATA, *words.split()).assert_refused(*said)
    assert sorted(place.iterdir()) == before


def test_no_file_is_one_line(call: Call) -> None:
    call("select", "nowhere.csv").assert_refused("nowhere.csv")
    call("select", "").assert_refused("DATA is empty")
