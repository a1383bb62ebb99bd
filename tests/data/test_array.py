from __future__ import annotations

import numpy as np
import pytest

from mixtura.data import read


def names_of(table):
    return [finding.name for finding in table.findings]


@pytest.mark.parametrize(
    ("shape", "image_shape"),
    [
        ((5, 4, 3), (4, 3)),
        ((5, 4, 6, 1), (4, 6)),
        ((5, 4, 6, 3), (4, 6, 3)),
        ((5, 4, 6, 4), (4, 6, 4)),
        ((5, 4, 6, 2), (4, 6, 2)),
    ],
)
def test_shapes_of_images(rng, shape, image_shape):
    values = rng.integers(0, 256, shape).astype(np.uint8)
    table = read(values)
    assert table.image_shape == image_shape
    assert table.values.dtype == np.uint8
    np.testing.assert_array_equal(table.values, values.reshape(5, -1))
    assert [(column.name, column.kind) for column in table.columns] == [("image", "image")]
    assert table.findings == ()


@pytest.mark.parametrize("channels", [1, 3])
def test_channels_that_come_first_are_moved_and_that_is_said(rng, channels):
    values = rng.random((5, channels, 7, 6))
    table = read(values)
    assert table.image_shape == ((7, 6) if channels == 1 else (7, 6, 3))
    np.testing.assert_array_equal(table.values, np.moveaxis(values, 1, 3).reshape(5, -1))
    assert names_of(table) == ["channels-moved"]
    assert table.values.flags["C_CONTIGUOUS"]


def test_an_axis_that_is_no_channel(refuses):
    with refuses("(2, 8, 8, 8)", "channels", "reshape(len(X), -1)"):
        read(np.zeros((2, 8, 8, 8)))


def test_a_place_in_an_image(refuses):
    values = np.zeros((3, 4, 5))
    values[2, 1, 3] = np.nan
    with refuses("1 missing", "image 2, pixel (1, 3)"):
        read(values)


def test_uint8_is_not_copied(rng):
    values = rng.integers(0, 256, (10, 4, 5)).astype(np.uint8)
    assert np.shares_memory(read(values).values, values)


def test_columns_by_their_made_up_names(refuses):
    values = np.array([[0.5, 3.0, 1.0], [0.25, 4.0, 0.0]])
    table = read(values, labels="column_1", drop="column_2")
    assert table.names == ("column_0",)
    assert table.labels.tolist() == [3.0, 4.0]
    with refuses("no column 'column_9'", "'column_0'"):
        read(values, drop=["column_9"])
    with refuses("no columns left"):
        read(values, drop=["column_0", "column_1", "column_2"])


def test_kinds_by_dtype():
    assert [column.kind for column in read(np.array([[0, 5, -1], [1, 2, 3]])).columns] == [
        "binary",
        "count",
        "continuous",
    ]
    assert [column.kind for column in read(np.array([[0.0, 5.0], [1.0, 2.0]])).columns] == [
        "binary",
        "continuous",
    ]
    assert [column.kind for column in read(np.array([[True], [False]])).columns] == ["binary"]


def test_rows_that_look_like_flat_pictures_are_said(rng):
    pictures = rng.integers(0, 17, (20, 64))
    assert names_of(read(pictures)) == ["flat-pictures"]
    assert "(n, 8, 8)" in read(pictures.astype(float)).findings[0].remedy
    for other in (pictures + 0.5, pictures - 1, pictures[:, :63], pictures * 100, pictures % 2):
        assert names_of(read(other)) == []
