"""Leaps, threads, short runs and batches, for every mixture."""

from __future__ import annotations

import pickle
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mixtura.em.categorical import Dirichlet
from mixtura.errors import InputError
from mixtura.estimators import (
    BernoulliMixture,
    CategoricalMixture,
    GaussianMixture,
    MixedMixture,
    PoissonMixture,
)


def _table(n: int = 3000) -> pd.DataFrame:
    """Return rows of three groups that overlap."""
    rng = np.random.default_rng(0)
    group = rng.integers(3, size=n)
    chances = np.array([[0.9, 0.2, 0.5], [0.3, 0.8, 0.5], [0.1, 0.3, 0.9]])[group]
    bits = (rng.random((n, 3)) < chances).astype(float)
    shares = [[0.7, 0.1, 0.1, 0.1], [0.1, 0.7, 0.1, 0.1], [0.1, 0.1, 0.1, 0.7]]
    words = np.array([rng.choice(list("uvwx"), p=shares[g]) for g in group])
    return pd.DataFrame(
        {
            "a": bits[:, 0],
            "b": bits[:, 1],
            "c": bits[:, 2],
            "n": rng.poisson(np.array([1, 4, 9])[group]),
            "m": rng.poisson(np.array([6, 2, 3])[group]),
            "word": words,
            "x": rng.normal(size=n) + 2.5 * group,
            "y": rng.normal(size=n) - 2.5 * (group == 1),
        }
    )


TABLE = _table()
CASES: dict[str, tuple[Callable[..., Any], list[str]]] = {
    "gaussian": (GaussianMixture, ["x", "y"]),
    "bernoulli": (BernoulliMixture, ["a", "b", "c"]),
    "categorical": (CategoricalMixture, ["word", "a", "b"]),
    "poisson": (PoissonMixture, ["n", "m"]),
    "mixed": (MixedMixture, ["x", "word", "n", "a", "y"]),
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> tuple[Callable[..., Any], pd.DataFrame]:
    make, columns = CASES[request.param]
    return make, TABLE[columns]


def _bits(model: Any) -> list[np.ndarray]:
    names = ("means_", "covariances_", "probabilities_", "category_probabilities_", "rates_")
    shown = [getattr(model, name) for name in names if hasattr(model, name)]
    return [model.weights_, *(array for one in shown for array in (one if isinstance(one, list) else [one]))]


def _assert_same_bits(first: Any, second: Any) -> None:
    for a, b in zip(_bits(first), _bits(second), strict=True):
        np.testing.assert_array_equal(a, b)


def test_leaps_end_no_lower_than_steps_and_never_fall(case: Any) -> None:
    make, X = case
    keywords: dict[str, Any] = dict(n_components=2, random_state=0, tol=1e-9, max_iter=5000)
    if "reg_covar" in make().get_params():
        keywords["reg_covar"] = 0.0
    steps = make(**keywords).fit(X[:500])
    leaps = make(acceleration="squarem", **keywords).fit(X[:500])
    assert leaps.converged_ and np.diff(leaps.free_energy_path_).min() > -1e-10
    assert leaps.lower_bound_ == pytest.approx(steps.lower_bound_, abs=1e-5)
    with pytest.raises(InputError, match=r"'acceleration' parameter .* must be a str among"):
        make(acceleration="rocket").fit(X)


def test_the_same_threads_give_the_same_bits(case: Any) -> None:
    make, X = case
    gaps = X.astype(object).mask(np.random.default_rng(1).random(X.shape) < 0.1)
    gaps = gaps.astype({name: float for name in X if X[name].dtype.kind != "O" and name != "word"})
    families = {"families": {"n": "poisson"}} if make is MixedMixture else {}
    for data in (X, gaps):
        first, again, alone = (
            make(2, random_state=0, n_threads=n, tol=1e-5, max_iter=300, **families).fit(data)
            for n in (3, 3, 1)
        )
        _assert_same_bits(first, again)
        assert first.score(data) == pytest.approx(alone.score(data), rel=1e-6)
    with pytest.raises(InputError, match=r"'n_threads' parameter .* must be an int"):
        make(n_threads=0).fit(X)


def test_threads_are_taken_where_there_is_much_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    few, many = np.zeros((100, 2)), np.zeros((2**20, 2))
    assert [GaussianMixture(2)._threads(rows) for rows in (few, many)] == [1, 3]
    assert GaussianMixture(2, n_threads=2)._threads(few) == 2


def test_short_runs_end_no_lower_than_most_starts(case: Any) -> None:
    make, X = case
    runs = make(3, init_params="short_runs", random_state=0, tol=1e-6, max_iter=1000).fit(X[:600])
    starts = [
        make(3, init_params="random_from_data", random_state=seed, tol=1e-6, max_iter=1000).fit(X[:600])
        for seed in range(4)
    ]
    assert runs.lower_bound_ > np.median([start.lower_bound_ for start in starts]) - 1e-3
    again = make(3, init_params="short_runs", random_state=0, tol=1e-6, max_iter=1000).fit(X[:600])
    _assert_same_bits(runs, again)


def test_batches_end_near_the_whole(case: Any) -> None:
    make, X = case
    model = make(3, random_state=0, tol=1e-4, max_iter=500).fit(X[:300])
    whole = pickle.loads(pickle.dumps(model)).set_params(warm_start=True).fit(X)
    for _ in range(2):
        for start in range(0, len(X), 300):
            model.partial_fit(X[start : start + 300])
    assert model.score(X) == pytest.approx(whole.score(X), abs=0.03)
    assert model.n_iter_ == len(model.lower_bounds_) == 20 and model.stopped_by_ == "partial_fit"


def test_a_batch_after_pickling_gives_the_same_bits(case: Any) -> None:
    make, X = case
    model = make(2, random_state=0).partial_fit(X[:300])
    again = pickle.loads(pickle.dumps(model))
    _assert_same_bits(model.partial_fit(X[300:400]), again.partial_fit(X[300:400]))


def test_batches_go_on_from_a_fit_and_a_fit_begins_anew(case: Any) -> None:
    make, X = case
    model = make(2, random_state=0).fit(X[:500])
    before = pickle.loads(pickle.dumps(model))
    model.partial_fit(X[500:900])
    assert not np.array_equal(model.weights_, before.weights_)
    _assert_same_bits(model.fit(X[:500]), before)


def test_a_category_of_a_later_batch_must_be_declared() -> None:
    first, later = pd.DataFrame({"t": ["u", "v"] * 20}), pd.DataFrame({"t": ["w", "u"] * 20})
    with pytest.raises(InputError, match=r"column 't', row 0 .* holds the category 'w'.*categories="):
        CategoricalMixture(1).partial_fit(first).partial_fit(later)
    missing = CategoricalMixture(1, handle_unknown="missing").partial_fit(first).partial_fit(later)
    assert missing.probabilities_[0].shape == (1, 2)
    for make in (CategoricalMixture, MixedMixture):
        model = make(1, categories={"t": ["u", "v", "w"]}).partial_fit(first).partial_fit(later)
        assert model.categories_[0].tolist() == ["u", "v", "w"]
        shown = model.probabilities_ if make is CategoricalMixture else model.category_probabilities_
        assert shown[0][0, 2] > 0.1
        # The batch held what no batch before did.
        assert model.lower_bounds_[1] == -np.inf
    prior = CategoricalMixture(1, categories=[["u", "v", "w"]], prior=Dirichlet(1.5))
    assert np.isfinite(prior.partial_fit(first).partial_fit(later).lower_bounds_).all()


def test_an_event_of_a_later_batch_is_learnt() -> None:
    quiet, loud = np.zeros((50, 2)), np.ones((50, 2))
    for make in (BernoulliMixture, PoissonMixture):
        model = make(2, random_state=0).partial_fit(quiet).partial_fit(loud)
        assert model.lower_bound_ == -np.inf and np.isfinite(model.score(loud))


@pytest.mark.parametrize(
    ("categories", "message"),
    [
        ([["u"], ["v"]], "one list for each of the 1 columns, not 2"),
        ({"s": ["u"]}, "categories has 's', which is no column"),
        ([["u", "u"]], "must be different values"),
        ([[]], "must be different values"),
        ([["u", 1]], "must be text, numbers or truth values"),
        ("uv", "'categories' parameter .* must be a list of categories for each column"),
        ([["x", "y"]], "holds the category 'u'"),
    ],
)
def test_categories_that_are_none_are_refused(categories: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        CategoricalMixture(1, categories=categories).fit(pd.DataFrame({"t": ["u", "v"]}))


def test_batches_in_files_are_refused(case: Any) -> None:
    make, _ = case
    with pytest.raises(InputError, match=r"partial_fit takes rows, and 'x\.parquet' is a path"):
        make().partial_fit("x.parquet")


def test_partial_fit_keeps_no_batch() -> None:
    batch = np.random.default_rng(0).normal(size=(500, 2))
    mixture = GaussianMixture(2, random_state=0).partial_fit(batch)
    assert mixture._stepwise[0].rows.base is None


@pytest.mark.parametrize("gap", [30.0, 1e3, 1e5])
def test_batches_find_groups_far_apart_whatever_the_start(gap) -> None:
    """The start of a mixture of families shares every row, and so spans all groups."""
    rng = np.random.default_rng(0)
    mixture = MixedMixture(2, families="gaussian", random_state=0)
    for _ in range(20):
        mixture.partial_fit(rng.normal(np.array([0.0, gap])[rng.integers(0, 2, 500)])[:, None])
    np.testing.assert_allclose(np.ravel(mixture.covariances_), 1.0, atol=0.15)


@pytest.mark.parametrize("make", [GaussianMixture, MixedMixture, PoissonMixture])
def test_the_first_batch_is_not_kept(make: Any) -> None:
    batch = np.random.default_rng(0).poisson(3, size=(100, 2)).astype(float)
    kept = weakref.ref(batch)
    model = make(2, random_state=0).partial_fit(batch)
    del batch
    assert kept() is None and model.n_iter_ == 1


def test_a_refused_fit_leaves_the_mixture_as_it_was(case: Any, tmp_path: Path) -> None:
    make, X = case
    model = make(2, random_state=0, warm_start=True).fit(X[:500])
    before = model.predict_proba(X), pickle.dumps(model)
    other = X[:1].rename(columns=str.upper)
    other.assign(more=1.5).to_parquet(tmp_path / "rows.parquet")
    for refused in (other, tmp_path / "rows.parquet"):
        with pytest.raises(InputError):
            model.fit(refused)
        assert pickle.dumps(model) == before[1]
        np.testing.assert_array_equal(model.predict_proba(X), before[0])
    unfitted = make(2, random_state=0)
    with pytest.raises(InputError):
        unfitted.partial_fit(X[:1])
    assert vars(unfitted).keys() == vars(make(2)).keys()


def test_warm_start_with_fewer_columns_is_refused_and_changes_nothing() -> None:
    rows = np.random.default_rng(0).normal(size=(50, 2))
    model = GaussianMixture(2, random_state=0, warm_start=True).fit(rows)
    with pytest.raises(InputError, match="warm_start goes on from means of shape"):
        model.fit(rows[:, :1])
    assert model.predict(rows).shape == (50,)
    with pytest.raises(InputError, match="expecting 2 features"):
        model.predict(rows[:, :1])
