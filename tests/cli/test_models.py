from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from mixtura.cli.models import feature_names, model_folder, named_rows
from mixtura.data import Column, Table
from mixtura.errors import InputError


def test_the_model_folder_of_a_run_and_itself(tmp_path: Path) -> None:
    inside = tmp_path / "run" / "model"
    inside.mkdir(parents=True)
    assert model_folder(str(tmp_path / "run")) == inside
    assert model_folder(str(inside)) == inside


@pytest.mark.parametrize("name", ["", "nowhere", __file__])
def test_what_is_no_folder_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="mixtura fit"):
        model_folder(name)


def test_rows_go_in_with_the_names_that_they_have() -> None:
    values = np.arange(6.0).reshape(3, 2)
    named = named_rows(Table(values, (Column("b", "count"), Column("a", "count"))))
    assert named.column_names == ["b", "a"]
    np.testing.assert_array_equal(np.asarray(named), values)
    made_up = Table(values, (Column("column_0", "count"), Column("column_1", "count")))
    assert named_rows(made_up) is values
    images = Table(values, (Column("image", "image"),), image_shape=(1, 2))
    assert named_rows(images) is values


def test_names_of_features() -> None:
    tables = {"image_shape_": None, "n_features_in_": 2}
    assert feature_names(SimpleNamespace(**tables)) == ["column_0", "column_1"]
    named = SimpleNamespace(**tables, feature_names_in_=np.array(["b", "a"], dtype=object))
    assert feature_names(named) == ["b", "a"]
    images = SimpleNamespace(image_shape_=(1, 2), n_features_in_=2)
    assert feature_names(images) == ["pixel_0", "pixel_1"]
