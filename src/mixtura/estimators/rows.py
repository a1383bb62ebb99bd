"""The refusal of an entry, with its place and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from mixtura.errors import InputError


def refuse(
    wrong: NDArray[np.bool_],
    rows: NDArray[Any],
    estimator: BaseEstimator,
    words: str,
    columns: Sequence[int] | None = None,
) -> None:
    """Raise InputError for the first entry that is wrong, if one is.

    Parameters
    ----------
    wrong : ndarray of bool, shape (n, d)
        Which entries are.
    rows : ndarray of shape (n, d)
        The entries.
    estimator : object
        Whose ``feature_names_in_`` name the columns.
    words : str
        What is asked for, and what to do.
    columns : sequence of int, optional
        Numbers of the columns in the table, where the rows hold but some of them.
    """
    if wrong.any():
        row, at = np.argwhere(wrong)[0]
        name = named(estimator, int(at if columns is None else columns[at]))
        raise InputError(f"{name}, row {row} (from 0) holds {rows[row, at]:g}; {words}")


def refuse_no_counts(
    rows: NDArray[Any], estimator: BaseEstimator, columns: Sequence[int] | None = None
) -> None:
    """Raise InputError for the first number that is negative, else for the first fractional one."""
    counts = "whole numbers from 0 up (NaN where missing); use a Gaussian mixture for measurements"
    refuse(rows < 0, rows, estimator, f"Negative values in data are no counts, {counts}", columns)
    refuse((rows != np.floor(rows)) & ~np.isnan(rows), rows, estimator, f"counts are {counts}", columns)


def refuse_no_bits(
    rows: NDArray[Any], estimator: BaseEstimator, remedy: str, columns: Sequence[int] | None = None
) -> None:
    """Raise InputError for the first number that is neither 0 nor 1."""
    wrong = ~((rows == 0) | (rows == 1) | np.isnan(rows))
    refuse(
        wrong, rows, estimator, f"a Bernoulli mixture takes 0 and 1 (NaN where missing); {remedy}", columns
    )


def named(estimator: BaseEstimator, column: int) -> str:
    """Return the name of a column for a message: its own, or its number."""
    names = getattr(estimator, "feature_names_in_", None)
    return f"column {column} (from 0)" if names is None else f"column {str(names[column])!r}"
