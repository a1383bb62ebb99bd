from __future__ import annotations

import io
import pickle
import zipfile

import numpy as np
import pytest

from mixtura.data import read


class Bomb:
    """Raises when it is unpickled."""

    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


def objects():
    array = np.empty(2, object)
    array[:] = [Bomb(), Bomb()]
    return array


@pytest.fixture
def table(rng):
    return rng.standard_normal((50, 3))


@pytest.mark.parametrize(
    ("dtype", "kept"),
    [
        ("f8", "f8"),
        ("f4", "f4"),
        (">f4", "f4"),
        (">f8", "f8"),
        ("f2", "f4"),
        ("u1", "u1"),
        ("i8", "f8"),
        (">i2", "f8"),
        ("?", "f4"),
    ],
)
@pytest.mark.parametrize("order", ["C", "F"])
def test_what_becomes_of_each_dtype(tmp_path, dtype, kept, order):
    values = np.array([[0, 1, 1], [1, 0, 1]]).astype(dtype, order=order)
    np.save(tmp_path / "a.npy", values)
    table = read(tmp_path / "a.npy")
    assert table.values.dtype == np.dtype(kept)
    assert table.values.dtype.isnative
    assert table.values.flags["C_CONTIGUOUS"]
    assert table.values.flags["WRITEABLE"]
    np.testing.assert_array_equal(table.values, values)
    assert table.names == ("column_0", "column_1", "column_2")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz(tmp_path, table, save):
    save(tmp_path / "a.npz", X=table, y=np.arange(50))
    found = read(tmp_path / "a.npz", labels="y")
    np.testing.assert_array_equal(found.values, table)
    np.testing.assert_array_equal(found.labels, np.arange(50))
    assert found.labels_name == "y"
    assert found.findings == ()


def test_the_array_is_chosen_by_name_and_said(tmp_path, table):
    images = np.zeros((4, 2, 2), np.uint8)
    np.savez(tmp_path / "a.npz", x_test=table, x_train=images, y_train=np.arange(4), y_test=np.arange(50))
    found = read(tmp_path / "a.npz", labels="y_train")
    assert found.image_shape == (2, 2)
    assert [finding.name for finding in found.findings] == ["array-chosen"]
    assert "'x_train'" in found.findings[0].seen
    chosen = read(tmp_path / "a.npz", array="x_test", labels="y_test")
    assert chosen.values.shape == (50, 3)
    assert chosen.findings == ()


def test_several_arrays_and_no_known_name(tmp_path, table, refuses):
    np.savez(tmp_path / "a.npz", first=table, second=table)
    with refuses("first (50, 3)", "second (50, 3)", "--array"):
        read(tmp_path / "a.npz")
    with refuses("no array 'frist'", "did you mean 'first'?", "second (50, 3)"):
        read(tmp_path / "a.npz", array="frist")


def test_no_array_of_rows_and_columns(tmp_path, refuses):
    np.savez(tmp_path / "a.npz", y=np.arange(3), name=np.array("text"))
    with refuses("y (3,)", "reshape(-1, 1)"):
        read(tmp_path / "a.npz")
    with refuses("'y'", "shape (3,)", "reshape(-1, 1)"):
        read(tmp_path / "a.npz", array="y")
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        archive.writestr("readme.txt", "nothing")
    with refuses("holds no arrays"):
        read(tmp_path / "b.npz")


def test_a_sparse_matrix_is_called_so(tmp_path, refuses):
    sparse = pytest.importorskip("scipy.sparse")
    sparse.save_npz(tmp_path / "a.npz", sparse.eye(3, format="csr"))
    with refuses("sparse", "toarray"):
        read(tmp_path / "a.npz")


def test_no_pickle_is_ever_loaded(tmp_path, refuses):
    np.save(tmp_path / "a.npy", objects(), allow_pickle=True)
    with refuses("pickle", "never loads"):
        read(tmp_path / "a.npy")
    np.savez(tmp_path / "a.npz", X=objects(), allow_pickle=True)
    with refuses("pickle", "never loads"):
        read(tmp_path / "a.npz", array="X")
    np.savez(tmp_path / "b.npz", X=np.eye(2), y=objects(), allow_pickle=True)
    with refuses("pickle", "never loads"):
        read(tmp_path / "b.npz", labels="y")
    for name in ("c.npy", "c.npz"):
        (tmp_path / name).write_bytes(pickle.dumps(Bomb()))
        with refuses(name):
            read(tmp_path / name)
    with zipfile.ZipFile(tmp_path / "d.npz", "w") as archive:
        archive.writestr("X.npy", pickle.dumps(Bomb()))
    with refuses("d.npz"):
        read(tmp_path / "d.npz")


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "b.npz"])
def test_a_file_cut_anywhere_is_refused(tmp_path, table, name, refuses):
    path = tmp_path / name
    if name == "a.npy":
        np.save(path, table)
    else:
        (np.savez if name == "a.npz" else np.savez_compressed)(path, X=table, y=np.arange(50))
    whole = path.read_bytes()
    for size in sorted({1, 3, 8, 12, 60, *np.linspace(90, len(whole) - 1, 12).astype(int).tolist()}):
        path.write_bytes(whole[:size])
        with refuses(name):
            read(path)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_flipped_bit_in_an_npz_is_refused(tmp_path, table, save, refuses):
    path = tmp_path / "a.npz"
    save(path, X=table)
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)
    with refuses("a.npz"):
        read(path)


def test_a_header_that_announces_too_much_costs_no_memory(tmp_path, refuses):
    stream = io.BytesIO()
    header = {"descr": "<f8", "fortran_order": False, "shape": (1 << 40, 1 << 10)}
    np.lib.format.write_array_header_2_0(stream, header)
    (tmp_path / "a.npy").write_bytes(stream.getvalue() + b"\0" * 64)
    with refuses("announced", "64 there"):
        read(tmp_path / "a.npy")


@pytest.mark.parametrize(
    ("values", "word"),
    [
        (np.ones((2, 2), complex), "complex"),
        (np.zeros((2, 2), "M8[s]"), "dates"),
        (np.zeros((2, 2), "m8[s]"), "durations"),
        (np.array([["a", "b"]]), "text"),
        (np.array([[b"a", b"b"]]), "text"),
        (np.zeros(3, [("x", float), ("y", int)]), "records"),
        (np.float64(1.0), "one number"),
        (np.zeros(5), "reshape(-1, 1)"),
        (np.zeros((0, 3)), "no rows"),
        (np.zeros((3, 0)), "no columns"),
        (np.zeros((2, 2, 2, 2, 2)), "(n, height, width)"),
    ],
)
def test_arrays_that_are_no_table(tmp_path, values, word, refuses):
    np.save(tmp_path / "a.npy", values)
    with refuses("a.npy", word):
        read(tmp_path / "a.npy")


def test_missing_values(tmp_path, table, refuses):
    table[7, 2] = np.nan
    table[9, 0] = np.inf
    np.save(tmp_path / "a.npy", table)
    with refuses("1 missing", "1 infinite", "column 'column_2', row 7 (from 0)"):
        read(tmp_path / "a.npy")
