from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixtura.selection.held_out import mean_and_error

VALUES = st.lists(st.tuples(st.floats(-50, 50), st.integers(1, 5)), min_size=2, max_size=20)


@given(VALUES)
def test_weights_are_copies(pairs):
    values, counts = (np.array(column) for column in zip(*pairs, strict=True))
    groups = np.repeat(np.arange(len(values)), counts)
    weighted = mean_and_error(values, counts.astype(float))
    assert mean_and_error(values[groups], None, groups) == pytest.approx(weighted, rel=1e-9, abs=1e-9)


def test_the_error_is_the_textbook_one(rng):
    values = rng.normal(size=50)
    assert mean_and_error(values, None) == pytest.approx((values.mean(), values.std(ddof=1) / np.sqrt(50)))


def test_the_weighted_error_is_the_spread_of_weighted_means(rng):
    weights = rng.uniform(0.2, 3.0, 400)
    means = [mean_and_error(rng.normal(size=400), weights)[0] for _ in range(800)]
    error = np.mean([mean_and_error(rng.normal(size=400), weights)[1] for _ in range(50)])
    assert error == pytest.approx(np.std(means), rel=0.1)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], (np.nan, np.nan)),
        ([np.nan], (np.nan, np.nan)),
        ([2.0], (2.0, np.nan)),
        ([0.0, -np.inf], (-np.inf, np.nan)),
    ],
)
def test_too_little_to_be_sure_of_is_no_number(values, expected):
    assert mean_and_error(np.array(values), None) == pytest.approx(expected, nan_ok=True)
