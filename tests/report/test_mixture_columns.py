from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import mixtura
from mixtura.report.mixture_columns import as_codes, columns_of, drawn, drawn_codes

TABLE = pa.table(
    {
        "text": ["x", "y", None, "y", "x", "y"],
        "size": [1.0, None, 1.2, 5.0, 5.2, 4.9],
        "truth": [True, True, None, False, False, False],
        "number": [3, 3, 7, 7, 7, None],
    }
)
FAMILIES = ["categorical", "gaussian", "bernoulli", "categorical"]


@pytest.fixture(scope="module")
def model() -> mixtura.MixedMixture:
    return mixtura.MixedMixture(2, families=FAMILIES, random_state=0).fit(TABLE)


def test_columns_are_in_the_order_of_the_table(model: mixtura.MixedMixture) -> None:
    columns = columns_of(model)
    assert [column.family for column in columns] == FAMILIES
    np.testing.assert_array_equal(columns[1].centres, model.means_[:, 0])
    np.testing.assert_array_equal(columns[2].centres, model.probabilities_[:, 0])
    np.testing.assert_array_equal(columns[3].shares, model.category_probabilities_[1])
    assert columns[3].categories is not None and columns[3].categories.tolist() == [3, 7]


def test_rows_as_codes(model: mixtura.MixedMixture) -> None:
    codes = as_codes(TABLE, columns_of(model))
    nan = np.nan
    expected = [
        [0, 1, nan, 1, 0, 1],
        [1.0, nan, 1.2, 5.0, 5.2, 4.9],
        [1, 1, nan, 0, 0, 0],
        [0, 0, 1, 1, 1, nan],
    ]
    np.testing.assert_array_equal(codes.T, expected)
    unknown = TABLE.set_column(0, "text", pa.array(["z"] * 6))
    assert np.isnan(as_codes(unknown, columns_of(model))[:, 0]).all()


def test_draws_come_from_one_group_and_change_nothing(model: mixtura.MixedMixture) -> None:
    columns, before = columns_of(model), model.weights_.copy()
    for group in range(2):
        rows, groups = drawn(model, 200, group, seed=1)
        codes = drawn_codes(rows, columns)
        assert (groups == group).all() and not np.isnan(codes).any()
        assert abs(codes[:, 1].mean() - columns[1].centres[group]) < 0.5
        assert abs((codes[:, 0] == 1).mean() - columns[0].shares[group, 1]) < 0.15  # type: ignore[index]
    np.testing.assert_array_equal(model.weights_, before)
    again, same = drawn(model, 30, None, seed=4), drawn(model, 30, None, seed=4)
    assert (again[0] == same[0]).all() and (again[1] == same[1]).all()
    assert len(np.unique(again[1])) == 2


def test_arrays_of_numbers_are_their_own_codes() -> None:
    values = np.array([[1.0, np.nan], [2.0, 4.0], [9.0, 8.0]])
    model = mixtura.PoissonMixture(2, random_state=0).fit(values)
    np.testing.assert_array_equal(as_codes(values, columns_of(model)), values)
    categories = mixtura.CategoricalMixture(1, random_state=0).fit(values)
    codes = as_codes(values, columns_of(categories))
    np.testing.assert_array_equal(codes, [[0, np.nan], [1, 0], [2, 1]])
