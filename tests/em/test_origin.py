from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mixtura.em.origin import column_means, column_medians
from mixtura.em.source import ArraySource

ENTRIES = st.one_of(st.floats(-1e6, 1e6), st.just(np.nan))


@given(
    arrays.arrays(np.float64, (7, 2), elements=ENTRIES),
    arrays.arrays(np.float64, 7, elements=st.floats(0, 9)),
)
def test_means_are_over_what_is_there(rows, weights):
    found = column_means(ArraySource(rows, weights, block_size=3))
    for column, mean in zip(rows.T, found, strict=True):
        there = ~np.isnan(column) & (weights > 0)
        if not weights[there].sum() > 1e-6:
            continue
        assert np.isclose(mean, np.average(column[there], weights=weights[there]), rtol=1e-9, atol=1e-6)
    assert np.isfinite(found).all()


def test_one_value_far_outside_does_not_move_the_origin():
    rows = np.vstack([np.random.default_rng(0).normal(size=(9001, 2)) + 50, [[1e30, -1e30]]])
    assert np.allclose(column_medians(rows), 50, atol=0.1)


def test_a_column_with_few_values_has_their_mean():
    rows = np.full((9000, 2), np.nan)
    rows[:, 0], rows[1, 1], rows[3, 1] = 1.0, 4.0, 8.0
    assert column_medians(rows).tolist() == [1.0, 6.0]
