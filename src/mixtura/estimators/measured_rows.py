"""What is asked of measurements before sums of their squares are taken."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.em.source import Source
from mixtura.errors import InputError

# The square of a larger number leaves float64.
LARGEST = 1e150
# Between these, sums of squares neither leave float32 nor vanish in it.
_LEAST_32, _LARGEST_32 = 1e-15, 1e15


def largest_entry(rows: NDArray[Any]) -> float:
    """Return the largest absolute value, over entries that are there; 0 where none is.

    Examples
    --------
    >>> largest_entry(np.array([[1.0, np.nan], [-3.0, np.nan]]))
    3.0
    """
    largest = max(float(np.fmax.reduce(rows, axis=None)), -float(np.fmin.reduce(rows, axis=None)))
    return 0.0 if np.isnan(largest) else largest


def largest_of(source: Source, names: NDArray[Any] | None) -> float:
    """Return the largest absolute value of rows on disk.

    Parameters
    ----------
    source : Source
        The rows.
    names : ndarray of str or None
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
        at = int(np.argmin(observed))
        name = f"{at} (from 0)" if names is None else repr(str(names[at]))
        raise InputError(f"column {name} has no observed value: leave it out")
    return largest


def roomy(dtype: np.dtype[Any], *arrays: NDArray[Any]) -> np.dtype[Any]:
    """Return a type itself, or float64 where it cannot hold some arrays.

    Examples
    --------
    >>> small = np.dtype(np.float32)
    >>> roomy(small, np.ones(2)), roomy(small, np.array([1e60]))
    (dtype('float32'), dtype('float64'))
    """
    limit = np.finfo(dtype).max
    fits = all(np.abs(array).max(initial=0.0) <= limit for array in arrays)
    return dtype if fits else np.dtype(np.float64)


def squarable(rows: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return rows whose squares their type can hold: float32 only where it can.

    Examples
    --------
    >>> rows = np.array([[1e30], [2e30]], dtype=np.float32)
    >>> squarable(rows).dtype, squarable(rows / 1e30).dtype
    (dtype('float64'), dtype('float32'))
    """
    if rows.dtype != np.float32:
        return rows
    largest = largest_entry(rows)
    return rows if _LEAST_32 < largest < _LARGEST_32 or largest == 0 else rows.astype(np.float64)


def any_missing(rows: NDArray[Any]) -> bool:
    """Return whether there is a NaN; most often from one sum, without another array.

    Examples
    --------
    >>> any_missing(np.array([[1.0, np.inf], [-np.inf, 2.0]])), any_missing(np.array([[np.nan]]))
    (False, True)
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isnan(rows.sum())) and bool(np.isnan(rows).any())
