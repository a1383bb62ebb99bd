from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixtura.clustering import draw_in, kmeans_groups, spread_ties, standardised

seeds = st.integers(0, 2**32 - 1)


@given(seeds, st.integers(2, 9))
def test_a_tied_value_stays_nearest_to_its_level(seed, levels) -> None:
    rng = np.random.default_rng(seed)
    rounded = np.concatenate([np.arange(levels), rng.integers(0, levels, 60)])[:, None].astype(float)
    spread = spread_ties(rounded, rng)
    np.testing.assert_array_equal(np.round(spread), rounded)
    assert len(np.unique(spread)) > levels


@given(seeds)
def test_values_that_are_alone_stay(seed) -> None:
    points = np.random.default_rng(seed).normal(size=(40, 3))
    np.testing.assert_array_equal(spread_ties(points, np.random.default_rng(seed)), points)


@pytest.mark.parametrize("levels", [2, 4, 10])
def test_a_value_is_spread_in_proportion_to_its_rows(levels) -> None:
    """Uniformly, over all of its cell where it holds half the rows."""
    rounded = np.repeat(np.arange(levels), 20_000 // levels)[:, None].astype(float)
    moved = spread_ties(rounded, np.random.default_rng(0)) - rounded
    counts = np.histogram(moved, bins=10, range=(-1 / levels, 1 / levels))[0]
    np.testing.assert_allclose(counts, 2_000, rtol=0.15)


def test_a_far_code_spreads_no_further_than_the_others() -> None:
    answers = np.r_[np.tile(np.arange(1.0, 6.0), 20), np.full(10, -999.0)][:, None]
    spread = spread_ties(answers, np.random.default_rng(0))
    assert np.abs(spread - answers).max() <= 0.5


def test_a_value_with_few_exceptions_is_no_noise() -> None:
    column = np.r_[np.zeros(99), np.ones(1)][:, None]
    spread = standardised(spread_ties(column, np.random.default_rng(0)))
    assert spread[-1] > 4
    assert np.ptp(spread[:-1]) < 2.5


def test_the_rows_handed_in_stay_and_a_constant_column_too() -> None:
    rows = np.column_stack([np.full(6, 3.0), [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]])
    before = rows.copy()
    spread = spread_ties(rows, np.random.default_rng(0))
    np.testing.assert_array_equal(rows, before)
    np.testing.assert_array_equal(spread[:, 0], 3.0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_standardised_columns(dtype) -> None:
    rng = np.random.default_rng(0)
    rows = np.column_stack([np.full(200, 100.1), rng.normal(1000, 5, 200), rng.normal(0, 1e3, 200)]).astype(
        dtype
    )
    found = standardised(rows)
    np.testing.assert_array_equal(found[:, 0], 0.0)
    np.testing.assert_allclose(found[:, 1:].mean(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(found[:, 1:].std(axis=0), 1.0)


def test_a_small_spread_far_from_zero_is_no_constant() -> None:
    times = 1.7e9 + np.arange(50.0)[:, None]
    assert standardised(times).std() == pytest.approx(1.0)


@given(seeds, st.sampled_from([1.0, 1e-6, 1e9]))
def test_drawn_in_keeps_the_order_and_no_unit(seed, scale) -> None:
    rows = np.random.default_rng(seed).standard_cauchy(size=(80, 2))
    drawn = draw_in(rows)
    np.testing.assert_array_equal(drawn.argsort(axis=0), rows.argsort(axis=0))
    np.testing.assert_allclose(draw_in(rows * scale + scale), drawn, atol=1e-5)


def test_the_middle_of_a_column_is_only_moved_and_scaled() -> None:
    rows = np.random.default_rng(1).normal(size=(500, 1))
    middle = np.abs(rows[:, 0]) < 2
    drawn = draw_in(rows)[middle, 0]
    assert np.corrcoef(drawn, rows[middle, 0])[0, 1] == pytest.approx(1.0, abs=1e-12)


def test_few_far_rows_are_no_group() -> None:
    rng = np.random.default_rng(2)
    truth = np.arange(300) % 2
    rows = rng.normal(size=(300, 2)) + 6 * truth[:, None]
    rows[:3] *= 1000
    labels = kmeans_groups(draw_in(rows), 2, rng)
    assert max((labels == truth).mean(), (labels != truth).mean()) > 0.97
    assert np.bincount(kmeans_groups(standardised(rows), 2, rng)).min() < 10


@pytest.mark.parametrize("rows", [np.zeros((1, 2)), np.r_[np.zeros((99, 2)), np.ones((1, 2))]])
def test_hardly_any_data(rows) -> None:
    for found in (spread_ties(rows, np.random.default_rng(0)), standardised(rows), draw_in(rows)):
        assert found.shape == rows.shape
        assert np.isfinite(found).all()
