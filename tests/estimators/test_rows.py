from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import BaseEstimator

from mixtura.errors import InputError
from mixtura.estimators.rows import named, refuse, refuse_no_bits, refuse_no_counts


def _fitted(*names: str) -> BaseEstimator:
    estimator = BaseEstimator()
    if names:
        estimator.feature_names_in_ = np.array(names, dtype=object)
    return estimator


def test_a_column_is_named_by_its_name_or_its_number() -> None:
    assert named(_fitted("a", "b"), 1) == "column 'b'"
    assert named(_fitted(), 1) == "column 1 (from 0)"


def test_an_entry_of_some_columns_is_placed_in_the_table() -> None:
    rows = np.array([[1.0, 2.0], [3.0, 4.0]])
    with pytest.raises(InputError, match=r"^column 5 \(from 0\), row 1 \(from 0\) holds 4; why not$"):
        refuse(lambda part: part > 3, rows, _fitted(), "why not", [0, 5])
    refuse(lambda part: part > 4, rows, _fitted(), "nothing is wrong")


def test_negative_numbers_come_before_fractions() -> None:
    with pytest.raises(InputError, match=r"row 1 .* holds -2; Negative values"):
        refuse_no_counts(np.array([[0.5], [-2.0]]), _fitted("a"))
    with pytest.raises(InputError, match=r"row 0 .* holds 0.5; counts are whole numbers"):
        refuse_no_counts(np.array([[0.5], [2.0]]), _fitted("a"))
    refuse_no_counts(np.array([[0.0], [np.nan], [1e300]]), _fitted("a"))


def test_bits_may_be_missing() -> None:
    refuse_no_bits(np.array([[0.0], [np.nan], [1.0]]), _fitted("a"), "mend it")
    with pytest.raises(InputError, match=r"holds 2; a Bernoulli mixture takes 0 and 1 .*; mend it$"):
        refuse_no_bits(np.array([[2.0]]), _fitted("a"), "mend it")
