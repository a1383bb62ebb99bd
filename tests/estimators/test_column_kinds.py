from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator

from mixtura.errors import InputError
from mixtura.estimators.column_kinds import chosen_families, column_summaries
from mixtura.estimators.tables import read_columns

FRAME = pd.DataFrame(
    {
        "text": ["u", None, "w"],
        "truth": [True, False, True],
        "bits": [0, 1, 1],
        "counts": [0, 1, 2],
        "signed": [0, -1, 2],
        "bits_as_floats": [0.0, None, 1.0],
        "floats": [0.0, 1.0, 2.0],
    }
)
INFERRED = ["categorical", "bernoulli", "bernoulli", "poisson", "gaussian", "bernoulli", "gaussian"]


def _families(asked: Any, frame: pd.DataFrame = FRAME) -> list[str]:
    estimator = BaseEstimator()
    columns = read_columns(estimator, frame, reset=True)
    return chosen_families(estimator, asked, column_summaries(estimator, iter([columns])))[0]


def test_families_are_inferred_from_types_and_values() -> None:
    assert _families(None) == INFERRED


def test_families_may_be_named() -> None:
    assert _families("categorical") == ["categorical"] * 7
    assert _families(INFERRED[::-1]) == INFERRED[::-1]
    assert _families({"floats": "poisson", 3: "gaussian"}) == [
        *INFERRED[:3], "gaussian", "gaussian", "bernoulli", "poisson",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("normal", "families must be of gaussian, bernoulli, categorical, poisson, not 'normal'"),
        (["gaussian"], "must name one for each of the 7 columns"),
        (3, "must name one for each of the 7 columns, not 3"),
        ({"nobody": "gaussian"}, "families has 'nobody', which is no column"),
        ({9: "gaussian"}, "families has 9, which is no column"),
    ],
)
def test_what_names_no_family_or_column_is_refused(asked: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        _families(asked)


def test_a_column_of_nothing_is_refused_unless_it_is_named() -> None:
    frame = FRAME.assign(none=[None] * 3)
    with pytest.raises(
        InputError, match="column 'none' has no value at all; leave it out, or name its family"
    ):
        _families(None, frame)
    assert _families({"none": "gaussian"}, frame)[-1] == "gaussian"


def test_integers_are_told_apart_and_it_is_said() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "age": rng.normal(54, 9, 300).round().astype(int),
            "visits": rng.poisson(3, 300),
            "grade": rng.choice([2, 3, 4], 300),
            "pressure": rng.normal(130, 18, 300).round().astype(int),
            "length": rng.normal(size=300),
        }
    )
    estimator = BaseEstimator()
    columns = read_columns(estimator, frame, reset=True)
    pieces = iter([[column[:100] for column in columns], [column[100:] for column in columns]])
    families, findings = chosen_families(estimator, None, column_summaries(estimator, pieces))
    assert families == ["gaussian", "poisson", "categorical", "gaussian", "gaussian"]
    assert [finding.name for finding in findings] == ["whole-numbers"] * 3
    assert "taken for gaussian" in findings[0].seen
    assert "'age', column 'pressure'" in findings[0].seen and "families=" in findings[0].remedy
    asked = ["poisson", "poisson", "gaussian", "poisson", "gaussian"]
    assert chosen_families(estimator, asked, column_summaries(estimator, iter([columns]))) == (asked, ())
    families, findings = chosen_families(
        estimator, {"age": "poisson"}, column_summaries(estimator, iter([columns])), categorical=[1]
    )
    assert families == ["poisson", "categorical", "categorical", "gaussian", "gaussian"]
    assert not any("age" in finding.seen for finding in findings)
