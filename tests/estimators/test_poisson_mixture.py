from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mixtura.errors import InputError
from mixtura.estimators.poisson_mixture import PoissonMixture


def test_one_component_is_the_mean() -> None:
    model = PoissonMixture().fit([[1, 0], [3, 0], [np.nan, 6]])
    np.testing.assert_allclose(model.rates_, [[2.0, 2.0]])


@pytest.mark.parametrize(
    ("value", "message"),
    [(-1, "holds -1; Negative values in data are no counts"), (0.5, "holds 0.5; counts are whole numbers")],
)
def test_no_counts_are_refused_with_their_place(value: float, message: str) -> None:
    with pytest.raises(InputError, match=rf"^column 'b', row 1 \(from 0\) {message}"):
        PoissonMixture().fit(pd.DataFrame({"a": [0, 1], "b": [2, value]}))


def test_counts_of_any_size_are_fitted(rng: np.random.Generator) -> None:
    X = np.vstack([rng.poisson([1e8, 2.0], (60, 2)), rng.poisson([1.01e8, 2.0], (60, 2))])
    model = PoissonMixture(2, random_state=0, tol=1e-6, max_iter=500).fit(X)
    assert np.diff(model.free_energy_path_).min() > -1e-10
    np.testing.assert_allclose(np.sort(model.rates_[:, 0]), [1e8, 1.01e8], rtol=1e-4)
    assert np.isfinite(PoissonMixture(2, random_state=0).fit([[1e300], [1e299], [1], [2]]).rates_).all()


def test_a_column_of_zeros_has_rate_zero() -> None:
    model = PoissonMixture(2, random_state=0).fit([[0, 2], [0, 1], [0, 0]])
    assert (model.rates_[:, 0] == 0).all()
    assert model.score_samples([[1, 1]])[0] == -np.inf


def test_a_start_from_parameters_is_checked() -> None:
    assert PoissonMixture(1, rates_init=[[3.0]], max_iter=0).fit([[1], [2]]).rates_ == [[3.0]]
    with pytest.raises(InputError, match="'rates' should not be negative, but got -1"):
        PoissonMixture(1, rates_init=[[-1.0]]).fit([[1], [2]])
    with pytest.raises(InputError, match=r"'prior' parameter .* must be a Gamma or None"):
        PoissonMixture(1, prior="x").fit([[1], [2]])


def test_fractions_are_taken_where_they_are_asked_for(rng: np.random.Generator, tmp_path: Path) -> None:
    counts = rng.poisson(np.where(rng.random((300, 1)) < 0.4, [2, 12, 5], [9, 3, 5])).astype(float)
    keywords = {"random_state": 0, "tol": 1e-7, "max_iter": 500}
    whole = PoissonMixture(2, **keywords).fit(counts)
    same = PoissonMixture(2, fractions=True, **keywords).fit(counts)
    np.testing.assert_array_equal(same.rates_, whole.rates_)
    np.testing.assert_array_equal(same.score_samples(counts), whole.score_samples(counts))
    shared = counts @ [[0.9, 0.05, 0.05], [0.1, 0.8, 0.1], [0.0, 0.25, 0.75]]
    model = PoissonMixture(2, fractions=True, **keywords).fit(shared)
    assert np.diff(model.free_energy_path_).min() > -1e-10
    np.testing.assert_allclose(model.weights_ @ model.rates_, shared.mean(axis=0), rtol=1e-9)
    assert (model.predict(shared) == whole.predict(counts)).mean() > 0.95
    assert (model.sample(20)[0] % 1 == 0).all()
    model.save(tmp_path / "model")
    again = PoissonMixture.load(tmp_path / "model")
    np.testing.assert_array_equal(again.predict(shared), model.predict(shared))
    # What is expected of a missing count is a fraction.
    gaps = np.array([[np.nan, 12.0, 5.0]])
    assert np.isfinite(again.score(model.impute(gaps)))
    assert [finding.name for finding in model.findings_] == ["quasi-likelihood"] and not whole.findings_
    with pytest.raises(InputError, match=r"holds -0.5; Negative values in data are no counts, numbers"):
        model.fit([[1.5], [-0.5]])
    with pytest.raises(InputError, match=r"'fractions' parameter .* must be a bool. Got 1 instead"):
        PoissonMixture(fractions=1).fit(counts)
