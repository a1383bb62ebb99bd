from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from mixtura.selection.rows import Rows

TABLE = {"a": [1.0, 2.0, None, 1.0, None, 0.0], "b": ["x", "y", None, "x", None, "x"]}


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame, pl.LazyFrame, pa.table])
def test_a_frame_stays_a_frame(frame):
    rows = Rows(frame(TABLE))
    assert len(rows) == 6
    some = rows.take(np.array([1, 0]))
    assert type(some) is type(rows.native) and list(some["a"].to_numpy()) == [2.0, 1.0]
    assert rows.copies().tolist() == [0, 1, 2, 0, 2, 3]
    assert rows.column(0).tolist() == [1.0, 2.0, 1.0, 0.0]


def test_equal_rows_have_one_number_in_the_order_of_the_rows():
    rows = Rows(np.array([[0.0, np.nan], [2.0, 1.0], [-0.0, np.nan], [2.0, 1.0], [1.0, 1.0]]))
    assert rows.copies().tolist() == [0, 1, 0, 1, 2]
    assert Rows(np.array([["b", 1], ["a", 1], ["b", 1]], dtype=object)).copies().tolist() == [0, 1, 0]
    assert Rows(np.array([[True], [False], [True]])).copies().tolist() == [0, 1, 0]


def test_categories_are_told_apart():
    frame = pd.DataFrame({"a": pd.Categorical(["u", None, "v", "u", None])})
    assert Rows(frame).copies().tolist() == [0, 1, 2, 0, 1]
