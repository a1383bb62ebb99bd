from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mixtura.cli.sample import write_rows


def test_a_preview_is_printed(call: Callable[..., Any], run_folder: Path) -> None:
    code, out, err = call("sample", "run", "--n", 25)
    assert (code, err) == (0, "")
    assert "25 rows x 3 columns" in out and "--out FILE" in out
    assert ["component", "a", "b", "c"] in [line.split() for line in out.splitlines()]


def test_json_holds_the_rows(call: Callable[..., Any], run_folder: Path) -> None:
    document = call("sample", "run", "--n", 5, "--component", 1, "--json").document
    assert document["component"] == [1] * 5
    assert np.shape(document["rows"]) == (5, 3)
    assert (document["columns"], document["sizes"]) == (["a", "b", "c"], [0, 5])


def test_the_seed_decides(call: Callable[..., Any], run_folder: Path) -> None:
    first = call("sample", "run", "--seed", 3, "--json").out
    assert call("sample", "run", "--seed", 3, "--json").out == first
    assert call("sample", "run", "--seed", 4, "--json").out != first


@pytest.mark.parametrize("name", ["x.npz", "x.npy", "x.csv", "x.parquet"])
def test_out_keeps_the_rows(call: Callable[..., Any], run_folder: Path, name: str) -> None:
    from pyarrow import csv, parquet

    expected = call("sample", "run", "--n", 6, "--json").document
    assert call("sample", "run", "--n", 6, "--out", name, "--json").document["out"] == name
    file = run_folder.parent / name
    match file.suffix:
        case ".npz":
            with np.load(file) as arrays:
                values, components = arrays["X"], arrays["component"].tolist()
        case ".npy":
            values, components = np.load(file), expected["component"]
        case _:
            table = csv.read_csv(file) if file.suffix == ".csv" else parquet.read_table(file)
            assert table.column_names == ["a", "b", "c", "component"]
            values = np.stack([table[column].to_numpy() for column in "abc"], axis=1)
            components = table["component"].to_pylist()
    np.testing.assert_allclose(values, expected["rows"])
    assert components == expected["component"]


def test_pictures_keep_their_shape(tmp_path: Path, rng: np.random.Generator) -> None:
    values, components = rng.random((4, 6)), np.array([0, 1, 1, 0])
    write_rows(tmp_path / "x.npz", values, components, [], (2, 3))
    with np.load(tmp_path / "x.npz") as arrays:
        np.testing.assert_array_equal(arrays["X"], values.reshape(4, 2, 3))
        np.testing.assert_array_equal(arrays["component"], components)


def test_a_feature_named_component_is_kept(tmp_path: Path) -> None:
    from pyarrow import csv

    write_rows(tmp_path / "x.csv", np.array([[0.5]]), np.array([3]), ["component"], None)
    assert csv.read_csv(tmp_path / "x.csv").to_pydict() == {"component": [0.5], "component_": [3]}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "--n", "0"), "--n 0"),
        (("run", "--seed", "-1"), "--seed -1"),
        (("run", "--component", "2"), "from 0 to 1"),
        (("run", "--component", "-1"), "--component -1"),
        (("run", "--out", "x.xlsx"), ".npz, .npy, .csv or .parquet"),
        (("nowhere",), "nowhere"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    call: Callable[..., Any], run_folder: Path, words: tuple[str, ...], said: str
) -> None:
    call("sample", *words).assert_refused(said)
    assert {path.name for path in run_folder.parent.iterdir()} == {"run", "rows.csv"}
