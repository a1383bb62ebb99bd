from __future__ import annotations

import numpy as np
import pytest

from mixtura.estimators.mixture_starts import METHODS, POINTS, assigned, nearest

ROWS = np.random.default_rng(0).normal(size=(50, 2)) + 6 * (np.arange(50) % 3)[:, None]


def whole(method, weights=None, size=16, seed=0):
    blocks = assigned(method, ROWS, 3, weights, np.random.RandomState(seed), size)
    return np.hstack(list(blocks()))


@pytest.mark.parametrize("method", METHODS)
def test_blocks_of_any_size_are_the_same_start(method):
    assert np.array_equal(whole(method), whole(method, size=50))
    blocks = assigned(method, ROWS, 3, None, np.random.RandomState(0), 16)
    assert all(np.array_equal(a, b) for a, b in zip(blocks(), blocks(), strict=True))


@pytest.mark.parametrize("method", METHODS)
def test_rows_sum_to_one_or_are_left_out(method):
    totals = whole(method).sum(axis=0)
    expected = 3 if method in POINTS else 50
    assert np.isclose(totals, 0).sum() == 50 - expected and np.isclose(totals, 1).sum() == expected


def test_random_numbers_are_consumed_as_by_scikit_learn():
    state, other = np.random.RandomState(5), np.random.RandomState(5)
    found = np.hstack(list(assigned("random", ROWS, 3, None, state, 16)()))
    drawn = other.uniform(size=(50, 3))
    assert np.allclose(found, (drawn / drawn.sum(axis=1, keepdims=True)).T, rtol=1e-15)
    assert state.uniform() == other.uniform()


@pytest.mark.parametrize("method", POINTS)
def test_points_are_worth_the_same_whatever_their_weight(method):
    weights = np.random.default_rng(1).random(50) + 0.1
    assert np.allclose((whole(method, weights) * weights).sum(axis=1), 1)


@pytest.mark.parametrize("method", POINTS)
def test_nearest_points_share_out_all_rows(method):
    blocks = assigned(method, ROWS, 3, None, np.random.RandomState(0), 16)
    points = ROWS[[int(np.flatnonzero(row)[0]) for row in whole(method)]]
    distances = ((ROWS[:, None] - points) ** 2).sum(axis=2)
    assert np.array_equal(
        np.hstack(list(nearest(blocks, ROWS, 16)())).argmax(axis=0), distances.argmin(axis=1)
    )
