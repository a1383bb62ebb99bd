from __future__ import annotations

import pickle

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.mixture import GaussianMixture as Reference

from mixtura.errors import InputError
from mixtura.estimators import (
    BernoulliMixture,
    CategoricalMixture,
    GaussianMixture,
    MixedMixture,
    PoissonMixture,
)


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    X = np.vstack([rng.normal(size=(600, 2)), 0.5 * rng.normal(size=(400, 2)) + 4])
    return X[rng.permutation(1000)]


@pytest.mark.parametrize("verbose", [0, 1])
@pytest.mark.parametrize("interval", [1, 3])
def test_it_prints_what_scikit_learn_prints(rows, capsys, verbose, interval):
    keywords = dict(n_components=2, n_init=2, random_state=0, verbose=verbose, verbose_interval=interval)
    GaussianMixture(**keywords).fit(rows)
    ours = capsys.readouterr().out
    Reference(**keywords).fit(rows)
    assert ours == capsys.readouterr().out


def test_more_words_tell_times_and_changes(rows, capsys):
    GaussianMixture(2, random_state=0, verbose=2, verbose_interval=1).fit(rows)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Initialization 0" and "ll change inf" in lines[1]
    assert "time lapse" in lines[-1] and "lower bound" in lines[-1]


@pytest.mark.parametrize(
    "method", ["predict", "predict_proba", "score_samples", "score", "aic", "bic", "icl", "impute"]
)
def test_what_is_not_fitted_says_so(rows, method):
    with pytest.raises(NotFittedError):
        getattr(GaussianMixture(), method)(rows)
    with pytest.raises(NotFittedError):
        GaussianMixture().sample()


@pytest.mark.parametrize(
    "weights", [[1, 2], np.ones((1000, 1)), -np.ones(1000), np.zeros(1000), np.full(1000, np.inf)]
)
@pytest.mark.parametrize("method", ["fit", "score"])
def test_weights_that_are_none_are_refused(rows, weights, method):
    with pytest.raises(ValueError, match=r"weight"):
        getattr(GaussianMixture().fit(rows), method)(rows, sample_weight=weights)


def test_the_same_seed_gives_the_same_bits_and_another_others(rows):
    one, again, other = (
        GaussianMixture(4, init_params="random", random_state=seed, max_iter=500).fit(rows)
        for seed in (1, 1, 2)
    )
    assert np.array_equal(one.means_, again.means_) and not np.array_equal(one.means_, other.means_)


def test_sample_refuses_no_rows(rows):
    with pytest.raises(InputError, match="Invalid value for 'n_samples'"):
        GaussianMixture().fit(rows).sample(0)
    with pytest.raises(InputError, match="n_samples must be"):
        GaussianMixture().fit(rows).sample(1.5)


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_leaps_end_where_steps_do(rows, covariance_type):
    keywords = dict(n_components=2, covariance_type=covariance_type, random_state=0, tol=1e-10, max_iter=2000)
    steps = GaussianMixture(**keywords).fit(rows)
    leaps = GaussianMixture(acceleration="squarem", **keywords).fit(rows)
    assert leaps.converged_ and leaps.lower_bound_ == pytest.approx(steps.lower_bound_, abs=1e-7)
    with pytest.raises(InputError, match="must be a str among"):
        GaussianMixture(acceleration="rocket").fit(rows)


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_batches_end_near_the_whole(rows, covariance_type):
    whole = GaussianMixture(2, covariance_type=covariance_type, random_state=0).fit(rows)
    model = GaussianMixture(2, covariance_type=covariance_type, random_state=0)
    for _ in range(3):
        for batch in np.split(rows, 10):
            model.partial_fit(batch)
    assert model.score(rows) == pytest.approx(whole.score(rows), abs=0.02)
    assert model.n_iter_ == len(model.lower_bounds_) == 30 and model.stopped_by_ == "partial_fit"


def test_batches_may_hold_gaps_weights_and_one_row(rows):
    gaps = rows[100:200].copy()
    gaps[::3, 0] = np.nan
    weights = np.arange(100) % 3
    one = GaussianMixture(2, random_state=0).partial_fit(rows[:100])
    other = GaussianMixture(2, random_state=0).partial_fit(rows[:100])
    one.partial_fit(gaps, sample_weight=weights).partial_fit(rows[:1])
    other.partial_fit(np.repeat(gaps, weights, axis=0)).partial_fit(rows[:1])
    assert np.allclose(one.means_, other.means_) and np.allclose(one.covariances_, other.covariances_)
    again = pickle.loads(pickle.dumps(one))
    assert np.array_equal(again.partial_fit(rows[:50]).means_, one.partial_fit(rows[:50]).means_)


def test_batches_go_on_from_a_fit_and_a_fit_begins_anew(rows):
    model = GaussianMixture(2, random_state=0).fit(rows)
    before = model.means_
    model.partial_fit(rows[:500])
    assert np.abs(model.means_ - before).max() < 0.3 and not np.array_equal(model.means_, before)
    assert np.array_equal(model.fit(rows).means_, before)
    assert np.array_equal(GaussianMixture(2, random_state=0).partial_fit(rows).fit(rows).means_, before)


@pytest.mark.parametrize("kind", [BernoulliMixture, CategoricalMixture, MixedMixture, PoissonMixture])
def test_a_number_of_components_that_was_changed_after_the_fit_is_refused(kind):
    bits = np.tile([[0, 1], [1, 0]], (10, 1))
    model = kind(2, random_state=0).fit(bits).set_params(n_components=5)
    for method in (model.predict, model.bic, model.impute):
        with pytest.raises(InputError, match="fitted with 2 components, and n_components is 5 now"):
            method(bits)


@pytest.mark.parametrize("nonsense", ["x", 3, np.zeros(2), {"gaussian": 3}])
@pytest.mark.parametrize(
    "kind", [BernoulliMixture, CategoricalMixture, GaussianMixture, MixedMixture, PoissonMixture]
)
def test_a_prior_that_became_nonsense_after_the_fit_is_refused(kind, nonsense):
    bits = np.tile([[0, 1], [1, 0]], (10, 1))
    name = "priors" if kind is MixedMixture else "prior"
    model = kind(2, random_state=0, **({"families": "bernoulli"} if kind is MixedMixture else {})).fit(bits)
    model.set_params(**{name: nonsense})
    for call in (model.predict, model.bic, model.impute, model.partial_fit, lambda _: model.sample()):
        with pytest.raises(InputError, match=rf"^The '{name}' parameter of {kind.__name__} must be "):
            call(bits)


def test_a_type_of_covariance_that_is_none_is_refused_after_the_fit_too(rows):
    model = GaussianMixture(2, random_state=0).fit(rows)
    for name, value in (("covariance_type", None), ("reg_covar", "x"), ("n_components", 0)):
        for call in (model.score, model.impute, lambda _: model.sample()):
            with pytest.raises(InputError, match=f"^The {name!r} parameter"):
                model.set_params(**{name: value})
                call(rows)
        model.set_params(covariance_type="full", reg_covar=0.0, n_components=2)
    gaps = np.array([[0.0, np.nan], [np.nan, 1.0]])
    filled = model.impute(gaps)
    np.testing.assert_array_equal(model.set_params(n_components=7).impute(gaps), filled)


def test_truth_values_and_words_are_no_numbers(rows):
    with pytest.raises(InputError, match=r"'n_components' parameter .* Got True"):
        GaussianMixture(True).fit(rows)
    with pytest.raises(InputError, match=r"'max_iter' parameter .* Got True"):
        GaussianMixture(max_iter=True).fit(rows)
    model = GaussianMixture(2, random_state=0, verbose=False).fit(rows).set_params(random_state="a")
    for call in (lambda: model.fit(rows), lambda: model.sample(2), lambda: model.impute(rows)):
        with pytest.raises(InputError, match="'a' cannot be used to seed"):
            call()
    with pytest.raises(InputError, match="'a' cannot be used to seed"):
        GaussianMixture(2, random_state="a").partial_fit(rows)


@pytest.mark.parametrize("figure", ["score", "aic", "bic", "icl"])
def test_nothing_to_score_is_refused(figure, tmp_path) -> None:
    rows = np.random.default_rng(0).normal(size=(9, 2))
    mixture = GaussianMixture(1).fit(rows)
    table = pa.table({"a": rows[:, 0], "b": rows[:, 1], "w": np.zeros(9)})
    pq.write_table(table.select(["a", "b"]).slice(0, 0), tmp_path / "empty.parquet")
    pq.write_table(table, tmp_path / "weightless.parquet")
    with pytest.raises(InputError, match="no row of positive weight"):
        getattr(mixture, figure)(tmp_path / "empty.parquet")
    with pytest.raises(InputError, match="weight"):
        getattr(mixture, figure)(tmp_path / "weightless.parquet", sample_weight="w")


def test_a_row_on_disk_without_weight_or_density_changes_no_score(tmp_path) -> None:
    rows = np.random.default_rng(0).normal(size=(60, 2))
    mixture, weights = GaussianMixture(2, random_state=0).fit(rows), np.ones(60)
    rows[3], weights[3] = 1e160, 0.0
    np.save(tmp_path / "rows.npy", rows)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    assert mixture.score(mapped, sample_weight=weights) == mixture.score(rows, sample_weight=weights)
