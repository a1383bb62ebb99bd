"""Every row once, in blocks that hold either complete rows or rows that miss something, patterns together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mixtura.em.gaussian import FullGaussians, GaussianParameters
from mixtura.em.missing import missing_family
from mixtura.em.patterns import PatternSource, group_patterns
from mixtura.em.source import ArraySource
from mixtura.em.steps import MixtureParameters, e_step
from mixtura.errors import InputError


def _table(n: int, d: int, share: float, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    rows = random.normal(size=(n, d))
    rows[random.random((n, d)) < share] = np.nan
    return rows


@given(arrays(bool, st.tuples(st.integers(1, 5), st.integers(1, 40))))
def test_the_groups_hold_every_incomplete_row_once_with_its_missing_features(missing: np.ndarray) -> None:
    seen: list[int] = []
    for group in group_patterns(missing):
        assert group.missing.shape[1] > 0
        for features, rows, counted in zip(*group, strict=True):
            seen += rows[counted].tolist()
            for row in rows:
                assert np.flatnonzero(missing[:, row]).tolist() == features.tolist()
            assert counted[0]
    assert sorted(seen) == np.flatnonzero(missing.any(axis=0)).tolist()


@given(st.integers(1, 60), st.integers(1, 6))
def test_padding_at_most_doubles_a_group(n: int, distinct: int) -> None:
    random = np.random.default_rng(n)
    patterns = random.random((4, distinct)) < 0.5
    missing = patterns[:, random.integers(distinct, size=n)]
    for group in group_patterns(missing):
        assert group.rows.size < 2 * group.counted.sum()


def test_wide_rows_are_told_apart_by_every_column() -> None:
    missing = np.eye(150, dtype=bool)
    groups = group_patterns(np.hstack([missing, missing]))
    assert [sorted(group.missing.ravel().tolist()) for group in groups] == [list(range(150))]
    assert all(group.rows.shape == (150, 2) for group in groups)


def test_the_blocks_hold_every_row_with_its_weight_in_the_stated_order() -> None:
    rows, weights, origin = _table(500, 3, 0.3), np.arange(500.0), np.array([1.0, -2.0, 0.5])
    source = PatternSource(rows, weights, origin, block_size=64)
    blocks = [(block.copy(), used.copy()) for block, used in source.blocks()]
    np.testing.assert_array_equal(np.hstack([b for b, _ in blocks]).T, rows[source.order] - origin)
    np.testing.assert_array_equal(np.concatenate([w for _, w in blocks]), weights[source.order])
    assert sorted(source.order) == list(range(500))
    assert source.total_weight == weights.sum()


def test_no_block_holds_complete_and_incomplete_rows() -> None:
    for block, _ in PatternSource(_table(500, 3, 0.2), block_size=64).blocks():
        incomplete = np.isnan(block).any(axis=0)
        assert incomplete.all() or not incomplete.any()


def test_rows_of_one_pattern_lie_together() -> None:
    rows = _table(400, 3, 0.4)
    source = PatternSource(rows)
    codes = np.isnan(rows[source.order]) @ (1 << np.arange(3))
    assert (np.diff(codes) != 0).sum() + 1 == len(set(codes.tolist())) == source.n_patterns


def test_without_nan_the_blocks_are_those_of_an_array_source() -> None:
    rows = _table(300, 4, 0.0)
    ours = [block.copy() for block, _ in PatternSource(rows, block_size=64).blocks()]
    theirs = [block.copy() for block, _ in ArraySource(rows, block_size=64).blocks()]
    assert [block.tobytes() for block in ours] == [block.tobytes() for block in theirs]


def test_blocks_of_many_features_are_short() -> None:
    rows = _table(3000, 64, 0.1)
    assert max(block.shape[1] for block, _ in PatternSource(rows).blocks()) <= 64


def test_a_column_without_values_is_named() -> None:
    rows = _table(20, 3, 0.2)
    rows[:, 1] = np.nan
    with pytest.raises(InputError, match=r"^column 1 \(from 0\) has no observed value: leave it out$"):
        PatternSource(rows).require_observed()
    with pytest.raises(InputError, match="column 'width' has"):
        PatternSource(rows).require_observed(["height", "width", "depth"])


def test_a_column_without_values_is_scored_all_the_same() -> None:
    rows = _table(20, 3, 0.2)
    rows[:, 1] = np.nan
    family = missing_family(FullGaussians(1, 3))
    theta = MixtureParameters(
        np.zeros(1), GaussianParameters(np.zeros((1, 3)), 0.5 * np.eye(3)[None] + 0.5 * np.ones((1, 3, 3)))
    )
    fewer = missing_family(FullGaussians(1, 2))
    marginal = MixtureParameters(
        np.zeros(1), GaussianParameters(np.zeros((1, 2)), 0.5 * np.eye(2)[None] + 0.5 * np.ones((1, 2, 2)))
    )
    whole = e_step(family, PatternSource(rows), theta).log_likelihood
    np.testing.assert_allclose(
        whole, e_step(fewer, PatternSource(rows[:, [0, 2]]), marginal).log_likelihood, rtol=1e-12
    )


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_threads_go_through_the_same_blocks(share: float) -> None:
    rows, weights = _table(700, 3, share), np.arange(700) % 3 * 1.0
    source = PatternSource(rows, weights, block_size=64, n_threads=3)
    parts = source.parts()
    assert len(parts) == 3 and sum(part.total_weight for part in parts) == source.total_weight
    ours = [(block.copy(), w) for part in parts for block, w in part.blocks()]
    theirs = [(block.copy(), w) for block, w in source.blocks()]
    for (a, v), (b, w) in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(v, w)


def test_values_of_no_weight_do_not_count_as_observed() -> None:
    rows = np.array([[1.0, 2.0], [np.nan, 3.0]])
    with pytest.raises(InputError, match="column 0"):
        PatternSource(rows, np.array([0.0, 1.0])).require_observed()


def test_rows_without_values_are_said() -> None:
    rows = _table(20, 2, 0.0)
    assert PatternSource(rows).findings() == ()
    rows[3] = np.nan
    (finding,) = PatternSource(rows).findings()
    assert finding.name == "rows-without-values"
    assert finding.seen.startswith("1 of 20 rows")
