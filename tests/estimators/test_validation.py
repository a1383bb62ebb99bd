from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array

from mixtura import (
    BernoulliMixture,
    CategoricalMixture,
    GaussianMixture,
    MixedMixture,
    PoissonMixture,
)
from mixtura.errors import InputError

MIXTURES = [BernoulliMixture, CategoricalMixture, GaussianMixture, MixedMixture, PoissonMixture]
BITS = np.tile([[0.0, 1.0], [1.0, 0.0]], (10, 1))


def with_entry(value: float) -> np.ndarray:
    rows = BITS.copy()
    rows[3, 1] = value
    return rows


BAD: dict[str, tuple[Any, str]] = {
    "no rows": (BITS[:0], "0 sample"),
    "no columns": (BITS[:, :0], r"0 feature\(s\) \(shape=\(20, 0\)\) while a minimum of 1 is required"),
    "one dimension": (BITS[:, 0], r"Expected 2D array, got 1D array instead\. Reshape your data"),
    "three dimensions": (BITS[None], "Found array with dim 3"),
    "complex": (BITS + 1j, "^Complex data not supported; give the real and the imaginary part as columns"),
    "infinite": (with_entry(np.inf), r"infinity.*: column 1 \(from 0\), row 3 \(from 0\) is infinite; mend"),
    "minus infinity": (with_entry(-np.inf), r"column 1 \(from 0\), row 3 \(from 0\)"),
    "in a frame": (pd.DataFrame(with_entry(np.inf), columns=["a", "b"]), r"column 'b', row 3 \(from 0\)"),
}


@pytest.mark.parametrize("kind", MIXTURES)
@pytest.mark.parametrize("case", BAD)
def test_what_is_no_table_is_refused_in_one_line(kind: Any, case: str) -> None:
    X, words = BAD[case]
    fitted_to = pd.DataFrame(BITS, columns=["a", "b"]) if isinstance(X, pd.DataFrame) else BITS
    for method in (kind(2).fit, kind(2, random_state=0).fit(fitted_to).predict):
        with pytest.raises(InputError, match=words) as caught:
            method(X)
        assert "\n" not in str(caught.value) and "array=" not in str(caught.value)


@pytest.mark.parametrize("kind", MIXTURES)
@pytest.mark.parametrize("weight", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_refused_in_one_line(kind: Any, weight: float) -> None:
    weights = np.ones(20)
    weights[7] = weight
    with pytest.raises(InputError, match=r"^Input sample_weight contains .*; give every row a finite number"):
        kind(2).fit(BITS, sample_weight=weights)


@pytest.mark.parametrize("kind", [BernoulliMixture, GaussianMixture, PoissonMixture])
def test_text_is_refused_with_a_mixture_that_takes_it(kind: Any) -> None:
    for X in (np.array([["a"], ["b"], ["a"]]), np.array([["a"], [1.0], [2.0]], dtype=object)):
        with pytest.raises(InputError, match=r"; give numbers, or take CategoricalMixture"):
            kind(2).fit(X)


@pytest.mark.parametrize("kind", MIXTURES)
def test_names_that_changed_are_told_on_one_line(kind: Any) -> None:
    fitted = kind(2, random_state=0).fit(pd.DataFrame(BITS, columns=["a", "b"]))
    with pytest.raises(InputError, match=r"^The feature names should match .* - c .* - b") as caught:
        fitted.predict(pd.DataFrame(BITS, columns=["a", "c"]))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", MIXTURES)
def test_sparse_rows_are_refused_with_the_mend(kind: Any) -> None:
    with pytest.raises(TypeError, match=r"dense data is required.*toarray"):
        kind(2).fit(csr_array(BITS))


def test_a_part_of_a_start_that_is_no_number_is_refused() -> None:
    with pytest.raises(InputError, match="means contains NaN"):
        GaussianMixture(2, means_init=[[0.0, np.nan], [1.0, 1.0]]).fit(BITS)
