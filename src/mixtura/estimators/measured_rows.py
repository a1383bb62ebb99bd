"""What is asked of measurements before sums of their squares are taken."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.em.source import Source
from mixtura.errors import InputError

# The square of a larger number leaves float64.
LARGEST = 1e150


def largest_entry(rows: NDArray[Any]) -> float:
    """Return the largest absolute value, over entries that are there; 0 where none is.

    Examples
    --------
    >>> largest_entry(np.array([[1.0, np.nan], [-3.0, np.nan]]))
    3.0
    """
    largest = max(float(np.fmax.reduce(rows, axis=None)), -float(np.fmin.reduce(rows, axis=None)))
    return 0.0 if np.isnan(largest) else largest


def largest_of(source: Source, names: NDArray[Any]) -> float:
    """Return the largest absolute value of rows in files.

    Parameters
    ----------
    source : Source
        The rows.
    names : ndarray of str
        Of the columns, for the error.

    Raises
    ------
    InputError
        If a column has no observed value in a row of positive weight.
    """
    largest, observed = 0.0, np.zeros(source.n_features, dtype=bool)
    for block, weights in source.blocks():
        largest = max(largest, largest_entry(block))
        used = block if weights is None else block[:, weights > 0]
        observed |= ~np.isnan(used).all(axis=1)
    if not observed.all():
        raise InputError(
            f"column {str(names[int(np.argmin(observed))])!r} has no observed value: leave it out"
        )
    return largest


def any_missing(rows: NDArray[Any]) -> bool:
    """Return whether there is a NaN; most often from one sum, without another array.

    Examples
    --------
    >>> any_missing(np.array([[1.0, np.inf], [-np.inf, 2.0]])), any_missing(np.array([[np.nan]]))
    (False, True)
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isnan(rows.sum())) and bool(np.isnan(rows).any())
