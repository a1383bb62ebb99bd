from __future__ import annotations

import numpy as np
import pytest

from mixtura.clustering import accuracy
from mixtura.errors import InputError
from mixtura.vae.training import groups
from mixtura.vae.training.groups import METHODS, choose, find_groups

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


def moons(rng: np.random.Generator, n: int = 600) -> tuple[np.ndarray, np.ndarray]:
    truth = np.arange(n) % 2
    angle = np.pi * rng.random(n)
    side = 1 - 2 * truth
    points = np.stack([side * np.cos(angle) + truth, side * np.sin(angle) + 0.5 * truth], axis=1)
    return (points + 0.06 * rng.normal(size=(n, 2))).astype(np.float32), truth


def test_rows_of_blobs_that_overlap_are_left_to_gaussians() -> None:
    """Two groups of the same place and different spread: no edge of a graph tells them apart."""
    rng = np.random.default_rng(0)
    truth = (np.arange(900) % 3 == 0).astype(int)
    points = (np.where(truth, 4.0, 0.5)[:, None] * rng.normal(size=(900, 6))).astype(np.float32)
    found = choose(points, 2, rng)
    assert "groups by EM" in found.message
    assert accuracy(truth, found.labels) > 0.95
    assert found.probabilities is not None
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1.0)


def test_rows_of_curved_groups_are_left_to_the_graph() -> None:
    rng = np.random.default_rng(1)
    points, truth = moons(rng)
    found = choose(points, 2, rng)
    assert "groups by average linkage on a neighbour graph" in found.message
    assert accuracy(truth, found.labels) > 0.99
    assert found.evidence is not None
    assert found.probabilities is None


def test_rows_of_groups_of_unequal_size_are_not_cut_up() -> None:
    rng = np.random.default_rng(2)
    truth = np.repeat([0, 1, 2], [520, 60, 20])
    corners = 9 * np.array([[0, 0], [1, 0], [0, 1]])[truth]
    found = choose((rng.normal(size=(600, 2)) + corners).astype(np.float32), 3, rng)
    assert accuracy(truth, found.labels) > 0.99


def test_methods_that_fail_are_left_out(monkeypatch) -> None:
    def fails(points, n_groups, generator):
        raise InputError("no")

    monkeypatch.setitem(METHODS, "full", fails)
    monkeypatch.setitem(METHODS, "diag", fails)
    found = choose(blobs(), 3, np.random.default_rng(0))
    assert accuracy(TRUTH, found.labels) == 1
    assert groups._stability(blobs(), 3, fails, np.random.default_rng(0)) == 0.0


def test_stability_is_one_where_groups_are_plain_and_low_where_they_are_not() -> None:
    rng = np.random.default_rng(3)
    assert groups._stability(blobs(), 3, METHODS["kmeans"], rng) == pytest.approx(1.0)
    noise = rng.normal(size=(120, 8)).astype(np.float32)
    assert groups._stability(noise, 3, METHODS["kmeans"], rng) < 0.7


def test_the_agreement_of_restarts_is_told_where_they_were_compared() -> None:
    assert find_groups(blobs(), 3, "graph", np.random.default_rng(0)).agreement == 1.0
    assert find_groups(blobs(), 3, "kmeans", np.random.default_rng(0)).agreement is None
    cloud = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)
    found = find_groups(cloud, 6, "graph", np.random.default_rng(0))
    assert found.agreement is not None
    assert found.agreement < 0.8


def test_the_agreement_of_random_parts_is_told_where_they_were_compared(monkeypatch) -> None:
    monkeypatch.setattr(groups, "_CLEAR_SHARE", 0.0)
    monkeypatch.setattr(groups, "_OPEN_SHARE", np.inf)
    monkeypatch.setattr(groups, "_stability", lambda rows, n_groups, method, generator: 0.3)
    overlapping = blobs() + 8 * np.random.default_rng(1).normal(size=(120, 2)).astype(np.float32)
    found = choose(overlapping, 3, np.random.default_rng(0))
    assert "found again with ARI 0.30 and 0.30" in found.message
    assert found.agreement == 0.3
