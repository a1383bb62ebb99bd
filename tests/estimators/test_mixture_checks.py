from __future__ import annotations

import numpy as np
import pytest

from mixtura.errors import InputError
from mixtura.estimators.mixture_checks import (
    checked_precisions,
    checked_weights,
    one_of,
    optional,
    real,
    whole,
)


@pytest.mark.parametrize(
    ("constraint", "good", "bad"),
    [
        (whole(1), [1, np.int64(4)], [0, 1.0, "1", None]),
        (real(0.0), [0, 0.5, np.float32(2)], [-1e-9, np.inf, np.nan, "0", None]),
        (one_of("a", "b"), ["a", "b"], ["c", None, 1, ["a"]]),
        (optional(one_of("a")), ["a", None], ["b", 0]),
    ],
)
def test_constraints_hold_for_what_they_say(constraint, good, bad):
    assert all(constraint.holds(value) for value in good)
    assert not any(constraint.holds(value) for value in bad)


def test_one_number_stands_for_all_weights():
    assert checked_weights(None, 3) is None
    assert checked_weights(2, 3).tolist() == [2, 2, 2]


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0, -2.0, 1.0], "-2 for row 1"),
        ([0, 0, 0], "all zero"),
        ([1e200] * 3, "nor so large"),
        ([1.0, 1.0], "expected"),
        ([1.0, np.nan, 1.0], "NaN"),
        ([[1.0]] * 3, "expected"),
    ],
)
def test_weights_are_refused_with_a_reason(weights, message):
    with pytest.raises(ValueError, match=message):
        checked_weights(weights, 3)


@pytest.mark.parametrize(
    ("covariance_type", "value"),
    [
        ("full", np.array([[[1.0, 2.0], [2.0, 1.0]]])),
        ("tied", np.array([[1.0, 0.5], [0.0, 1.0]])),
        ("diag", np.array([[1.0, 0.0]])),
        ("spherical", np.array([-1.0])),
    ],
)
def test_precisions_must_be_positive_definite(covariance_type, value):
    with pytest.raises(InputError, match="should be"):
        checked_precisions(value, value.shape, covariance_type)
