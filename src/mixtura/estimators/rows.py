"""The refusal of an entry, with its place and what to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from mixtura.errors import InputError

# Rows looked at together, so that a memory map is never copied as a whole.
_ROWS = 2**16


def refuse(
    wrong: Callable[[NDArray[Any]], NDArray[np.bool_]],
    rows: NDArray[Any],
    estimator: BaseEstimator,
    words: str,
    columns: Sequence[int] | None = None,
    first: int = 0,
) -> None:
    """Raise InputError for the first entry that is wrong, if one is.

    Parameters
    ----------
    wrong : callable
        From some rows to which of their entries are.
    rows : ndarray of shape (n, d)
        The entries.
    estimator : object
        Whose ``feature_names_in_`` name the columns.
    words : str
        What is asked for, and what to do.
    columns : sequence of int, optional
        Numbers of the columns in the table, where the rows hold but some of them.
    first : int
        The number of the first row.
    """
    for start in range(0, len(rows), _ROWS):
        part = np.asarray(rows[start : start + _ROWS])
        with np.errstate(invalid="ignore"):
            places = np.argwhere(wrong(part))
        if len(places):
            row, at = places[0]
            name = named(estimator, int(at if columns is None else columns[at]))
            raise InputError(f"{name}, row {first + start + row} (from 0) holds {part[row, at]:g}; {words}")


def refuse_no_counts(
    rows: NDArray[Any],
    estimator: BaseEstimator,
    columns: Sequence[int] | None = None,
    first: int = 0,
    *,
    fractions: bool = False,
) -> None:
    """Raise InputError for the first negative number, else for the first fraction unless they are taken."""
    missing, remedy = "from 0 up (NaN where missing)", "use a Gaussian mixture for measurements"
    kind = "numbers" if fractions else "whole numbers"
    negative = f"Negative values in data are no counts, {kind} {missing}; {remedy}"
    refuse(lambda part: part < 0, rows, estimator, negative, columns, first)
    if not fractions:
        words = (
            f"counts are {kind} {missing}; {remedy}, and PoissonMixture(fractions=True) for expected counts"
        )
        refuse(
            lambda part: (part != np.floor(part)) & ~np.isnan(part), rows, estimator, words, columns, first
        )


def refuse_no_bits(
    rows: NDArray[Any],
    estimator: BaseEstimator,
    remedy: str,
    columns: Sequence[int] | None = None,
    first: int = 0,
) -> None:
    """Raise InputError for the first number that is neither 0 nor 1."""
    words = f"a Bernoulli mixture takes 0 and 1 (NaN where missing); {remedy}"
    refuse(lambda part: ~((part == 0) | (part == 1) | np.isnan(part)), rows, estimator, words, columns, first)


def named(estimator: BaseEstimator, column: int) -> str:
    """Return the name of a column for a message: its own, or its number."""
    names = getattr(estimator, "feature_names_in_", None)
    return f"column {column} (from 0)" if names is None else f"column {str(names[column])!r}"
