from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

import mixtura
from mixtura.cli import main
from mixtura.storage.folder import RUN_CONTENTS

Call = Callable[..., Any]


def write(folder: Path, name: str, columns: dict[str, Any]) -> Path:
    file = folder / name
    table = pa.table({key: pa.array(values, from_pandas=True) for key, values in columns.items()})
    if name.endswith(".parquet"):
        parquet.write_table(table, file)
    else:
        from pyarrow import csv

        csv.write_csv(table, file)
    return file


def blobs() -> dict[str, np.ndarray]:
    """Three groups of 10, 30 and 20 rows in this order, with two gaps."""
    generator = np.random.default_rng(0)
    sizes = (10, 30, 20)
    groups = np.repeat([0, 1, 2], sizes)
    values = generator.normal(size=(60, 2)) + np.array([[0, 0], [9, 0], [0, 9]])[groups]
    values[10, 1] = values[40, 0] = np.nan
    return {"a": values[:, 0], "b": values[:, 1], "class": np.array(["u", "v", "w"])[groups]}


def kinds() -> dict[str, Any]:
    """Two groups told apart by a number, a text, a truth value and a count, with gaps."""
    generator = np.random.default_rng(1)
    groups = np.repeat([0, 1], [15, 25])
    size = generator.normal(5.0 * groups, 1.0)
    size[3] = np.nan
    colour = ["red" if g else "blue" for g in groups]
    colour[7] = None
    return {
        "size": size,
        "colour": colour,
        "big": groups == 1,
        "visits": generator.poisson(2.0 + 20.0 * groups),
    }


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three Gaussians fitted to blobs, and a mixed table fitted, once."""
    folder = tmp_path_factory.mktemp("em")
    file = write(folder, "blobs.parquet", blobs())
    words = ["em", str(file), "-k", "3", "--labels", "class", "--quiet", "--out", str(folder / "run")]
    assert main(words) == 0
    file = write(folder, "kinds.csv", kinds())
    assert (
        main(["em", str(file), "-k", "2", "-q", "--as", "visits=poisson", "--out", str(folder / "mixed")])
        == 0
    )
    return folder


@pytest.fixture
def here(fitted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of both runs and their tables in the current folder."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(fitted, tmp_path, dirs_exist_ok=True)
    return tmp_path


def metrics_in(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "metrics.json").read_text())


def test_a_run_folder_is_that_of_fit(fitted: Path) -> None:
    for name in ("run", "mixed"):
        assert {path.name for path in (fitted / name).iterdir()} == set(RUN_CONTENTS)


def test_the_terms_are_those_of_the_exact_posterior(fitted: Path) -> None:
    metrics = metrics_in(fitted / "run")
    model = mixtura.GaussianMixture.load(fitted / "run" / "model")
    rows = np.column_stack([blobs()["a"], blobs()["b"]])
    q, joint = np.zeros((60, 3)), np.full((60, 3), -np.inf)
    for i, row in enumerate(rows):  # by hand: the density of what is there, under each component
        there = ~np.isnan(row)
        for k in range(3):
            gap, covariance = row[there] - model.means_[k, there], model.covariances_[k][np.ix_(there, there)]
            joint[i, k] = (
                np.log(model.weights_[k])
                - 0.5 * gap @ np.linalg.solve(covariance, gap)
                - 0.5 * np.linalg.slogdet(2 * np.pi * covariance)[1]
            )
        q[i] = np.exp(joint[i] - np.logaddexp.reduce(joint[i]))
    log_q = np.log(np.maximum(q, 1e-300))
    reconstruction = (q * (joint - np.log(model.weights_))).sum(axis=1).mean()
    cluster = (q * (log_q - np.log(model.weights_))).sum(axis=1).mean()
    assert metrics["reconstruction"] == pytest.approx(reconstruction, rel=1e-9)
    assert metrics["cluster"] == pytest.approx(cluster, rel=1e-9)
    assert metrics["conditional_prior"] == 0
    assert metrics["bound"] == pytest.approx(np.logaddexp.reduce(joint, axis=1).mean(), rel=1e-12)
    assert metrics["log_likelihood"] == metrics["bound"] and metrics["log_likelihood_se"] == 0


def test_criteria_are_those_of_the_estimator(fitted: Path) -> None:
    metrics = metrics_in(fitted / "run")
    model = mixtura.GaussianMixture.load(fitted / "run" / "model")
    rows = pa.table({name: blobs()[name] for name in "ab"})
    assert metrics["n_parameters"] == 3 * (2 + 3) + 2
    for name in ("bic", "aic", "icl"):
        assert metrics[name] == pytest.approx(getattr(model, name)(rows), rel=1e-12), name


def test_groups_are_numbered_by_falling_size_everywhere(fitted: Path) -> None:
    metrics = metrics_in(fitted / "run")
    assert metrics["sizes"] == [30, 20, 10]
    assert metrics["accuracy"] == metrics["nmi"] == metrics["ari"] == 1.0
    table = parquet.read_table(fitted / "run" / "assignments.parquet")
    assert np.bincount(table["component"].to_numpy()).tolist() == [30, 20, 10]
    model = mixtura.GaussianMixture.load(fitted / "run" / "model")
    assert (np.diff(model.weights_) < 0).all()
    rows = pa.table({name: blobs()[name] for name in "ab"})
    np.testing.assert_array_equal(model.predict(rows), table["component"].to_numpy())
    with np.load(fitted / "run" / "summary.npz") as summary:
        np.testing.assert_allclose(summary["prototypes"], model.means_)
        assert summary["confusion"].tolist() == [[0, 30, 0], [0, 0, 20], [10, 0, 0]]


def test_the_log_has_a_line_for_each_half_step(fitted: Path) -> None:
    lines = [json.loads(line) for line in (fitted / "run" / "log.jsonl").read_text().splitlines()]
    metrics = metrics_in(fitted / "run")
    model = mixtura.GaussianMixture.load(fitted / "run" / "model")
    assert [line["step"] for line in lines] == ["E", "M"] * metrics["n_iter"] + ["E"]
    assert [line["bound"] for line in lines[:-1]] == model.free_energy_path_.tolist()
    assert lines[-1]["bound"] == metrics["bound"] >= lines[-2]["bound"] - 1e-6
    assert lines[-1]["iteration"] == metrics["n_iter"] + 1
    terms = [lines[-1][name] for name in ("reconstruction", "cluster", "conditional_prior")]
    assert lines[-1]["bound"] == pytest.approx(terms[0] - terms[1] - terms[2], rel=1e-12)


def test_what_is_said(call: Call, here: Path) -> None:
    code, out, err = call("em", "blobs.parquet", "-k", 3, "--labels", "class", "--out", "again")
    assert code == 0
    assert "60 rows x 2 columns: 2 of numbers; 2 values missing" in err
    for words in ("gaussian, full", "exact", "BIC", "aitken", "2 values of 120 missing", "1.0000"):
        assert words in out
    document = call("em", "blobs.parquet", "-k", 3, "--drop", "class", "--json", "--out", "j").document
    assert document == metrics_in(here / "j")
    assert document["labels"] is None and "accuracy" not in document


def test_the_same_seed_gives_the_same_bytes(call: Call, here: Path) -> None:
    words = ("em", "blobs.parquet", "-k", 3, "--labels", "class", "-q", "--seed", 0)
    assert call(*words, "--out", "again") == (0, "", "")
    for name in ("assignments.parquet", "log.jsonl", "summary.npz", "model/weights.safetensors"):
        if name != "summary.npz":
            assert (here / "again" / name).read_bytes() == (here / "run" / name).read_bytes()
    with np.load(here / "again" / "summary.npz") as a, np.load(here / "run" / "summary.npz") as b:
        assert all(np.array_equal(a[key], b[key], equal_nan=a[key].dtype.kind == "f") for key in a)


def test_columns_of_several_kinds(fitted: Path) -> None:
    metrics = metrics_in(fitted / "mixed")
    assert metrics["family"] == "mixed" and metrics["sizes"] == [25, 15]
    assert metrics["column_families"] == {
        "size": "gaussian",
        "colour": "categorical",
        "big": "bernoulli",
        "visits": "poisson",
    }
    assert metrics["n_missing"] == 2
    page = (fitted / "mixed" / "report.html").read_text()
    for words in ("colour = red", "colour = blue", ">red<", ">blue<", "Map of the data", "F(theta, q)"):
        assert words in page
    for words in ("latent", "decoder", "nan"):
        assert words not in page.split("<script")[0]


def test_the_other_verbs(call: Call, here: Path) -> None:
    assign = call("assign", "mixed", "kinds.csv", "--json").document
    assert assign["sizes"] == [25, 15]
    score = call("score", "mixed", "kinds.csv", "--json").document
    assert score["log_likelihood"] == pytest.approx(metrics_in(here / "mixed")["bound"], rel=1e-12)
    assert (score["log_likelihood_se"], score["log_likelihood_samples"]) == (0, None)
    out = call("score", "mixed", "kinds.csv").out
    assert "0, the value is exact" in out
    page = (here / "mixed" / "report.html").read_bytes()
    assert call("report", "mixed", "-q") == (0, "", "")
    assert (here / "mixed" / "report.html").read_bytes() == page


def test_samples_of_a_group_and_of_the_mixture(call: Call, here: Path) -> None:
    from pyarrow import csv

    assert call("sample", "mixed", "-n", 40, "--component", 0, "--out", "s.csv", "-q").code == 0
    table = csv.read_csv(here / "s.csv")
    assert table.column_names == ["size", "colour", "big", "visits", "component"]
    assert set(table["colour"].to_pylist()) == {"red"} and set(table["component"].to_pylist()) == {0}
    assert set(table["big"].to_pylist()) == {1}
    first = call("sample", "mixed", "-n", 50, "--seed", 3, "--json").document
    assert first == call("sample", "mixed", "-n", 50, "--seed", 3, "--json").document
    assert min(first["sizes"]) > 5
    assert "blue" in call("sample", "mixed", "-n", 20, "--component", 1).out
    call("sample", "mixed", "--out", "s.npz").assert_refused(".csv or .parquet")
    assert call("sample", "run", "-n", 7, "--out", "s.npy", "-q").code == 0
    assert np.load(here / "s.npy").shape == (7, 2)


def test_new_categories_count_as_missing_and_are_said(call: Call, here: Path) -> None:
    table = {"visits": [2, 20], "colour": ["green", "red"], "size": [0.0, 5.0], "big": [False, True]}
    write(here, "new.csv", table)
    ended = call("assign", "mixed", "new.csv", "--json")
    assert ended.document["component"] == [1, 0]
    assert "1 value of categories that the model does not know" in ended.err


def test_fit_refuses_gaps_and_says_who_takes_them(call: Call, here: Path) -> None:
    call("fit", "blobs.parquet", "-k", 3, "--drop", "class").assert_refused("2 missing", "mixtura em")


def test_bad_use_of_a_run(call: Call, here: Path) -> None:
    call("assign", "run", "kinds.csv").assert_refused("missing 'a', 'b'", "not known")
    call("score", "run", "blobs.parquet", "--drop", "class", "--samples", 5).assert_refused("leave it out")
    call("sample", "run", "--component", 3).assert_refused("3 groups")
    write(here, "text.csv", {"a": ["x", "y"], "b": [1.0, 2.0]})
    call("assign", "run", "text.csv").assert_refused("'a' holds text", "fitted to numbers")
    weights = here / "run" / "model" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    call("assign", "run", "blobs.parquet", "--drop", "class").assert_refused("damaged")
    (here / "mixed" / "summary.npz").unlink()
    call("report", "mixed").assert_refused("summary.npz")


def test_pictures_keep_their_shape(call: Call, here: Path) -> None:
    generator = np.random.default_rng(0)
    sides = np.repeat([0, 1], [14, 10])
    pictures = generator.uniform(size=(24, 4, 3)) < np.where(sides, 0.9, 0.1)[:, None, None]
    np.save(here / "bits.npy", pictures.astype(np.uint8))
    document = call("em", "bits.npy", "-k", 2, "--json", "--out", "bits").document
    assert (document["family"], document["image_shape"], document["sizes"]) == ("bernoulli", [4, 3], [14, 10])
    assert "data:image/png" in (here / "bits" / "report.html").read_text()
    assert call("sample", "bits", "-n", 5, "--out", "s.npy", "-q").code == 0
    assert np.load(here / "s.npy").shape == (5, 4, 3)
    assert call("assign", "bits", "bits.npy", "--json").document["sizes"] == [14, 10]
    call("em", "bits.npy", "-k", 2, "--family", "mixed").assert_refused("images")
    call("em", "bits.npy", "-k", 2, "--weights", "w").assert_refused("images")


def test_expected_counts(call: Call, here: Path) -> None:
    generator = np.random.default_rng(0)
    rates = np.where((np.arange(60) < 40)[:, None], [2.0, 9.0], [12.0, 3.0])
    counts = generator.poisson(rates) * 0.9 + 0.05
    write(here, "expected.parquet", {"a": counts[:, 0], "b": counts[:, 1]})
    document = call("em", "expected.parquet", "-k", 2, "--fractions", "--json", "--out", "expected").document
    assert document["family"] == "poisson" and document["sizes"] == pytest.approx([40, 20], abs=3)
    assert call("assign", "expected", "expected.parquet", "--json").document["sizes"] == document["sizes"]
    score = call("score", "expected", "expected.parquet", "--json").document
    assert score["log_likelihood"] == pytest.approx(document["log_likelihood"], rel=1e-12)
    table = {"a": counts[:, 0], "b": counts[:, 1], "c": [*"uv" * 30]}
    write(here, "words.csv", table)
    call("em", "words.csv", "-k", 2, "--fractions").assert_refused("'c' holds text")


@pytest.mark.parametrize(
    ("columns", "words", "said"),
    [
        ({"a": [1.5, 2.5, 9.0]}, ["-k", 4], ["4 components for 3 rows", "at most 3"]),
        ({"a": [1.5]}, ["-k", 1], ["1 row"]),
        ({"a": [1.5, 2.5], "b": [None, None]}, ["-k", 1], ["'b' has no value", "--drop b"]),
        ({"a": [1.5, np.inf]}, ["-k", 1], ["1 infinite value", "'a'", "row 1"]),
        ({"a": [1.5, 1e300]}, ["-k", 1], ["'a', row 1", "1e+300"]),
        ({"a": [1, -2]}, ["-k", 1, "--family", "poisson"], ["'a', row 1", "-2", "counts"]),
        ({"a": [1, 2.5]}, ["-k", 1, "--family", "poisson"], ["2.5", "gaussian", "--fractions"]),
        ({"a": [1, -2.5]}, ["-k", 1, "--fractions"], ["'a', row 1", "-2.5", "counts"]),
        ({"a": [1.5, 2.5]}, ["-k", 1, "--fractions", "--family", "gaussian"], ["--family poisson"]),
        ({"a": [1, 2]}, ["-k", 1, "--family", "bernoulli"], ["'a', row 1", "--binarise"]),
        ({"a": ["x", "y"]}, ["-k", 1, "--family", "gaussian"], ["'a' holds text", "--family mixed"]),
        ({"a": [1.5, 1.5]}, ["-k", 2, "--reg-covar", 0], ["--reg-covar"]),
        ({"a": [1.5, 2.5], "w": [1, -1]}, ["-k", 1, "--weights", "w"], ["'w'", "-1 in row 1"]),
        ({"a": [1.5, 2.5], "w": [0, 0]}, ["-k", 1, "--weights", "w"], ["sum to 0"]),
        ({"a": [1.5, 2.5], "w": [1, None]}, ["-k", 1, "--weights", "w"], ["lack", "row 1"]),
        ({"a": [1.5, 2.5], "w": ["p", "q"]}, ["-k", 1, "--weights", "w"], ["'w' holds text"]),
        ({"a": [1.5, 2.5], "w": [1, 0]}, ["-k", 1, "--weights", "w"], ["1 row of positive weight"]),
        ({"a": [1.5, 2.5]}, ["-k", 1, "--weights", "w"], ["no column 'w'"]),
        ({"a": [1.5, 2.5]}, ["-k", 1, "--weights", "a"], ["no columns left"]),
        ({"a": [1.5, 2.5]}, ["-k", 1, "--weights", "a", "--labels", "a"], ["both name"]),
        ({"a": [1.5, 2.5]}, ["-k", 1, "--as", "a"], ["NAME=FAMILY"]),
        ({"a": [1.5, 2.5]}, ["-k", 1, "--as", "b=poisson"], ["no column 'b'"]),
        ({"a": [1.5, 2.5]}, ["-k", 1, "--as", "a=poisson", "--family", "gaussian"], ["use mixed"]),
        ({"a": ["x", "y"]}, ["-k", 1, "--covariance", "full"], ["--covariance", "categorical"]),
        ({"a": ["x", "y"]}, ["-k", 1, "--reg-covar", 1], ["--reg-covar", "categorical"]),
        ({"a": [1.5, 2.5]}, ["-k", 1, "--binarise", 2, "--family", "gaussian"], ["--family bernoulli"]),
        ({"a": [1.5, 2.5]}, ["-k", 1, "--family", "sparse"], ["'sparse'", "em --help"]),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    call: Call,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    columns: dict[str, Any],
    words: list[object],
    said: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "t.csv", columns)
    call("em", "t.csv", *words, "--out", "run").assert_refused(*said)
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


def test_numbers_out_of_range_are_refused_before_anything_is_read(call: Call) -> None:
    for words in (
        ("-k", 0),
        ("-k", 2, "--reg-covar", -1),
        ("-k", 2, "--starts", 0),
        ("-k", 2, "--tol", -1),
        ("-k", 2, "--max-iter", 0),
    ):
        call("em", "nowhere.csv", *words).assert_refused(str(words[-1]))
    call("em", "nowhere.csv", "-k", 2).assert_refused("nowhere.csv")
    call("em", "", "-k", 2).assert_refused("DATA is empty")


def test_what_exists_is_not_replaced(call: Call, here: Path) -> None:
    before = (here / "run" / "metrics.json").read_bytes()
    words = ("em", "blobs.parquet", "-k", 2, "--drop", "class", "--out", "run")
    call(*words).assert_refused("--force")
    assert (here / "run" / "metrics.json").read_bytes() == before
    assert call(*words, "--force", "-q") == (0, "", "")
    assert metrics_in(here / "run")["n_components"] == 2


@pytest.mark.parametrize(
    ("file", "words", "family", "bound", "accuracy"),
    [
        ("faithful.parquet", ["--drop", "rownames", "-k", 2], "gaussian", -4.1554, None),
        ("penguins.parquet", ["--drop", "rownames", "--labels", "species", "-k", 3], "mixed", None, 0.5),
        ("heart_disease_mixed.parquet", ["--labels", "diameter narrowing", "-k", 2], "mixed", None, 0.75),
        ("housevotes84.parquet", ["--labels", "Class", "-k", 2], "categorical", None, 0.8),
        ("pima2_missing.npz", ["--array", "X", "--labels", "y", "-k", 2], "gaussian", None, 0.5),
    ],
)
def test_real_data(
    call: Call,
    data_folder: Path,
    tmp_path: Path,
    file: str,
    words: list[object],
    family: str,
    bound: float | None,
    accuracy: float | None,
) -> None:
    document = call("em", data_folder / file, *words, "--json", "--out", tmp_path / "run").document
    assert document["family"] == family
    assert bound is None or document["bound"] == pytest.approx(bound, abs=1e-3)
    assert accuracy is None or document["accuracy"] > accuracy
    assert (tmp_path / "run" / "report.html").stat().st_size > 1_000_000
