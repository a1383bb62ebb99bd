from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from mixtura.clustering import nearest


@pytest.mark.parametrize("d", [1, 2, 10, 11, 40])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_nearest_are_those_of_all_distances(d, dtype, rng) -> None:
    points, queries = rng.normal(size=(80, d)).astype(dtype), rng.normal(size=(30, d)).astype(dtype)
    expected = np.argsort(cdist(queries, points), axis=1)[:, :4]
    np.testing.assert_array_equal(nearest(points, queries, 4), expected)


@pytest.mark.parametrize("d", [2, 12])
def test_blocks_change_nothing(d, rng, monkeypatch) -> None:
    points = rng.normal(size=(50, d))
    whole = nearest(points, points, 5)
    module = import_module("mixtura.clustering.neighbours")
    monkeypatch.setattr(module, "_TREE_ROWS", 7)
    monkeypatch.setattr(module, "_BRUTE_VALUES", 1)
    np.testing.assert_array_equal(nearest(points, points, 5), whole)
    assert nearest(points, points[:0], 5).shape == (0, 5)


@pytest.mark.parametrize("d", [2, 12, 20, 25])
def test_with_a_tolerance_none_is_much_farther_than_the_nearest(d, rng) -> None:
    points, queries = rng.normal(size=(400, d)), rng.normal(size=(50, d))
    distances = cdist(queries, points)
    found = np.take_along_axis(distances, nearest(points, queries, 6, tolerance=1.0), axis=1)
    assert (found <= 2.0 * np.sort(distances, axis=1)[:, :6]).all()
    assert (np.diff(found, axis=1) >= 0).all()
