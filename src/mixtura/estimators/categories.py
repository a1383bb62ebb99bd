"""Columns of categories: their values learned, and their entries as codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from mixtura.data.checks import one_line, quoted
from mixtura.data.frame import arrow_from_frame
from mixtura.em.family import Array
from mixtura.errors import InputError
from mixtura.estimators.rows import named

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
        validate_data(estimator, X, reset=reset, skip_check_array=True)
        if table.num_rows == 0 or table.num_columns == 0:
            raise InputError(
                f"Found a data frame with {table.num_rows} sample(s) and {table.num_columns} feature(s) "
                "while a minimum of 1 is required"
            )
        return [
            _plain(column.combine_chunks(), named(estimator, j)) for j, column in enumerate(table.columns)
        ]
    rows: NDArray[Any] = validate_data(
        estimator, X, reset=reset, dtype=None, ensure_all_finite=_finite_where_numeric(X)
    )
    columns = []
    for j in range(rows.shape[1]):
        try:
            column = pa.array(np.ascontiguousarray(rows[:, j]), from_pandas=True)
        except (pa.ArrowException, TypeError, ValueError) as error:
            raise InputError(
                f"{named(estimator, j)} mixes types ({one_line(error, 80)}); make all of it text or numbers"
            ) from error
        columns.append(_plain(column, named(estimator, j)))
    return columns


def _finite_where_numeric(X: Any) -> Literal["allow-nan"] | bool:
    """Return what to ask of an array: None and NaN are missing entries, and objects are looked at later."""
    return False if getattr(X, "dtype", None) == np.dtype(object) else "allow-nan"


def _plain(column: pa.Array, name: str) -> pa.Array:
    """Return a column of 64-bit numbers, truth values or text, or of no value at all."""
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
        return column.cast(pa.float64() if kind == pa.uint64() else pa.int64(), safe=False)
    if types.is_boolean(kind) or types.is_null(kind):
        return column
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return column.cast(pa.large_string())
    raise InputError(f"{name} holds {one_line(kind, 60)}; give numbers, truth values or text")


@dataclass(frozen=True, eq=False)
class Categories:
    """The categories of one column, sorted, and their codes 0, 1, ...

    Parameters
    ----------
    values : ndarray of shape (C,)
        Numbers, truth values, or text in an array of objects.
    name : str
        Of the column, for messages.
    """

    values: NDArray[Any]
    name: str

    @classmethod
    def learn(cls, column: pa.Array, name: str) -> Categories:
        """Find the categories of a column; whole numbers become integers."""
        import pyarrow.compute as pc

        values = pc.unique(column).drop_null().to_numpy(zero_copy_only=False)
        if values.dtype.kind == "f" and (np.abs(values) < 2**53).all() and (values == np.floor(values)).all():
            values = values.astype(np.int64)
        return cls(np.sort(values), name)

    def codes(self, column: pa.Array, unknown: Literal["error", "missing"]) -> Array:
        """Return codes in float64, NaN where an entry is missing.

        Raises
        ------
        InputError
            If a category is unknown, and ``unknown`` is "error".
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        absent = pc.is_null(column).to_numpy(zero_copy_only=False)
        if absent.all():
            return np.full(len(column), np.nan)
        known = pa.array(self.values) if len(self.values) else pa.nulls(0, column.type)
        known = known.cast(pa.large_string()) if pa.types.is_string(known.type) else known
        alike = _comparable(column, known)
        if alike is None:
            found = np.full(len(column), np.nan)
        else:
            places = pc.index_in(alike[0], value_set=alike[1])
            found = places.cast(pa.float64()).to_numpy(zero_copy_only=False)
        found = np.where(absent, np.nan, found)
        strange = np.isnan(found) & ~absent
        if unknown == "error" and strange.any():
            row = int(np.argmax(strange))
            value = quoted(column[row].as_py())
            raise InputError(
                f"{self.name}, row {row} (from 0) holds the category {value}, which was not there "
                'when the mixture was fitted; mend it, or set handle_unknown="missing"'
            )
        return np.asarray(found)


def _comparable(column: pa.Array, known: pa.Array) -> tuple[pa.Array, pa.Array] | None:
    """Return entries and categories in one type, or None where they are text here and numbers there."""
    import pyarrow as pa

    if pa.types.is_large_string(column.type) != pa.types.is_large_string(known.type):
        return None
    if pa.types.is_large_string(column.type):
        return column, known

    def numbers(array: pa.Array) -> pa.Array:
        if pa.types.is_boolean(array.type):
            array = array.cast(pa.int8())
        return array.cast(pa.float64(), safe=False)

    return numbers(column), numbers(known)
