"""Whether the values of a column are ones that its family gives a probability to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mixtura.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mixtura.data import RawTable

# The square of a larger number leaves float64.
_LARGEST = 1e150


def require_suitable(
    table: RawTable, column_families: Sequence[str], *, binarised: bool = False, fractions: bool = False
) -> None:
    """Refuse the first value that its column's family does not take.

    Parameters
    ----------
    table : RawTable
        Text only where it is a category.
    column_families : sequence of str
        The family of each column.
    binarised : bool
        Whether a threshold makes 0 and 1 of the columns of a Bernoulli mixture.
    fractions : bool
        Whether counts may lie between whole numbers.

    Raises
    ------
    InputError
        Naming the column, the row, the value and the mend.
    """
    import numpy as np

    checked = {"gaussian", "poisson", "negative_binomial"} | ({"bernoulli"} if not binarised else set())
    places = [place for place, family in enumerate(column_families) if family in checked]
    if not places:
        return
    names = table.names
    for place in places:
        name = names[place]
        values = (
            np.asarray(table.data[:, place], dtype=np.float64)
            if isinstance(table.data, np.ndarray)
            else table.column(name)
        )
        with np.errstate(invalid="ignore"):
            wrong = _wrong(values, column_families[place], fractions=fractions)
        if wrong.any():
            row = int(wrong.argmax())
            raise InputError(
                f"{table.source}: column {name!r}, row {row} (from 0) holds {values[row]:g}; "
                f"{_mend(column_families[place])}"
            )


def _wrong(values: NDArray[Any], family: str, *, fractions: bool) -> NDArray[Any]:
    """Return which values the family does not take; NaN is a missing one, which it does."""
    import numpy as np

    there = ~np.isnan(values)
    found: NDArray[Any]
    if family == "gaussian":
        found = np.abs(values) >= _LARGEST
    elif family == "bernoulli":
        found = there & (values != 0) & (values != 1)
    elif fractions:
        found = there & (values < 0)
    else:
        found = there & ((values < 0) | (values != np.floor(values)))
    return found


def _mend(family: str) -> str:
    return {
        "gaussian": "its square is no number: take larger units",
        "bernoulli": "the bernoulli family takes 0 and 1: give a threshold, --binarise T, or another family",
        "poisson": "the poisson family takes counts, whole numbers from 0 up: measurements are gaussian, and "
        "--fractions takes expected counts",
        "negative_binomial": "a negative binomial takes counts, whole numbers from 0 up: measurements are "
        "gaussian",
    }[family]
