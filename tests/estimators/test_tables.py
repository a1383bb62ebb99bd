from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.base import BaseEstimator

from mixtura.errors import InputError
from mixtura.estimators.tables import numbers, numeric_rows, read_columns


class _Reader(BaseEstimator):
    pass


def _read(X: Any) -> list[list[Any]]:
    return [column.to_pylist() for column in read_columns(_Reader(), X, reset=True)]


@pytest.mark.parametrize(
    "X",
    [
        pd.DataFrame({"a": ["x", None], "b": [1.0, np.nan]}),
        pd.DataFrame({"a": pd.Categorical(["x", None]), "b": pd.array([1, None], dtype="Int8")}),
        pl.DataFrame({"a": ["x", None], "b": [1.0, float("nan")]}),
        pl.DataFrame({"a": ["x", None], "b": [1, None]}, schema={"a": pl.Categorical, "b": pl.UInt64}),
        pa.table({"a": ["x", None], "b": pa.array([Decimal("1.00"), None])}),
        pa.table({"a": pa.chunked_array([["x"], [None]]), "b": [1, None]}),
        np.array([["x", 1], [None, None]], dtype=object),
        np.array([["x", 1.0], [None, np.nan]], dtype=object),
        [["x", 1.0], [None, np.nan]],
        pd.DataFrame({"a": ["x", None], "b": pd.arrays.SparseArray([1.0, np.nan])}),
    ],
)
def test_tables_of_any_make_become_the_same_columns(X: Any) -> None:
    assert _read(X) == [["x", None], [1, None]]


def test_rows_in_lists_keep_their_types() -> None:
    assert _read([[1.5, "red", 2, True], (0.5, "blue", 3, False)]) == [
        [1.5, 0.5],
        ["red", "blue"],
        [2, 3],
        [True, False],
    ]
    assert _read([[2**53 + 1, 0.5], [2, np.nan]]) == [[2**53 + 1, 2], [0.5, None]]
    assert _read([["a", "1"]]) == [["a"], ["1"]]
    with pytest.raises(InputError, match=r"row 1 \(from 0\) holds infinity"):
        _read([[1.0, "red"], [np.inf, "blue"]])
    with pytest.raises(InputError, match="inhomogeneous"):
        _read([[1.0, "red"], [2.0]])


@pytest.mark.parametrize("values", [[0.0, 1.5, 0.0], [0, 7, 0], [True, False, True]])
def test_sparse_columns_of_a_frame_are_numbers(values: list[Any]) -> None:
    assert _read(pd.DataFrame({"a": pd.arrays.SparseArray(values)})) == [values]


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.uint64, np.float32, bool])
def test_arrays_of_numbers_become_columns(dtype: type) -> None:
    assert _read(np.array([[1, 0], [0, 1]], dtype=dtype)) == [[1, 0], [0, 1]]


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (pd.DataFrame({"a": [date(2020, 1, 1)]}), "column 'a' holds date32"),
        (pd.DataFrame({"a": [1.0, np.inf]}), r"column 'a', row 1 \(from 0\) holds infinity"),
        (pd.DataFrame({"a": []}), "0 sample"),
        (
            np.array([["x"], [1]], dtype=object),
            r"column 0 \(from 0\) mixes types .* make all of it text or numbers",
        ),
    ],
)
def test_what_is_no_column_is_refused(X: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        _read(X)


def test_rows_of_numbers_keep_the_type_of_arrays() -> None:
    rows = np.array([[1, 0]], dtype=np.uint8)
    assert numeric_rows(_Reader(), rows, "Poisson", reset=True).dtype == np.uint8
    frame = pl.DataFrame({"a": [1, None], "b": [True, False]})
    np.testing.assert_array_equal(
        numeric_rows(_Reader(), frame, "Poisson", reset=True), [[1.0, 1.0], [np.nan, 0.0]]
    )


def test_text_is_no_number() -> None:
    column = pa.array([None, "five"], pa.large_string())
    with pytest.raises(
        InputError, match=r"^column 'a', row 1 \(from 0\) holds the text 'five', which a Poisson"
    ):
        numbers(column, "column 'a'", "Poisson")


def test_unsigned_numbers_are_integers_where_they_can_be() -> None:
    columns = read_columns(_Reader(), np.array([[1, 1], [2, 2**64 - 1]], dtype=np.uint64), reset=True)
    assert [column.type for column in columns] == [pa.int64(), pa.uint64()]
    assert [column.to_pylist() for column in columns] == [[1, 2], [1, 2**64 - 1]]
