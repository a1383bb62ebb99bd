from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from mixtura.data import read

COLUMNS = {"x": [0.5, 1.5, 2.5], "n": [0, 4, 2], "flag": [True, False, True], "group": ["a", "b", "a"]}
MAKERS = {
    "pandas": lambda columns: pytest.importorskip("pandas").DataFrame(columns),
    "polars": lambda columns: pytest.importorskip("polars").DataFrame(columns),
    "polars-lazy": lambda columns: pytest.importorskip("polars").LazyFrame(columns),
    "arrow": pa.table,
}


@pytest.mark.parametrize("maker", MAKERS)
def test_every_data_frame_gives_the_same_table(maker):
    table = read(MAKERS[maker](COLUMNS), labels="group")
    assert [(column.name, column.kind) for column in table.columns] == [
        ("x", "continuous"),
        ("n", "count"),
        ("flag", "binary"),
    ]
    np.testing.assert_array_equal(table.values, [[0.5, 0, 1], [1.5, 4, 0], [2.5, 2, 1]])
    assert table.values.dtype == np.float64
    assert table.labels.tolist() == ["a", "b", "a"]
    assert table.labels.dtype.kind == "U"
    assert table.source == "the data frame"


@pytest.mark.parametrize("maker", MAKERS)
def test_text_and_missing_values(maker, refuses):
    with refuses("'group'", "'a' in row 0", "--drop group"):
        read(MAKERS[maker](COLUMNS))
    with refuses("1 missing", "'x', row 1"):
        read(MAKERS[maker]({"x": [0.5, None, 2.5], "y": [1.5, 2.5, 3.5]}))


def test_what_pandas_has_of_its_own(refuses):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(
        {"kind": pd.Categorical(["p", "q"]), "n": pd.array([1, 2], dtype="Int64"), "x": [0.5, 1.5]},
        index=[7, 9],
    )
    table = read(frame, labels="kind")
    assert table.labels.tolist() == ["p", "q"]
    assert table.names == ("n", "x")
    assert read(pd.DataFrame(np.eye(2))).names == ("0", "1")
    with refuses("two columns of one name"):
        read(pd.DataFrame([[1, 2]], columns=["a", "a"]))
    with refuses("more than one", "'1'"):
        read(pd.DataFrame([[1, 2]], columns=[1, "1"]))
    with refuses("'x'", "'oops' in row 1"):
        read(pd.DataFrame({"x": [1, "oops"]}))
    with refuses("reshape(-1, 1)"):
        read(frame["x"])
    with refuses("timestamp", "'when'"):
        read(pd.DataFrame({"when": pd.to_datetime(["2020-01-01"]), "x": [1.5]}))


def test_the_frame_is_left_alone(rng):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(rng.random((3, 2)), columns=["a", "b"])
    table = read(frame)
    table.values[:] = 0
    assert (frame.to_numpy() > 0).all()


def test_a_name_that_is_not_there(refuses):
    with refuses("no column 'gruop'", "did you mean 'group'?", "'x', 'n', 'flag', 'group'"):
        read(pa.table(COLUMNS), drop=["gruop"])
    with refuses("'gruop' are neither", "did you mean 'group'?", "'flag'"):
        read(pa.table(COLUMNS), labels="gruop")


def test_a_name_with_a_newline_stays_on_the_line(refuses):
    with refuses("'a b'"):
        read(pa.table({"a\nb": ["x\ny"]}))


def test_a_hundred_text_columns_are_not_all_listed(refuses):
    with refuses("'c0'", "and 91 more"):
        read(pa.table({f"c{i}": ["a"] for i in range(100)}))


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (pa.array([3, 1]), [3, 1]),
        (pa.array([3.5, 1.0]), [3.5, 1.0]),
        (pa.array([True, False]), [True, False]),
        (pa.array(["q", "p"]).dictionary_encode(), ["q", "p"]),
        (pa.array([7, 7]).dictionary_encode(), [7, 7]),
        (pa.array([0, 86_400], pa.timestamp("s")), ["1970-01-01 00:00:00", "1970-01-02 00:00:00"]),
    ],
)
def test_labels_keep_their_type(labels, expected):
    assert read(pa.table({"x": [0.5, 1.5], "y": labels}), labels="y").labels.tolist() == expected


def test_labels_that_are_missing_or_no_labels(refuses):
    with refuses("lack 1 value", "row 1"):
        read(pa.table({"x": [0.5, 1.5], "y": ["a", None]}), labels="y")
    with refuses("list<", "neither numbers nor text"):
        read(pa.table({"x": [0.5, 1.5], "y": [[1], [2]]}), labels="y")


@pytest.mark.parametrize(
    ("kinds", "kept"),
    [
        (["uint8", "uint8"], "uint8"),
        (["float32", "float32"], "float32"),
        (["uint8", "float32"], "float64"),
        (["float32", "float64"], "float64"),
        (["float16", "float16"], "float64"),
        (["bool", "uint8"], "float64"),
        (["int8", "int8"], "float64"),
    ],
)
def test_columns_of_one_small_type_keep_it(kinds, kept):
    columns = {name: np.array([0, 1, 1], dtype=kind) for name, kind in zip("ab", kinds, strict=True)}
    chunked = pa.concat_tables([pa.table(columns), pa.table(columns)])
    table = read(chunked.append_column("y", pa.array(list("uvuvuv"))), labels="y")
    assert table.values.dtype == kept
    assert table.values.flags["C_CONTIGUOUS"]
    np.testing.assert_array_equal(table.values, [[0, 0], [1, 1], [1, 1]] * 2)


@pytest.mark.parametrize("kind", [pa.uint8(), pa.float32()])
def test_missing_values_of_a_small_type_are_seen(kind, refuses):
    with refuses("1 missing", "'b', row 1"):
        read(pa.table({"a": pa.array([1, 2], kind), "b": pa.array([1, None], kind)}))


def test_a_small_type_is_not_taken_to_count_where_it_wraps_around():
    turn = (np.arange(256) + 1).astype(np.uint8)
    table = read(pa.table({"turn": turn, "row": np.arange(256, dtype=np.uint8)}))
    assert table.values.dtype == np.uint8
    assert [finding.seen for finding in table.findings] == ["column 'row' counts the rows, from 0 to 255"]
