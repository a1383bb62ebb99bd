from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from mixtura.cli.mixtures import FAMILIES, mixture_class, read_mixture_rows, rows_for
from mixtura.data import read_raw
from mixtura.errors import InputError

NUMBERS, BITS, TEXT = [1.5, 2.5, None, 4.0], [0, 1, None, 1], ["x", None, "y", "x"]


def file_of(folder: Path, **columns: Any) -> str:
    parquet.write_table(pa.table(columns), folder / "t.parquet")
    return str(folder / "t.parquet")


@pytest.mark.parametrize(
    ("columns", "family"),
    [
        ({"a": NUMBERS, "b": [1, 2, 3, 4]}, "gaussian"),
        ({"a": BITS, "b": [True, False, True, True]}, "bernoulli"),
        ({"a": TEXT, "b": ["p", "q", "p", "q"]}, "categorical"),
        ({"a": NUMBERS, "b": TEXT}, "mixed"),
        ({"a": NUMBERS, "b": BITS}, "mixed"),
    ],
)
def test_the_family_is_inferred_and_said(tmp_path: Path, columns: dict[str, Any], family: str) -> None:
    rows = read_mixture_rows(file_of(tmp_path, **columns))
    assert rows.family == family
    assert [finding.name for finding in rows.findings] == ["family-inferred"]
    assert rows.estimator(n_components=2).n_components == 2
    assert type(rows.estimator()) is mixture_class(family)


def test_families_of_columns(tmp_path: Path) -> None:
    file = file_of(tmp_path, a=NUMBERS, b=BITS, c=TEXT, d=[1, 2, 3, 4])
    rows = read_mixture_rows(file, columns_as=["d=poisson", "b=categorical"])
    assert rows.column_families == ("gaussian", "categorical", "categorical", "poisson")
    assert rows.estimator().families == list(rows.column_families)
    mixed = read_mixture_rows(file, family="mixed")
    assert mixed.column_families == ("gaussian", "bernoulli", "categorical", "poisson")
    assert [finding.name for finding in mixed.findings] == ["whole-numbers"]
    ages = read_mixture_rows(file_of(tmp_path, a=TEXT * 9, d=list(range(20, 56))))
    assert ages.column_families == ("categorical", "gaussian")
    assert "as they spread more" in ages.findings[1].seen


def test_gaps_stay_and_names_stay(tmp_path: Path) -> None:
    rows = read_mixture_rows(file_of(tmp_path, a=NUMBERS, b=[1, None, 3, 4]))
    np.testing.assert_array_equal(
        np.column_stack([column.to_numpy() for column in rows.rows.columns]),
        [[1.5, 1.0], [2.5, np.nan], [np.nan, 3.0], [4.0, 4.0]],
    )
    assert rows.rows.column_names == ["a", "b"]


def test_arrays_stay_arrays(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([[1.5, np.nan], [2.5, 3.5]]))
    rows = read_mixture_rows(str(tmp_path / "x.npy"))
    assert isinstance(rows.rows, np.ndarray) and np.isnan(rows.rows).sum() == 1
    weighted = read_mixture_rows(str(tmp_path / "x.npy"), weights="column_0")
    assert weighted.weights is not None and weighted.weights.tolist() == [1.5, 2.5]
    assert weighted.table.names == ("column_1",)


def test_text_where_numbers_are_wanted(tmp_path: Path) -> None:
    table = read_raw(file_of(tmp_path, a=NUMBERS, b=TEXT))
    with pytest.raises(InputError, match="'b' holds text, and the poisson family takes numbers"):
        rows_for(table, ("gaussian", "poisson"))
    with pytest.raises(InputError, match="'b' holds text, and so it is"):
        rows_for(table, ("gaussian", "poisson"), "so it is")


def test_every_family_has_a_class() -> None:
    assert {mixture_class(family).__name__ for family in FAMILIES} == {
        *("GaussianMixture", "BernoulliMixture", "CategoricalMixture", "PoissonMixture", "MixedMixture")
    }
