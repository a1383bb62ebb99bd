from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixtura.errors import InputError
from mixtura.selection.folds import make_folds


@given(
    groups=st.lists(st.integers(0, 12), min_size=4, max_size=40).filter(lambda g: len(set(g)) >= 2),
    n_folds=st.integers(2, 5),
    seed=st.integers(0, 99),
)
def test_every_row_is_held_out_once_and_copies_together(groups, n_folds, seed):
    copies = np.array(groups)
    n_folds = min(n_folds, len(set(groups)))
    folds = make_folds(n_folds, np.arange(len(groups)), copies, len(groups), seed)
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(len(groups)))
    for train, test in folds:
        assert sorted([*train, *test]) == list(range(len(groups)))
        assert not set(copies[train]) & set(copies[test])


@given(n=st.integers(5, 60), n_folds=st.integers(2, 5), seed=st.integers(0, 99))
def test_folds_are_of_equal_size(n, n_folds, seed):
    sizes = [len(test) for _, test in make_folds(n_folds, np.arange(n), None, n, seed)]
    assert max(sizes) - min(sizes) <= 1


def test_rows_without_weight_are_in_no_fold():
    kept = np.array([0, 2, 3, 5])
    for cv in (2, [(np.arange(3), np.arange(3, 6)), (np.arange(3, 6), np.arange(3))]):
        folds = make_folds(cv, kept, None, 6, 0)
        assert sorted(np.concatenate([test for _, test in folds])) == kept.tolist()
        assert all(set(train) <= set(kept.tolist()) for train, _ in folds)


def test_masks_are_places():
    mask = np.array([True, True, False, False])
    ((train, test),) = make_folds([(mask, ~mask)], np.arange(4), None, 4, 0)
    assert train.tolist() == [0, 1] and test.tolist() == [2, 3]


@pytest.mark.parametrize(
    ("n", "words"), [(1, "of 1 row; give more rows"), (2, "of 2 rows; give at most 2 folds")]
)
def test_too_few_rows_are_refused(n, words):
    with pytest.raises(InputError, match=words):
        make_folds(3, np.arange(n), None, n, 0)
