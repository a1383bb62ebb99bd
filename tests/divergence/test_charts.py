from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mixtura.divergence.charts import cover, join, outermost, usable

finite = st.floats(-1e6, 1e6)
intervals = st.sampled_from(
    [(-np.inf, np.inf), (0.0, np.inf), (-np.inf, 3.0), (0.0, 1.0), (-2.0, 7.0), (1e6, 1e6 + 1e-3)]
)


def _edges(pieces):
    """Return origin, offset and x of both ends of every piece, the lower first."""
    both = pieces.offset(np.stack([pieces.low, pieces.high], axis=1))[0]
    x = pieces.origin[:, None] + both
    return np.sort(x, axis=1)


@example((-np.inf, np.inf), [0.0, 2.225073858507203e-309])
@given(intervals, st.lists(finite, max_size=6))
def test_a_cover_leaves_no_gap_and_overlaps_nowhere(interval, points) -> None:
    lower, upper = interval
    edges = _edges(cover(lower, upper, np.array(points, dtype=float)))
    edges = edges[np.argsort(edges.mean(axis=1) if np.isfinite(edges).all() else edges[:, 0])]
    scale = 1 + np.abs(edges)
    assert (np.abs(edges[1:, 0] - edges[:-1, 1]) <= 1e-12 * np.maximum(scale[1:, 0], scale[:-1, 1])).all()
    reach = edges[0, 0], edges[-1, 1]
    assert lower <= reach[0] and reach[1] <= upper
    for end, found in zip(interval, reach, strict=True):
        if np.isfinite(end):
            assert abs(found - end) <= 1e-12 * max(1.0, abs(end))
        else:
            assert abs(found) > 1e100


@given(intervals, st.lists(finite, max_size=4))
def test_halves_cover_what_their_piece_covers(interval, points) -> None:
    pieces = cover(*interval, np.array(points, dtype=float))
    halves = pieces.halve()
    assert len(halves) == 2 * len(pieces)
    np.testing.assert_array_equal(halves.low[: len(pieces)], pieces.low)
    np.testing.assert_array_equal(halves.high[len(pieces) :], pieces.high)
    np.testing.assert_array_equal(halves.high[: len(pieces)], halves.low[len(pieces) :])


@given(intervals)
def test_the_slope_is_the_derivative_of_the_offset(interval) -> None:
    pieces = cover(*interval, np.array([0.25, 0.75]))
    v = 0.5 * (pieces.low + pieces.high)[:, None]
    step = 1e-6
    before, after = (pieces.offset(v + sign * step)[0] for sign in (-1, 1))
    np.testing.assert_allclose(pieces.offset(v)[1], np.abs(after - before) / (2 * step), rtol=1e-6)


def test_offsets_near_an_end_are_exact_where_the_sum_is_not() -> None:
    pieces = cover(1.0, np.inf, np.array([2.0]))
    last = pieces.take(np.arange(len(pieces)) == outermost(pieces, -1.0))
    offset, _ = last.offset(last.high[:, None])
    assert last.origin[0] == 1.0
    assert 0 < offset[0, 0] < 1e-13


def test_a_tail_that_cannot_be_computed_is_cut_off() -> None:
    pieces = cover(-np.inf, np.inf, np.array([0.0, 1.0]))
    cut = usable(pieces, lambda offset, origin: origin + offset < 1e3)
    assert 1e2 < _edges(cut).max() < 1e3
    assert _edges(cut).min() == _edges(pieces).min()


def test_joining_and_taking_undo_each_other() -> None:
    pieces = cover(0.0, 1.0, np.array([0.5]))
    left = np.arange(len(pieces)) % 2 == 0
    assert len(join([pieces.take(left), pieces.take(~left)])) == len(pieces)


@pytest.mark.parametrize("points", [[], [np.nan, np.inf], [5.0]])
def test_points_outside_are_left_out(points) -> None:
    edges = _edges(cover(0.0, 1.0, np.array(points, dtype=float)))
    assert edges.min() >= 0 and edges.max() <= 1
