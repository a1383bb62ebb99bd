from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from mixtura.em.bernoulli import Beta
from mixtura.errors import InputError
from mixtura.estimators.bernoulli_mixture import BernoulliMixture
from mixtura.estimators.categorical_mixture import CategoricalMixture
from mixtura.estimators.mixed_mixture import MixedMixture
from mixtura.estimators.poisson_mixture import PoissonMixture


@pytest.mark.parametrize(
    ("family", "kind"),
    [("bernoulli", BernoulliMixture), ("categorical", CategoricalMixture), ("poisson", PoissonMixture)],
)
def test_columns_of_one_family_are_that_mixture(family: str, kind: type, rng: np.random.Generator) -> None:
    X = rng.integers(0, 2, (60, 4))
    mixed = MixedMixture(families=family).fit(X)
    np.testing.assert_allclose(mixed.score_samples(X), kind().fit(X).score_samples(X), rtol=1e-12)
    assert mixed.bic(X) == pytest.approx(kind().fit(X).bic(X))


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_gaussian_columns_are_a_gaussian_mixture(covariance_type: str, rng: np.random.Generator) -> None:
    from sklearn.mixture import GaussianMixture

    X = rng.normal(size=(100, 3)) + 100 + 4 * (rng.random((100, 1)) < 0.4)
    mixed = MixedMixture(2, covariance_type=covariance_type, random_state=0, tol=1e-9, max_iter=5000).fit(X)
    peer = GaussianMixture(2, covariance_type=covariance_type, random_state=0, tol=1e-9, max_iter=5000).fit(X)
    assert mixed.score(X) == pytest.approx(peer.score(X), abs=1e-5)
    assert mixed.bic(X) == pytest.approx(peer.bic(X), abs=1e-2)
    assert mixed.covariances_.shape == peer.covariances_.shape


def test_columns_keep_their_places_in_samples(rng: np.random.Generator) -> None:
    frame = pd.DataFrame(
        {"t": ["u", "v"] * 20, "x": rng.normal(size=40), "n": [3, 4] * 20, "b": [True, False] * 20}
    )
    model = MixedMixture(2, families={"n": "poisson"}, random_state=0).fit(frame)
    assert model.families_ == ["categorical", "gaussian", "poisson", "bernoulli"]
    assert model.columns_ == {"gaussian": [1], "bernoulli": [3], "categorical": [0], "poisson": [2]}
    X, _ = model.sample(30)
    assert set(X[:, 0]) <= {"u", "v"} and set(X[:, 3]) <= {0.0, 1.0}
    assert all(float(value).is_integer() for value in X[:, 2])


def test_what_a_family_does_not_take_is_named() -> None:
    frame = pd.DataFrame({"t": ["u", "v"], "b": [1, 0], "n": [3, 4], "x": [0.5, 1e5]})
    model = MixedMixture(random_state=0).fit(frame)
    for column, value, message in [
        ("t", "w", "column 't', row 0 .* holds the category 'w', which was not there"),
        ("b", 7, r"column 'b', row 0 \(from 0\) holds 7; a Bernoulli mixture takes 0 and 1"),
        ("n", -3, "column 'n', row 0 .* holds -3; Negative values"),
        ("x", 1e200, "column 'x', row 0 .* holds 1e\\+200; its square is no number"),
        ("n", "w", "column 'n', row 0 .* holds the text 'w', which a poisson mixture does not take"),
    ]:
        with pytest.raises(InputError, match=message):
            model.predict(frame.assign(**{column: value}))


def test_priors_are_checked_by_family() -> None:
    X = [[0.5, 1], [1.5, 0]]
    with pytest.raises(InputError, match=r"'priors' parameter .* must be a mapping of names of families"):
        MixedMixture(priors={"gaussian": Beta(2, 2)}).fit(X)
    np.testing.assert_allclose(
        MixedMixture(priors={"bernoulli": Beta(2, 1)}).fit(X).probabilities_, [[2 / 3]]
    )


def test_a_warm_start_on_other_columns_is_refused() -> None:
    model = MixedMixture(1, warm_start=True).fit([[0.5, 1], [1.5, 0]])
    with pytest.raises(InputError, match="warm_start: columns have other families"):
        model.fit([[0.5, 1.5], [1.5, 0]])
    with pytest.raises(InputError, match="fitted with 1 components, and n_components is 2 now"):
        model.set_params(n_components=2).fit([[0.5, 1], [1.5, 0]])


def test_a_column_without_entries_does_no_harm_where_its_family_is_named() -> None:
    X = [[np.nan, 1.0], [np.nan, 2.0], [np.nan, 5.0]]
    model = MixedMixture(families="gaussian").fit(X)
    assert np.isfinite(model.means_).all() and np.isfinite(model.score(X))
    with pytest.raises(InputError, match=r"column 0 \(from 0\) has no value at all"):
        MixedMixture().fit(X)


def test_penguins_are_found_from_measurements_and_islands(data_folder: Path) -> None:
    frame = pd.read_parquet(data_folder / "penguins.parquet")
    species = frame.pop("species")
    frame = frame.drop(columns=["rownames", "year", "sex"])
    model = MixedMixture(3, covariance_type="full", n_init=5, random_state=0, tol=1e-6, max_iter=1000).fit(
        frame
    )
    assert frame.isna().to_numpy().any()
    assert model.families_ == ["categorical", *["gaussian"] * 4]
    assert adjusted_rand_score(species, model.predict(frame)) > 0.9


def test_ages_and_pressures_are_no_counts(data_folder: Path) -> None:
    frame = pd.read_parquet(data_folder / "heart_disease_mixed.parquet")
    ill = frame.pop("diameter narrowing")
    found = []
    for seed in range(3):
        model = MixedMixture(2, random_state=seed).fit(frame)
        found.append(adjusted_rand_score(ill, model.predict(frame)))
    families = dict(zip(frame.columns, model.families_, strict=True))
    assert {families[name] for name in ("age", "cholesterol", "max HR", "rest SBP")} == {"gaussian"}
    assert any(finding.name == "whole-numbers" for finding in model.findings_)
    assert min(found) > 0.3
