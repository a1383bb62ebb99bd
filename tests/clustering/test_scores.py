from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from mixtura.clustering import accuracy, ari, confusion, nmi
from mixtura.errors import InputError

SCORES = {"accuracy": accuracy, "nmi": nmi, "ari": ari}
REFERENCES = {"nmi": metrics.normalized_mutual_info_score, "ari": metrics.adjusted_rand_score}

pairs = st.integers(2, 25).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(0, 3), min_size=n, max_size=n),
        st.lists(st.integers(0, 3), min_size=n, max_size=n),
    )
)


@given(pairs)
def test_accuracy_is_the_best_over_all_matchings(pair) -> None:
    labels, groups = map(np.array, pair)
    best = max((np.array(matching)[groups] == labels).mean() for matching in permutations(range(4)))
    assert accuracy(labels, groups) == pytest.approx(best)


@pytest.mark.parametrize("name", REFERENCES)
@settings(max_examples=40)
@given(pairs)
def test_scores_agree_with_scikit_learn(name, pair) -> None:
    assert SCORES[name](*pair) == pytest.approx(REFERENCES[name](*pair))


@pytest.mark.parametrize("name", SCORES)
@settings(max_examples=30)
@given(pairs, st.permutations(range(4)))
def test_scores_do_not_depend_on_the_numbering(name, pair, order) -> None:
    labels, groups = pair
    renumbered = [order[group] for group in groups]
    renamed = ["dcba"[label] for label in labels]
    assert SCORES[name](renamed, renumbered) == pytest.approx(SCORES[name](labels, groups))


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize(
    "labels", [["b", "a", "b"], [2.5, 0.5, 2.5], [True, False, True], np.array([7, -3, 7], dtype=np.int16)]
)
def test_labels_may_be_of_any_type_that_sorts(name, labels) -> None:
    assert SCORES[name](labels, [1, 0, 1]) == 1


@pytest.mark.parametrize("name", SCORES)
def test_scores_of_chance_and_of_one_group(name, rng) -> None:
    labels = rng.integers(0, 2, 10_000)
    by_chance, alike = SCORES[name](labels, rng.integers(0, 2, 10_000)), SCORES[name](labels, labels * 0)
    expected = 0.5 if name == "accuracy" else 0.0
    assert by_chance == pytest.approx(expected, abs=0.03)
    assert alike == pytest.approx(expected, abs=0.03)


def test_confusion_counts_and_keeps_empty_groups() -> None:
    table, classes = confusion(["x", "y", "x", "x"], [0, 0, 0, 3])
    np.testing.assert_array_equal(table, [[2, 1], [0, 0], [0, 0], [1, 0]])
    assert list(classes) == ["x", "y"]
    assert table.sum() == 4


def test_more_groups_than_classes_leave_some_unmatched() -> None:
    assert accuracy([0, 0, 0, 1], [0, 1, 2, 3]) == 0.5


@pytest.mark.parametrize(("labels", "groups"), [([1, 2], [0]), ([[1], [2]], [[0], [1]])])
def test_lengths_must_agree(labels, groups) -> None:
    with pytest.raises(InputError, match="one label for each row"):
        accuracy(labels, groups)


def test_nothing_to_score() -> None:
    with pytest.raises(InputError, match="at least one row"):
        accuracy([], [])


@pytest.mark.parametrize("groups", [[0, -1], [0.0, 1.0], ["a", "b"]])
def test_groups_must_be_numbered(groups) -> None:
    with pytest.raises(InputError, match="whole numbers from 0"):
        confusion([0, 1], groups)
