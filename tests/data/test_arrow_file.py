from __future__ import annotations

import decimal

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from mixtura.data import read


def write_stream(table, path):
    with pa.OSFile(path, "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=50)


def write_file(table, path):
    with pa.OSFile(path, "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=50)


WRITERS = {
    "a.parquet": pyarrow.parquet.write_table,
    "a.pq": lambda table, path: pyarrow.parquet.write_table(
        table, path, compression="none", row_group_size=7
    ),
    "a.feather": pyarrow.feather.write_feather,
    "b.feather": lambda table, path: pyarrow.feather.write_feather(table, path, compression="uncompressed"),
    "a.arrow": write_file,
    "a.ipc": write_stream,
}


@pytest.fixture
def table(rng):
    return pa.table(
        {
            "x": rng.standard_normal(200),
            "n": rng.integers(0, 9, 200),
            "flag": rng.random(200) < 0.5,
            "group": pa.array(rng.choice(["a", "b", "c"], 200)).dictionary_encode(),
        }
    )


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_table(tmp_path, table, name):
    path = tmp_path / name
    WRITERS[name](table, str(path))
    found = read(path, labels="group")
    assert [(column.name, column.kind) for column in found.columns] == [
        ("x", "continuous"),
        ("n", "count"),
        ("flag", "binary"),
    ]
    np.testing.assert_array_equal(found.values[:, 0], table["x"])
    assert found.labels.tolist() == table["group"].to_pylist()
    assert found.labels_name == "group"
    assert found.values.dtype == np.float64


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_cut_anywhere_is_refused(tmp_path, table, name, refuses):
    path = tmp_path / name
    WRITERS[name](table, str(path))
    whole = path.read_bytes()
    for size in sorted({1, 4, 7, 9, 100, *np.linspace(200, len(whole) - 1, 12).astype(int).tolist()}):
        path.write_bytes(whole[:size])
        with refuses(path.name):
            read(path, labels="group")


@pytest.mark.parametrize("name", WRITERS)
def test_flipped_bytes_never_end_in_anything_but_one_line(tmp_path, table, name, rng):
    from mixtura.errors import InputError

    path = tmp_path / name
    WRITERS[name](table, str(path))
    whole = path.read_bytes()
    for at in rng.integers(0, len(whole), 60):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        try:
            read(path, labels="group")
        except InputError as error:
            assert len(str(error).splitlines()) == 1, error


def test_another_kind_of_file_is_refused(tmp_path, refuses):
    for name, form in (("a.parquet", "Parquet"), ("a.arrow", "Arrow")):
        (tmp_path / name).write_text("x,y\n1,2\n")
        with refuses(form, name):
            read(tmp_path / name)


def test_the_index_of_pandas_is_left_out(tmp_path):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"x": [1.5, 2.5]}, index=pd.Index(["p", "q"], name="who"))
    frame.to_parquet(tmp_path / "a.parquet")
    table = read(tmp_path / "a.parquet")
    assert table.names == ("x",)
    assert [finding.name for finding in table.findings] == ["row-names"]
    assert read(tmp_path / "a.parquet", labels="who").labels.tolist() == ["p", "q"]


def test_types_of_columns(tmp_path):
    table = pa.table(
        {
            "small": pa.array([1.5, 2.5], pa.float16()),
            "single": pa.array([1.5, 2.5], pa.float32()),
            "money": pa.array([decimal.Decimal("1.25"), decimal.Decimal("2.50")]),
            "big": pa.array([2**63, 1], pa.uint64()),
            "coded": pa.array([3.5, 4.5]).dictionary_encode(),
        }
    )
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    np.testing.assert_array_equal(
        read(tmp_path / "a.parquet").values, [[1.5, 1.5, 1.25, 2.0**63, 3.5], [2.5, 2.5, 2.5, 1, 4.5]]
    )


@pytest.mark.parametrize(
    ("column", "word"),
    [
        (pa.array([0, 1], pa.timestamp("ms")), "timestamp"),
        (pa.array([[1.0], [2.0]]), "list<"),
        (pa.array([b"a", b"b"]), "binary"),
        (pa.array(["a", "b"]).dictionary_encode(), "text"),
        (pa.array(["1.5", "2.5"]), "numbers stored as text"),
        (pa.array(["1.5", "2.5"], pa.large_string()), "numbers stored as text"),
    ],
)
def test_columns_that_are_no_numbers(tmp_path, refuses, column, word):
    pyarrow.parquet.write_table(pa.table({"x": [1.5, 2.5], "odd": column}), tmp_path / "a.parquet")
    with refuses("'odd'", word, "--drop odd"):
        read(tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet", drop=["odd"]).names == ("x",)


def test_missing_values_are_counted(tmp_path, refuses):
    table = pa.table({"x": pa.array([1, None, 3]), "y": pa.array([True, None, None])})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    with refuses("3 missing", "column 'x', row 1"):
        read(tmp_path / "a.parquet")


def test_no_rows_and_no_columns(tmp_path, refuses):
    pyarrow.parquet.write_table(pa.table({"x": pa.array([], pa.float64())}), tmp_path / "a.parquet")
    with refuses("1 column and no rows"):
        read(tmp_path / "a.parquet")
    pyarrow.parquet.write_table(pa.table({"x": [1.5]}), tmp_path / "a.parquet")
    with refuses("no columns left"):
        read(tmp_path / "a.parquet", drop="x")


def test_a_name_that_looks_like_a_pattern(tmp_path):
    path = tmp_path / "a=1[*].parquet"
    pyarrow.parquet.write_table(pa.table({"x": [1.5]}), path)
    assert read(path).names == ("x",)
