from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import sparse
from scipy.spatial.distance import cdist

from mixtura.clustering import accuracy, modularity, modularity_groups, neighbour_graph
from mixtura.clustering.neighbour_graph import GraphGroups, _climb, core_groups, micro_clusters


def newman(weights: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Return Q = 1/2m sum_ij (A_ij - k_i k_j / 2m) [g_i = g_j], pair by pair."""
    degree, total = weights.sum(axis=1), weights.sum()
    pairs = [
        weights[i, j] - degree[i] * degree[j] / total
        for i in range(len(labels))
        for j in range(len(labels))
        if labels[i] == labels[j]
    ]
    return sum(pairs) / total


@pytest.mark.parametrize("n_neighbours", [1, 3, 40])
def test_graph_joins_nearest_neighbours(n_neighbours, rng) -> None:
    points = rng.normal(size=(30, 3))
    graph = neighbour_graph(points, n_neighbours).toarray()
    distance = cdist(points, points)
    np.fill_diagonal(distance, np.inf)
    nearest = distance.argsort(axis=1)[:, : min(n_neighbours, 29)]
    expected = np.zeros((30, 30))
    np.put_along_axis(expected, nearest, 1.0, axis=1)
    np.testing.assert_array_equal(graph, np.maximum(expected, expected.T))


@pytest.mark.parametrize("n_copies", [2, 5, 40])
def test_graph_of_duplicates_joins_no_point_to_itself_or_to_too_many(n_copies) -> None:
    points = np.repeat([[0.0, 0.0], [7.0, 1.0]], n_copies, axis=0)
    graph = neighbour_graph(points, 4)
    assert graph.diagonal().sum() == 0
    assert (graph != graph.T).nnz == 0
    assert set(graph.data) == {1.0}
    assert graph.nnz <= 2 * 4 * len(points)
    assert np.asarray(graph.sum(axis=1)).min() >= min(4, 2 * n_copies - 1)
    if n_copies > 4:
        assert graph[:n_copies, n_copies:].nnz == 0


@pytest.mark.parametrize(("n_points", "n_edges"), [(0, 0), (1, 0), (2, 2)])
def test_graph_of_hardly_any_points(n_points, n_edges) -> None:
    graph = neighbour_graph(np.arange(2.0 * n_points).reshape(n_points, 2), 15)
    assert graph.shape == (n_points, n_points)
    assert graph.nnz == n_edges


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_modularity_is_newman_s(seed, n_groups) -> None:
    rng = np.random.default_rng(seed)
    half = np.triu(rng.integers(0, 3, (9, 9)).astype(float), 1)
    half[0, 1] += 1
    labels = rng.integers(0, n_groups, 9)
    found = modularity(sparse.csr_array(half + half.T), labels)
    assert found == pytest.approx(newman(half + half.T, labels), abs=1e-12)
    assert -0.5 - 1e-12 <= found <= 1


def test_modularity_of_one_group_or_no_edge_is_zero(rng) -> None:
    assert modularity(sparse.csr_array(np.ones((3, 3)) - np.eye(3)), np.zeros(3, dtype=int)) == 0
    assert modularity(sparse.csr_array((4, 4)), np.arange(4)) == 0


def test_groups_report_their_own_modularity_and_find_what_is_apart(rng) -> None:
    truth = np.repeat([0, 1, 2], [40, 35, 30])
    points = rng.normal(size=(105, 2)) + 20 * np.array([[0, 0], [1, 0], [0, 1]])[truth]
    found = modularity_groups(points, 3, np.random.default_rng(1), n_neighbours=8)
    assert accuracy(truth, found.labels) == 1
    assert found.modularity == pytest.approx(newman(neighbour_graph(points, 8).toarray(), found.labels))


def test_curved_groups_are_told_apart() -> None:
    from sklearn.datasets import make_moons

    points, truth = make_moons(300, noise=0.05, random_state=0)
    found = modularity_groups(points, 2, np.random.default_rng(0))
    assert accuracy(truth, found.labels) > 0.98
    assert found.modularity > 0.45  # two equal parts without an edge between them have 1/2


@settings(max_examples=30)
@given(st.integers(1, 40), st.integers(1, 8), st.integers(1, 8), st.integers(0, 2**32 - 1))
def test_no_group_is_empty(n_points, n_groups, n_distinct, seed) -> None:
    rng = np.random.default_rng(seed)
    n_groups = min(n_groups, n_points)
    points = rng.normal(size=(n_distinct, 2))[rng.integers(0, n_distinct, n_points)]
    found = modularity_groups(points, n_groups, rng, n_neighbours=5, n_restarts=2)
    assert found.labels.shape == (n_points,)
    np.testing.assert_array_equal(np.unique(found.labels), np.arange(n_groups))
    assert np.isfinite(found.modularity)


@pytest.mark.parametrize("n_groups", [1, 4, 12])
def test_all_points_alike(n_groups) -> None:
    found = modularity_groups(np.ones((12, 3)), n_groups, np.random.default_rng(0))
    np.testing.assert_array_equal(np.unique(found.labels), np.arange(n_groups))


def test_as_many_groups_as_points(rng) -> None:
    found = modularity_groups(rng.normal(size=(9, 2)), 9, rng)
    np.testing.assert_array_equal(np.sort(found.labels), np.arange(9))


def test_same_generator_same_groups_and_no_global_state(rng) -> None:
    points = rng.normal(size=(80, 3))
    before = np.random.get_state()[1].copy()
    first, again = (modularity_groups(points, 4, np.random.default_rng(3)).labels for _ in range(2))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_digits_are_found_on_raw_pixels() -> None:
    from sklearn.datasets import load_digits

    digits = load_digits()
    found = modularity_groups(digits.data / 16, 10, np.random.default_rng(0))
    assert accuracy(digits.target, found.labels) > 0.85


def test_restarts_agree_on_groups_that_are_there_and_not_on_a_cloud(rng) -> None:
    cloud = rng.normal(size=(300, 5))
    told = modularity_groups(cloud + 20 * (np.arange(300) % 3)[:, None], 3, rng)
    assert told.agreement == 1.0
    assert modularity_groups(cloud, 8, rng).agreement < 0.8


def test_what_restarts_have_in_common_beats_the_best_of_them() -> None:
    from sklearn.datasets import load_digits

    points = load_digits().data / 16
    graph = neighbour_graph(points)
    gains = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        # The same draws as in the call, so that its restarts are these.
        restarts = [_climb(graph, micro_clusters(points, 10, 100, rng), 10, 15, rng) for _ in range(5)]
        found = modularity_groups(points, 10, np.random.default_rng(seed), graph=graph)
        gains.append(found.modularity - max(restart.modularity for restart in restarts))
    assert min(gains) == 0
    assert max(gains) > 0


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 5), st.integers(1, 40))
def test_core_groups_are_together_in_every_grouping_that_is_taken(seed, n_groupings, k, most) -> None:
    rng = np.random.default_rng(seed)
    found = [GraphGroups(rng.integers(0, k, 25), 0.0) for _ in range(n_groupings)]
    cores = core_groups(found, most)
    np.testing.assert_array_equal(np.unique(cores), np.arange(cores.max() + 1))
    together = cores[:, None] == cores
    first = found[0].labels[:, None] == found[0].labels
    assert not (together & ~first).any()
    assert cores.max() < max(most, len(np.unique(found[0].labels)))
    if most == 40:
        every = np.logical_and.reduce([g.labels[:, None] == g.labels for g in found])
        np.testing.assert_array_equal(together, every)


def test_one_restart_has_none_to_disagree_with(rng) -> None:
    assert modularity_groups(rng.normal(size=(50, 3)), 4, rng, n_restarts=1).agreement == 1.0
