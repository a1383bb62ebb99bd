from __future__ import annotations

import warnings

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.model_selection import KFold, RepeatedKFold

import mixtura
from mixtura.em.bernoulli import Beta
from mixtura.errors import InputError
from mixtura.selection import Selection, select_components


def plain(**settings):
    return mixtura.GaussianMixture(random_state=3, **settings)


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    return np.concatenate(
        [rng.normal(0, 1, (60, 2)), rng.normal(5, 1, (60, 2)), rng.normal([0, 9], 1, (30, 2))]
    )


@pytest.fixture(scope="module")
def selection(rows) -> Selection:
    return select_components(rows, range(1, 6), estimator=plain(), random_state=0)


def test_it_is_a_public_name():
    assert mixtura.select_components is select_components


def test_groups_that_are_apart_are_counted(selection):
    assert selection.best == {"held_out": 3, "one_se": 3, "bic": 3, "icl": 3}
    assert selection.estimator.n_components == 3 and selection.criterion == "held_out"
    assert repr(selection) == "Selection(GaussianMixture, K=3 by held_out, of 5 tried)"


def test_the_held_out_mean_and_its_errors_are_those_of_a_loop_over_folds(rows):
    folds = list(KFold(4, shuffle=True, random_state=1).split(rows))
    selection = select_components(rows, [1, 2, 3], estimator=plain(), cv=folds)
    each = np.empty((3, len(rows)))
    for place, k in enumerate((1, 2, 3)):
        for train, test in folds:
            each[place, test] = plain(n_components=k).fit(rows[train]).score_samples(rows[test])
    n, best = len(rows), int(each.mean(axis=1).argmax())
    assert selection.held_out == pytest.approx(each.mean(axis=1), rel=1e-12)
    assert selection.held_out_se == pytest.approx(each.std(axis=1, ddof=1) / np.sqrt(n), rel=1e-10)
    behind = each[best] - each
    assert selection.behind == pytest.approx(behind.mean(axis=1), abs=1e-12)
    assert selection.behind_se == pytest.approx(behind.std(axis=1, ddof=1) / np.sqrt(n), abs=1e-12)


def test_the_other_columns_are_the_estimators_own(rows, selection):
    for line, k in enumerate(selection.n_components):
        model = plain(n_components=int(k)).fit(rows)
        assert selection.bic[line] == model.bic(rows) and selection.icl[line] == model.icl(rows)
        assert selection.log_likelihood[line] == model.score(rows)
        assert selection.n_parameters[line] == 6 * k - 1
    assert selection.bic_per_row == pytest.approx(-selection.bic / (2 * len(rows)))
    assert selection.icl_per_row == pytest.approx(-selection.icl / (2 * len(rows)))


def test_the_estimator_is_the_chosen_one_fitted_to_all_rows(rows, selection):
    model = plain(n_components=3).fit(rows)
    assert np.array_equal(model.means_, selection.estimator.means_)


def test_a_line_depends_on_no_other_line(rows, selection):
    again = select_components(rows, [5, 2, 2, 3], estimator=plain(), random_state=0)
    assert again.n_components.tolist() == [2, 3, 5]
    same = [int(np.flatnonzero(selection.n_components == k)[0]) for k in again.n_components]
    for name in ("held_out", "held_out_se", "bic", "icl", "log_likelihood"):
        assert np.array_equal(getattr(again, name), getattr(selection, name)[same])


def test_the_same_seed_gives_the_same_bits_and_another_other_folds(rows):
    one, same, other = (
        select_components(rows, [2], estimator=mixtura.GaussianMixture(), random_state=seed)
        for seed in (1, 1, 2)
    )
    assert np.array_equal(one.held_out, same.held_out)
    assert not np.array_equal(one.held_out, other.held_out)
    assert (one.seed, other.seed) == (1, 2)


def test_no_seed_is_one_that_is_told(rows):
    selection = select_components(rows, [2])
    again = select_components(rows, [2], random_state=selection.seed)
    assert np.array_equal(selection.held_out, again.held_out)


def test_global_random_state_is_left_alone(rows):
    state = np.random.get_state()[1].copy()
    select_components(rows, [1], random_state=0)
    assert np.array_equal(np.random.get_state()[1], state)


def test_jobs_change_nothing(rows, selection):
    with joblib.parallel_backend("threading"):
        again = select_components(rows, range(1, 6), estimator=plain(), random_state=0, n_jobs=2)
    assert np.array_equal(again.held_out, selection.held_out)


def test_weights_are_repeats(rows):
    counts = np.arange(len(rows)) % 3
    settings = dict(n_components=[1], estimator=plain(), random_state=0)
    weighted = select_components(rows, **settings, sample_weight=counts)
    repeated = select_components(np.repeat(rows, counts, axis=0), **settings)
    for name in ("held_out", "held_out_se", "behind_se", "bic", "icl", "log_likelihood", "n_rows"):
        assert getattr(weighted, name) == pytest.approx(getattr(repeated, name), rel=1e-9), name


def test_a_weight_of_zero_is_a_row_that_is_not_there(rows):
    weights = np.ones(len(rows))
    weights[::7] = 0
    one = select_components(rows, [1, 2], estimator=plain(), random_state=0, sample_weight=weights)
    other = select_components(rows[weights > 0], [1, 2], estimator=plain(), random_state=0)
    assert one.held_out == pytest.approx(other.held_out, rel=1e-9)
    assert one.behind_se == pytest.approx(other.behind_se, abs=1e-9)


def test_the_scale_of_weights_does_not_matter_to_what_is_held_out(rows):
    weights = np.random.default_rng(0).uniform(0.5, 2, len(rows))
    one, other = (
        select_components(rows, [1, 2], estimator=plain(), random_state=0, sample_weight=scale * weights)
        for scale in (1, 1e-3)
    )
    assert one.held_out == pytest.approx(other.held_out, rel=1e-8)
    assert one.held_out_se == pytest.approx(other.held_out_se, rel=1e-8)


def test_missing_values_are_scored_where_the_mixture_takes_them(rows):
    gaps = rows.copy()
    gaps[::5, 0] = np.nan
    selection = select_components(gaps, [1, 2], estimator=plain(), random_state=0)
    assert np.isfinite(selection.held_out).all()


@pytest.mark.parametrize("frame", [pd.DataFrame, lambda x: pl.DataFrame(x, schema=["a", "b"]), list])
def test_frames_and_lists_are_tables(rows, selection, frame):
    again = select_components(frame(rows), range(1, 6), estimator=plain(), random_state=0)
    assert np.array_equal(again.held_out, selection.held_out)


def test_several_mixtures_share_a_table(rows):
    models = {name: plain(covariance_type=name) for name in ("full", "tied", "diag", "spherical")}
    selection = select_components(rows, [2, 3], estimator=models, random_state=0)
    assert selection.model.tolist() == [name for name in models for _ in range(2)]
    alone = select_components(rows, [2, 3], estimator=models["tied"], random_state=0)
    assert np.array_equal(selection.held_out[2:4], alone.held_out)
    assert selection.held_out.argmax() == selection.chosen and selection.best["bic"] == 3


def test_one_se_takes_the_fewest_parameters(rows):
    models = {"full": plain(), "spherical": plain(covariance_type="spherical")}
    selection = select_components(rows, [3, 4], estimator=models, criterion="one_se", random_state=0)
    assert (selection.model[selection.chosen], selection.estimator.n_components) == ("spherical", 3)


def test_other_families_are_chosen_among_too():
    rng = np.random.default_rng(0)
    group = rng.integers(2, size=200)
    bits = (rng.random((200, 6)) < np.where(group[:, None], 0.9, 0.1)).astype(int)
    counts = rng.poisson(np.where(group[:, None], 12.0, 2.0), (200, 2))
    prior = mixtura.BernoulliMixture(prior=Beta(1.5, 1.5), n_init=2)
    assert select_components(bits, [1, 2, 3], estimator=prior, random_state=0).best["bic"] == 2
    poisson = mixtura.PoissonMixture(n_init=2)
    assert select_components(counts, [1, 2, 3], estimator=poisson, random_state=0).best["bic"] == 2
    words = np.where(bits, "yes", "no")
    category = mixtura.CategoricalMixture(n_init=2)
    assert select_components(words, [1, 2, 3], estimator=category, random_state=0).best["bic"] == 2
    table = pa.table({"count": counts[:, 0], "size": group * 5 + rng.normal(size=200), "word": words[:, 0]})
    mixed = select_components(table, [1, 2, 3], estimator=mixtura.MixedMixture(n_init=2), random_state=0)
    assert mixed.best["held_out"] == 2 and mixed.estimator.families_ == ["poisson", "gaussian", "categorical"]


def test_a_column_is_in_every_fold_what_it_is_in_all_rows():
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 2, 40)
    counts[7] = 3  # without this row the column holds 0 and 1 alone
    table = pa.table({"count": counts, "size": rng.normal(size=40)})
    selection = select_components(table, [1], estimator=mixtura.MixedMixture(), random_state=0)
    assert selection.reason.tolist() == [""] and np.isfinite(selection.held_out).all()


def test_a_category_that_a_fold_lacks_is_missing_there_and_told_of():
    words = np.array([["a"]] * 20 + [["b"]] * 20 + [["rare"]])
    selection = select_components(words, [1], estimator=mixtura.CategoricalMixture(), random_state=0)
    assert np.isfinite(selection.held_out).all()
    assert "unseen-categories" in [finding.name for finding in selection.findings]


def test_rows_that_are_repeated_are_not_scored_by_a_mixture_that_learnt_them(rows):
    doubled = np.concatenate([rows, rows])
    selection = select_components(doubled, range(1, 4), estimator=plain(), random_state=0)
    once = select_components(rows, range(1, 4), estimator=plain(), random_state=0)
    assert selection.held_out[0] == pytest.approx(once.held_out[0], rel=1e-6)
    assert selection.held_out_se[0] == pytest.approx(once.held_out_se[0], rel=1e-6)
    finding = next(finding for finding in selection.findings if finding.name == "repeated-rows")
    assert "150 of 300 rows" in finding.seen


def test_a_component_between_two_values_is_told_of():
    coarse = np.random.default_rng(0).integers(0, 4, (80, 1)) + np.zeros((80, 2))
    coarse[:, 1] = np.random.default_rng(1).normal(size=80)
    selection = select_components(coarse, [1, 4], estimator=plain(covariance_type="diag"), random_state=0)
    finding = next(finding for finding in selection.findings if finding.name == "narrow-components")
    assert "column 0" in finding.seen and "K = 4 " in finding.seen


def test_the_greatest_number_is_told_of(rows):
    selection = select_components(rows, [1, 2], estimator=plain(), random_state=0)
    assert [finding.name for finding in selection.findings] == ["largest-tried"]


def test_fits_that_stop_early_are_told_of_and_warn_of_nothing(rows):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        selection = select_components(rows, [1, 2], estimator=plain(max_iter=1, tol=1e-9), random_state=0)
    assert not selection.converged.any()
    assert "not-converged" in [finding.name for finding in selection.findings]


def test_what_cannot_be_fitted_is_a_line_with_the_reason(rows):
    selection = select_components(rows[:12], [1, 10, 12, 13], estimator=plain(), random_state=0)
    assert selection.reason[0] == "" and np.isfinite(selection.held_out[0])
    assert "fold 1: Expected n_samples >= n_components" in selection.reason[1]
    assert np.isnan(selection.held_out[1:]).all() and np.isfinite(selection.bic[:3]).all()
    assert selection.reason[3].startswith("Expected n_samples") and np.isnan(selection.bic[3])
    assert selection.best["held_out"] == 1


def test_splitters_that_hold_a_row_out_often_or_never_are_taken(rows):
    repeated = select_components(
        rows, [2], estimator=plain(), cv=RepeatedKFold(n_splits=3, n_repeats=2, random_state=0)
    )
    assert repeated.n_folds == 6 and np.isfinite(repeated.held_out).all()
    part = select_components(rows, [2], estimator=plain(), cv=[(np.arange(100), np.arange(100, 150))])
    score = plain(n_components=2).fit(rows[:100]).score_samples(rows[100:])
    assert part.held_out[0] == pytest.approx(score.mean())


def test_rows_of_no_probability_leave_the_other_criteria():
    bits = np.zeros((30, 2), dtype=int)
    bits[3, 0] = 1
    bernoulli = mixtura.BernoulliMixture()
    with pytest.raises(InputError, match="give the mixture a prior"):
        select_components(bits, [1, 2], estimator=bernoulli, random_state=0)
    by_bic = select_components(bits, [1, 2], estimator=bernoulli, criterion="bic", random_state=0)
    assert by_bic.best["bic"] == 1 and by_bic.held_out[0] == -np.inf
    smooth = mixtura.BernoulliMixture(prior=Beta(2, 2))
    assert np.isfinite(select_components(bits, [1, 2], estimator=smooth, random_state=0).held_out).all()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"n_components": 5}, "such as range"),
        ({"n_components": []}, "there is none"),
        ({"n_components": [0, 1]}, "one is 0"),
        ({"n_components": [1.5]}, "one is 1.5"),
        ({"n_components": [True]}, "one is True"),
        ({"n_components": "123"}, "not '123'"),
        ({"estimator": mixtura.GaussianMixture}, "must be a mixture"),
        ({"estimator": 3}, "must be a mixture"),
        ({"estimator": {}}, "empty mapping"),
        ({"estimator": {1: mixtura.GaussianMixture()}}, "has the name 1"),
        ({"estimator": {"a": mixtura.GMVAE(), "b": plain()}}, "GMVAE beside a mixture fitted by EM"),
        ({"estimator": mixtura.GaussianMixture(tol=-1)}, "'tol' parameter"),
        ({"estimator": mixtura.PoissonMixture()}, "holds"),
        ({"cv": 1}, "at least 2"),
        ({"cv": 151}, "151 folds of 150 rows"),
        ({"cv": True}, "cv must be"),
        ({"cv": "five"}, "cv must be"),
        ({"cv": []}, "cv must be"),
        ({"cv": [([0, 1], [200])]}, "numbers below 150"),
        ({"cv": [([0, 1], [])]}, "cv must be"),
        ({"criterion": "aic"}, "criterion must be one of"),
        ({"sample_weight": -np.ones(150)}, "Negative"),
        ({"sample_weight": np.ones(3)}, "sample_weight"),
        (
            {"estimator": {"a": mixtura.GaussianMixture(), "b": mixtura.BernoulliMixture(binarise=0.0)}},
            "compared",
        ),
    ],
)
def test_bad_arguments_are_one_line(rows, settings, words):
    with pytest.raises(InputError, match=words) as error:
        select_components(rows, **{"n_components": [1, 2], **settings})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("X", "words"),
    [
        ("rows.parquet", "path 'rows.parquet'"),
        (np.zeros(5), "1 dimensions"),
        (3.0, "0 dimensions"),
        ([[1.0], [1.0, 2.0]], "different lengths"),
        (np.zeros((0, 2)), "0 rows"),
        (np.zeros((1, 2)), "1 row"),
        (np.array([[1.0, np.inf]] * 9), "infinity"),
        (np.repeat([[0.0, 1.0], [1.0, 0.0]], 9, axis=0), "2 distinct rows"),
        (np.array([["a"], ["b"]] * 9), "could not convert"),
        (np.full((9, 2), 1j), "Complex"),
        (pd.DataFrame(np.zeros((9, 2)), columns=["a", "a"]), "two columns of one name"),
        (np.full((9, 2), np.nan), "no observed value"),
    ],
)
def test_what_is_no_table_is_one_line(X, words):
    with pytest.raises(ValueError, match=words) as error:
        select_components(X, [1, 2], random_state=0)
    assert "\n" not in str(error.value)
