from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import mixtura
from mixtura.errors import InputError
from mixtura.selection import Merging, merge_components


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    rng = np.random.default_rng(0)
    centres = np.repeat([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]], [120, 90, 60], axis=0)
    return centres + rng.normal(size=(270, 2))


@pytest.fixture(scope="module")
def mixture(rows) -> mixtura.GaussianMixture:
    return mixtura.GaussianMixture(8, random_state=0).fit(rows)


@pytest.fixture(scope="module")
def deep(rows) -> mixtura.GMVAE:
    return mixtura.GMVAE(6, random_state=0, max_epochs=12, hidden=(16,), start="kmeans").fit(rows)


def test_they_are_public_names():
    assert mixtura.merge_components is merge_components


@pytest.mark.parametrize("which", ["mixture", "deep"])
def test_groups_that_are_apart_are_found_and_numbered_by_size(which, rows, request):
    model = request.getfixturevalue(which)
    merging = merge_components(model, rows)
    assert (merging.criterion, merging.chosen) == ("icl", 3)
    assert mixtura.clustering.ari(np.repeat([0, 1, 2], [120, 90, 60]), merging.labels) > 0.95
    sizes = np.bincount(merging.labels)
    assert (np.diff(sizes) <= 0).all()
    assert merging.component_groups.shape == (model.n_components,)


@pytest.mark.parametrize("criterion", ["icl", "entropy", "misclassification"])
def test_a_path_is_a_hierarchy_whose_probabilities_add_up(criterion, mixture, rows):
    merging = merge_components(mixture, rows, criterion=criterion)
    t = mixture.predict_proba(rows)
    assert merging.n_groups.tolist() == list(range(len(merging.n_groups), 0, -1))
    assert merging.groups_at(1).tolist() == [0] * 8
    for n_groups in merging.n_groups:
        groups = merging.groups_at(int(n_groups))
        probabilities = merging.probabilities_at(int(n_groups))
        assert len(np.unique(groups)) == n_groups == len(merging.members(int(n_groups)))
        assert probabilities.sum(axis=1) == pytest.approx(1.0)
        for group, members in enumerate(merging.members(int(n_groups))):
            assert probabilities[:, group] == pytest.approx(t[:, members].sum(axis=1), abs=1e-12)
        hard = groups[t.argmax(axis=1)] if criterion == "icl" else probabilities.argmax(axis=1)
        assert (merging.labels_at(int(n_groups)) == hard).all()


def test_a_number_that_is_known_is_taken_from_the_path(mixture, rows):
    free, given = (merge_components(mixture, rows, n_groups=n) for n in (None, 2))
    assert given.chosen == 2 and (given.labels == free.labels_at(2)).all()
    assert given.score.tolist() == free.score.tolist()


def test_one_cloud_is_one_group_and_that_is_said():
    cloud = np.random.default_rng(4).normal(size=(500, 3))
    merging = merge_components(mixtura.GaussianMixture(5, random_state=0).fit(cloud), cloud)
    assert merging.chosen == 1 and set(merging.labels) == {0}
    names = {finding.name: str(finding) for finding in merging.findings}
    assert "one-group" in names and "5 components were merged into 1 group" in names["merged"]


@pytest.mark.parametrize("criterion", ["auto", "icl", "entropy", "misclassification"])
def test_a_single_component_is_one_group(criterion, rows):
    merging = merge_components(mixtura.GaussianMixture(1).fit(rows), rows, criterion=criterion)
    assert merging.chosen == 1 and merging.n_groups.tolist() == [1] and merging.findings == ()
    assert merging.component_groups.tolist() == [0] and (merging.labels == 0).all()


def test_a_mixture_without_points_goes_by_its_responsibilities():
    rng = np.random.default_rng(1)
    rows = (rng.random((300, 12)) < np.repeat([[0.05], [0.95]], 150, axis=0)).astype(float)
    model = mixtura.BernoulliMixture(5, random_state=0).fit(rows)
    merging = merge_components(model, rows)
    assert merging.criterion == "misclassification"
    assert mixtura.clustering.ari(np.repeat([0, 1], 150), merging.labels_at(2)) == 1.0
    with pytest.raises(InputError, match="criterion='icl' needs measurements without missing values"):
        merge_components(model, rows, criterion="icl")


def test_missing_values_leave_the_responsibilities(rows):
    gaps = rows.copy()
    gaps[::7, 0] = np.nan
    merging = merge_components(mixtura.GaussianMixture(6, random_state=0).fit(gaps), gaps)
    assert merging.criterion == "misclassification" and len(merging.labels) == len(rows)


def test_components_without_rows_are_named_and_go_with_others(mixture, rows):
    far = merge_components(mixture, rows[:120])
    assert far.empty and len(far.n_groups) == 8 - len(far.empty)
    assert any(finding.name == "empty-components" for finding in far.findings)
    assert set(far.component_groups) == set(range(far.chosen))


def test_frames_are_taken_and_rows_are_judged_as_in_arrays(rows):
    frame = pd.DataFrame(rows, columns=["a", "b"])
    model = mixtura.GaussianMixture(6, random_state=0).fit(frame)
    assert merge_components(model, frame).score == pytest.approx(
        merge_components(mixtura.GaussianMixture(6, random_state=0).fit(rows), rows).score
    )


def test_images_are_compared_by_their_codes():
    rng = np.random.default_rng(3)
    images = np.clip(rng.integers(0, 2, (80, 1, 1)) * 9 + rng.integers(0, 4, (80, 8, 8)), 0, 16)
    model = mixtura.GMVAE(3, random_state=0, max_epochs=2, hidden=(8,), start="kmeans", transforms=None)
    merging = merge_components(model.fit(images), images)
    assert 1 <= merging.chosen <= 3 and len(merging.labels) == 80


def test_a_person_reads_the_path(mixture, rows):
    merging = merge_components(mixture, rows)
    lines = str(merging).splitlines()
    assert lines[0].split() == ["groups", "icl", "components"]
    assert [line.split()[0] for line in lines[1:9]] == ["8", "7", "6", "5", "4", "3*", "2", "1"]
    assert repr(merging) == "Merging(8 components, 3 groups by icl)"
    table = merging.table()
    assert list(table) == ["n_groups", "score", "members"] and table["members"][-1] == "0+1+2+3+4+5+6+7"
    axes = merging.plot()
    assert axes.get_xlabel() == "number of groups" and "nats" in axes.get_ylabel()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"criterion": "bic"}, "criterion must be one of auto, icl, entropy, misclassification, not 'bic'"),
        ({"n_groups": 0}, "n_groups must be a whole number of at least 1, not 0"),
        ({"n_groups": True}, "n_groups must be a whole number of at least 1, not True"),
        ({"n_groups": 2.5}, "n_groups must be a whole number of at least 1, not 2.5"),
        ({"n_groups": 9}, "n_groups=9 is more than the 8 of 8 components that hold rows; ask for fewer"),
        ({"model": mixtura.GMVAE()}, "this GMVAE is not fitted; call fit first"),
        ({"model": mixtura.GaussianMixture()}, "this GaussianMixture is not fitted; call fit first"),
        ({"model": mixtura.GMVAE}, "model must be a fitted GMVAE or mixture, not GMVAE"),
        ({"model": 3}, "model must be a fitted GMVAE or mixture, not int"),
        ({"X": "rows.parquet"}, "X is the path 'rows.parquet', and rows in memory are asked for"),
    ],
)
def test_bad_input_is_one_line(change, words, mixture, rows):
    given = {"model": mixture, "X": rows} | change
    with pytest.raises(InputError) as caught:
        merge_components(**given)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_rows_of_another_width_are_refused(mixture, deep, rows):
    for model in (mixture, deep):
        with pytest.raises(InputError, match=r"3 features, but .* is expecting 2"):
            merge_components(model, np.c_[rows, rows[:, :1]])
        with pytest.raises(InputError) as caught:
            merge_components(model, rows[:, 0])
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("n_groups", [0, 9, True, 1.0])
def test_a_number_off_the_path_is_refused(n_groups, mixture, rows):
    merging = merge_components(mixture, rows)
    assert isinstance(merging, Merging)
    with pytest.raises(InputError, match="n_groups must be from 1 to 8"):
        merging.groups_at(n_groups)
