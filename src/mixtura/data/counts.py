"""Values that are counts: the check that they are whole numbers from 0 up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mixtura.data.checks import plural
from mixtura.data.scaling import blocks
from mixtura.errors import InputError

MOST = 1e6
"""Counts above it are measurements: a Poisson of that mean is a Gaussian, and factorials lose digits."""


def require_counts(
    values: np.ndarray, names: Sequence[str], mend: str = "use likelihood='gaussian'", first_row: int = 0
) -> None:
    """Raise InputError if a value is no count, saying how many are none, one of them and the mend.

    Parameters
    ----------
    values : ndarray of shape (n, d)
        The rows, or a piece of them.
    names : sequence of str
        Of the columns.
    mend : str
        What to do.
    first_row : int
        The number of the piece's first row.

    Examples
    --------
    >>> require_counts(np.array([[0.0, 3.0]]), ("a", "b"))
    >>> require_counts(np.array([[0.5, 3.0]]), ("a", "b"))
    Traceback (most recent call last):
    ...
    mixtura.errors.InputError: a likelihood of counts needs whole numbers from 0 to 1,000,000, and 1 value ...
    """
    count, first = 0, ""
    for rows in blocks(*values.shape):
        block = values[rows]
        wrong = (block < 0) | (block != np.floor(block)) | (block > MOST)
        found = int(np.count_nonzero(wrong))
        if found and not count:
            row, i = (int(at) for at in np.unravel_index(int(wrong.argmax()), wrong.shape))
            place = f"column {names[i]!r}, row {first_row + rows.start + row} (from 0)"
            first = f"such as {float(block[row, i]):g} in {place}"
        count += found
    if count:
        raise InputError(
            f"a likelihood of counts needs whole numbers from 0 to {MOST:,.0f}, and {plural(count, 'value')} "
            f"of {values.size:,} {'is' if count == 1 else 'are'} none, {first}; {mend}"
        )


def stabilised(counts: Any) -> Any:
    """Return 2 sqrt(x + 3/8), in which a Poisson count has a variance of nearly 1 (Anscombe 1948, eq. 2.3).

    Distances between rows then mean as much in columns of few as in columns of many.

    Examples
    --------
    >>> stabilised(np.array([0.625, 3.625]))
    array([2., 4.])
    """
    return 2.0 * (counts + 0.375) ** 0.5
