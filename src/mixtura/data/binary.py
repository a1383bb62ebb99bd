"""Values of 0 and 1: the check that they are, and the threshold that makes them so."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from mixtura.data.checks import plural
from mixtura.data.scaling import blocks
from mixtura.errors import BinarisedWarning, InputError
from mixtura.findings import Finding

_MEND = "give a threshold with --binarise (binarise=... in Python), or use likelihood='gaussian'"


def require_binary(values: np.ndarray, names: Sequence[str], mend: str = _MEND, first_row: int = 0) -> None:
    """Raise InputError if a value is neither 0 nor 1, saying how many, one of them and the mend.

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
    """
    count, first = 0, ""
    for rows in blocks(*values.shape):
        wrong = (values[rows] != 0) & (values[rows] != 1)
        found = int(np.count_nonzero(wrong))
        if found and not count:
            row, i = (int(at) for at in np.unravel_index(int(wrong.argmax()), wrong.shape))
            value = float(values[rows][row, i])
            first = f"such as {value:g} in column {names[i]!r}, row {first_row + rows.start + row} (from 0)"
        count += found
    if count:
        raise InputError(
            f"a Bernoulli likelihood needs values 0 and 1, and {plural(count, 'value')} of {values.size:,} "
            f"{'is' if count == 1 else 'are'} neither, {first}; {mend}"
        )


def check_binary(values: np.ndarray, binarise: float | None, names: tuple[str, ...]) -> tuple[Finding, ...]:
    """Return the finding that the values were binarised, if they are, and warn of it."""
    if binarise is None:
        require_binary(values, names)
        return ()
    ones, changed = 0, False
    for rows in blocks(*values.shape):
        above = values[rows] > binarise
        ones += int(np.count_nonzero(above))
        changed = changed or bool((above != values[rows]).any())
    if not changed:
        return ()
    if ones in (0, values.size):
        raise InputError(
            f"binarise={binarise:g} makes every value {int(ones > 0)}: they range from "
            f"{float(values.min()):g} to {float(values.max()):g}; give a threshold in between"
        )
    share = 100 * ones / values.size
    seen = f"values above {binarise:g} were taken as 1 and the others as 0; {share:.1f} % are 1"
    warnings.warn(seen, BinarisedWarning, stacklevel=3)
    return (Finding("binarised", "note", seen),)
