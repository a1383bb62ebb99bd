from __future__ import annotations

import inspect
import pickle
from dataclasses import fields

import numpy as np
import pyarrow as pa
import pytest
import torch
from scipy import sparse, stats
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.utils.estimator_checks import parametrize_with_checks

from mixtura import GMVAE, VAE, BinarisedWarning, InputError
from mixtura.errors import ModelFileError
from mixtura.vae import Settings

QUICK = {"max_epochs": 5, "random_state": 0}


@parametrize_with_checks([VAE(max_epochs=10)])
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    return rng.normal(size=(120, 2)) @ rng.normal(size=(2, 5)) + 0.1 * rng.normal(size=(120, 5))


@pytest.fixture(scope="module")
def fitted(rows):
    return VAE(3, max_epochs=60, random_state=0).fit(rows)


def test_parameters_have_the_names_and_defaults_of_the_settings():
    parameters = inspect.signature(VAE).parameters
    shared = [field for field in fields(Settings) if field.name in parameters]
    assert len(shared) > 8
    for field in shared:
        assert parameters[field.name].default == field.default, field.name


@pytest.mark.parametrize(
    "changed",
    [
        {"latent_dim": 2},
        {"beta": 4.0},
        {"objective": "iwae"},
        {"inference": "wake"},
        {"inference": "sleep"},
        {"n_draws": 3},
        {"inference": "sleep", "n_draws": 3},
        {"inference": "wake", "n_draws": 3},
        {"max_epochs": 6},
        {"batch_size": 17},
        {"hidden": (16,)},
        {"std_floor": 0.4},
        {"learning_rate": 1e-4},
        {"n_importance_samples": 3},
        {"random_state": 1},
    ],
    ids=str,
)
def test_every_parameter_changes_something(rows, changed):
    base = {key: changed[key] for key in ("inference",) if "n_draws" in changed and key in changed}
    first, other = (VAE(**({"latent_dim": 3} | QUICK | base | more)).fit(rows) for more in ({}, changed))
    assert not np.array_equal(first.score_samples(rows), other.score_samples(rows))


def test_the_bound_is_its_two_terms_and_lies_below_the_likelihood(rows, fitted):
    bound = fitted.bound_.as_dict()
    assert list(bound) == ["bound", "reconstruction", "kl"]
    assert bound["bound"] == pytest.approx(bound["reconstruction"] - bound["kl"])
    assert bound["kl"] == pytest.approx(fitted.information_.kl)
    found = fitted.log_likelihood(rows, 512)
    assert fitted.free_energy(rows, 512).bound <= found.mean + 3 * found.standard_error


def test_the_prior_stays_the_standard_normal(fitted):
    mixture = fitted.model_.prior()
    assert mixture.means.abs().max() == 0 and torch.equal(mixture.scales, torch.ones(1, 3).double())


def test_the_bound_with_the_exact_kl_is_that_of_one_component(rows, fitted):
    """As a GM-VAE of one component has it, draw by draw, but for the noise in its KL."""
    from mixtura.vae.inference import estimate_bound

    encoded = torch.from_numpy(fitted.encoding_.encode(rows, np.float64))
    drawn = estimate_bound(fitted.model_, encoded, 4000, torch.Generator().manual_seed(1)).free_energy
    assert drawn.costs["cluster"] == 0
    assert drawn.costs["conditional_prior"] == pytest.approx(fitted.bound_.costs["kl"], rel=0.02)


def test_a_larger_beta_holds_less(rows):
    low, high = (VAE(3, beta=beta, max_epochs=60, random_state=0).fit(rows) for beta in (0.5, 16.0))
    assert high.bound_.costs["kl"] < low.bound_.costs["kl"]
    assert high.bound_.gains["reconstruction"] < low.bound_.gains["reconstruction"]


def test_collapse_is_said():
    noise = np.random.default_rng(0).normal(size=(200, 4))
    model = VAE(2, beta=50.0, max_epochs=30, random_state=0).fit(noise)
    assert "posterior-collapse" in [finding.name for finding in model.findings_]


def test_samples_have_the_moments_of_the_rows(rows, fitted):
    drawn = fitted.sample(4000, random_state=1)
    assert drawn.shape == (4000, 5)
    assert np.abs(drawn.mean(0) - rows.mean(0)).max() < 0.4
    assert np.allclose(drawn.std(0), rows.std(0), rtol=0.4)
    assert np.array_equal(fitted.sample(3), fitted.sample(3))


def test_latent_information_of_other_rows(rows, fitted):
    part = fitted.latent_information(rows[:40], n_draws=256)
    assert (part.n_rows, part.n_draws) == (40, 256)
    assert part.mutual_information <= np.log(40) + 1e-9


def test_images_and_bits():
    images = load_digits().images[:80]
    with pytest.warns(BinarisedWarning):
        model = VAE(4, likelihood="bernoulli", binarise=7.0, **QUICK).fit(images)
    assert model.image_shape_ == (8, 8)
    assert set(np.unique(model.sample(5))) <= {0.0, 1.0}


@pytest.mark.parametrize("inference", ["reverse", "sleep", "wake"])
def test_saved_and_loaded_it_gives_the_same_bits(tmp_path, rows, inference):
    model = VAE(3, inference=inference, **QUICK).fit(rows)
    model.save(tmp_path / "model")
    loaded = VAE.load(tmp_path / "model")
    assert np.array_equal(loaded.score_samples(rows), model.score_samples(rows))
    assert loaded.bound_ == model.bound_ and loaded.findings_ == model.findings_
    assert loaded.information_.kl == model.information_.kl
    assert loaded.information_.total_correlation == model.information_.total_correlation
    with pytest.raises(ModelFileError, match="of kind 'VAE' and not GMVAE"):
        GMVAE.load(tmp_path / "model")


def test_pickle_and_clone_leave_the_callback_to_its_process(rows):
    lines = []
    model = VAE(2, callback=lines.append, **QUICK).fit(rows)
    assert {line["stage"] for line in lines} == {"train"}
    assert pickle.loads(pickle.dumps(model)).callback is None
    assert clone(model).latent_dim == 2


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"beta": 0}, "beta must be a number above 0"),
        ({"beta": True}, "beta must be a number above 0"),
        ({"beta": float("nan")}, "beta must be a number above 0"),
        ({"objective": "renyi"}, "objective must be one of"),
        ({"inference": "dream"}, "inference must be one of"),
        ({"n_draws": 0}, "n_draws must be a whole number"),
        ({"inference": "wake", "n_draws": 1}, "n_draws must be 2 or more"),
        ({"beta": 2.0, "inference": "wake"}, "does not fit q"),
        ({"latent_dim": 0}, "latent_dim"),
        ({"binarise": "x"}, "binarise must be a number"),
    ],
)
def test_wrong_parameters_are_named(rows, wrong, message):
    with pytest.raises(InputError, match=message):
        VAE(**wrong).fit(rows)


def test_a_mixed_table_has_codes_and_comes_back(tmp_path, rng):
    z = rng.normal(size=200)
    columns = {
        "a": 50 + 20 * z + rng.normal(size=200),
        "b": np.where(z > 0, "high", "low"),
        "n": rng.poisson(np.exp(z)),
    }
    table = pa.table(columns)
    model = VAE(2, likelihood="mixed", random_state=0).fit(table)
    assert model.families is None and model.encoding_.families == ("gaussian", "categorical", "poisson")
    back = model.reconstruct(table)
    assert (back[:, 1] == columns["b"]).mean() > 0.9
    assert np.corrcoef(back[:, 0].astype(float), columns["a"])[0, 1] > 0.9
    assert {*model.sample(50)[:, 1]} == {"high", "low"}
    model.save(tmp_path / "model")
    np.testing.assert_array_equal(
        VAE.load(tmp_path / "model").score_samples(table), model.score_samples(table)
    )


@pytest.mark.parametrize("likelihood", ["poisson", "negative_binomial"])
@pytest.mark.parametrize("mean", [3, 1_000, 20_000])
def test_counts_of_any_size_get_their_density(mean, likelihood, rng):
    X = rng.poisson(mean, size=(500, 3))
    truth = stats.poisson(mean).logpmf(X).sum(1).mean()
    assert VAE(2, likelihood=likelihood, random_state=0).fit(X).score(X) == pytest.approx(truth, abs=0.4)


@pytest.mark.parametrize("rows", ["few", "the same"])
def test_a_fit_whose_codes_have_no_density_is_kept_too(rows, tmp_path, rng):
    X = rng.normal(size=(5, 12)) if rows == "few" else np.zeros((20, 3))
    model = VAE(likelihood="gaussian" if rows == "few" else "poisson", max_epochs=5, random_state=0).fit(X)
    model.save(tmp_path / "model")
    again = VAE.load(tmp_path / "model")
    assert again.information_.total_correlation_of_means == model.information_.total_correlation_of_means


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csc_array, sparse.coo_array])
def test_sparse_counts_are_those_counts(kind, rng):
    X = rng.poisson(0.3, size=(60, 5)).astype(np.float64)
    dense, other = (VAE(2, likelihood="poisson", **QUICK).fit(rows) for rows in (X, kind(X)))
    np.testing.assert_array_equal(dense.score_samples(X), other.score_samples(kind(X)))


@pytest.mark.parametrize("kind", [VAE, GMVAE])
def test_the_posterior_is_that_behind_the_bound(rows, kind):
    model = kind(2, **QUICK).fit(rows)
    means, deviations = model.posterior(rows)
    np.testing.assert_array_equal(means, model.transform(rows))
    assert deviations.shape == means.shape and (deviations > 0).all()
    if kind is VAE:
        kl = 0.5 * (means**2 + deviations**2 - 1 - 2 * np.log(deviations)).sum(axis=1).mean()
        assert model.bound_.costs["kl"] == pytest.approx(kl, rel=1e-9)


def test_decode_refuses_codes_that_are_none() -> None:
    model = VAE(latent_dim=2, max_epochs=2, random_state=0).fit(np.random.default_rng(0).normal(size=(30, 3)))
    for codes in (np.zeros((0, 2)), [[np.nan, 0.0]], [["a", "b"]]):
        with pytest.raises(InputError) as told:
            model.decode(codes)
        assert "\n" not in str(told.value)


@pytest.mark.parametrize("bad", [[[np.nan, 1.0]] * 3, [[np.inf, 1.0]] * 3, [["a", "b"]] * 3])
def test_rows_that_are_none_are_refused_in_one_line_with_a_mend(bad) -> None:
    with pytest.raises(InputError) as told:
        VAE(max_epochs=2).fit(bad)
    assert "\n" not in str(told.value)
    assert "HistGradient" not in str(told.value)
    assert ";" in str(told.value)


def test_settings_of_numpy_are_scored_and_saved(tmp_path) -> None:
    rows = np.random.default_rng(0).normal(size=(30, 3))
    model = VAE(hidden=np.array([8]), learning_rate=np.float32(1e-3), max_epochs=2, random_state=0).fit(rows)
    scores = model.score_samples(rows)
    model.save(tmp_path / "model")
    np.testing.assert_array_equal(VAE.load(tmp_path / "model").score_samples(rows), scores)
