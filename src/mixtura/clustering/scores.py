"""How groups agree with labels. Labels score; nothing in mixtura is chosen by them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixtura.errors import InputError


def confusion(labels: ArrayLike, groups: ArrayLike) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Return the table of counts of groups against classes.

    Parameters
    ----------
    labels : array-like of shape (n,)
        Known classes, of any type that sorts.
    groups : array-like of shape (n,)
        Groups numbered from 0.

    Returns
    -------
    table : ndarray of shape (n_groups, n_classes)
        How many observations of each group belong to each class.
    classes : ndarray of shape (n_classes,)
        The classes, sorted, one a column.

    Raises
    ------
    InputError
        If the two differ in length, or groups are not whole numbers from 0.

    Examples
    --------
    >>> confusion(["b", "a", "b"], [0, 1, 0])
    (array([[0, 2],
           [1, 0]]), array(['a', 'b'], dtype='<U1'))
    """
    label_array, group_array = np.asarray(labels), np.asarray(groups)
    if label_array.shape != group_array.shape or label_array.ndim != 1:
        raise InputError(
            f"labels of shape {label_array.shape} do not match groups of shape {group_array.shape}; "
            "give one label for each row"
        )
    classes, codes = np.unique(label_array, return_inverse=True)
    if len(group_array) == 0:
        return np.zeros((0, 0), dtype=np.int64), classes
    if not np.issubdtype(group_array.dtype, np.integer) or group_array.min() < 0:
        raise InputError(
            f"groups must be whole numbers from 0, not {np.sort(group_array)[0].item()!r}; number them"
        )
    table = np.zeros((int(group_array.max()) + 1, len(classes)), dtype=np.int64)
    np.add.at(table, (group_array, codes), 1)
    return table, classes


def accuracy(labels: ArrayLike, groups: ArrayLike) -> float:
    """Return the share of observations that the best one-to-one matching of groups to classes gets right.

    The matching is the Hungarian algorithm's (Kuhn 1955), so a class can be named by one group only.

    Parameters
    ----------
    labels, groups : array-like of shape (n,)
        As in `confusion`.

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    InputError
        If the two differ in length, or are empty.

    Examples
    --------
    >>> accuracy(["b", "a", "b", "a"], [0, 1, 0, 0])
    0.75
    """
    from scipy.optimize import linear_sum_assignment

    table, _ = confusion(labels, groups)
    if table.size == 0:
        raise InputError("no labels to score against; give at least one row")
    rows, columns = linear_sum_assignment(table, maximize=True)
    return float(table[rows, columns].sum() / table.sum())


def nmi(labels: ArrayLike, groups: ArrayLike) -> float:
    """Return the normalised mutual information (arithmetic mean) of labels and groups, 0 to 1.

    Examples
    --------
    >>> nmi(["b", "a", "b", "a"], [0, 1, 0, 1])
    1.0
    """
    from sklearn.metrics import normalized_mutual_info_score

    return float(normalized_mutual_info_score(*_numbered(labels, groups)))


def ari(labels: ArrayLike, groups: ArrayLike) -> float:
    """Return the adjusted Rand index (Hubert and Arabie 1985): 0 by chance, 1 when the same.

    Examples
    --------
    >>> ari(["b", "a", "b", "a"], [0, 1, 0, 1])
    1.0
    """
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(*_numbered(labels, groups)))


def _numbered(labels: ArrayLike, groups: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return both as numbers from 0: scikit-learn would take classes such as 0.5 for measurements."""
    return np.unique(labels, return_inverse=True)[1], np.unique(groups, return_inverse=True)[1]
