from __future__ import annotations

import numpy as np
import pytest

from mixtura.data import Column, Table, require_same_columns
from mixtura.data.table import infer_kinds


def table_of(*names):
    return Table(
        np.zeros((2, len(names))), tuple(Column(name, "continuous") for name in names), source="here"
    )


def images_of(*shape):
    return Table(np.zeros((2, int(np.prod(shape))), np.uint8), (Column("image", "image"),), image_shape=shape)


def test_descriptions():
    columns = (Column("a", "continuous"), Column("b", "binary"), Column("c", "count"), Column("d", "count"))
    assert Table(np.zeros((10_992, 4)), columns).describe() == (
        "10,992 rows x 4 columns: 1 continuous, 1 binary, 2 count"
    )
    assert table_of("a").describe() == "2 rows x 1 column: 1 continuous"
    grey = Table(np.array([[0, 255]] * 60_000, np.uint8), (Column("image", "image"),), image_shape=(1, 2))
    assert grey.describe() == "60,000 images of 1 x 2, grey, 0 to 255"
    assert "colour" in images_of(2, 2, 3).describe()
    assert "4 channels" in images_of(2, 2, 4).describe()
    assert repr(table_of("a")) == "Table(2 rows x 1 column: 1 continuous, from here)"


def test_names_of_pixels():
    assert images_of(1, 2).names == ("pixel_0", "pixel_1")
    assert images_of(2, 2, 3).n_features == 12


@pytest.mark.parametrize(
    ("column", "integer", "kind"),
    [
        ([0, 1], True, "binary"),
        ([0, 2], True, "count"),
        ([3, 3], True, "count"),
        ([0, 0], True, "binary"),
        ([-1, 2], True, "continuous"),
        ([0.0, 1.0], False, "binary"),
        ([0.0, 2.0], False, "continuous"),
        ([0.0, 0.5], False, "continuous"),
        ([0.0] * 2000 + [0.5], False, "continuous"),
    ],
)
def test_kinds(column, integer, kind):
    assert infer_kinds(np.array(column)[:, None], np.array([integer])) == (kind,)


def test_select(refuses):
    table = table_of("a", "b", "c")
    table.values[:, 2] = 7
    chosen = table.select(["c", "a"])
    assert chosen.names == ("c", "a")
    assert chosen.values[0].tolist() == [7, 0]
    with refuses("no column 'B'", "did you mean 'b'?", "'a', 'b', 'c'"):
        table.select(["B"])
    with refuses("no columns"):
        images_of(1, 2).select(["pixel_0"])


def test_the_same_columns_pass():
    require_same_columns(table_of("a", "b"), ["a", "b"])
    require_same_columns(table_of("a", "b"), 2)
    require_same_columns(images_of(2, 3), 6, (2, 3))
    require_same_columns(images_of(2, 3), [f"pixel_{i}" for i in range(6)], (2, 3))


def test_names_that_were_made_up_are_only_counted(refuses):
    require_same_columns(table_of("column_0", "column_1"), ["a", "b"])
    require_same_columns(table_of("a", "b"), ["column_0", "column_1"])
    with refuses("3 then, 2 now"):
        require_same_columns(table_of("a", "b"), ["column_0", "column_1", "column_2"])


def test_flat_images_pass():
    require_same_columns(table_of(*"abcdef"), 6, (2, 3))
    require_same_columns(images_of(2, 3), 6)


def test_other_columns(refuses):
    with refuses("other columns", "missing 'b'", "not known 'c'", "(here)"):
        require_same_columns(table_of("a", "c"), ["a", "b"])
    with refuses("other columns", "not known 'label'", "--drop"):
        require_same_columns(table_of("a", "label"), ["a"])
    with refuses("other columns", "missing 'b'", "add"):
        require_same_columns(table_of("a"), ["a", "b"])
    with refuses("another order", "column 0 was 'a' and is 'b'"):
        require_same_columns(table_of("b", "a"), ["a", "b"])
    with refuses("3 then, 2 now"):
        require_same_columns(table_of("a", "b"), 3)
    with refuses("images of 28 x 28 (grey) then", "images of 28 x 28 (colour) now"):
        require_same_columns(images_of(28, 28, 3), 784, (28, 28))
    with refuses("images of 28 x 28 (grey) then", "2 columns now"):
        require_same_columns(table_of("a", "b"), 784, (28, 28))
