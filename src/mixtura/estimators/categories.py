"""Columns of categories: their values learned, and their entries as codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from mixtura.data.checks import one_line, quoted
from mixtura.em.family import Array
from mixtura.errors import InputError
from mixtura.estimators.tables import plain
from mixtura.findings import Finding

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, eq=False)
class Categories:
    """The categories of one column, sorted, and their codes 0, 1, ...

    Parameters
    ----------
    values : ndarray of shape (C,)
        Numbers, truth values, or text in an array of objects.
    name : str
        Of the column, for messages.

    Examples
    --------
    >>> import pyarrow as pa
    >>> column = plain(pa.array(["low", None]), "column 'a'")
    >>> Categories.declared(["low", "high"], "column 'a'").codes(column, "error").tolist()
    [1.0, nan]
    """

    values: NDArray[Any]
    name: str

    @classmethod
    def learn(cls, column: pa.Array, name: str) -> Categories:
        """Find the categories of a column; whole numbers become integers."""
        values = cls.joined([column], name).to_numpy(zero_copy_only=False)
        if values.dtype.kind == "f" and (np.abs(values) < 2**53).all() and (values == np.floor(values)).all():
            values = values.astype(np.int64)
        return cls(np.sort(values), name)

    @staticmethod
    def joined(pieces: list[pa.Array], name: str) -> pa.Array:
        """Return the different values of the pieces of a column.

        Raises
        ------
        InputError
            If it is text in one and numbers in another, or whole numbers that could not be told apart.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        found = [pc.unique(piece).drop_null() for piece in pieces]
        found = [piece for piece in found if len(piece)] or found[:1]
        if any(pa.types.is_uint64(piece.type) for piece in found):
            raise InputError(f"{name} holds whole numbers from 2**63 up as categories; make it text")
        if len({piece.type for piece in found}) > 1:
            if any(pa.types.is_large_string(piece.type) for piece in found):
                raise InputError(f"{name} is text in one place and numbers in another; make it one of them")
            try:
                found = [piece.cast(pa.float64()) for piece in found]
            except pa.ArrowInvalid:
                raise InputError(
                    f"{name} holds integers beyond 2**53 in one place and floats, which cannot tell them "
                    "apart, in another; make it integers or text"
                ) from None
        return pc.unique(pa.concat_arrays(found))

    @classmethod
    def declared(cls, values: Any, name: str) -> Categories:
        """Return the categories that the user names.

        Raises
        ------
        InputError
            If they are none, one is twice among them, or they are text and numbers.
        """
        import pyarrow as pa

        try:
            column = plain(pa.array(list(values)), name)
        except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
            raise InputError(
                f"the categories of {name} must be text, numbers or truth values, and not a mixture of them: "
                f"{one_line(error, 80)}"
            ) from error
        learned = cls.learn(column, name)
        if len(column) == 0 or len(learned.values) != len(column):
            raise InputError(
                f"the categories of {name} must be different values, at least one, not {one_line(values, 80)}"
            )
        return learned

    def codes(self, column: pa.Array, unknown: Literal["error", "missing"], first: int = 0) -> Array:
        """Return codes in float64, NaN where an entry is missing; ``first`` is the number of the first row.

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
            places = pc.index_in(alike[0], value_set=alike[1], skip_nulls=True)
            found = places.cast(pa.float64()).to_numpy(zero_copy_only=False)
        found = np.where(absent, np.nan, found)
        strange = np.isnan(found) & ~absent
        if unknown == "error" and strange.any():
            row = int(np.argmax(strange))
            value = quoted(column[row].as_py())
            raise InputError(
                f"{self.name}, row {first + row} (from 0) holds the category {value}, which was not there "
                "when the mixture was fitted; mend it, name all with categories=..., or set "
                'handle_unknown="missing"'
            )
        return np.asarray(found)


def _comparable(column: pa.Array, known: pa.Array) -> tuple[pa.Array, pa.Array] | None:
    """Return entries and categories in one type, or None where they are text here and numbers there."""
    import pyarrow as pa

    if pa.types.is_large_string(column.type) != pa.types.is_large_string(known.type):
        return None
    if pa.types.is_large_string(column.type):
        return column, known

    if pa.types.is_floating(column.type) and pa.types.is_floating(known.type):
        return column, known
    return _integers(column), _integers(known)


def _integers(numbers: pa.Array) -> pa.Array:
    """Return numbers as integers, which floats beyond 2**53 would merge; null where they are none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_uint64(numbers.type):
        numbers = pc.if_else(pc.less(numbers, pa.scalar(2**63, pa.uint64())), numbers, None)
    if pa.types.is_floating(numbers.type):
        whole = pc.and_(pc.equal(numbers, pc.floor(numbers)), pc.less(pc.abs(numbers), 2.0**63))
        numbers = pc.if_else(whole, numbers, None)
    return numbers.cast(pa.int64())


ALL_DIFFERENT = 10
"""Rows beyond which a column without two rows alike holds names and no categories."""


def categories_of_one(names: Sequence[str]) -> tuple[Finding, ...]:
    """Return a finding for the columns of these names, in which no two rows have one category.

    Examples
    --------
    >>> categories_of_one(["'id'"])[0].seen
    "no two rows have one category in 'id'"
    """
    if not names:
        return ()
    seen = f"no two rows have one category in {', '.join(names[:8])}"
    return (Finding("categories-of-one", "warning", seen, "leave out names and measurements"),)
