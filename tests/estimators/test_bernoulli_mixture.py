from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest

from mixtura.errors import InputError
from mixtura.estimators.bernoulli_mixture import BernoulliMixture

X = np.array([[1, 1, 0], [1, 1, 0], [1, 0, 0], [0, 0, 1], [0, 0, 1]])


def test_truth_values_and_numbers_are_the_same() -> None:
    models = [
        BernoulliMixture(2, random_state=0).fit(data)
        for data in (X, X == 1, X.astype(np.float32), X.tolist())
    ]
    for model in models[1:]:
        np.testing.assert_array_equal(model.probabilities_, models[0].probabilities_)


def test_gaps_may_be_of_any_make() -> None:
    expected = BernoulliMixture().fit([[1.0, 0.0], [np.nan, 1.0]]).probabilities_
    for frame in (
        pd.DataFrame({"a": pd.array([True, None], dtype="boolean"), "b": [False, True]}),
        pl.DataFrame({"a": [True, None], "b": [False, True]}),
        pl.DataFrame({"a": [1.0, float("nan")], "b": [0, 1]}),
        [[1, 0], [None, 1]],
        np.array([[True, 0], [None, 1]], dtype=object),
    ):
        np.testing.assert_array_equal(BernoulliMixture().fit(frame).probabilities_, expected)


def test_other_values_are_named_or_binarised() -> None:
    grey = np.array([[0.2, 0.9], [0.6, np.nan]])
    with pytest.raises(
        InputError, match=r"^column 0 \(from 0\), row 0 \(from 0\) holds 0.2; a Bernoulli mixture"
    ):
        BernoulliMixture().fit(grey)
    model = BernoulliMixture(binarise=0.5).fit(grey)
    np.testing.assert_allclose(model.probabilities_, [[0.5, 1.0]])
    with pytest.raises(
        InputError, match=r"column 'a', row 0 .* holds the text 'yes', which a Bernoulli mixture"
    ):
        BernoulliMixture().fit(pd.DataFrame({"a": ["yes", "no"]}))
    with pytest.raises(InputError, match=r"'binarise' parameter .* must be a number or None"):
        BernoulliMixture(binarise="x").fit(X)


def test_an_impossible_row_has_no_density_and_belongs_to_all_alike() -> None:
    model = BernoulliMixture(2, random_state=0).fit([[0, 1]] * 3 + [[1, 1]] * 3)
    assert model.score_samples([[0, 0]])[0] == -np.inf
    assert model.predict_proba([[0, 0]]).tolist() == [[0.5, 0.5]]
    assert model.score([[0, 0], [0, 1]], sample_weight=[0, 1]) > -1


def test_a_start_from_parameters_is_checked() -> None:
    model = BernoulliMixture(2, probabilities_init=[[0.1, 0.2, 0.3], [0.7, 0.8, 0.9]], max_iter=0).fit(X)
    np.testing.assert_allclose(model.probabilities_[0], [0.1, 0.2, 0.3])
    with pytest.raises(InputError, match=r"'probabilities' should be in the range \[0, 1\]"):
        BernoulliMixture(1, probabilities_init=[[0.1, 0.2, 1.3]]).fit(X)
    with pytest.raises(InputError, match=r"shape of \(1, 3\), but got \(1, 2\)"):
        BernoulliMixture(1, probabilities_init=[[0.1, 0.2]]).fit(X)
    with pytest.raises(InputError, match=r"'prior' parameter .* must be a Beta or None"):
        BernoulliMixture(1, prior=2.0).fit(X)
