from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from mixtura.clustering import group_log_density, group_probabilities


def test_it_is_the_held_out_density_of_the_two_halves(rng) -> None:
    """With many points the shrinkage and the ridge weigh nothing, and scipy gives the same."""
    labels = np.repeat([0, 1], [6_000, 2_000])
    points = rng.normal(size=(8_000, 3)) * np.where(labels, 0.5, 2.0)[:, None] + 3 * labels[:, None]
    exact = np.log(
        0.75 * stats.multivariate_normal(np.zeros(3), 4 * np.eye(3)).pdf(points)
        + 0.25 * stats.multivariate_normal(3 * np.ones(3), 0.25 * np.eye(3)).pdf(points)
    ).mean()
    assert group_log_density(points, labels, rng) == pytest.approx(exact, abs=0.01)


def test_groups_that_are_there_beat_none_and_chance(rng) -> None:
    labels = rng.integers(3, size=300)
    points = rng.normal(size=(300, 2)) + 7 * np.array([[0, 0], [1, 0], [0, 1]])[labels]
    told = group_log_density(points, labels, rng)
    assert told > group_log_density(points, np.zeros(300, dtype=np.int64), rng) + 0.5
    assert told > group_log_density(points, rng.permutation(labels), rng) + 0.5


def test_a_larger_unit_moves_it_by_the_log_determinant(rng) -> None:
    labels, points = rng.integers(2, size=200), rng.normal(size=(200, 4))
    first, scaled = (
        group_log_density(factor * points, labels, np.random.default_rng(0)) for factor in (1.0, 1e6)
    )
    assert scaled == pytest.approx(first - 4 * np.log(1e6), rel=1e-9)


@pytest.mark.parametrize("points", [np.ones((12, 2)), np.repeat(np.eye(3), 4, axis=0)], ids=["alike", "few"])
def test_duplicates_and_groups_of_one_are_finite(points, rng) -> None:
    labels = np.arange(12) % 6
    assert np.isfinite(group_log_density(points, labels, rng))


def test_probabilities_are_those_of_the_moments(rng) -> None:
    """With many points the shrinkage and the ridge weigh nothing, and scipy gives the same."""
    labels = np.repeat([0, 2], [6_000, 2_000])
    points = rng.normal(size=(8_000, 3)) + 2 * (labels[:, None] > 0)
    found = group_probabilities(points, labels)
    assert found.shape == (8_000, 3)
    assert (found[:, 1] == 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
    moments = [(points[labels == k].mean(axis=0), np.cov(points[labels == k].T, bias=True)) for k in (0, 2)]
    joint = np.stack([stats.multivariate_normal(*own).pdf(points) for own in moments], axis=1) * [0.75, 0.25]
    np.testing.assert_allclose(found[:, 0], joint[:, 0] / joint.sum(axis=1), atol=0.01)


def test_probabilities_of_duplicates_are_finite() -> None:
    found = group_probabilities(np.ones((9, 2)), np.arange(9) % 3)
    np.testing.assert_allclose(found, 1 / 3)
