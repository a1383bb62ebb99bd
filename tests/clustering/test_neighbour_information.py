from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from mixtura.clustering import neighbour_graph, neighbour_information


def by_hand(weights: np.ndarray, labels: np.ndarray) -> float:
    """Return I(g; h) / H(g) for the groups g, h at the ends of an edge drawn by weight, edge by edge."""
    k = labels.max() + 1
    joint = np.zeros((k, k))
    for i in range(len(labels)):
        for j in range(len(labels)):
            joint[labels[i], labels[j]] += weights[i, j] / weights.sum()
    share = joint.sum(axis=1)
    information = sum(
        joint[a, b] * np.log(joint[a, b] / (share[a] * share[b]))
        for a in range(k)
        for b in range(k)
        if joint[a, b] > 0
    )
    return information / -(share[share > 0] * np.log(share[share > 0])).sum()


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), k=st.integers(2, 5))
def test_it_is_mutual_information_over_entropy(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    weights = rng.random((12, 12)) * (rng.random((12, 12)) < 0.5)
    weights = weights + weights.T + np.eye(12)[::-1]
    labels = np.r_[np.arange(k), rng.integers(k, size=12 - k)]
    found = neighbour_information(sparse.csr_array(weights), labels)
    assert found == pytest.approx(by_hand(weights, labels), abs=1e-12)
    renamed = neighbour_information(sparse.csr_array(weights), rng.permutation(k)[labels])
    assert renamed == pytest.approx(found, abs=1e-12)


def test_it_is_one_for_separate_groups_of_any_size_and_nothing_for_chance(rng) -> None:
    labels = np.repeat([0, 1], [300, 20])
    graph = neighbour_graph(rng.normal(size=(320, 2)) + 50 * labels[:, None], 5)
    assert neighbour_information(graph, labels) == pytest.approx(1.0)
    assert neighbour_information(graph, rng.permutation(labels)) < 0.02


def test_where_there_is_nothing_to_tell_it_is_zero() -> None:
    assert neighbour_information(sparse.csr_array((3, 3)), np.array([0, 1, 1])) == 0.0
    assert neighbour_information(sparse.csr_array(np.ones((3, 3))), np.zeros(3, dtype=np.int64)) == 0.0
