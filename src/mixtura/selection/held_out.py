r"""Means of held-out log-likelihoods, and how sure they are, row by row.

Every candidate scores the same rows, and most of what makes log p(x) vary between rows is common to all of
them. The standard error of the difference of two candidates is therefore that of the differences
row by row, often many times smaller than that of either mean.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mixtura.selection.folds import Fold

Array = NDArray[np.float64]


def per_row(parts: list[Array], folds: list[Fold], n_rows: int) -> Array:
    """Return the mean log p(x) of each row over the folds that hold it out, shape (n,); NaN where none does.

    Examples
    --------
    >>> folds = [(np.array([1]), np.array([0])), (np.array([0]), np.array([1, 0]))]
    >>> per_row([np.array([-1.0]), np.array([-2.0, -3.0])], folds, 3).tolist()
    [-2.0, -2.0, nan]
    """
    sums, times = np.zeros(n_rows), np.zeros(n_rows)
    for densities, (_, test) in zip(parts, folds, strict=True):
        np.add.at(sums, test, densities)
        np.add.at(times, test, 1.0)
    with np.errstate(invalid="ignore"):
        return np.where(times > 0, sums / times, np.nan)


def mean_and_error(
    values: Array, weights: Array | None, copies: NDArray[np.int64] | None = None
) -> tuple[float, float]:
    r"""Return a weighted mean and its standard error.

    .. math:: m = \frac{\sum_i w_i v_i}{\sum_i w_i}, \qquad
        s^2 = \frac{n}{n - 1} \frac{\sum_i w_i^2 (v_i - m)^2}{(\sum_i w_i)^2}

    Copies of a row are one row with the sum of their weights, so that a weight of 2 and the row given twice
    are the same.

    Parameters
    ----------
    values : ndarray of shape (n,)
        NaN is no value.
    weights : ndarray of shape (n,), optional
        Of the rows.
    copies : ndarray of int, shape (n,), optional
        Rows of one number count as one.

    Returns
    -------
    tuple of float
        The error is NaN for a single row, or where the mean is infinite.

    Examples
    --------
    >>> mean_and_error(np.array([1.0, 2.0, 2.0, 3.0]), None)
    (2.0, 0.408248...)
    """
    there = ~np.isnan(values)
    v = values[there]
    w = np.ones(len(v)) if weights is None else weights[there]
    if not w.sum() > 0:
        return np.nan, np.nan
    mean = float(w @ v / w.sum())
    if not np.isfinite(mean):
        return mean, np.nan
    residuals = w * (v - mean)
    if copies is not None:
        group = np.unique(copies[there], return_inverse=True)[1].ravel()
        residuals, w = (np.bincount(group, each).astype(np.float64) for each in (residuals, w))
    n = int(np.count_nonzero(w))
    if n < 2:
        return mean, np.nan
    return mean, float(np.sqrt(n / (n - 1) * (residuals @ residuals)) / w.sum())
