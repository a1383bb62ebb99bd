from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.base import BaseEstimator

from mixtura.errors import InputError
from mixtura.estimators.declared import CATEGORIES, declared_columns, learned_categories


def _estimator(n_columns: int) -> BaseEstimator:
    estimator = BaseEstimator()
    estimator.n_features_in_ = n_columns
    return estimator


@pytest.mark.parametrize(
    ("categories", "expected"),
    [(None, {}), ([None, ["u"]], {1: ["u"]}), ({0: [1, 2]}, {0: [1, 2]}), ([["u"], None], {0: ["u"]})],
)
def test_a_list_and_a_mapping_say_the_same(categories: Any, expected: dict[int, Any]) -> None:
    assert declared_columns(_estimator(2), categories, 2) == expected
    assert CATEGORIES.holds(categories)


def test_what_is_no_column_is_refused() -> None:
    with pytest.raises(InputError, match="categories has 2, which is no column"):
        declared_columns(_estimator(2), {2: ["u"]}, 2)
    with pytest.raises(InputError, match="one list for each of the 2 columns, not 1"):
        declared_columns(_estimator(2), [["u"]], 2)
    assert not CATEGORIES.holds("uv") and not CATEGORIES.holds(3)


def test_pieces_are_learned_together_but_for_what_is_declared() -> None:
    pieces = [
        [pa.array(["v", None], pa.large_string()), pa.array([1, 2])],
        [pa.array(["u", "v"], pa.large_string()), pa.array([5.0, None])],
    ]
    text, numbers = learned_categories(_estimator(2), lambda: iter(pieces), [0, 1], None)
    assert text.tolist() == ["u", "v"]
    assert numbers.tolist() == [1, 2, 5] and numbers.dtype == np.int64
    (declared,) = learned_categories(_estimator(2), lambda: iter(pieces), [0], {0: ["w", "v"]})
    assert declared.tolist() == ["v", "w"]
    mixed = [[pa.array(["v"], pa.large_string())], [pa.array([1])]]
    with pytest.raises(InputError, match="is text in one place and numbers in another"):
        learned_categories(_estimator(1), lambda: iter(mixed), [0], None)
