from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from mixtura.cli.mixture_family import chosen_families
from mixtura.data import RawTable
from mixtura.errors import InputError

TABLE = RawTable(pa.table({"a": [1.5, 2.5, None], "b": ["x", None, "y"], "c": [3, 40, 5]}), source="'t'")


def test_what_is_asked_for_is_done() -> None:
    assert chosen_families(TABLE, "mixed", ["c=gaussian"]) == (
        "mixed",
        ("gaussian", "categorical", "gaussian"),
        (),
    )
    assert chosen_families(TABLE, "auto", ["c=bernoulli"])[1][2] == "bernoulli"
    assert chosen_families(TABLE, "poisson", []) == ("poisson", ("poisson",) * 3, ())


@pytest.mark.parametrize("word", ["a", "a=", "=gaussian", "a=mixed", "d=poisson", ""])
def test_what_is_no_column_and_family(word: str) -> None:
    with pytest.raises(InputError, match=r"NAME=FAMILY|no column"):
        chosen_families(TABLE, "auto", [word])


def test_what_does_not_go_together() -> None:
    with pytest.raises(InputError, match="use mixed"):
        chosen_families(TABLE, "gaussian", ["a=poisson"])
    with pytest.raises(InputError, match="images"):
        chosen_families(RawTable(np.eye(4), image_shape=(2, 2)), "mixed", [])


def test_pictures_are_gaussian_unless_black_and_white() -> None:
    pictures = np.eye(4)
    assert chosen_families(RawTable(pictures, image_shape=(2, 2)), "auto", [])[0] == "bernoulli"
    pictures[0, 0] = 0.5
    assert chosen_families(RawTable(pictures, image_shape=(2, 2)), "auto", [])[0] == "gaussian"
    assert chosen_families(RawTable(pictures), "auto", [])[0] == "mixed"


def test_names_of_rows_are_told_from_categories() -> None:
    names = RawTable(pa.table({"id": [f"id {i}" for i in range(20)], "kind": ["x", "y"] * 10}))
    _, _, findings = chosen_families(names, "categorical", [])
    assert [finding.name for finding in findings] == ["categories-of-one"]
    assert "'id'" in findings[0].seen and "'kind'" not in findings[0].seen
