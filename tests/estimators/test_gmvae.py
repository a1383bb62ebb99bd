from __future__ import annotations

import inspect
import pickle
import warnings
from contextlib import nullcontext
from dataclasses import fields

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits, load_wine, make_blobs
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from mixtura import (
    GMVAE,
    BinarisedWarning,
    ConstantColumnWarning,
    InputError,
    MixedMixture,
    TrainingWarning,
)
from mixtura.clustering import accuracy
from mixtura.vae import Settings

# Most of a short fit is the choice among groups to start from; the default choice has tests of its own.
QUICK = {"max_epochs": 5, "start": "kmeans", "random_state": 0}


@parametrize_with_checks([GMVAE(max_epochs=20, start="kmeans")])
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks([GMVAE(), GMVAE(responsibilities="amortised"), GMVAE(covariance_type="diag")])
def test_scikit_learns_own_checks_on_other_models(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def blobs():
    return make_blobs(90, n_features=3, centers=3, cluster_std=0.7, random_state=4)


@pytest.fixture(scope="module")
def quick(blobs):
    return GMVAE(3, **QUICK).fit(blobs[0])


@pytest.fixture(scope="module")
def fitted(blobs):
    return GMVAE(3, random_state=0).fit(blobs[0])


def test_blobs_are_told_apart(blobs, fitted):
    assert accuracy(blobs[1], fitted.labels_) == 1.0
    assert np.array_equal(fitted.labels_, fitted.predict(blobs[0]))


def test_groups_are_numbered_by_falling_size():
    X, _ = make_blobs([10, 60, 30], centers=np.array([[0, 0], [20, 0], [0, 20]]), random_state=0)
    sizes = np.bincount(GMVAE(3, random_state=0).fit_predict(X), minlength=3)
    assert sizes.tolist() == [60, 30, 10]


def test_settings_and_constructor_have_the_same_names_and_defaults():
    parameters = inspect.signature(GMVAE).parameters
    for field in fields(Settings):
        assert parameters[field.name].default == field.default, field.name


@pytest.mark.parametrize(
    "changed",
    [
        {"n_components": 2},
        {"latent_dim": 2},
        {"responsibilities": "exact"},
        {"procedure": "plain"},
        {"inference": "wake"},
        {"inference": "sleep"},
        {"covariance_type": "diag"},
        {"weights": "learned"},
        {"max_epochs": 6},
        {"batch_size": 17},
        {"hidden": (16,)},
        {"start": "graph", "n_components": 5},
        {"std_floor": 0.4},
        {"learning_rate": 1e-4},
        {"n_importance_samples": 3},
        {"precision": "bfloat16"},
        {"random_state": 1},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_every_parameter_changes_something(blobs, quick, changed):
    base = quick if "start" not in changed else GMVAE(5, **QUICK).fit(blobs[0])
    other = GMVAE(**({"n_components": 3} | QUICK | changed)).fit(blobs[0])
    assert not np.array_equal(base.score_samples(blobs[0]), other.score_samples(blobs[0]))


def test_every_parameter_of_images_changes_something():
    rows = load_digits().images[:60].reshape(60, -1)
    quick = {"max_epochs": 3, "start": "kmeans", "random_state": 0, "image_shape": (8, 8)}
    base = GMVAE(3, **quick).fit(rows).score_samples(rows)
    for changed in ({"network": "conv"}, {"transforms": None}, {"image_shape": None}):
        constant = pytest.warns(ConstantColumnWarning) if "image_shape" in changed else nullcontext()
        with constant:
            other = GMVAE(3, **(quick | changed)).fit(rows)
        assert not np.array_equal(base, other.score_samples(rows)), changed


def test_the_same_seed_gives_the_same_bits_and_touches_no_global_state(blobs):
    numpy_state, torch_state = np.random.get_state()[1].copy(), torch.get_rng_state().clone()
    first = GMVAE(3, max_epochs=5, random_state=0).fit(blobs[0])
    second = GMVAE(3, max_epochs=5, random_state=0).fit(blobs[0])
    assert np.array_equal(first.score_samples(blobs[0]), second.score_samples(blobs[0]))
    assert np.array_equal(first.sample(5)[0], second.sample(5)[0])
    assert np.array_equal(np.random.get_state()[1], numpy_state)
    assert torch.equal(torch.get_rng_state(), torch_state)


def test_a_rows_scores_do_not_depend_on_its_company(blobs, fitted):
    X = blobs[0]
    order = np.random.default_rng(0).permutation(len(X))
    for method in ("score_samples", "predict_proba", "transform", "reconstruct"):
        whole = getattr(fitted, method)(X)
        assert np.allclose(getattr(fitted, method)(X[order]), whole[order], rtol=1e-12, atol=1e-12)
        alone = np.concatenate([getattr(fitted, method)(X[[i]]) for i in range(5)])
        assert np.allclose(alone, whole[:5], rtol=1e-12, atol=1e-12)


def test_densities_are_in_the_datas_own_units(blobs, quick):
    X = blobs[0]
    factors = np.array([1000.0, 0.5, 3.0])
    plain, scaled = quick, GMVAE(3, **QUICK).fit(X * factors)
    expected = plain.score_samples(X) - np.log(factors).sum()
    assert np.allclose(scaled.score_samples(X * factors), expected, atol=1e-3)
    assert scaled.bound_.bound == pytest.approx(plain.bound_.bound - np.log(factors).sum(), abs=1e-3)


def test_the_bound_is_its_three_terms_and_lies_below_the_likelihood(blobs, fitted):
    bound = fitted.bound_.as_dict()
    assert list(bound) == ["bound", "reconstruction", "cluster", "conditional_prior"]
    parts = bound["reconstruction"] - bound["cluster"] - bound["conditional_prior"]
    assert bound["bound"] == pytest.approx(parts)
    assert bound["cluster"] >= 0
    estimate = fitted.log_likelihood(blobs[0], n_samples=512)
    assert fitted.free_energy(blobs[0], n_samples=512).bound <= estimate.mean + 3 * estimate.standard_error


def test_every_line_of_the_log_has_the_terms(fitted):
    lines = [line for line in fitted.history_ if "message" not in line]
    assert {line["stage"] for line in lines} >= {"pretrain", "taught", "joint", "density"}
    assert all(("teacher_kl" in line) == (line["stage"] == "taught") for line in lines)
    for line in lines:
        if line["stage"] == "taught":
            continue
        assert set(line) >= {
            "epoch",
            "of",
            "bound",
            "reconstruction",
            "cluster",
            "conditional_prior",
            "objective",
        }
        parts = line["reconstruction"] - line["cluster"] - line["conditional_prior"]
        assert line["bound"] == pytest.approx(parts, abs=1e-3)
    assert lines[-1]["epoch"] == lines[-1]["of"] == fitted.n_epochs_


def test_amortised_answers_come_from_the_network_and_the_gap_is_reported(blobs, quick):
    model = GMVAE(3, responsibilities="amortised", random_state=0).fit(blobs[0])
    assert model.gap_ is not None and model.gap_ >= 0
    assert accuracy(blobs[1], model.predict(blobs[0])) > 0.95
    assert GMVAE(3, responsibilities="exact", **QUICK).fit(blobs[0]).gap_ is None


def test_samples_come_from_the_groups(blobs, fitted):
    X, components = fitted.sample(300, random_state=1)
    assert X.shape == (300, 3) and set(components) == {0, 1, 2}
    centres = np.stack([blobs[0][fitted.labels_ == k].mean(axis=0) for k in range(3)])
    for k in range(3):
        drawn, of = fitted.sample(200, component=k)
        assert set(of) == {k}
        nearest = ((drawn[:, None] - centres) ** 2).sum(-1).argmin(1)
        assert (nearest == k).mean() > 0.95
    for component in (3, -1, 1.5):
        with pytest.raises(InputError, match="component must be from 0 to 2"):
            fitted.sample(1, component=component)
    with pytest.raises(InputError, match="n_samples"):
        fitted.free_energy(blobs[0], n_samples=0)


def test_reconstructions_are_near(blobs, fitted):
    X = blobs[0]
    residual = ((X - fitted.reconstruct(X)) ** 2).sum() / ((X - X.mean(axis=0)) ** 2).sum()
    assert residual < 0.2


def test_frames_lists_and_single_precision_are_rows_too(blobs, quick):
    X = blobs[0]
    expected = quick.score_samples(X)
    names = ["a", "b", "c"]
    for make in (pd.DataFrame, lambda X, columns: pl.DataFrame(X, schema=columns)):
        frame = make(X, columns=names)
        model = GMVAE(3, **QUICK).fit(frame)
        assert model.feature_names_in_.tolist() == names
        assert np.array_equal(model.score_samples(frame), expected)
    assert np.array_equal(quick.score_samples(X.tolist()), expected)
    assert np.allclose(quick.score_samples(X.astype(np.float32)), expected, atol=1e-3)


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_set_output(blobs, kind):
    frame = GMVAE(3, **QUICK).set_output(transform=kind).fit_transform(blobs[0])
    assert type(frame).__module__.startswith(kind)
    assert list(frame.columns) == ["gmvae0", "gmvae1", "gmvae2"]


def test_pipeline_clone_and_grid_search(blobs):
    X = blobs[0]
    pipeline = make_pipeline(StandardScaler(), GMVAE(3, **QUICK)).fit(X)
    assert pipeline.predict(X).shape == (90,)
    search = GridSearchCV(clone(pipeline), {"gmvae__n_components": [1, 3]}, cv=2).fit(X)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_pickle_and_joblib_keep_every_bit(blobs, fitted, tmp_path):
    expected = fitted.score_samples(blobs[0])
    assert np.array_equal(pickle.loads(pickle.dumps(fitted)).score_samples(blobs[0]), expected)
    joblib.dump(fitted, tmp_path / "model.joblib")
    assert np.array_equal(joblib.load(tmp_path / "model.joblib").score_samples(blobs[0]), expected)


def test_a_callback_does_not_stand_in_the_way_of_pickling(blobs):
    model = GMVAE(2, max_epochs=1, random_state=0, callback=lambda event: None).fit(blobs[0])
    assert pickle.loads(pickle.dumps(model)).callback is None
    assert model.callback is not None


def test_one_epoch_is_one_epoch(blobs):
    for n_rows in (3, 90):
        model = GMVAE(2, max_epochs=1, random_state=0).fit(blobs[0][:n_rows])
        assert model.n_epochs_ == 1
        assert max(line["epoch"] for line in model.history_ if "epoch" in line) <= 1


def test_densities_of_two_level_images_are_no_more_than_certain():
    images = (load_digits().images[:100] > 7).astype(np.uint8)
    model = GMVAE(2, max_epochs=20, random_state=0).fit(images)
    assert float(model.model_.likelihood.std_floor) == pytest.approx(0.75 / 2)
    assert model.score(images) < 0
    assert "two-levels" in {finding.name for finding in model.findings_}


def test_images_with_three_and_four_dimensions():
    digits = load_digits().images[:40]
    model = GMVAE(3, max_epochs=2, start="kmeans", random_state=0).fit(digits)
    assert model.image_shape_ == (8, 8) and model.n_features_in_ == 64
    assert model.predict(digits).shape == (40,)
    colour = np.repeat(digits[..., None], 3, axis=3)
    model = GMVAE(3, max_epochs=2, start="kmeans", random_state=0).fit(colour)
    assert model.image_shape_ == (8, 8, 3) and model.reconstruct(colour).shape == (40, 192)
    with pytest.raises(InputError, match=r"image"):
        GMVAE(3, image_shape=(7, 8)).fit(digits)


def test_bernoulli_refuses_grey_values_and_takes_a_threshold():
    images = load_digits().images[:100]
    with pytest.raises(InputError, match="binarise"):
        GMVAE(3, likelihood="bernoulli").fit(images)
    with pytest.warns(BinarisedWarning):
        model = GMVAE(3, likelihood="bernoulli", binarise=7.5, max_epochs=5, random_state=0).fit(images)
    scores = model.score_samples(images)
    assert (scores < 0).all()  # log-probabilities, not densities
    assert set(np.unique(model.sample(20)[0])) <= {0.0, 1.0}


@pytest.mark.parametrize("scale", [1e30, 1e-30, 1e200])
def test_extreme_scales_give_the_same_groups(blobs, scale):
    X, y = blobs
    model = GMVAE(3, random_state=0).fit(X * scale)
    assert accuracy(y, model.labels_) == 1.0
    assert np.isfinite(model.score_samples(X * scale)).all()


@pytest.mark.parametrize("n_rows", [2, 3, 65, 129])
def test_few_rows_and_a_remainder_of_one(n_rows):
    X = np.random.default_rng(0).normal(size=(n_rows, 2))
    model = GMVAE(2, max_epochs=5, random_state=0).fit(X)
    assert np.isfinite(model.score_samples(X)).all()


def test_duplicate_rows_and_an_outlier(blobs):
    X = np.repeat(blobs[0][:4], 25, axis=0)
    assert np.isfinite(GMVAE(6, **QUICK).fit(X).score_samples(X)).all()
    far = np.vstack([blobs[0], [[1e12, 0, 0]]])
    assert np.isfinite(GMVAE(3, **QUICK).fit(far).score_samples(far)).all()


def test_a_point_far_away_scores_low_and_finite(blobs, fitted):
    scores = fitted.score_samples(np.array([[1e300, -1e300, 1e300], [1e6, 1e6, 1e6]]))
    assert np.isfinite(scores).all()
    assert (scores < fitted.score_samples(blobs[0]).min()).all()


@pytest.mark.parametrize(
    ("X", "options", "message"),
    [
        (np.ones((5, 2)), {}, "value"),
        (np.eye(2), {"n_components": 3}, "n_samples=2 should be >= n_components=3"),
        (np.eye(3)[:1], {"n_components": 1}, "1 sample"),
        (np.array([[1.0, np.nan], [0.0, 1.0]]), {}, "NaN"),
        (np.array([[1.0, np.inf], [0.0, 1.0]]), {}, "infinity"),
        (np.eye(4), {"n_components": 0}, "n_components must be a whole number of at least 1, not 0"),
        (np.eye(4), {"n_components": 2.5}, "n_components"),
        (np.eye(4), {"likelihood": "cauchy"}, "likelihood must be one of"),
        (np.eye(4), {"std_floor": float("nan")}, "std_floor"),
        (np.eye(4), {"hidden": ()}, "hidden"),
        (np.eye(4), {"network": "conv"}, "images"),
        (np.eye(4), {"device": "tpu"}, "device"),
        (np.eye(4), {"n_importance_samples": 0}, "n_importance_samples"),
        (np.eye(4), {"hidden": 16}, "hidden"),
        (np.eye(4), {"image_shape": 4}, "image_shape must be"),
        (np.eye(4), {"image_shape": (4,)}, "image_shape must be"),
        (np.eye(4), {"image_shape": (2.0, 2.0)}, "image_shape must be"),
        (np.eye(4), {"likelihood": "bernoulli", "binarise": "a"}, "binarise must be a number"),
        (np.eye(4), {"transforms": "affine"}, "needs images"),
    ],
)
def test_bad_input_is_one_clear_line(X, options, message):
    with pytest.raises(ValueError, match=message):
        GMVAE(**({"n_components": 2} | options)).fit(X)


def test_constant_columns_are_dropped_and_put_back():
    X = np.column_stack([load_wine().data[:60, :3], np.full(60, 7.0)])
    with pytest.warns(ConstantColumnWarning):
        model = GMVAE(2, **QUICK).fit(X)
    assert model.encoding_.n_encoded == 3
    assert (model.reconstruct(X)[:, 3] == 7.0).all()
    assert "constant-columns" in {finding.name for finding in model.findings_}


def test_noise_does_not_come_out_as_confident_groups():
    X = np.random.default_rng(3).normal(size=(300, 5))
    model = GMVAE(10, max_epochs=60, random_state=0).fit(X)
    assert "no-groups" in {finding.name for finding in model.findings_}
    assert np.median(model.predict_proba(X).max(axis=1)) < 0.6


def test_real_groups_are_not_called_noise(fitted):
    assert fitted.findings_ == ()


def test_the_callback_sees_every_line(blobs):
    seen = []
    model = GMVAE(3, **QUICK, callback=seen.append).fit(blobs[0])
    assert seen == model.history_


def test_the_plain_procedure_is_one_stage_of_the_pure_bound(blobs):
    model = GMVAE(3, procedure="plain", responsibilities="amortised", **QUICK).fit(blobs[0])
    lines = model.history_
    assert {line["stage"] for line in lines} == {"joint"}
    assert all(line["objective"] == pytest.approx(line["bound"], abs=1e-4) for line in lines)


def test_a_step_that_is_not_finite_is_warned_of(blobs, monkeypatch):
    from mixtura.vae.training import objective, procedure

    monkeypatch.setattr(procedure, "dense_step", lambda *arguments: None)
    real, calls = objective.bound_terms, []

    def flaky(*args, **kwargs):
        calls.append(1)
        terms = real(*args, **kwargs)
        return terms.map(lambda term: term * float("nan")) if len(calls) == 3 else terms

    monkeypatch.setattr(objective, "bound_terms", flaky)
    with pytest.warns(TrainingWarning, match="'reconstruction' was not finite"):
        model = GMVAE(3, max_epochs=20, random_state=0).fit(blobs[0])
    assert np.isfinite(model.score_samples(blobs[0])).all()


def test_nothing_warns_on_ordinary_data(blobs):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        GMVAE(3, max_epochs=5, random_state=0).fit(blobs[0])


def test_groups_of_real_tables(data_folder):
    wine = load_wine()
    assert accuracy(wine.target, GMVAE(3, random_state=0).fit_predict(wine.data)) > 0.9
    # Few groups of unequal size: the graph's are no better than none there, and k-means steps in.
    thyroid = np.load(data_folder / "thyroid.npz")
    assert accuracy(thyroid["y"], GMVAE(3, random_state=0).fit_predict(thyroid["X"])) > 0.8


@pytest.mark.slow
@pytest.mark.parametrize("responsibilities", ["exact", "amortised"])
def test_groups_of_digits(responsibilities):
    digits = load_digits()
    model = GMVAE(10, responsibilities=responsibilities, random_state=0).fit(digits.images)
    assert accuracy(digits.target, model.labels_) > 0.85


@pytest.mark.parametrize("likelihood", ["poisson", "negative_binomial"])
def test_counts_are_grouped_scored_and_drawn_as_counts(tmp_path, likelihood):
    rng = np.random.default_rng(0)
    groups = np.arange(150) % 2
    rates = np.exp(rng.normal(0.5, 1.0, (2, 12)))
    X = rng.poisson(rates[groups]).astype(float)
    model = GMVAE(2, likelihood=likelihood, max_epochs=30, start="kmeans", random_state=0).fit(X)
    assert accuracy(groups, model.labels_) > 0.9
    drawn, _ = model.sample(40)
    assert np.array_equal(drawn, np.floor(drawn)) and (drawn >= 0).all()
    assert (model.score_samples(X) <= 0).all()  # probabilities
    model.save(tmp_path / "model")
    assert np.array_equal(GMVAE.load(tmp_path / "model").score_samples(X), model.score_samples(X))
    with pytest.raises(InputError, match="whole numbers"):
        model.predict(X + 0.5)


def mixed_table(rng: np.random.Generator, n: int = 240) -> tuple[pa.Table, np.ndarray]:
    """Return columns of every family, which all tell of two groups, and the groups."""
    z = np.arange(n) % 2
    columns = {
        "size": 100.0 + 40.0 * z + 10.0 * rng.normal(size=n),
        "colour": np.where(rng.random(n) < 0.85, np.array(["red", "blue"])[z], "grey"),
        "yes": rng.random(n) < np.array([0.2, 0.8])[z],
        "n": rng.poisson(np.array([2.0, 9.0])[z]),
    }
    return pa.table(columns), z


def test_a_mixed_table_is_grouped_scored_drawn_and_kept(tmp_path, rng):
    table, z = mixed_table(rng)
    model = GMVAE(2, likelihood="mixed", families={"n": "negative_binomial"}, max_epochs=40, random_state=0)
    model.fit(table)
    assert model.encoding_.families == ("gaussian", "categorical", "bernoulli", "negative_binomial")
    assert accuracy(z, model.labels_) > 0.95
    rows, components = model.sample(300)
    assert {*rows[:, 1]} <= {"red", "blue", "grey"} and {*rows[:, 2]} == {0.0, 1.0}
    assert all(value >= 0 and value == int(value) for value in rows[:, 3])
    means = [rows[components == k, 0].astype(float).mean() for k in (0, 1)]
    assert sorted(means) == pytest.approx([100, 140], abs=10)
    # The density is one of the table's own units: ten times the unit is less by log 10 a row.
    scores = model.score_samples(table)
    tenfold = table.set_column(0, "size", pa.array(table["size"].to_numpy() * 10))
    other = clone(model).fit(tenfold).score_samples(tenfold)
    assert np.mean(scores - other) == pytest.approx(np.log(10), abs=1e-3)
    model.save(tmp_path / "model")
    again = GMVAE.load(tmp_path / "model")
    np.testing.assert_array_equal(again.score_samples(table), scores)
    np.testing.assert_array_equal(again.reconstruct(table), model.reconstruct(table))
    assert clone(again).fit(table).bound_ == model.bound_


def test_the_bound_of_a_mixed_table_lies_below_its_likelihood(rng):
    table, _ = mixed_table(rng, 120)
    model = GMVAE(2, likelihood="mixed", max_epochs=15, random_state=0).fit(table)
    estimate = model.log_likelihood(table, n_samples=256)
    assert model.bound_.bound < estimate.mean + 3 * estimate.standard_error


def test_categories_alone_are_a_likelihood_too(rng):
    table = mixed_table(rng)[0].select(["colour", "yes"])
    model = GMVAE(2, likelihood="categorical", max_epochs=15, random_state=0).fit(table)
    # No code knows more of these than their frequencies, which make the best density but for little.
    pairs = [f"{a}{b}" for a, b in zip(table["colour"].to_pylist(), table["yes"].to_pylist(), strict=True)]
    shares = np.unique(pairs, return_counts=True)[1] / len(pairs)
    best = float((shares * np.log(shares)).sum())
    assert best - 0.15 < model.score(table) < best + 1e-6
    assert {type(value) for value in model.sample(5)[0].ravel()} == {str, bool}


def test_a_mixed_table_without_groups_is_said_to_have_none(rng):
    columns = {
        "a": rng.normal(size=400),
        "b": rng.choice(list("uvwx"), size=400),
        "c": rng.random(400) < 0.3,
        "n": rng.negative_binomial(2, 0.2, size=400),
    }
    families = {"n": "negative_binomial"}
    model = GMVAE(4, likelihood="mixed", families=families, max_epochs=10, random_state=0)
    assert "no-groups" in [finding.name for finding in model.fit(pa.table(columns)).findings_]


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"families": "gaussian"}, "families='gaussian' needs likelihood='mixed'"),
        ({"likelihood": "mixed", "binarise": 0.5}, "needs likelihood='bernoulli'"),
        ({"likelihood": "mixed", "image_shape": (2, 2)}, "is for tables"),
        ({"likelihood": "mixed", "families": {"colour": "gaussian"}}, "'colour', row 0.*text"),
        ({"likelihood": "mixed", "families": {"size": "poisson"}}, "needs whole numbers"),
    ],
)
def test_what_a_mixed_table_is_not_is_refused(parameters, said, rng):
    with pytest.raises(InputError, match=said):
        GMVAE(2, **parameters).fit(mixed_table(rng)[0])


def test_heart_disease_of_measurements_and_categories(data_folder):
    table = pd.read_parquet(data_folder / "heart_disease_mixed.parquet").dropna().reset_index(drop=True)
    table, sick = table.iloc[:, :-1], table.iloc[:, -1].astype("category").cat.codes.to_numpy()
    held_out = np.arange(len(table)) % 5 == 0
    train, test = (table[part].reset_index(drop=True) for part in (~held_out, held_out))
    model = GMVAE(2, likelihood="mixed", max_epochs=60, random_state=0).fit(train)
    independent = MixedMixture(1, handle_unknown="missing", random_state=0).fit(train)
    assert model.score(test) > independent.score(test) + 0.5
    assert accuracy(sick[held_out], model.predict(test)) > 0.7


def test_coins_are_said_to_be_no_groups() -> None:
    coins = np.random.default_rng(0).integers(0, 2, (300, 6))
    model = GMVAE(10, likelihood="bernoulli", max_epochs=12, random_state=0).fit(coins)
    assert "no-groups" in {finding.name for finding in model.findings_}
