from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from mixtura.data import read


@pytest.fixture
def csv(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("x,y\n1.5,2.5\n3.5,4.5\n5.5,6.5\n")
    return path


def test_lists_and_arrays_in_memory():
    for source in ([[1.5, 2.0], [3.0, 4.0]], ((1.5, 2.0), (3.0, 4.0)), np.array([[1.5, 2.0], [3.0, 4.0]])):
        table = read(source)
        assert table.values.tolist() == [[1.5, 2.0], [3.0, 4.0]]
        assert table.source == "the array"


def test_a_path_as_text(csv):
    table = read(str(csv))
    assert table.names == ("x", "y")
    assert table.source == f"'{csv}'"


def test_what_is_not_there(tmp_path, refuses):
    for name in ("a.csv", "folder/a.npz", "nothing"):
        with refuses(name, "no such file"):
            read(tmp_path / name)
    with refuses("path is empty"):
        read("")
    with refuses("no such file"):
        read("a\0b")


@pytest.mark.parametrize("name", ["a.csv", "a.npy", "a.npz", "a.parquet", "a.arrow", "a.idx", "a.idx.gz"])
def test_empty_files(tmp_path, name, refuses):
    (tmp_path / name).touch()
    with refuses(name, "is empty"):
        read(tmp_path / name)


@pytest.mark.parametrize("name", ["a.xlsx", "a", "a.json", "a.pkl", "a.txt", "a.gz"])
def test_unknown_extensions_list_what_is_known(tmp_path, name, refuses):
    (tmp_path / name).write_text("1,2\n")
    with refuses(name, "unknown extension", "CSV", "IDX"):
        read(tmp_path / name)


def test_a_gzip_of_what_is_not_read_from_gzip(tmp_path, refuses):
    (tmp_path / "a.npy.gz").write_bytes(b"\x1f\x8b")
    with refuses("unpack it"):
        read(tmp_path / "a.npy.gz")


def test_no_permission(csv, refuses, monkeypatch):
    def refuse(*_):
        raise PermissionError

    # Taking the permission away would not keep root from reading.
    monkeypatch.setattr(Path, "open", refuse)
    with refuses("a.csv", "no permission"):
        read(csv)


def test_an_array_is_picked_of_npz_only(csv, refuses):
    with refuses("'x_train'", "NPZ"):
        read(csv, array="x_train")
    with refuses("'x_train'", "NPZ"):
        read(np.eye(2), array="x_train")


@pytest.mark.parametrize("source", [{"x": [1, 2]}, 3.5, None, object()])
def test_objects_that_are_no_data(source, refuses):
    with refuses(type(source).__name__):
        read(source)


def test_rows_of_different_lengths(refuses):
    with refuses("different lengths"):
        read([[1, 2], [3]])


def test_one_dimension(refuses):
    with refuses("(3,)", "reshape(-1, 1)"):
        read([1.0, 2.0, 3.0])


def test_labels_in_memory(csv, refuses):
    table = read(csv, labels=["a", "b", "a"])
    assert table.labels.tolist() == ["a", "b", "a"]
    assert table.names == ("x", "y")
    with refuses("2 values for 3 rows"):
        read(csv, labels=[1, 2])


@pytest.mark.parametrize(
    "content",
    [
        "cat\ndog\ncat\n",
        "animal\ncat\ndog\ncat\n",
        ",animal\n0,cat\n1,dog\n2,cat\n",
        '"cat"\r\n"dog"\r\n"cat"\r\n',
    ],
    ids=["no-header", "header", "index", "quotes"],
)
def test_labels_in_a_csv_of_their_own(csv, tmp_path, content):
    (tmp_path / "labels.csv").write_bytes(content.encode())
    table = read(csv, labels=str(tmp_path / "labels.csv"))
    assert table.labels.tolist() == ["cat", "dog", "cat"]
    assert table.labels_name == str(tmp_path / "labels.csv")


@pytest.mark.parametrize("content", ["0\n1\n0\n", "class\n0\n1\n0\n"])
def test_numbers_as_labels_in_a_csv(csv, tmp_path, content):
    (tmp_path / "labels.csv").write_text(content)
    assert read(csv, labels=tmp_path / "labels.csv").labels.tolist() == [0, 1, 0]


def test_labels_in_other_files(csv, tmp_path):
    np.save(tmp_path / "y.npy", np.array([2, 0, 2]))
    np.savez(tmp_path / "y.npz", X=np.eye(3), y=np.array([2, 0, 2]), names=np.array(["p", "q"]))
    pyarrow.parquet.write_table(pa.table({"y": [2, 0, 2]}), tmp_path / "y.parquet")
    for name in ("y.npy", "y.npz", "y.parquet"):
        assert read(csv, labels=tmp_path / name).labels.tolist() == [2, 0, 2]


def test_labels_that_do_not_fit(csv, tmp_path, refuses):
    np.save(tmp_path / "y.npy", np.arange(4))
    with refuses("y.npy", "4 values for 3 rows"):
        read(csv, labels=tmp_path / "y.npy")
    np.savez(tmp_path / "y.npz", a=np.arange(4), b=np.arange(4))
    with refuses("a (4,), b (4,)", "3 rows"):
        read(csv, labels=tmp_path / "y.npz")
    (tmp_path / "two.csv").write_text("a,b\n1,2\n3,4\n5,6\n")
    with refuses("'a', 'b'", "one column"):
        read(csv, labels=tmp_path / "two.csv")
    (tmp_path / "long.csv").write_text("a\n1\n2\n3\n4\n5\n6\n")
    with refuses("6 values for 3 rows"):
        read(csv, labels=tmp_path / "long.csv")
    (tmp_path / "empty.csv").touch()
    with refuses("empty"):
        read(csv, labels=tmp_path / "empty.csv")


def test_labels_that_are_nowhere(csv, tmp_path, refuses):
    with refuses("'Y'", "did you mean 'y'?", "columns 'x', 'y'"):
        read(csv, labels="Y")
    np.savez(tmp_path / "a.npz", X=np.eye(3), target=np.arange(3))
    with refuses("'targets'", "did you mean 'target'?", "arrays 'X', 'target'"):
        read(tmp_path / "a.npz", labels="targets")


def test_importing_the_room_loads_nothing_heavy():
    heavy = ["pyarrow", "pandas", "polars", "narwhals", "PIL", "torch", "sklearn", "scipy"]
    program = f"import sys, mixtura.data; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_mnist(data_folder):
    table = read(data_folder / "mnist.npz", labels="y_train")
    assert table.describe() == "60,000 images of 28 x 28, grey, 0 to 255"
    assert table.labels.shape == (60_000,)
    assert table.values.dtype == np.uint8


@pytest.mark.parametrize(
    ("name", "shape"), [("penbased", (10_992, 16)), ("letter", (20_000, 16)), ("wdbc", (569, 30))]
)
def test_real_npz(data_folder, name, shape):
    table = read(data_folder / f"{name}.npz", labels="y")
    assert table.values.shape == shape
    assert table.values.dtype == np.float32
    assert table.labels.shape == shape[:1]


def test_real_tables(data_folder, refuses):
    faithful = read(data_folder / "faithful.parquet", drop="rownames")
    assert faithful.describe() == "272 rows x 2 columns: 2 continuous"
    assert "counting-column" in [finding.name for finding in read(data_folder / "faithful.parquet").findings]
    with refuses("'species'", "'Adelie'", "'island', 'sex'"):
        read(data_folder / "penguins.parquet")
    with refuses("missing", "row 3"):
        read(data_folder / "penguins.parquet", labels="species", drop=["island", "sex", "rownames"])
    with refuses("652 missing"):
        read(data_folder / "pima2_missing.npz", labels="y")
    with refuses("'galaxies'", "(82,)"):
        read(data_folder / "gmm_toys.npz", array="galaxies")
    with refuses("several arrays", "--array"):
        read(data_folder / "gmm_toys.npz")
    assert read(data_folder / "gmm_toys.npz", array="crabs", labels="crabs_y").values.shape == (200, 5)
