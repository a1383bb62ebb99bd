from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from mixtura.em.categorical import Dirichlet
from mixtura.errors import InputError
from mixtura.estimators.categorical_mixture import CategoricalMixture

FRAME = pd.DataFrame({"a": ["x", "y", None, "x"], "b": [1, 2, 2, 1]})


def test_categories_are_learned_column_by_column() -> None:
    model = CategoricalMixture(2, random_state=0).fit(FRAME)
    assert [values.tolist() for values in model.categories_] == [["x", "y"], [1, 2]]
    assert [table.shape for table in model.probabilities_] == [(2, 2), (2, 2)]
    X, _ = model.sample(20)
    assert X.dtype == object and set(X[:, 0]) <= {"x", "y"} and set(X[:, 1]) <= {1, 2}


def test_a_sample_of_whole_numbers_is_of_whole_numbers() -> None:
    X, _ = CategoricalMixture(1, random_state=0).fit([[3, 1], [5, 1]]).sample(4)
    assert X.dtype == np.int64 and set(X[:, 0]) <= {3, 5}


def test_an_unknown_category_is_an_error_that_names_it_or_a_gap() -> None:
    new = pd.DataFrame({"a": ["y", "z"], "b": [1, 1]})
    model = CategoricalMixture(2, random_state=0).fit(FRAME)
    with pytest.raises(
        InputError, match=r"^column 'a', row 1 \(from 0\) holds the category 'z', which was not"
    ):
        model.score_samples(new)
    model.set_params(handle_unknown="missing")
    gap = pd.DataFrame({"a": ["y", None], "b": [1, 1]})
    np.testing.assert_array_equal(model.score_samples(new), model.score_samples(gap))


def test_one_component_is_relative_frequencies() -> None:
    model = CategoricalMixture().fit(FRAME)
    np.testing.assert_allclose(model.probabilities_[0], [[2 / 3, 1 / 3]])
    np.testing.assert_allclose(model.score_samples(FRAME)[0], np.log(2 / 3 * 1 / 2))


def test_a_start_from_parameters_is_checked() -> None:
    tables = [[[0.2, 0.8], [0.9, 0.1]], [[0.5, 0.5], [0.3, 0.7]]]
    model = CategoricalMixture(2, weights_init=[0.3, 0.7], probabilities_init=tables, max_iter=0).fit(FRAME)
    np.testing.assert_allclose(model.weights_, [0.3, 0.7])
    np.testing.assert_allclose(model.probabilities_[1], tables[1])
    for wrong, message in [
        (tables[:1], "should have 2 tables, one for each column, but got 1"),
        ([tables[0], [[0.5, 0.4], [0.3, 0.7]]], r"'probabilities\[1\]' should have rows of probabilities"),
        ([tables[0], [[0.5], [0.3]]], r"should have the shape of \(2, 2\), but got \(2, 1\)"),
    ]:
        with pytest.raises(InputError, match=message):
            CategoricalMixture(2, probabilities_init=wrong).fit(FRAME)


def test_a_warm_start_with_other_categories_is_refused() -> None:
    model = CategoricalMixture(2, random_state=0, warm_start=True).fit(FRAME)
    with pytest.raises(InputError, match="warm_start: column 'a' has other categories than before"):
        model.fit(FRAME.replace("y", "w"))


def test_a_column_that_names_the_rows_is_a_finding() -> None:
    frame = pd.DataFrame({"id": [f"row {i}" for i in range(30)], "b": [0, 1] * 15})
    (finding,) = CategoricalMixture(2, random_state=0).fit(frame).findings_
    assert finding.name == "categories-of-one" and "'id'" in finding.seen and "'b'" not in finding.seen


def test_a_column_without_entries_counts_for_nothing() -> None:
    frame = FRAME.assign(c=[None] * 4)
    model = CategoricalMixture(2, random_state=0).fit(frame)
    assert len(model.categories_[2]) == 0
    assert model.sample(2)[0][:, 2].tolist() == [None, None]
    np.testing.assert_allclose(
        CategoricalMixture().fit(frame).score_samples(frame),
        CategoricalMixture().fit(FRAME).score_samples(FRAME),
    )


@pytest.mark.parametrize(("file", "n_components", "least"), [("housevotes84", 2, 0.5), ("soybean", 19, 0.45)])
@pytest.mark.parametrize("prior", [None, Dirichlet(1.1)], ids=["maximum likelihood", "MAP"])
def test_real_tables_with_gaps(
    data_folder: Path, file: str, n_components: int, least: float, prior: Dirichlet | None
) -> None:
    frame = pd.read_parquet(data_folder / f"{file}.parquet")
    labels = frame.pop("Class")
    assert frame.isna().to_numpy().any()
    model = CategoricalMixture(
        n_components, n_init=3, max_iter=1000, tol=1e-6, prior=prior, random_state=0
    ).fit(frame)
    assert model.converged_
    assert np.diff(model.free_energy_path_).min() > -1e-10
    assert adjusted_rand_score(labels, model.predict(frame)) > least


def test_whole_numbers_beyond_floating_point_are_categories_of_their_own() -> None:
    ids = np.array([2**53, 2**53 + 1, 2**53 + 2, 2**53 + 3] * 25)[:, None]
    mixture = CategoricalMixture(1, random_state=0).fit(ids)
    np.testing.assert_allclose(mixture.probabilities_[0], 0.25)
    assert set(mixture.sample(200)[0].ravel().tolist()) == set(ids.ravel().tolist())
