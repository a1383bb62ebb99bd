"""Every verb after the other on a really trained model, and tables that are hard on arithmetic."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest


def write(file: Path, values: np.ndarray) -> None:
    header = ",".join(f"x{place}" for place in range(values.shape[1]))
    lines = [",".join(repr(float(value)) for value in row) for row in values]
    file.write_text("\n".join([header, *lines]) + "\n")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def two_groups(rng: np.random.Generator, n: int = 40) -> np.ndarray:
    return rng.normal(size=(n, 3)) + 9.0 * np.repeat(np.eye(2, 3), n // 2, axis=0)


def test_the_verbs_agree(call: Callable[..., Any], place: Path, rng: np.random.Generator) -> None:
    from pyarrow import parquet

    write(place / "rows.csv", two_groups(rng))
    np.save(place / "y.npy", np.repeat(["u", "v"], 20))
    words = ("rows.csv", "--labels", "y.npy", "--json", "--quiet")
    metrics = call("fit", *words, "-k", 2, "--epochs", 12, "--out", "run").document
    assert metrics["bound"] <= metrics["log_likelihood"] + 3 * metrics["log_likelihood_se"]
    assert metrics["bound"] == pytest.approx(
        metrics["reconstruction"] - metrics["cluster"] - metrics["conditional_prior"]
    )

    kept = parquet.read_table(place / "run" / "assignments.parquet")
    assigned = call("assign", "run", *words).document
    assert assigned["component"] == kept["component"].to_pylist()
    np.testing.assert_allclose(assigned["probability"], kept["probability"].to_numpy(), rtol=1e-6)
    assert assigned["sizes"] == metrics["sizes"]
    for name in ("accuracy", "nmi", "ari"):
        assert assigned[name] == metrics[name]

    scored = call("score", "run/model", "rows.csv", "--json", "--quiet").document
    assert scored["log_likelihood"] == pytest.approx(metrics["log_likelihood"], abs=1e-9)
    assert scored["log_likelihood_samples"] == metrics["log_likelihood_samples"]

    drawn = call("sample", "run", "--n", 200, "--json", "--quiet").document
    assert drawn["columns"] == ["x0", "x1", "x2"]
    assert np.isfinite(drawn["rows"]).all()

    page = (place / "run" / "report.html").read_bytes()
    assert call("report", "run", "--quiet") == (0, "", "")
    assert (place / "run" / "report.html").read_bytes() == page


def test_the_same_seed_gives_the_same_bits(
    call: Callable[..., Any], place: Path, rng: np.random.Generator
) -> None:
    write(place / "rows.csv", two_groups(rng))
    words = ("fit", "rows.csv", "-k", 2, "--epochs", 3, "--quiet")
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        assert call(*words, "--seed", seed, "--out", name).code == 0
    for file in ("model/weights.safetensors", "assignments.parquet", "summary.npz"):
        first, again, other = ((place / name / file).read_bytes() for name in "abc")
        assert first == again, file
        assert first != other, file


def test_images_are_sampled_as_images(
    call: Callable[..., Any], place: Path, rng: np.random.Generator
) -> None:
    images = rng.integers(0, 256, (30, 6, 5), dtype=np.uint8)
    np.savez(place / "faces.npz", x_train=images, y_train=np.arange(30) % 2)
    words = ("faces.npz", "--array", "x_train", "--labels", "y_train", "--quiet", "--json")
    metrics = call("fit", *words, "-k", 2, "--epochs", 2, "--out", "run").document
    assert metrics["image_shape"] == [6, 5]
    assert call("assign", "run", *words).code == 0
    assert call("sample", "run", "--n", 4, "--out", "new.npy", "--quiet") == (0, "", "")
    assert np.load(place / "new.npy").shape == (4, 6, 5)


def rows_that_are_hard() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    rows = two_groups(rng)
    return {
        "two rows": rows[:2],
        "three rows": rows[:3],
        "a batch and one row": rng.normal(size=(65, 2)),
        "duplicates": np.repeat(rows[[0, -1]], 20, axis=0),
        "one column": rows[:, :1],
        "a constant column": np.c_[rows, np.full(40, 7.0)],
        "1e30": rows * 1e30,
        "1e-30": rows * 1e-30,
        "both": np.c_[rows[:, :1] * 1e30, rows[:, 1:2] * 1e-30],
        "1e300": rows * 1e300,
        "an offset": rows + 1e8,
        "an outlier": np.r_[rows, [[1e12, 0.0, 0.0]]],
    }


@pytest.mark.parametrize("name", list(rows_that_are_hard()))
def test_hard_tables_give_an_answer_without_nan(call: Callable[..., Any], place: Path, name: str) -> None:
    write(place / "rows.csv", rows_that_are_hard()[name])
    ended = call("fit", "rows.csv", "-k", 2, "--epochs", 2, "--json", "--out", "run")
    assert ended.code == 0, ended.err
    unknown = {key for key, value in ended.document.items() if value is None}
    assert unknown == {"image_shape", "labels"}
    scored = call("score", "run", "rows.csv", "--json", "--quiet").document
    assert None not in scored["log_likelihood_per_row"]
    drawn = call("sample", "run", "--json", "--quiet").document
    assert None not in np.ravel(drawn["rows"])
    for line in (place / "run" / "log.jsonl").read_text().splitlines():
        assert None not in json.loads(line).values()


def test_a_constant_column_is_dropped_and_said(
    call: Callable[..., Any], place: Path, rng: np.random.Generator
) -> None:
    write(place / "rows.csv", np.c_[two_groups(rng), np.full(40, 7.0)])
    _, out, err = call("fit", "rows.csv", "-k", 2, "--epochs", 2, "--out", "run")
    for text in (out, err):
        assert sum("column 'x3' holds one value" in line for line in text.splitlines()) == 1


def test_the_verbs_agree_on_a_mixed_table(
    call: Callable[..., Any], place: Path, rng: np.random.Generator
) -> None:
    z = np.arange(90) % 2
    sizes = 20.0 + 8.0 * z + rng.normal(size=90)
    colours = np.where(rng.random(90) < 0.9, np.array(["red", "blue"])[z], "grey")
    lines = [
        f"{size:.4f},{colour},{n},{'uv'[k]}"
        for size, colour, n, k in zip(sizes, colours, rng.poisson(3 + 5 * z), z, strict=True)
    ]
    (place / "rows.csv").write_text("\n".join(["size,colour,n,kind", *lines]) + "\n")
    words = ("rows.csv", "--labels", "kind", "--json", "--quiet")
    call("fit", *words, "-k", 2).assert_refused("'colour' holds text", "--likelihood mixed")
    call("fit", *words, "-k", 2, "--as", "n=poisson").assert_refused("--as 'n=poisson'", "mixed")
    options = ("--likelihood", "mixed", "--as", "n=negative_binomial", "--epochs", 40)
    metrics = call("fit", *words, "-k", 2, *options, "--out", "run").document
    assert metrics["column_families"] == {
        "size": "gaussian",
        "colour": "categorical",
        "n": "negative_binomial",
    }
    assert metrics["accuracy"] > 0.9
    assigned = call("assign", "run", *words).document
    assert assigned["sizes"] == metrics["sizes"] and assigned["accuracy"] == metrics["accuracy"]
    scored = call("score", "run", "rows.csv", "--drop", "kind", "--json", "--quiet").document
    assert scored["log_likelihood"] == pytest.approx(metrics["log_likelihood"], abs=1e-9)
    drawn = call("sample", "run", "--n", 60, "--json", "--quiet").document
    assert {row[1] for row in drawn["rows"]} <= {"red", "blue", "grey"}
    call("sample", "run", "--n", 5, "--out", "a.npy").assert_refused("columns of text")
    assert call("report", "run", "--quiet") == (0, "", "")
    page = (place / "run" / "report.html").read_text()
    assert all(word in page for word in ("colour", "grey", "size"))
    (place / "gap.csv").write_text("size,colour,n\n1.5,red,\n2.5,blue,3\n")
    call("score", "run", "gap.csv").assert_refused("1 missing value", "'n'", "mixtura em")
    (place / "pink.csv").write_text("size,colour,n\n1.5,pink,2\n2.5,blue,3\n")
    call("assign", "run", "pink.csv").assert_refused("'pink'", "not there")
