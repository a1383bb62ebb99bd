from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import xlogy
from scipy.stats import multivariate_normal

from mixtura.clustering.merges import (
    Merges,
    merge_by_classification,
    merge_by_entropy,
    merge_by_misclassification,
)


def soft(n: int, k: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.full(k, 0.3), size=n)


BY_RESPONSIBILITIES = (merge_by_entropy, merge_by_misclassification)


@pytest.mark.parametrize("merge", BY_RESPONSIBILITIES)
@settings(max_examples=25, deadline=None)
@given(n=st.integers(2, 30), k=st.integers(1, 7), seed=st.integers(0, 99))
def test_a_path_has_every_number_of_groups_and_each_is_within_the_one_before(merge, n, k, seed):
    merges = merge(soft(n, k, seed))
    assert len(merges.score) == k and merges.pairs.shape == (k - 1, 2) and 1 <= merges.chosen <= k
    finer = np.arange(k)
    for n_groups in range(k, 0, -1):
        group = merges.group_of(n_groups)
        assert len(np.unique(group)) == n_groups
        assert all(len(np.unique(group[finer == g])) == 1 for g in np.unique(finer))
        assert all(group[g] == g for g in np.unique(group)) and np.isfinite(merges.score).all()
        finer = group


def test_the_entropy_is_that_of_the_summed_responsibilities():
    t = soft(40, 6, 3)
    merges = merge_by_entropy(t)
    for n_groups in range(6, 0, -1):
        group = merges.group_of(n_groups)
        summed = np.stack([t[:, group == g].sum(axis=1) for g in np.unique(group)], axis=1)
        assert merges.score[6 - n_groups] == pytest.approx(-xlogy(summed, summed).sum() / 40, abs=1e-12)
    assert merges.score[-1] == pytest.approx(0.0, abs=1e-12) and (np.diff(merges.score) <= 1e-12).all()


def test_the_first_merge_by_entropy_is_the_best_of_all_pairs():
    t = soft(30, 5, 8)

    def entropy(a: int, b: int) -> float:
        both = t[:, a] + t[:, b]
        rest = np.delete(t, [a, b], axis=1)
        return float(-xlogy(both, both).sum() - xlogy(rest, rest).sum())

    pairs = [(a, b) for b in range(5) for a in range(b)]
    assert tuple(merge_by_entropy(t).pairs[0]) == min(pairs, key=lambda pair: entropy(*pair))


def test_icl_is_the_sum_of_the_groups_densities_less_their_price():
    rng = np.random.default_rng(2)
    points, labels = rng.normal(size=(90, 2)) * [1.0, 3.0], np.arange(90) % 4
    merges = merge_by_classification(points, labels, 4)
    prior = 2 * 0.05 * np.diag(points.var(axis=0))
    for n_groups in range(4, 0, -1):
        group = merges.group_of(n_groups)[labels]
        total = 0.0
        for g in np.unique(group):
            x = points[group == g]
            covariance = ((x - x.mean(0)).T @ (x - x.mean(0)) + prior) / (len(x) + 2)
            total += multivariate_normal(x.mean(0), covariance).logpdf(x).sum() + len(x) * np.log(len(x) / 90)
        expected = total / 90 - n_groups * 0.5 * 6 * np.log(90) / 90
        assert merges.score[4 - n_groups] == pytest.approx(expected, abs=1e-10)
    assert merges.chosen == 4 - merges.score.argmax()


@pytest.mark.parametrize("seed", range(3))
def test_pieces_of_one_cloud_become_one_and_clouds_apart_stay(seed):
    rng = np.random.default_rng(seed)
    cloud = rng.normal(size=(400, 3))
    pieces = (cloud[:, 0] > 0) + 2 * (cloud[:, 1] > 0)
    assert merge_by_classification(cloud, pieces, 4).chosen == 1
    apart = cloud + 8.0 * (np.arange(400) % 2)[:, None]
    merges = merge_by_classification(apart, pieces + 4 * (np.arange(400) % 2), 8)
    assert merges.chosen == 2 and merges.group_of(2).tolist() == [0, 0, 0, 0, 4, 4, 4, 4]


def test_a_unit_of_the_points_changes_no_choice():
    rng = np.random.default_rng(1)
    points, labels = rng.normal(size=(120, 2)), rng.integers(0, 5, 120)
    one = merge_by_classification(points, labels, 5)
    other = merge_by_classification(points * [1e6, 1e-6], labels, 5)
    assert one.pairs.tolist() == other.pairs.tolist() and one.chosen == other.chosen


def test_components_that_share_no_row_are_apart():
    merges = merge_by_misclassification(np.repeat(np.eye(3), 5, axis=0))
    assert merges.chosen == 3 and merges.score.tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("merge", BY_RESPONSIBILITIES)
def test_one_component_is_one_group(merge):
    merges = merge(np.ones((4, 1)))
    assert (merges.chosen, merges.score.tolist(), merges.group_of(1).tolist()) == (1, [0.0], [0])


def test_groups_are_named_by_their_least_component():
    merges = Merges(np.zeros(4), np.array([[1, 3], [0, 2], [0, 1]]), 2)
    assert [merges.group_of(n).tolist() for n in (4, 3, 2, 1)] == [
        [0, 1, 2, 3],
        [0, 1, 2, 1],
        [0, 1, 0, 1],
        [0, 0, 0, 0],
    ]
