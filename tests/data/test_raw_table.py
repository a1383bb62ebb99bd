from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mixtura.data import RawTable, read_raw
from mixtura.data.raw_table import raw_from_array, raw_from_arrow
from mixtura.errors import InputError

COLUMNS: dict[str, Any] = {
    "float": pa.array([1.5, float("nan"), None]),
    "whole": pa.array([1, None, 3], pa.uint8()),
    "truth": pa.array([True, None, False]),
    "text": pa.array(["x", None, "NA"]),
    "coded": pa.array(["x", None, "y"]).dictionary_encode(),
}


def test_columns_stay_what_they_are_and_gaps_are_null() -> None:
    table = raw_from_arrow(pa.table(COLUMNS), source="t")
    assert table.names == tuple(COLUMNS)
    assert table.text_columns == ("text", "coded")
    assert table.missing.tolist() == [2, 1, 1, 1, 1] and table.n_missing == 6
    assert table.describe() == "3 rows x 5 columns: 3 of numbers, 2 of text; 6 values missing"
    np.testing.assert_array_equal(table.column("truth"), [1.0, np.nan, 0.0])
    np.testing.assert_array_equal(
        table.select(["whole", "float"]).numbers(), [[1.0, 1.5], [np.nan, np.nan], [3.0, np.nan]]
    )
    with pytest.raises(InputError, match="'text' holds text"):
        table.numbers()
    assert table.renamed(list("abcde")).names == tuple("abcde")


def test_gaps_of_text_in_csv_files(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\nx,1\n,NA\nNA,2\nnone, \n")
    table = read_raw(tmp_path / "t.csv")
    assert table.data["a"].to_pylist() == ["x", None, None, "none"]
    assert table.missing.tolist()[0] == 2


def test_labels_drop_and_row_names() -> None:
    columns = pa.table({"Unnamed: 0": ["p", "q"], "a": [1.0, None], "b": ["u", "v"], "c": [1, 2]})
    table = raw_from_arrow(columns, source="t", labels="b", drop=("c",))
    assert table.names == ("a",) and table.labels is not None and table.labels.tolist() == ["u", "v"]
    assert [finding.name for finding in table.findings] == ["row-names"]
    with pytest.raises(InputError, match="no columns left"):
        raw_from_arrow(columns.select(["b"]), source="t", labels="b")
    with pytest.raises(InputError, match="did you mean 'a'"):
        raw_from_arrow(columns, source="t", drop=("A",))


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (pa.array([1.0, np.inf]), "1 infinite value in column 'a', the first in row 1"),
        (pa.array([1, 2], pa.timestamp("s")), "neither numbers nor text.*--drop a"),
        (pa.array([], pa.float64()), "no rows"),
    ],
)
def test_what_is_refused(column: pa.Array, words: str) -> None:
    with pytest.raises(InputError, match=words):
        raw_from_arrow(pa.table({"a": column}), source="t")


def test_arrays_keep_their_gaps() -> None:
    values = np.array([[1.0, np.nan, 0.0], [2.0, 5.0, 1.0]], dtype=np.float32)
    table = raw_from_array(values, source="t")
    np.testing.assert_array_equal(table.numbers(), values.astype(float))
    assert table.missing.tolist() == [0, 1, 0]
    part = raw_from_array(values, source="t", labels="column_2", drop=("column_0",))
    assert part.names == ("column_1",) and part.n_missing == 1
    with pytest.raises(InputError, match="labels column_1"):
        raw_from_array(values, source="t", labels="column_1")
    with pytest.raises(InputError, match="infinite"):
        raw_from_array(np.array([[np.inf, np.nan]]), source="t")
    bits = raw_from_array(np.array([[0, 1]], dtype=np.uint8), source="t")
    assert bits.n_missing == 0 and bits.data.dtype == np.uint8


def test_images_keep_their_gaps() -> None:
    pictures = np.arange(24.0).reshape(2, 3, 4)
    pictures[1, 2, 3] = np.nan
    table = raw_from_array(pictures, source="t")
    assert table.image_shape == (3, 4) and np.isnan(table.numbers()[1, 11])
    assert table.names[11] == "pixel_11"
    assert table.describe() == "2 images of 3 x 4, grey; 1 value missing"
    with pytest.raises(InputError, match="no columns"):
        table.select(["pixel_0"])


def test_labels_from_elsewhere() -> None:
    assert read_raw(np.eye(2), labels=["a", "b"]).labels is not None
    with pytest.raises(InputError, match="3 values for 2 rows"):
        read_raw(np.eye(2), labels=["a", "b", "c"])
    assert repr(RawTable(np.eye(2), source="t")) == "RawTable(2 rows x 2 columns: 2 of numbers, from t)"
