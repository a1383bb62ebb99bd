from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture as Reference
from sklearn.utils.estimator_checks import parametrize_with_checks

from mixtura.em.gaussian import COVARIANCE_TYPES
from mixtura.em.priors import NormalInverseWishart
from mixtura.errors import ConvergenceError, InputError
from mixtura.estimators import GaussianMixture

TYPES = tuple(COVARIANCE_TYPES)
PARAMETERS = ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_")

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@parametrize_with_checks([GaussianMixture()])
def test_scikit_learn_finds_nothing(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks([GaussianMixture(covariance_type=t, prior="auto") for t in TYPES[1:]])
def test_scikit_learn_finds_nothing_in_other_types(estimator, check):
    check(estimator)


def made(seed: int = 0, n: int = 240, d: int = 3, k: int = 3) -> np.ndarray:
    """Return rows of k correlated groups."""
    rng = np.random.default_rng(seed)
    parts = [
        rng.normal(size=(n // k, d)) @ rng.normal(size=(d, d)) + 4 * rng.normal(size=d) for _ in range(k)
    ]
    return np.vstack(parts)


def start(covariance_type: str, d: int = 3, k: int = 3) -> dict[str, np.ndarray]:
    """Return parts of a start for rows that were made."""
    factors = 0.1 * np.random.default_rng(1).normal(size=(k, d, d)) + 0.2 * np.eye(d)
    full = factors @ factors.transpose(0, 2, 1) + 0.02 * np.eye(d)
    precisions = {"full": full, "tied": full[0], "diag": full[:, 0] ** 2 + 0.1, "spherical": full[:, 0, 0]}
    weights = np.arange(1.0, k + 1)
    return {
        "weights_init": weights / weights.sum(),
        "means_init": made()[5::80][:k],
        "precisions_init": precisions[covariance_type],
    }


def assert_same_fit(ours, theirs, tolerance: float = 1e-10) -> None:
    """Compare every parameter, relative to its largest entry."""
    for name in PARAMETERS:
        left, right = getattr(ours, name), getattr(theirs, name)
        assert left.shape == right.shape and left.dtype == right.dtype, name
        assert np.abs(left - right).max() <= tolerance * np.abs(right).max(), name


@pytest.mark.parametrize("covariance_type", TYPES)
@pytest.mark.parametrize("reg_covar", [1e-6, 0.0])
def test_the_same_start_leads_to_the_same_fit(covariance_type, reg_covar):
    X = made()
    keywords = dict(covariance_type=covariance_type, tol=0, max_iter=20, reg_covar=reg_covar)
    ours = GaussianMixture(3, **keywords, **start(covariance_type)).fit(X)
    theirs = Reference(3, **keywords, **start(covariance_type)).fit(X)
    assert_same_fit(ours, theirs)
    assert np.allclose(ours.lower_bounds_, theirs.lower_bounds_, rtol=0, atol=1e-10)
    assert ours.lower_bound_ == pytest.approx(theirs.lower_bound_, abs=1e-10)
    assert ours.n_iter_ == theirs.n_iter_ == 20 and not ours.converged_
    new = made(5)
    assert np.allclose(ours.score_samples(new), theirs.score_samples(new), rtol=1e-10, atol=1e-10)
    assert np.allclose(ours.predict_proba(new), theirs.predict_proba(new), rtol=0, atol=1e-10)
    assert np.array_equal(ours.predict(new), theirs.predict(new))
    for criterion in ("aic", "bic", "score"):
        assert getattr(ours, criterion)(new) == pytest.approx(getattr(theirs, criterion)(new), rel=1e-10)


@pytest.mark.parametrize("init_params", ["kmeans", "k-means++", "random", "random_from_data"])
@pytest.mark.parametrize("covariance_type", TYPES)
def test_the_same_seed_leads_to_the_same_fit(covariance_type, init_params):
    if covariance_type == "tied" and init_params in ("k-means++", "random_from_data"):
        pytest.skip("scikit-learn starts from moments about 0 there, which depend on the origin")
    X = made(2)
    keywords = dict(covariance_type=covariance_type, init_params=init_params, n_init=3, random_state=7)
    ours, theirs = GaussianMixture(3, **keywords).fit(X), Reference(3, **keywords).fit(X)
    assert_same_fit(ours, theirs, 1e-8)
    assert ours.n_iter_ == theirs.n_iter_ and ours.converged_ == theirs.converged_
    ours_drawn, theirs_drawn = ours.sample(11), theirs.sample(11)
    assert np.allclose(ours_drawn[0], theirs_drawn[0], rtol=1e-6)
    assert np.array_equal(ours_drawn[1], theirs_drawn[1])


@pytest.mark.parametrize("covariance_type", TYPES)
def test_scores_are_the_densities_of_scipy(covariance_type):
    X = made(3)
    model = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(X)
    covariances = {
        "full": model.covariances_,
        "tied": [model.covariances_] * 3,
        "diag": [np.diag(row) for row in np.atleast_2d(model.covariances_)],
        "spherical": [np.eye(3) * value for value in np.ravel(model.covariances_)],
    }[covariance_type]
    densities = [
        w * multivariate_normal(m, S).pdf(X)
        for w, m, S in zip(model.weights_, model.means_, covariances, strict=True)
    ]
    assert np.allclose(model.score_samples(X), np.log(sum(densities)), atol=1e-10)
    assert np.allclose(model.predict_proba(X), np.array(densities).T / sum(densities)[:, None], atol=1e-12)


@pytest.mark.parametrize("covariance_type", TYPES)
def test_samples_have_the_moments_of_the_mixture(covariance_type):
    model = GaussianMixture(2, covariance_type=covariance_type, random_state=0).fit(made(4, d=2))
    drawn, components = model.sample(40_000)
    for k in range(2):
        mine = drawn[components == k]
        assert len(mine) / len(drawn) == pytest.approx(model.weights_[k], abs=0.01)
        refitted = GaussianMixture(1, covariance_type=covariance_type).fit(mine)
        expected = model.covariances_ if covariance_type == "tied" else model.covariances_[k]
        assert np.allclose(refitted.covariances_, expected, rtol=0.05, atol=0.03 * np.abs(expected).max())
        assert np.allclose(mine.mean(axis=0), model.means_[k], atol=0.05 * np.sqrt(np.max(expected)))


@pytest.mark.parametrize("covariance_type", TYPES)
@settings(max_examples=12)
@given(counts=st.lists(st.integers(0, 4), min_size=24, max_size=24))
def test_whole_weights_repeat_rows_and_zero_drops_them(covariance_type, counts):
    X, counts = made(6, n=24), np.array(counts)
    if np.count_nonzero(counts) < 8:
        counts[:8] = 1
    keywords = dict(
        covariance_type=covariance_type, tol=0, max_iter=4, reg_covar=1e-3, **start(covariance_type)
    )
    weighted = GaussianMixture(3, **keywords).fit(X, sample_weight=counts)
    repeated = GaussianMixture(3, **keywords).fit(np.repeat(X, counts, axis=0))
    dropped = GaussianMixture(3, **keywords).fit(X[counts > 0], sample_weight=counts[counts > 0])
    assert_same_fit(weighted, repeated, 1e-8)
    assert all(np.array_equal(getattr(weighted, name), getattr(dropped, name)) for name in PARAMETERS)
    assert np.allclose(weighted.lower_bounds_, repeated.lower_bounds_, atol=1e-8)
    for criterion in ("aic", "bic", "icl", "score"):
        of_weighted = getattr(weighted, criterion)(X, sample_weight=counts)
        assert of_weighted == pytest.approx(getattr(weighted, criterion)(np.repeat(X, counts, axis=0)))


@pytest.mark.parametrize("init_params", ["kmeans", "k-means++", "random", "random_from_data"])
def test_a_row_of_weight_zero_changes_no_start(init_params):
    X, weights = made(7), np.ones(240)
    weights[::5] = 0
    weights[1::5] = 2.5
    keywords = dict(n_components=3, init_params=init_params, random_state=3)
    weighted = GaussianMixture(**keywords).fit(X, sample_weight=weights)
    dropped = GaussianMixture(**keywords).fit(X[weights > 0], sample_weight=weights[weights > 0])
    assert all(np.array_equal(getattr(weighted, name), getattr(dropped, name)) for name in PARAMETERS)
    assert np.array_equal(weighted.predict(X), GaussianMixture(**keywords).fit_predict(X, None, weights))


@pytest.mark.parametrize("gaps", [0.0, 0.2])
@pytest.mark.parametrize("init_params", ["kmeans", "k-means++", "random"])
@pytest.mark.parametrize("covariance_type", TYPES)
def test_the_scale_of_weights_does_not_matter(covariance_type, init_params, gaps):
    rng = np.random.default_rng(0)
    X, weights = made(8), rng.random(240)
    X[rng.random(X.shape) < gaps] = np.nan
    keywords = dict(covariance_type=covariance_type, init_params=init_params, random_state=0, max_iter=20)
    one = GaussianMixture(3, **keywords).fit(X, sample_weight=weights)
    other = GaussianMixture(3, **keywords).fit(X, sample_weight=1e6 * weights)
    assert_same_fit(one, other, 1e-8)


@pytest.mark.parametrize("covariance_type", TYPES)
def test_half_steps_climb_and_the_bounds_are_among_them(covariance_type):
    model = GaussianMixture(
        3, covariance_type=covariance_type, reg_covar=0.0, tol=1e-6, max_iter=500, random_state=0
    ).fit(made(9))
    assert (np.diff(model.free_energy_path_) >= -1e-9).all()
    assert len(model.free_energy_path_) == 2 * model.n_iter_
    assert model.lower_bounds_ == model.free_energy_path_[::2].tolist()
    assert model.lower_bound_ == model.lower_bounds_[-1]
    assert model.converged_ and model.stopped_by_ == "absolute" and model.findings_ == ()


@pytest.mark.parametrize("covariance_type", TYPES)
def test_a_row_is_scored_alike_in_any_company(covariance_type):
    X = made(10, n=1500)
    model = GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(X)
    alone = np.concatenate([model.score_samples(row[None]) for row in X[:40]])
    assert np.allclose(alone, model.score_samples(X)[:40], rtol=1e-14, atol=1e-14)
    shuffled = np.random.default_rng(0).permutation(len(X))
    assert np.allclose(model.score_samples(X[shuffled]), model.score_samples(X)[shuffled], rtol=1e-14)


@pytest.mark.parametrize("covariance_type", TYPES)
def test_float32_is_summed_in_float64(covariance_type):
    X = (made(11) + 1e4).astype(np.float32)
    keywords = dict(n_components=3, covariance_type=covariance_type, tol=0, max_iter=5)
    begin = start(covariance_type) | {"means_init": made(11)[::90] + 1e4}
    single = GaussianMixture(**keywords, **begin).fit(X)
    double = GaussianMixture(**keywords, **begin).fit(X.astype(np.float64))
    assert single.lower_bound_ == pytest.approx(double.lower_bound_, abs=1e-12)
    for name in PARAMETERS:
        assert getattr(single, name).dtype == np.float32
        assert np.allclose(getattr(single, name), getattr(double, name), rtol=1e-5, atol=1e-5), name
    assert single.score_samples(X).dtype == single.predict_proba(X).dtype == np.float32
    assert single.score_samples(X.astype(np.float64)).dtype == np.float64
    assert single.sample(3)[0].dtype == np.float64


@pytest.mark.parametrize("covariance_type", TYPES)
def test_an_offset_costs_no_digits(covariance_type):
    X = np.round(made(12) * 2**10) / 2**10
    keywords = dict(n_components=3, covariance_type=covariance_type, random_state=0)
    here, there = GaussianMixture(**keywords).fit(X), GaussianMixture(**keywords).fit(X + 2.0**27)
    assert there.lower_bound_ == pytest.approx(here.lower_bound_, abs=1e-6)
    assert np.allclose(there.covariances_, here.covariances_, rtol=1e-5, atol=1e-5)
    assert np.array_equal(there.predict(X + 2.0**27), here.predict(X))


@pytest.mark.parametrize("covariance_type", TYPES)
def test_max_iter_0_leaves_the_start(covariance_type):
    begin = start(covariance_type)
    model = GaussianMixture(3, covariance_type=covariance_type, max_iter=0, **begin)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(made())
    assert np.allclose(model.means_, begin["means_init"]) and np.allclose(
        model.weights_, begin["weights_init"]
    )
    assert np.allclose(model.precisions_, begin["precisions_init"])
    assert model.n_iter_ == 0 and model.lower_bounds_ == [] and model.lower_bound_ == -np.inf
    assert not model.converged_ and np.isfinite(model.predict_proba(made())).all()


@pytest.mark.parametrize("covariance_type", TYPES)
def test_parts_of_a_start_may_be_given(covariance_type):
    X = made()
    for name, value in start(covariance_type).items():
        keywords = {
            name: value,
            "covariance_type": covariance_type,
            "random_state": 0,
            "tol": 0,
            "max_iter": 3,
        }
        assert_same_fit(GaussianMixture(3, **keywords).fit(X), Reference(3, **keywords).fit(X), 1e-8)


def test_warm_start_goes_on():
    X = made(13)
    keywords = dict(n_components=3, random_state=0, init_params="random", tol=0)
    once = GaussianMixture(max_iter=8, **keywords).fit(X)
    twice = GaussianMixture(max_iter=4, warm_start=True, **keywords).fit(X)
    reference = Reference(max_iter=4, warm_start=True, **keywords).fit(X).fit(X)
    twice.fit(X)
    assert_same_fit(once, twice, 1e-8)
    assert_same_fit(twice, reference, 1e-8)
    twice.set_params(max_iter=500, tol=1e-3).fit(X)
    assert twice.converged_ and twice.fit(X).n_iter_ == 1
    with pytest.raises(InputError, match="warm_start goes on from means of shape"):
        twice.fit(X[:, :2])


def test_the_best_of_several_starts_is_kept():
    X = made(14, k=3)
    seeds = np.random.RandomState(0)
    bounds = [
        GaussianMixture(5, init_params="random_from_data", random_state=seeds).fit(X).lower_bound_
        for _ in range(6)
    ]
    best = GaussianMixture(5, init_params="random_from_data", random_state=0, n_init=6).fit(X)
    assert best.lower_bound_ == max(bounds) > min(bounds)


@pytest.mark.parametrize("covariance_type", TYPES)
@pytest.mark.parametrize("gaps", [0.0, 0.1])
def test_short_runs_end_no_lower_than_one_start(covariance_type, gaps):
    X = made(23)
    X[np.random.default_rng(0).random(X.shape) < gaps] = np.nan
    keywords = dict(n_components=3, covariance_type=covariance_type, tol=1e-6, max_iter=1000)
    best = GaussianMixture(init_params="short_runs", random_state=0, **keywords).fit(X)
    one = GaussianMixture(init_params="random", random_state=0, **keywords).fit(X)
    assert best.lower_bound_ > one.lower_bound_ - 1e-3
    again = GaussianMixture(init_params="short_runs", random_state=0, **keywords).fit(X)
    assert np.array_equal(best.means_, again.means_)


def test_a_start_that_collapses_is_passed_over_and_said():
    X = np.vstack([made(15, n=40, d=1, k=1), np.full((20, 1), 9.0)])
    model = GaussianMixture(2, reg_covar=0.0, random_state=1, n_init=20, init_params="random_from_data")
    finding = next(finding for finding in model.fit(X).findings_ if finding.name == "starts-refused")
    assert "starts came to nothing" in finding.seen
    with pytest.raises(InputError, match="not positive definite"):
        GaussianMixture(2, reg_covar=0.0, random_state=1, n_init=2).fit(X)  # k-means finds them every time


def test_it_warns_where_it_did_not_converge():
    with pytest.warns(ConvergenceWarning, match="did not converge"):
        model = GaussianMixture(3, max_iter=1, random_state=0).fit(made())
    assert model.stopped_by_ == "max_iter" and not model.converged_


def test_aitken_climbs_on_where_a_small_change_is_not_the_end():
    X = np.random.default_rng(0).normal(size=(400, 2))
    keywords = dict(n_components=3, random_state=0, max_iter=20_000, tol=1e-4)
    soon = GaussianMixture(**keywords).fit(X)
    late = GaussianMixture(stopping="aitken", **keywords).fit(X)
    assert late.stopped_by_ == "aitken" and late.lower_bound_ > soon.lower_bound_
    relative = GaussianMixture(stopping="relative", **keywords).fit(X)
    assert relative.stopped_by_ == "relative"


@pytest.mark.parametrize("covariance_type", TYPES)
def test_a_prior_keeps_duplicates_from_collapsing(covariance_type):
    X = np.repeat(made(16)[:4], 8, axis=0)
    model = GaussianMixture(
        4, covariance_type=covariance_type, reg_covar=0.0, prior="auto", random_state=0
    ).fit(X)
    assert np.isfinite(model.lower_bound_) and (np.diff(model.free_energy_path_) >= -1e-9).all()


@pytest.mark.parametrize("covariance_type", TYPES)
def test_a_strong_prior_wins(covariance_type):
    d, mean = 2, np.array([5.0, -3.0])
    scale = {"full": np.eye(d), "tied": np.eye(d)}.get(covariance_type, np.ones(d))
    prior = NormalInverseWishart(mean, kappa=1e9, dof=1e9, scale=scale * 4e9)
    model = GaussianMixture(
        2,
        covariance_type=covariance_type,
        prior=prior,
        weight_concentration=1e9,
        reg_covar=0.0,
        random_state=0,
    ).fit(made(17, d=d))
    assert np.allclose(model.means_, mean, atol=1e-4) and np.allclose(model.weights_, 0.5, atol=1e-4)
    variances = np.diag(model.covariances_) if covariance_type == "tied" else model.covariances_
    variances = np.diagonal(variances, axis1=1, axis2=2) if covariance_type == "full" else variances
    assert np.allclose(variances, 4.0, rtol=1e-4)
    assert clone(model).get_params()["prior"].kappa == 1e9


@pytest.mark.parametrize("covariance_type", TYPES)
def test_missing_values_are_integrated_out(covariance_type):
    rng = np.random.default_rng(0)
    X = made(18, n=1200)
    holes = np.where(rng.random(X.shape) < 0.2, np.nan, X)
    holes[7] = np.nan
    keywords = dict(n_components=3, covariance_type=covariance_type, random_state=0)
    model, complete = GaussianMixture(**keywords).fit(holes), GaussianMixture(**keywords).fit(X)
    assert model.score(X) > complete.score(X) - 0.1
    assert np.allclose(model.score_samples(holes)[[7]], 0) and np.isfinite(model.score_samples(holes)).all()
    assert np.allclose(model.predict_proba(holes).sum(axis=1), 1)
    one = np.array([[0.5, np.nan, np.nan]])
    marginals = [
        w * np.exp(-0.5 * (0.5 - m) ** 2 / v) / np.sqrt(2 * np.pi * v)
        for w, m, v in zip(model.weights_, model.means_[:, 0], _first_variances(model), strict=True)
    ]
    assert model.score_samples(one)[0] == pytest.approx(np.log(sum(marginals)), abs=1e-10)
    filled = model.impute(holes)
    kept = ~np.isnan(holes)
    assert np.array_equal(filled[kept], holes[kept]) and np.isfinite(filled).all()
    drawn = model.impute(holes[:5], draws=3, random_state=1)
    assert drawn.shape == (3, 5, 3) and np.array_equal(
        drawn, model.impute(holes[:5], draws=3, random_state=1)
    )


def _first_variances(model):
    covariances = model.covariances_
    return {
        "full": lambda: covariances[:, 0, 0],
        "tied": lambda: np.repeat(covariances[0, 0], 3),
        "diag": lambda: covariances[:, 0],
        "spherical": lambda: covariances,
    }[model.covariance_type]()


@pytest.mark.parametrize("covariance_type", TYPES)
@pytest.mark.parametrize("init_params", ["kmeans", "random_from_data"])
@pytest.mark.parametrize("reg_covar", [1e-6, 0.0])
def test_bad_data_gives_an_answer_or_a_message(covariance_type, init_params, reg_covar):
    base = made(19, n=60)
    cases = {
        "duplicates": np.repeat(base[:2], 30, axis=0),
        "one value": np.ones((20, 3)),
        "constant column": base * [1, 0, 1] + [0, 5, 0],
        "collinear columns": base[:, [0, 1, 0]] * [1, 1, 2],
        "offset": base + 1e8,
        "tiny": base * 1e-200,
        "large": base * 1e100,
        "an outlier": np.vstack([base, [[1e30] * 3]]),
        "far apart": np.vstack([base * 1e-3, base * 1e-3 + 1e6]),
        "an empty row": np.vstack([base, [[np.nan] * 3]]),
    }
    for name, X in cases.items():
        model = GaussianMixture(
            3, covariance_type=covariance_type, init_params=init_params, reg_covar=reg_covar, random_state=0
        )
        try:
            model.fit(X)
        except InputError as error:
            assert (reg_covar == 0 or name == "large") and "increase reg_covar" in str(error), name
            continue
        except ArithmeticError:
            assert reg_covar == 0 and name == "collinear columns"
            continue
        for parameter in PARAMETERS:
            assert np.isfinite(getattr(model, parameter)).all(), (name, parameter)
        assert np.isfinite(model.score_samples(X)).all() and np.isfinite(model.predict_proba(X)).all(), name
        assert np.isfinite(model.lower_bound_) and np.isfinite(model.sample(9)[0]).all(), name


@pytest.mark.parametrize("covariance_type", TYPES)
@pytest.mark.parametrize("init_params", ["kmeans", "k-means++"])
@pytest.mark.parametrize("scale", [1e-25, 1e30])
def test_float32_without_room_for_squares_is_fitted_as_float64(covariance_type, init_params, scale):
    """Sums of squares and precisions that leave float32 end neither in an infinity nor in a poor start."""
    X = (made(21) * scale).astype(np.float32)
    options = dict(
        n_components=3, covariance_type=covariance_type, init_params=init_params, reg_covar=0, random_state=0
    )
    single, double = GaussianMixture(**options).fit(X), GaussianMixture(**options).fit(X.astype(np.float64))
    assert single.lower_bound_ == pytest.approx(double.lower_bound_, abs=1e-9)
    for parameter in PARAMETERS:
        assert np.isfinite(getattr(single, parameter)).all(), parameter
        assert np.allclose(getattr(single, parameter), getattr(double, parameter), rtol=1e-6, atol=0)


@pytest.mark.parametrize("covariance_type", ["diag", "spherical"])
def test_a_component_that_falls_onto_one_row_among_gaps_is_refused_or_held(covariance_type):
    """Its variance goes to zero by steps; on the way no square may leave float64."""
    X = made(22, n=30)
    X[5] = np.nan
    X[np.random.default_rng(0).random(X.shape) < 0.4] = np.nan
    weights = 10.0 ** np.linspace(-12, 12, len(X))
    options = dict(covariance_type=covariance_type, reg_covar=0, tol=0, max_iter=300, random_state=0)
    for sample_weight in (None, weights):
        try:
            fitted = GaussianMixture(3, **options).fit(X, sample_weight=sample_weight)
        except (InputError, ConvergenceError):
            continue
        assert np.isfinite(fitted.covariances_).all() and np.isfinite(fitted.lower_bound_)


def test_rows_beyond_every_number_have_no_density_and_no_nan():
    model = GaussianMixture(2, random_state=0).fit(made(20))
    beyond = np.array([[1e200, -1e200, 1e200], [-1e308, 1e308, 0.0], [1e150, 1e150, 0.0]])
    assert (model.score_samples(beyond) < -1e200).all()
    assert np.allclose(model.predict_proba(beyond).sum(axis=1), 1)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (made()[:2], "n_samples >= n_components"),
        (made() * 1e200, "whose square is no number"),
        (made() * [1, np.nan, 1], "has no observed value"),
        (np.where(made() > 5, np.inf, made()), "infinity"),
    ],
)
def test_data_that_cannot_be_fitted_are_refused(X, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixture(3).fit(X)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("n_components", 0, "must be an int in the range"),
        ("covariance_type", "round", "must be a str among"),
        ("tol", -1, "must be a float in the range"),
        ("reg_covar", np.nan, "must be a float in the range"),
        ("max_iter", 1.5, "must be an int in the range"),
        ("n_init", "3", "must be an int in the range"),
        ("init_params", None, "must be a str among"),
        ("warm_start", 1, "must be a bool"),
        ("stopping", "soon", "must be a str among"),
        ("prior", "weak", "must be a NormalInverseWishart, 'auto' or None"),
        ("weight_concentration", 0.5, "must be a float in the range"),
        ("weights_init", [0.5, 0.6], "should be normalized"),
        ("weights_init", [1.5, -0.5], r"should be in the range \[0, 1\]"),
        ("weights_init", [1.0], "should have the shape of"),
        ("means_init", [[1.0]], "should have the shape of"),
        ("precisions_init", np.zeros((2, 3, 3)), "symmetric, positive-definite"),
        ("precisions_init", np.ones((3, 3)), "should have the shape of"),
    ],
)
def test_parameters_are_refused_in_scikit_learns_words(name, value, words):
    with pytest.raises(InputError, match=words):
        GaussianMixture(**{"n_components": 2, name: value}).fit(made())


def test_icl_is_bic_and_the_entropy_of_the_groups():
    X = made(21)
    model = GaussianMixture(3, random_state=0).fit(X)
    q = model.predict_proba(X)
    entropy = -np.sum(q * np.log(np.where(q > 0, q, 1)))
    assert model.icl(X) == pytest.approx(model.bic(X) + 2 * entropy, rel=1e-12)


def test_what_is_set_by_hand_is_scored():
    X = made(22)
    fitted = GaussianMixture(3, random_state=0).fit(X)
    by_hand = GaussianMixture(3)
    by_hand.weights_, by_hand.means_ = fitted.weights_, fitted.means_
    by_hand.covariances_, by_hand.precisions_cholesky_ = fitted.covariances_, fitted.precisions_cholesky_
    assert np.array_equal(by_hand.predict(X), fitted.predict(X))


def test_the_global_random_state_is_left_alone():
    np.random.seed(3)
    before = np.random.get_state()[1].copy()
    GaussianMixture(2, random_state=0, init_params="random").fit(made()).sample(5)
    assert np.array_equal(before, np.random.get_state()[1])


def test_fitting_saving_and_loading_it_imports_no_torch(tmp_path):
    code = (
        "import sys, mixtura\n"
        f"mixtura.GaussianMixture().fit([[0], [1]]).save({str(tmp_path / 'model')!r})\n"
        f"mixtura.GaussianMixture.load({str(tmp_path / 'model')!r}).predict([[0]])\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("covariance_type", ["full", "tied"])
@pytest.mark.parametrize(
    "units", [(1, 1, 1, 1), (1e-6, 1, 1e6, 1), (1e6, 1e6, 1e-6, 1), (1e-6,) * 4, (1e6,) * 4]
)
@pytest.mark.parametrize("seed", range(4))
def test_collinear_columns_are_refused_whatever_their_units(covariance_type, units, seed):
    rng = np.random.default_rng(seed)
    n = int(rng.choice([60, 400, 2000]))
    rows = rng.normal(size=(n, 3)) @ rng.normal(size=(3, 3)) + 4 * rng.integers(0, 2, (n, 1))
    mixture = GaussianMixture(2, covariance_type=covariance_type, reg_covar=0, random_state=0, max_iter=30)
    collinear = np.column_stack([rows, rows @ rng.normal(size=3)]) * units
    with pytest.raises(InputError, match=r"column \d \(from 0\) is constant or depends .* leave columns out"):
        mixture.fit(collinear)
    constant = np.column_stack([rows, np.full(n, 3.0)]) * units
    with pytest.raises(InputError, match=r"column 3 \(from 0\) is constant or depends"):
        mixture.fit(constant)


@pytest.mark.parametrize("units", [(1, 1, 1), (1e-6, 1, 1e6), (1e6, 1, 1e-6)])
def test_nearly_collinear_columns_are_fitted_whatever_their_units(units):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(400, 2)) + 4 * rng.integers(0, 2, (400, 1))
    near = np.column_stack([rows, rows.sum(axis=1) + 1e-5 * rng.normal(size=400)])
    keywords = dict(n_components=2, reg_covar=0, random_state=0, tol=1e-8, max_iter=2000, means_init=None)
    keywords["init_params"] = "random_from_data"
    model = GaussianMixture(**keywords).fit(near * units)
    moved = model.score(near * units) + np.log(units).sum()
    alone = GaussianMixture(**keywords).fit(rows)
    noise = -0.5 * np.log(2 * np.pi * np.e) - np.log(1e-5)
    assert moved == pytest.approx(alone.score(rows) + noise, abs=0.1)
