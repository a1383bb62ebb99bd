from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from mixtura.clustering import accuracy
from mixtura.errors import InputError
from mixtura.vae.training import choice
from mixtura.vae.training.choice import choose, stability
from mixtura.vae.training.methods import METHODS

TRUTH = np.repeat([0, 1, 2], 40)


def blobs(seed: int = 0) -> np.ndarray:
    corners = 12 * np.array([[0, 0], [1, 0], [0, 1]])[TRUTH]
    return (np.random.default_rng(seed).normal(size=(120, 2)) + corners).astype(np.float32)


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


@pytest.mark.parametrize("seed", range(3))
def test_rows_of_curved_groups_are_left_to_the_graph(seed) -> None:
    rng = np.random.default_rng(seed)
    points, truth = moons(rng)
    found = choose(points, 2, rng)
    assert "2 groups by average linkage on a neighbour graph" in found.message
    assert accuracy(truth, found.labels) > 0.99


def test_rows_of_groups_of_unequal_size_are_not_cut_up() -> None:
    rng = np.random.default_rng(2)
    truth = np.repeat([0, 1, 2], [520, 60, 20])
    corners = 9 * np.array([[0, 0], [1, 0], [0, 1]])[truth]
    found = choose((rng.normal(size=(600, 2)) + corners).astype(np.float32), 3, rng)
    assert accuracy(truth, found.labels) > 0.99


def test_a_few_rows_cut_off_tell_little() -> None:
    """Linkage leaves nothing unsaid where it cuts two far rows off a cloud; that is not what is asked for."""
    rng = np.random.default_rng(3)
    truth = np.arange(400) % 2
    points = rng.normal(size=(400, 4)) + 3.5 * truth[:, None] * np.eye(4)[0]
    points[:2] += 12
    found = choose(points.astype(np.float32), 2, rng)
    assert accuracy(truth, found.labels) > 0.9


def test_methods_that_fail_are_left_out(monkeypatch) -> None:
    def fails(points, n_groups, generator):
        raise InputError("no")

    def fails_too(points, n_groups, name, generator):
        raise InputError("no")

    monkeypatch.setattr(choice, "gaussian_groups", fails_too)
    found = choose(blobs(), 3, np.random.default_rng(0))
    assert accuracy(TRUTH, found.labels) == 1
    assert stability(blobs(), 3, fails, np.random.default_rng(0)) == 0.0


def test_stability_is_one_where_groups_are_plain_and_low_where_they_are_not() -> None:
    rng = np.random.default_rng(3)
    assert stability(blobs(), 3, METHODS["kmeans"], rng) == pytest.approx(1.0)
    noise = rng.normal(size=(120, 8)).astype(np.float32)
    assert stability(noise, 3, METHODS["kmeans"], rng) < 0.7


def rivals(monkeypatch, unsaid: dict[str, float], steady: dict[str, float]) -> str:
    """Return the message where so much is unsaid of each method's groups, and they are so stable."""
    cloud = np.random.default_rng(1).normal(size=(60, 2)).astype(np.float32)
    monkeypatch.setattr(choice, "METHODS", {name: name for name in METHODS})
    monkeypatch.setattr(choice, "stability", lambda rows, n_groups, name, generator: steady[name])
    told = iter(1 - unsaid[name] for name in ("kmeans", "diag", "full", "graph", "linkage"))
    monkeypatch.setattr(choice, "_told", lambda graph, labels, n_groups: next(told))
    labels = np.arange(60) % 3
    criteria = {"kmeans": 0.0, "diag": 2.0, "full": 1.0}
    monkeypatch.setattr(choice, "_by_gaussians", lambda *_: (dict.fromkeys(criteria, labels), criteria))
    return choose(cloud, 3, np.random.default_rng(0)).message


MIDDLING = {"kmeans": 0.5, "diag": 0.5, "full": 0.5, "graph": 0.5, "linkage": 0.5}


@pytest.mark.parametrize(
    ("unsaid", "steady", "taken"),
    [
        ({}, {}, "EM with diagonal"),
        ({"full": 0.1}, {"full": 1.0}, "EM with diagonal"),
        ({"graph": 0.30}, {}, "the modularity"),
        ({"graph": 0.30}, {"graph": 0.41}, "the modularity"),
        ({"graph": 0.30}, {"graph": 0.39}, "EM with diagonal"),
        ({"graph": 0.32}, {}, "EM with diagonal"),
        ({"kmeans": 0.27}, {}, "k-means"),
        ({"kmeans": 0.28}, {}, "EM with diagonal"),
        ({"graph": 0.39}, {"graph": 0.61}, "the modularity"),
        ({"graph": 0.41}, {"graph": 1.0}, "EM with diagonal"),
        ({"graph": 0.27, "linkage": 0.2}, {}, "average linkage"),
        ({"graph": 0.27, "linkage": 0.2}, {"linkage": 0.1}, "EM with diagonal"),
        ({"kmeans": 0.2, "linkage": 0.1}, {"linkage": 0.1}, "k-means"),
        ({"kmeans": 0.2, "linkage": 0.1}, {}, "average linkage"),
        ({"diag": 0.0, "graph": 0.0}, {}, "EM with diagonal"),
    ],
)
def test_a_rival_is_taken_where_neighbours_tell_more_of_groups_as_stable(
    monkeypatch, unsaid, steady, taken
) -> None:
    message = rivals(monkeypatch, MIDDLING | unsaid, MIDDLING | steady)
    assert message.startswith(f"3 groups by {taken}")


def test_what_was_compared_is_told(monkeypatch) -> None:
    message = rivals(monkeypatch, MIDDLING | {"linkage": 0.1}, MIDDLING)
    assert (
        "of those by average linkage on a neighbour graph neighbours tell 0.900 (found again with ARI 0.50)"
        in message
    )
    assert "of those by k-means neighbours tell 0.500" in message
    assert "\n" not in message


@pytest.mark.parametrize(("cut", "even"), [(50, True), (2, False)])
def test_what_neighbours_tell_is_out_of_log_k(cut, even) -> None:
    """No edge leaves its group in either; of two rows in a hundred there is little to tell."""
    labels = (np.arange(100) < cut).astype(int)
    graph = sparse.csr_array((labels[:, None] == labels[None, :]).astype(float))
    ends = np.bincount(labels, weights=graph.sum(axis=1)) / graph.sum()
    expected = -(ends * np.log(ends)).sum() / np.log(2)
    assert choice._told(graph, labels, 2) == pytest.approx(expected)
    assert (expected == pytest.approx(1.0)) == even
