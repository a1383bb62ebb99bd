"""Data frames and arrays as checked columns, or as checked rows of numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from mixtura.data.checks import one_line, quoted
from mixtura.data.frame import arrow_from_frame
from mixtura.em.family import Array
from mixtura.errors import InputError
from mixtura.estimators.rows import named
from mixtura.estimators.validation import validated

if TYPE_CHECKING:
    import pyarrow as pa


def read_columns(estimator: BaseEstimator, X: Any, *, reset: bool) -> list[pa.Array]:
    """Return the columns of a data frame or an array as Arrow arrays, null where an entry is missing.

    Raises
    ------
    InputError, ValueError
        If X is no table, holds an infinite number, or has other columns than those of the fit.
    """
    import pyarrow as pa

    table = arrow_from_frame(X)
    if table is not None:
        validated(estimator, X, reset=reset, skip_check_array=True)
        if table.num_rows == 0 or table.num_columns == 0:
            raise InputError(
                f"Found a data frame with {table.num_rows} sample(s) and {table.num_columns} feature(s) "
                "while a minimum of 1 is required"
            )
        return [plain(column.combine_chunks(), named(estimator, j)) for j, column in enumerate(table.columns)]
    X = _unmerged(X)
    rows = validated(estimator, X, reset=reset, dtype=None, ensure_all_finite=_finite_where_numeric(X))
    if rows.dtype.kind in "fiu":
        # Arrow knows no other order of bytes, and no wider number.
        rows = rows.astype(
            np.float64 if rows.dtype.itemsize > 8 else rows.dtype.newbyteorder("="), copy=False
        )
    columns = []
    for j in range(rows.shape[1]):
        try:
            column = pa.array(np.ascontiguousarray(rows[:, j]), from_pandas=True)
        except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
            raise InputError(
                f"{named(estimator, j)} mixes types ({one_line(error, 80)}); make all of it text or numbers"
            ) from error
        columns.append(plain(column, named(estimator, j)))
    return columns


def _finite_where_numeric(X: Any) -> Literal["allow-nan"] | bool:
    """Return what to ask of an array: None and NaN are missing entries, and objects are looked at later."""
    return False if getattr(X, "dtype", None) == np.dtype(object) else "allow-nan"


def _unmerged(X: Any) -> Any:
    """Return lists as objects where NumPy would make text of their numbers, or round them; else X itself."""
    if not isinstance(X, (list, tuple)):
        return X
    try:
        array = np.asarray(X)
    except ValueError:  # of rows of different lengths, which are refused later
        return X
    merged = array.dtype.kind in "US" or (array.dtype.kind == "f" and (np.abs(array) >= 2**53).any())
    return np.asarray(X, dtype=object) if merged else X


def plain(column: pa.Array, name: str) -> pa.Array:
    """Return a column of 64-bit numbers, unsigned only from 2**63 up, truth values, text, or no value at all.

    Raises
    ------
    InputError
        If it holds anything else, or an infinite number.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(column, pa.ChunkedArray):  # of a chunk or none
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    types = pa.types
    if types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if types.is_floating(kind) or types.is_decimal(kind):
        numbers = column.cast(pa.float64())
        infinite = pc.is_inf(numbers).fill_null(False)
        if pc.any(infinite).as_py():
            row = pc.index(infinite, True).as_py()
            raise InputError(f"{name}, row {row} (from 0) holds infinity; mend it, or make it NaN: missing")
        return pc.if_else(pc.is_nan(numbers), None, numbers)
    if types.is_integer(kind):
        fits = kind != pa.uint64() or not pc.any(pc.greater_equal(column, pa.scalar(2**63, kind))).as_py()
        return column.cast(pa.int64()) if fits else column
    if types.is_boolean(kind) or types.is_null(kind):
        return column
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return column.cast(pa.large_string())
    raise InputError(f"{name} holds {one_line(kind, 60)}; give numbers, truth values or text")


def numeric_rows(estimator: BaseEstimator, X: Any, family: str, *, reset: bool) -> NDArray[Any]:
    """Return checked rows of numbers or truth values, NaN where an entry is missing."""
    if arrow_from_frame(X) is not None:
        columns = read_columns(estimator, X, reset=reset)
        return np.column_stack(
            [numbers(column, named(estimator, j), family) for j, column in enumerate(columns)]
        )
    return validated(estimator, _without_none(X), reset=reset, dtype="numeric", ensure_all_finite="allow-nan")


def _without_none(X: Any) -> Any:
    """Return numbers with None among them as numbers with NaN; anything else as it is."""
    if not isinstance(X, (list, tuple, np.ndarray)):
        return X
    try:
        array = np.asarray(X)
        return array.astype(np.float64) if array.dtype == object else X
    except (TypeError, ValueError):
        return X


def numbers(column: pa.Array, name: str, family: str) -> Array:
    """Return a column of numbers or truth values in float64, NaN where an entry is missing.

    Raises
    ------
    InputError
        If it holds text.
    """
    import pyarrow as pa

    if pa.types.is_large_string(column.type):
        row = next(i for i, value in enumerate(column) if value.is_valid)
        text = quoted(column[row].as_py())
        raise InputError(
            f"{name}, row {row} (from 0) holds the text {text}, which a {family} mixture "
            "does not take; give numbers, or use categories"
        )
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    values: Array = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return values


def side_by_side(columns: list[NDArray[Any]]) -> NDArray[Any]:
    """Return columns as a table of numbers, or of objects where there is text or floats would round integers.

    Examples
    --------
    >>> side_by_side([np.array([2]), np.array([0.5])]), side_by_side([np.array([2**53 + 1]), np.array([0.5])])
    (array([[2. , 0.5]]), array([[9007199254740993, 0.5]], dtype=object))
    """
    kinds = {column.dtype.kind for column in columns}
    rounded = len(kinds) > 1 and any(c.dtype.kind == "i" and (np.abs(c) > 2**53).any() for c in columns)
    numeric = kinds <= {"i", "f"} and not rounded
    return np.column_stack(columns if numeric else [column.astype(object) for column in columns])
