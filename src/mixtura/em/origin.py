"""Where to put the origin of the coordinates in which sums are taken."""

from __future__ import annotations

from typing import Any

import numpy as np

from mixtura.em.family import Array
from mixtura.em.source import ArraySource, Source

# Rows whose median is near that of all.
_ENOUGH = 4096


def column_medians(rows: Any, weights: Array | None = None) -> Array:
    """Return medians (d,) of the columns, from rows at equal steps where there are many.

    A mean would do for an origin, but for one value far outside: it would take all digits of the others.

    Parameters
    ----------
    rows : ndarray of shape (n, d)
        Numbers; NaN is missing.
    weights : ndarray of shape (n,), optional
        For the means of columns that have no value in the rows looked at.

    Examples
    --------
    >>> column_medians(np.array([[1.0, np.nan], [2.0, np.nan], [1e30, 5.0]])).tolist()
    [2.0, 5.0]
    """
    sample = np.asarray(rows[:: max(1, len(rows) // _ENOUGH)], dtype=np.float64)
    known = ~np.isnan(sample)
    if not known.any(axis=0).all():
        return column_means(ArraySource(rows, weights))
    if known.all():
        return np.asarray(np.median(sample, axis=0))
    return np.array([np.median(column[there]) for column, there in zip(sample.T, known.T, strict=True)])


def column_means(source: Source) -> Array:
    """Return the weighted means of the columns (d,), over the entries that are there; 0 where none is."""
    sums, totals = np.zeros(source.n_features), np.zeros(source.n_features)
    for block, weights in source.blocks():
        known = ~np.isnan(block)
        each = np.ones(block.shape[1]) if weights is None else weights
        sums += np.where(known, block, 0.0) @ each
        totals += known @ each
    return sums / np.where(totals > 0, totals, 1.0)
