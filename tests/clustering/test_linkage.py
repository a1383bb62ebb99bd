from __future__ import annotations

import numpy as np
import pytest

from mixtura.clustering import accuracy, linkage_groups, modularity_groups


def rings(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    truth = np.arange(600) % 2
    angle = 2 * np.pi * rng.random(600)
    points = (1 + 2 * truth)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return points + 0.1 * rng.normal(size=(600, 2)), truth


def test_rings_in_one_another_come_apart(rng) -> None:
    points, truth = rings(rng)
    assert accuracy(truth, linkage_groups(points, 2, rng)) > 0.99
    assert accuracy(truth, modularity_groups(points, 2, rng).labels) < 0.9  # it wants two equal halves


def test_a_small_group_is_not_given_up_to_halve_a_large_one(rng) -> None:
    truth = np.repeat([0, 1, 2], [900, 60, 40])
    points = rng.normal(size=(1000, 2)) + 8 * np.array([[0, 0], [1, 0], [0, 1]])[truth]
    assert accuracy(truth, linkage_groups(points, 3, rng)) > 0.99


@pytest.mark.parametrize("n_groups", [1, 2, 7, 30])
def test_every_group_has_a_point(n_groups, rng) -> None:
    labels = linkage_groups(rng.normal(size=(30, 3)), n_groups, rng)
    assert labels.shape == (30,)
    assert np.bincount(labels, minlength=n_groups).min() >= 1
    assert labels.max() == n_groups - 1


def test_duplicates_have_groups_too(rng) -> None:
    labels = linkage_groups(np.ones((9, 2)), 3, rng)
    assert sorted(np.unique(labels)) == [0, 1, 2]


def test_same_generator_same_groups() -> None:
    points = np.random.default_rng(1).normal(size=(90, 3))
    first, again = (linkage_groups(points, 4, np.random.default_rng(2)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
