"""Rows into parts, each held out once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import check_cv

from mixtura.errors import InputError

Places = NDArray[np.int64]
Fold = tuple[Places, Places]


def make_folds(cv: Any, kept: Places, copies: Places | None, n_rows: int, seed: int) -> list[Fold]:
    """Return pairs of rows to learn from and rows to score.

    Parameters
    ----------
    cv : int, splitter or iterable of pairs
        A number of folds, drawn at random and of equal size; or what scikit-learn takes.
    kept : ndarray of int, shape (m,)
        Places of the rows of positive weight; no other row is in a fold.
    copies : ndarray of int, shape (n,), optional
        Rows of one number are equal and share a fold, so that none is scored after it was learnt; else each
        row goes by itself. A splitter does as it does.
    n_rows : int
        n.
    seed : int
        Of the draw.

    Raises
    ------
    InputError
        If ``cv`` is none of these, or there are fewer distinct rows than folds.

    Examples
    --------
    >>> folds = make_folds(2, np.arange(6), np.array([0, 0, 1, 2, 3, 3]), 6, seed=0)
    >>> [test.tolist() for _, test in folds]
    [[0, 1, 3], [2, 4, 5]]
    """
    if hasattr(cv, "__index__") and not isinstance(cv, bool):
        return _drawn(int(cv), kept, kept if copies is None else copies[kept], seed)
    words = "a number of folds, a splitter or pairs of row numbers"
    try:
        pairs = list(check_cv(cv).split(np.zeros((n_rows, 1))) if not isinstance(cv, bool) else [])
    except (TypeError, ValueError) as error:
        raise InputError(f"cv must be {words}, not {cv!r}: {' '.join(str(error).split())}") from error
    positive = np.zeros(n_rows, dtype=bool)
    positive[kept] = True
    folds = [(_places(train, positive, words), _places(test, positive, words)) for train, test in pairs]
    if not folds or not all(len(train) and len(test) for train, test in folds):
        raise InputError(f"cv must be {words}, each with rows to learn from and rows to score, not {cv!r}")
    return folds


def _drawn(n_folds: int, kept: Places, group: Places, seed: int) -> list[Fold]:
    if n_folds < 2:
        raise InputError(f"cv must be at least 2 folds, not {n_folds}")
    names, numbers = np.unique(group, return_inverse=True)
    if len(names) < n_folds:
        distinct = "" if len(names) == len(kept) else "distinct "
        rows = f"{len(names)} {distinct}row{'' if len(names) == 1 else 's'}"
        fewer = f"at most {len(names)} folds, or " if len(names) > 1 else ""
        raise InputError(f"{n_folds} folds of {rows}; give {fewer}more rows")
    fold_of_group = np.empty(len(names), dtype=np.int64)
    for fold, part in enumerate(np.array_split(np.random.default_rng(seed).permutation(len(names)), n_folds)):
        fold_of_group[part] = fold
    fold_of = fold_of_group[numbers.ravel()]
    return [(kept[fold_of != fold], kept[fold_of == fold]) for fold in range(n_folds)]


def _places(given: Any, positive: NDArray[np.bool_], words: str) -> Places:
    """Return the places of positive weight among those of a part."""
    places = np.asarray(given)
    if places.dtype == bool and places.shape == positive.shape:
        places = np.flatnonzero(places)
    n = len(positive)
    if places.dtype.kind not in "iu" or places.ndim != 1 or ((places < 0) | (places >= n)).any():
        raise InputError(f"cv must be {words}; a part of it holds something else than numbers below {n}")
    kept: Places = places[positive[places]].astype(np.int64)
    return kept
