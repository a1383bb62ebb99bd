from __future__ import annotations

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
