from __future__ import annotations

import numpy as np
import pytest

from mixtura.data.labels import as_labels


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([2, 1], [2, 1]),
        (["a", "b"], ["a", "b"]),
        (np.array(["a", "b"], object), ["a", "b"]),
        (np.array([b"a", b"b"]), ["a", "b"]),
        (np.array([[2], [1]], np.uint8), [2, 1]),
        ([True, False], [True, False]),
        ([1.5, 2.0], [1.5, 2.0]),
        (np.array(["2020-01-01"], "M8[D]"), ["2020-01-01"]),
    ],
)
def test_what_labels_may_be(given, expected):
    labels = as_labels(given, "y")
    assert labels.tolist() == expected
    assert labels.dtype.kind in "biufU"


def test_what_labels_may_not_be(refuses):
    with refuses("labels y", "shape (2, 3)", "argmax"):
        as_labels(np.eye(2, 3), "y")
    with refuses("no value in row 1"):
        as_labels([1.0, np.nan], "y")
    with refuses("neither numbers nor text"):
        as_labels(np.array([1, None], object), "y")
    with refuses("neither numbers nor text"):
        as_labels([1j], "y")
    with refuses("not text"):
        as_labels(np.array([b"\xff"]), "y")
