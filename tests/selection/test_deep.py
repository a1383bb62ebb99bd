from __future__ import annotations

import numpy as np
import pytest
from sklearn.model_selection import ShuffleSplit

import mixtura
from mixtura.errors import InputError
from mixtura.selection import select_components
from mixtura.selection.candidates import Candidate
from mixtura.selection.deep import Racer, still_near


def quick(**settings) -> mixtura.GMVAE:
    given = {
        "max_epochs": 2,
        "hidden": (8,),
        "start": "kmeans",
        "random_state": 1,
        "n_importance_samples": 16,
    }
    return mixtura.GMVAE(**(given | settings))


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(60, 2)) + 8 * np.repeat(np.eye(2), 30, axis=0)


@pytest.fixture(scope="module")
def selection(rows):
    return select_components(rows, [1, 2], estimator=quick(), cv=2, random_state=0)


def racer(per_row: np.ndarray, k: int, monte_carlo: float = 0.0) -> Racer:
    made = Racer(Candidate("GMVAE", k, None), per_row.copy(), np.ones(len(per_row)))
    made.monte_carlo, made.folds = [(len(per_row), monte_carlo)], 1
    return made


def test_held_out_means_are_those_of_a_loop_over_folds(rows):
    folds = [(np.arange(0, 60, 2), np.arange(1, 60, 2)), (np.arange(1, 60, 2), np.arange(0, 60, 2))]
    selection = select_components(rows, [2], estimator=quick(), cv=folds)
    scores, errors = np.empty(60), []
    for train, test in folds:
        estimate = quick(n_components=2).fit(rows[train]).log_likelihood(rows[test])
        scores[test] = estimate.per_row
        errors.append(estimate.standard_error)
    assert selection.held_out[0] == pytest.approx(scores.mean(), rel=1e-9)
    by_rows, by_draws = scores.std(ddof=1) / np.sqrt(60), np.hypot(*errors) / 2
    assert selection.held_out_se[0] == pytest.approx(np.hypot(by_rows, by_draws), rel=1e-9)


def test_the_chosen_one_alone_is_fitted_to_all_rows(selection):
    line = selection.chosen
    assert selection.estimator.n_components == selection.n_components[line]
    assert np.isfinite(selection.log_likelihood).sum() == 1 and np.isfinite(selection.log_likelihood[line])
    assert np.isnan(selection.bic).all() and set(selection.best) == {"held_out", "one_se"}
    text = str(selection)
    assert "BIC" not in text and "held out" in text and "one_se" in text
    assert selection.n_parameters[1] - selection.n_parameters[0] == 3  # one mean of two, one scale
    assert len(selection.plot().get_lines())


def test_one_split_is_enough(rows):
    split = ShuffleSplit(1, test_size=0.25, random_state=0)
    selection = select_components(rows, [1, 2], estimator=quick(), cv=split)
    assert selection.n_folds == 1 and np.isfinite(selection.held_out).all()


def test_what_is_plainly_behind_is_left_out_and_what_may_win_is_not():
    rng = np.random.default_rng(2)
    base, copies = rng.normal(size=200), np.arange(200)
    best, near = racer(base, 3), racer(base - 0.01 + 0.3 * rng.normal(size=200), 4)
    far = racer(base - 1.0 + 0.3 * rng.normal(size=200), 1)
    assert still_near([best, near, far], copies) == [best, near]
    unsure = racer(far.sums, 1, monte_carlo=1.0)  # the draws alone may account for it
    assert still_near([best, unsure], copies) == [best, unsure]


def test_a_number_that_is_left_out_early_keeps_a_line(rows, monkeypatch):
    monkeypatch.setattr("mixtura.selection.deep.still_near", lambda racers, copies: racers[:1])
    selection = select_components(rows, [1, 2], estimator=quick(), cv=2, random_state=0)
    assert np.isfinite(selection.held_out).all() and np.isfinite(selection.held_out_se).all()
    assert (
        selection.held_out[selection.chosen_by["held_out"]] == selection.held_out.max()
        or selection.behind.min() < 0
    )
    assert "K = 2 was behind" in str(selection)


def test_a_number_that_cannot_be_fitted_is_a_line_with_its_reason(rows):
    selection = select_components(rows, [1, 40], estimator=quick(), cv=2, random_state=0)
    assert selection.best["held_out"] == 1 and "fold 1: n_samples=30" in selection.reason[1]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"criterion": "bic"}, "criterion='bic' needs a mixture fitted by EM"),
        ({"sample_weight": np.ones(60)}, "sample_weight is not taken by a GMVAE"),
        ({"n_components": [50]}, "fold 1: n_samples=30 should be >= n_components=50"),
        ({"n_components": [50, 55]}, "no K could be fitted; with K = 50"),
        ({"n_components": [0]}, "one is 0"),
        ({"estimator": quick(latent_dim=0)}, "latent_dim must be"),
    ],
)
def test_bad_input_is_one_line(change, words, rows):
    given = {"n_components": [2], "estimator": quick(), "cv": 2, "random_state": 0} | change
    with pytest.raises(InputError) as caught:
        select_components(rows, **given)
    assert words in str(caught.value) and "\n" not in str(caught.value)
