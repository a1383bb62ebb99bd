from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from mixtura import GMVAE
from mixtura.errors import InputError
from mixtura.estimators.mixed_columns import MOST_CATEGORIES, MixedColumns
from mixtura.estimators.tables import read_columns

TABLE = pa.table(
    {
        "size": [1.5, 2.5, 3.5, 2.0],
        "colour": ["red", "blue", "red", "grey"],
        "yes": [True, False, True, True],
        "n": [3, 0, 7, 2],
        "level": [10, 30, 10, 20],
    }
)


def learned(families=None) -> tuple[MixedColumns, GMVAE, list]:
    estimator = GMVAE()
    columns = read_columns(estimator, TABLE, reset=True)
    return MixedColumns.learn(estimator, columns, families), estimator, columns


def test_families_are_inferred_or_named_and_rows_come_back():
    columns, estimator, read = learned({"level": "categorical", "n": "negative_binomial"})
    assert columns.families == ("gaussian", "categorical", "bernoulli", "negative_binomial", "categorical")
    assert [own.tolist() for own in columns.categories] == [["blue", "grey", "red"], [10, 20, 30]]
    codes = columns.codes(estimator, read)
    assert codes.tolist()[1] == [2.5, 0.0, 0.0, 0.0, 2.0]
    assert columns.shown(codes).tolist()[0] == [1.5, "red", 1.0, 3.0, 10]
    again = MixedColumns.from_dict(json.loads(json.dumps(columns.to_dict())))
    np.testing.assert_array_equal(again.codes(estimator, read), codes)
    assert again.shown(codes).tolist() == columns.shown(codes).tolist()


def test_rows_of_numbers_stay_numbers():
    columns, _, _ = learned({"level": "categorical"})
    numbers = MixedColumns(("gaussian", "categorical"), (columns.categories[1],))
    assert numbers.shown(np.array([[0.5, 2.0]])).tolist() == [[0.5, 30.0]]
    assert numbers.shown(np.array([[0.5, 2.0]])).dtype == np.float64


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        ("colour", ["red", "pink", "red", "red"], "'colour', row 1.*'pink', which was not there"),
        ("size", [1.0, None, 2.0, 3.0], "'size', row 1.*has no value.*MixedMixture"),
        ("size", [1.0, float("nan"), 2.0, 3.0], "'size', row 1.*has no value"),
        ("size", ["a", "b", "c", "d"], "'size', row 0.*text 'a'"),
    ],
)
def test_new_rows_that_do_not_fit_are_refused_by_place(column, values, said):
    columns, estimator, _ = learned()
    place = TABLE.column_names.index(column)
    other = TABLE.set_column(place, column, pa.array(values))
    with pytest.raises(InputError, match=said):
        columns.codes(estimator, read_columns(estimator, other, reset=False))


@pytest.mark.parametrize("families", [{"size": "normal"}, ["gaussian"], {"weight": "gaussian"}])
def test_unknown_families_and_columns_are_refused(families):
    with pytest.raises(InputError, match="families"):
        learned(families)


def test_names_of_rows_are_no_categories():
    table = pa.table({"name": [f"row {i}" for i in range(MOST_CATEGORIES + 1)]})
    estimator = GMVAE()
    with pytest.raises(InputError, match=r"'name' has 1,001 categories.*leave it out"):
        MixedColumns.learn(estimator, read_columns(estimator, table, reset=True), None)


def test_a_few_names_of_rows_are_told_of():
    table = pa.table({"name": [f"row {i}" for i in range(20)], "kind": ["a", "b"] * 10})
    estimator = GMVAE()
    found = MixedColumns.learn(estimator, read_columns(estimator, table, reset=True), None).findings
    (finding,) = (finding for finding in found if finding.name == "categories-of-one")
    assert finding.seen == "no two rows have one category in column 'name'"
