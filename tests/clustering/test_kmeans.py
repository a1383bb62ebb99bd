from __future__ import annotations

import numpy as np
import pytest

from mixtura.clustering import accuracy, kmeans_groups

TRUTH = np.repeat([0, 1, 2], [50, 30, 20])


def blobs(rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=(100, 2)) + 15 * np.array([[0, 0], [1, 0], [0, 1]])[TRUTH]


@pytest.mark.parametrize("max_rows", [1000, 40])
def test_finds_what_is_apart(max_rows, rng) -> None:
    groups = kmeans_groups(blobs(rng), 3, np.random.default_rng(0), max_rows=max_rows)
    assert groups.dtype == np.int64
    assert accuracy(TRUTH, groups) == 1


def test_restarts_do_not_raise_the_inertia(rng) -> None:
    points = rng.normal(size=(200, 4))

    def inertia(n_restarts: int, seed: int) -> float:
        groups = kmeans_groups(points, 8, np.random.default_rng(seed), n_restarts=n_restarts)
        return sum(((points[groups == k] - points[groups == k].mean(0)) ** 2).sum() for k in range(8))

    assert np.mean([inertia(20, s) for s in range(5)]) < np.mean([inertia(1, s) for s in range(5)])


def test_same_generator_same_groups_and_no_global_state(rng) -> None:
    points = rng.normal(size=(60, 2))
    before = np.random.get_state()[1].copy()
    first, again = (kmeans_groups(points, 5, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


@pytest.mark.parametrize("n_groups", [1, 2, 4])
@pytest.mark.parametrize("max_rows", [100, 5])
def test_fewer_distinct_points_than_groups_is_an_answer(n_groups, max_rows) -> None:
    groups = kmeans_groups(np.ones((8, 2)), n_groups, np.random.default_rng(0), max_rows=max_rows)
    assert set(groups) == {groups[0]}


def test_as_many_groups_as_points(rng) -> None:
    assert set(kmeans_groups(rng.normal(size=(6, 2)), 6, rng)) == set(range(6))
