from __future__ import annotations

import numpy as np
import pytest

from mixtura.clustering import accuracy
from mixtura.vae.training import groups
from mixtura.vae.training.groups import find_groups
from mixtura.vae.training.methods import METHODS

TRUTH = np.repeat([0, 1, 2], 40)


def blobs(seed: int = 0) -> np.ndarray:
    corners = 12 * np.array([[0, 0], [1, 0], [0, 1]])[TRUTH]
    return (np.random.default_rng(seed).normal(size=(120, 2)) + corners).astype(np.float32)


@pytest.mark.parametrize("kind", ["auto", *METHODS])
def test_groups_that_are_there_are_found(kind) -> None:
    found = find_groups(blobs(), 3, kind, np.random.default_rng(0))
    assert accuracy(TRUTH, found.labels) == 1
    assert "3 groups" in found.message
    assert "\n" not in found.message


@pytest.mark.parametrize("kind", ["auto", *METHODS])
def test_one_group_is_every_row(kind) -> None:
    np.testing.assert_array_equal(
        find_groups(blobs(), 1, kind, np.random.default_rng(0)).labels, np.zeros(120)
    )


def test_rows_beyond_the_graph_join_their_nearest(monkeypatch) -> None:
    monkeypatch.setattr(groups, "MAX_GRAPH_ROWS", 60)
    found = find_groups(blobs(), 3, "graph", np.random.default_rng(0))
    assert found.labels.shape == (120,)
    assert accuracy(TRUTH, found.labels) == 1


@pytest.mark.parametrize("kind", ["auto", *METHODS])
@pytest.mark.parametrize("points", [np.ones((9, 2)), np.arange(3.0)[:, None]], ids=["alike", "n = K"])
def test_hardly_any_data_has_groups_too(points, kind) -> None:
    found = find_groups(points.astype(np.float32), 3, kind, np.random.default_rng(0))
    assert found.labels.shape == (len(points),)
    assert found.labels.min() >= 0
    assert found.labels.max() < 3


def test_same_generator_same_groups() -> None:
    points = np.random.default_rng(1).normal(size=(90, 3)).astype(np.float32)
    first, again = (find_groups(points, 4, "auto", np.random.default_rng(2)).labels for _ in range(2))
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("kind", ["auto", *METHODS])
def test_groups_of_rows_are_found_whatever_the_units_and_the_rounding(kind) -> None:
    rows = np.column_stack([1000 * np.round(blobs()), np.arange(120) % 2]).astype(np.float32)
    found = find_groups(rows, 3, kind, np.random.default_rng(0), on_rows=True)
    assert accuracy(TRUTH, found.labels) > 0.97
    assert found.evidence is not None
    assert found.evidence.better


@pytest.mark.parametrize("kind", ["auto", "diag", "full", "linkage"])
def test_the_levels_of_a_column_are_no_groups(kind) -> None:
    """A density and neighbours alike see nothing but the column of two values, unless its ties are spread."""
    rng = np.random.default_rng(4)
    truth = np.arange(600) % 2
    rows = np.column_stack([3.0 * truth[:, None] + rng.normal(size=(600, 3)), rng.integers(0, 2, (600, 2))])
    found = find_groups(rows.astype(np.float32), 2, kind, rng, on_rows=True)
    assert accuracy(truth, found.labels) > 0.95


def test_few_far_rows_are_no_group() -> None:
    rng = np.random.default_rng(5)
    truth = np.arange(900) % 3
    rows = rng.normal(size=(900, 3)) + 5 * np.eye(3)[truth]
    rows[rng.choice(900, 9, replace=False)] *= 8
    found = find_groups(rows.astype(np.float32), 3, "auto", rng, on_rows=True)
    assert accuracy(truth, found.labels) > 0.95


def test_probabilities_are_of_groups_of_rows_that_overlap() -> None:
    rng = np.random.default_rng(0)
    truth = (np.arange(900) % 3 == 0).astype(int)
    rows = (np.where(truth, 4.0, 0.5)[:, None] * rng.normal(size=(900, 6))).astype(np.float32)
    found = find_groups(rows, 2, "auto", rng, on_rows=True)
    assert accuracy(truth, found.labels) > 0.95
    assert found.probabilities is not None
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1.0)
    assert find_groups(rows, 2, "auto", rng).probabilities is None


def test_the_agreement_of_restarts_is_told_where_they_were_compared() -> None:
    assert find_groups(blobs(), 3, "graph", np.random.default_rng(0)).agreement == 1.0
    assert find_groups(blobs(), 3, "kmeans", np.random.default_rng(0)).agreement is None
    cloud = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)
    found = find_groups(cloud, 6, "graph", np.random.default_rng(0))
    assert found.agreement is not None
    assert found.agreement < 0.8
