from __future__ import annotations

import numpy as np
import pytest

from mixtura.clustering import accuracy
from mixtura.em.gaussian import COVARIANCE_TYPES
from mixtura.em.groups import gaussian_groups


@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
def test_groups_that_are_there_are_found(kind: str, rng: np.random.Generator) -> None:
    truth = np.repeat([0, 1, 2], [200, 60, 40])
    points = 1e6 + rng.normal(size=(300, 4)) + 9 * np.eye(4)[truth]
    assert accuracy(truth, gaussian_groups(points, 3, kind, rng)) == 1
    assert accuracy(truth, gaussian_groups(points, 3, kind, rng, max_rows=150)) == 1


def test_spread_alone_tells_groups_apart(rng: np.random.Generator) -> None:
    truth = np.arange(600) % 2
    points = np.where(truth, 5.0, 0.5)[:, None] * rng.normal(size=(600, 5))
    assert accuracy(truth, gaussian_groups(points, 2, "diag", rng)) > 0.97


@pytest.mark.parametrize("points", [np.ones((9, 2)), np.arange(3.0)[:, None]], ids=["alike", "n = K"])
@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
def test_hardly_any_data_has_groups_too(kind: str, points: np.ndarray, rng: np.random.Generator) -> None:
    labels = gaussian_groups(points, 3, kind, rng)
    assert labels.shape == (len(points),)
    assert set(labels.tolist()) <= {0, 1, 2}


def test_same_generator_same_groups() -> None:
    points = np.random.default_rng(1).normal(size=(90, 3))
    first, again = (gaussian_groups(points, 4, "full", np.random.default_rng(2)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
