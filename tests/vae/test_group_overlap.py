from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mixtura.vae.group_overlap import GroupOverlap


def overlap_of(*blocks: np.ndarray) -> GroupOverlap:
    overlap = GroupOverlap(blocks[0].shape[1])
    for block in blocks:
        np.testing.assert_array_equal(overlap.add(block), block.argmax(axis=1))
    return overlap


@given(st.integers(1, 5), st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_it_is_the_sum_of_the_smaller_responsibility_pair_by_pair(k, n, seed) -> None:
    r = np.random.default_rng(seed).dirichlet(np.full(k, 0.3), size=n)
    found = overlap_of(r[: n // 2], r[n // 2 :]).shared()
    for i in range(k):
        for j in range(k):
            common = sum(min(row[i], row[j]) for row in r)
            least = min(r[:, i].sum(), r[:, j].sum())
            wanted = 0.0 if i == j or least == 0 else common / least
            assert found[i, j] == pytest.approx(wanted, abs=1e-9)


def test_a_group_without_probability_shares_nothing() -> None:
    assert not overlap_of(np.array([[1.0, 0.0], [1.0, 0.0]])).shared().any()


def test_two_gaussians_share_what_the_formula_says(rng) -> None:
    for distance in (1.35, 3.0):
        x = rng.normal(size=200_000) + distance * (np.arange(200_000) % 2)
        density = stats.norm.pdf(x[:, None] - np.array([0.0, distance]))
        shared = overlap_of(density / density.sum(axis=1, keepdims=True)).shared()[0, 1]
        assert shared == pytest.approx(2 * stats.norm.cdf(-distance / 2), abs=0.01)


def test_numbers_follow_the_sizes_of_the_groups(rng) -> None:
    r = rng.dirichlet([0.2, 0.9, 0.4], size=60)
    labels = r.argmax(axis=1)
    order = np.argsort(-np.bincount(labels, minlength=3), kind="stable")
    np.testing.assert_allclose(
        overlap_of(r).renumbered(labels).shared(), overlap_of(r[:, order]).shared(), atol=1e-12
    )
