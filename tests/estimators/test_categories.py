from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.preprocessing import OrdinalEncoder

from mixtura.errors import InputError
from mixtura.estimators.categories import Categories


def _column(values: list[Any]) -> pa.Array:
    column = pa.array(values)
    return column.cast(pa.large_string()) if pa.types.is_string(column.type) else column


@pytest.mark.parametrize(
    "values", [["b", "a", "c", "a"], [3, -1, 7, 3], [2.5, 1.0, 2.5], [True, False, True], [1.0, 3.0, 2.0]]
)
def test_codes_are_those_of_scikit_learn(values: list[Any]) -> None:
    categories = Categories.learn(_column(values), "column 'a'")
    encoder = OrdinalEncoder().fit(np.array(values)[:, None])
    assert categories.values.tolist() == encoder.categories_[0].tolist()
    np.testing.assert_array_equal(
        categories.codes(_column(values), "error"), encoder.transform(np.array(values)[:, None])[:, 0]
    )


def test_whole_numbers_are_integers_whatever_they_came_as() -> None:
    categories = Categories.learn(_column([1.0, 2.0, None]), "a")
    assert categories.values.dtype == np.int64
    for column in (_column([2, 1, None]), _column([2.0, 1.0, None])):
        np.testing.assert_array_equal(categories.codes(column, "error"), [1.0, 0.0, np.nan])


def test_truth_values_and_zeros_and_ones_are_alike() -> None:
    categories = Categories.learn(_column([True, False]), "a")
    assert categories.codes(_column([1, 0, 1]), "error").tolist() == [1.0, 0.0, 1.0]
    with pytest.raises(InputError, match="holds the category '2'"):
        categories.codes(_column([2]), "error")


def test_text_is_never_a_number() -> None:
    categories = Categories.learn(_column(["1", "2"]), "column 'a'")
    with pytest.raises(InputError, match=r"column 'a', row 1 \(from 0\) holds the category '1'"):
        categories.codes(_column([None, 1]), "error")
    assert np.isnan(categories.codes(_column([1, 2]), "missing")).all()


def test_a_column_without_entries_has_no_categories_and_no_codes() -> None:
    categories = Categories.learn(pa.nulls(3), "a")
    assert len(categories.values) == 0
    assert np.isnan(categories.codes(pa.nulls(2), "error")).all()
    with pytest.raises(InputError, match="holds the category 'x'"):
        categories.codes(_column(["x"]), "error")
