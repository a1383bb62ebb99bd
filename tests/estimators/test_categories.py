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


def test_whole_numbers_that_floats_would_merge_stay_apart() -> None:
    ids = [2**53, 2**53 + 1, 2**53 + 2, 2**63 - 1]
    categories = Categories.learn(_column(ids), "column 'a'")
    assert categories.values.tolist() == ids
    assert categories.codes(_column(ids[::-1]), "error").tolist() == [3.0, 2.0, 1.0, 0.0]
    # Of floats only those that are one of the integers, and no unsigned number that is none.
    floats = categories.codes(_column([2.0**53, 2.0**63, 0.5, None]), "missing")
    np.testing.assert_array_equal(floats, [0.0, np.nan, np.nan, np.nan])
    unsigned = categories.codes(pa.array([2**53 + 1, 2**63], pa.uint64()), "missing")
    np.testing.assert_array_equal(unsigned, [1.0, np.nan])
    learned_floats = Categories.learn(_column([0.5, 2.0**53]), "a")
    np.testing.assert_array_equal(learned_floats.codes(_column(ids[:2]), "missing"), [1.0, np.nan])


def test_whole_numbers_that_cannot_be_told_apart_are_refused() -> None:
    with pytest.raises(
        InputError, match=r"^column 'a' holds integers beyond 2\*\*53 .* make it integers or text"
    ):
        Categories.joined([_column([2**53 + 1]), _column([0.5])], "column 'a'")
    with pytest.raises(InputError, match=r"^column 'a' holds whole numbers from 2\*\*63 up .* make it text"):
        Categories.learn(pa.array([2**63, 1], pa.uint64()), "column 'a'")
    with pytest.raises(InputError, match="column 'a'"):
        Categories.declared([2**70, 1], "column 'a'")
