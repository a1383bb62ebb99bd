"""A table of typed numeric columns, or a stack of images: what every source becomes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import numpy as np

from mixtura.data.checks import closest, listing, plural, quoted
from mixtura.errors import InputError
from mixtura.findings import Finding

Kind = Literal["binary", "continuous", "count", "image"]

_HEAD = 1024  # rows looked at before a whole column is


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Parameters
    ----------
    name : str
        Its name in the file; ``"column_0"``, ... where there is none.
    kind : {"binary", "continuous", "count", "image"}
        Binary holds 0 and 1 only, a count holds whole numbers from 0 up, and a stack of images is one
        column of kind image.
    """

    name: str
    kind: Kind


@dataclass(frozen=True, eq=False, repr=False)
class Table:
    """Rows of numbers, what their columns are, and what was noticed on reading them.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_features)
        uint8, float32 or float64, without NaN and infinity, in the units of the source; images are
        flattened row by row, channels last.
    columns : tuple of Column
        One per feature; for images a single one.
    image_shape : tuple of int, optional
        ``(height, width)`` or ``(height, width, channels)``; None for a table.
    labels : ndarray of shape (n_rows,), optional
        Known groups, of any dtype, never used for training.
    labels_name : str, optional
        Where the labels came from.
    source : str
        The source as it was named.
    findings : tuple of Finding
        What a person should know about the reading.

    Examples
    --------
    >>> table = Table(np.eye(3), tuple(Column(name, "binary") for name in "abc"))
    >>> table
    Table(3 rows x 3 columns: 3 binary)
    >>> table.select(["c", "a"]).names
    ('c', 'a')
    """

    values: np.ndarray
    columns: tuple[Column, ...]
    image_shape: tuple[int, ...] | None = None
    labels: np.ndarray | None = None
    labels_name: str | None = None
    source: str = ""
    findings: tuple[Finding, ...] = ()

    def __repr__(self) -> str:
        """Return the description, with the source where there is one."""
        return f"Table({self.describe()}{f', from {self.source}' if self.source else ''})"

    @property
    def n_rows(self) -> int:
        """Number of rows, or of images."""
        return int(self.values.shape[0])

    @property
    def n_features(self) -> int:
        """Number of values in a row."""
        return int(self.values.shape[1])

    @property
    def names(self) -> tuple[str, ...]:
        """A name per feature; ``"pixel_0"``, ... for images."""
        if self.image_shape is not None:
            return tuple(f"pixel_{i}" for i in range(self.n_features))
        return tuple(column.name for column in self.columns)

    def describe(self) -> str:
        """Return in one line how many rows there are and of what.

        Examples
        --------
        >>> Table(np.zeros((2, 12), np.uint8), (Column("image", "image"),), (2, 2, 3)).describe()
        '2 images of 2 x 2, colour, 0 to 0'
        """
        if self.image_shape is not None:
            size = " x ".join(str(side) for side in self.image_shape[:2])
            low, high = self.values.min(), self.values.max()
            return (
                f"{plural(self.n_rows, 'image')} of {size}, {colours(self.image_shape)}, {low:g} to {high:g}"
            )
        kinds: tuple[Kind, ...] = ("continuous", "binary", "count")
        counts = [(kind, sum(column.kind == kind for column in self.columns)) for kind in kinds]
        what = ", ".join(f"{count:,} {kind}" for kind, count in counts if count)
        return f"{plural(self.n_rows, 'row')} x {plural(self.n_features, 'column')}: {what}"

    def select(self, names: Sequence[str]) -> Table:
        """Return the table with the named columns only, in the order of ``names``.

        Raises
        ------
        InputError
            If a name is not among the columns, or the table is one of images.
        """
        if self.image_shape is not None:
            raise InputError(f"{self.source or 'the data'}: images have no columns to select")
        position = {name: i for i, name in enumerate(self.names)}
        require_names(names, self.names, "columns", self.source)
        chosen = [position[name] for name in names]
        return replace(self, values=self.values[:, chosen], columns=tuple(self.columns[i] for i in chosen))


def colours(image_shape: tuple[int, ...]) -> str:
    """Return the words for the channels of an image shape."""
    if len(image_shape) == 2:
        return "grey"
    return {3: "colour"}.get(image_shape[2], f"{image_shape[2]} channels")


def generated_names(count: int) -> tuple[str, ...]:
    """Return the names of columns that have none: ``"column_0"``, ..."""
    return tuple(f"column_{i}" for i in range(count))


def require_names(names: Iterable[str], there: Sequence[str], what: str, source: str) -> None:
    """Raise InputError for the first of ``names`` that is not in ``there``, listing what is."""
    known = set(there)
    for name in names:
        if name not in known:
            raise InputError(
                f"{source or 'the table'} has no {what.removesuffix('s')} {quoted(name)}"
                f"{closest(name, there)}; it has the {what} {listing(there)}"
            )


def infer_kinds(values: np.ndarray, integer: np.ndarray) -> tuple[Kind, ...]:
    """Return what each column is.

    Parameters
    ----------
    values : ndarray of shape (n, d)
        Finite numbers, n > 0.
    integer : ndarray of bool, shape (d,)
        Whether the source declared the column as whole numbers or truth values. Whole numbers from 0
        up are counts, or binary if none exceeds 1; other columns are binary only if they hold nothing
        but 0 and 1.
    """
    low, high = values.min(axis=0), values.max(axis=0)
    head = values[:_HEAD]
    likely = ((head == 0) | (head == 1)).all(axis=0) & (low >= 0) & (high <= 1)

    def kind(i: int) -> Kind:
        if integer[i] and low[i] >= 0:
            return "count" if high[i] > 1 else "binary"
        column = values[:, i]
        return "binary" if likely[i] and bool(((column == 0) | (column == 1)).all()) else "continuous"

    return tuple(kind(i) for i in range(values.shape[1]))


class Columns(Protocol):
    """What `require_same_columns` asks of a table."""

    @property
    def source(self) -> str:
        """The source as it was named."""

    @property
    def image_shape(self) -> tuple[int, ...] | None:
        """The shape of a picture, where rows are pictures."""

    @property
    def n_features(self) -> int:
        """Number of values in a row."""

    @property
    def names(self) -> tuple[str, ...]:
        """A name per feature."""


def require_same_columns(
    table: Columns, expected: Sequence[str] | int, image_shape: tuple[int, ...] | None = None
) -> None:
    """Raise InputError unless ``table`` has the columns that a model was fitted to, in their order.

    Where the names on one side were made up for want of a header (``column_0``, ...), their number alone
    is compared. :meth:`Table.select` puts columns into another order.

    Parameters
    ----------
    table : Table or RawTable
        The new data.
    expected : sequence of str or int
        Names of the features of the model, or only how many there are.
    image_shape : tuple of int, optional
        The shape of the images that the model was fitted to.

    Raises
    ------
    InputError
        Naming the missing and the extra columns, or the two shapes.

    Examples
    --------
    >>> table = Table(np.eye(2), (Column("a", "binary"), Column("b", "binary")))
    >>> require_same_columns(table, ["a", "b"])
    >>> require_same_columns(table, ["a", "c"])
    Traceback (most recent call last):
    mixtura.errors.InputError: other columns than the model was fitted to: missing 'c'; not known 'b'; ...
    """
    source = f" ({table.source})" if table.source else ""
    count = expected if isinstance(expected, int) else len(expected)
    image_shape = None if image_shape is None else tuple(image_shape)
    if table.image_shape != image_shape:
        # A table of the right width may hold flattened images, and the reverse.
        if None not in (table.image_shape, image_shape) or table.n_features != count:
            raise InputError(
                f"other columns than the model was fitted to: {_what(image_shape, count)} then, "
                f"{_what(table.image_shape, table.n_features)} now{source}; give data of the same form"
            )
        return
    if image_shape is None and not isinstance(expected, int):
        names = tuple(expected)
        if not (_made_up(names) or _made_up(table.names)):
            _require_same_names(names, table.names, source)
            return
    if table.n_features != count:
        raise InputError(
            f"other columns than the model was fitted to: {count:,} then, {table.n_features:,} now{source}; "
            "give the same columns"
        )


def _require_same_names(names: tuple[str, ...], there: tuple[str, ...], source: str) -> None:
    missing = [name for name in names if name not in set(there)]
    extra = [name for name in there if name not in set(names)]
    parts = [f"missing {listing(missing)}"] * bool(missing) + [f"not known {listing(extra)}"] * bool(extra)
    if parts:
        mend = "add what is missing" if missing else "leave out what is not known with --drop NAME"
        raise InputError(f"other columns than the model was fitted to: {'; '.join(parts)}{source}; {mend}")
    for position, (name, other) in enumerate(zip(names, there, strict=True)):
        if name != other:
            raise InputError(
                f"other columns than the model was fitted to: the same in another order, column {position} "
                f"was {quoted(name)} and is {quoted(other)}{source}; put them in the order of the fit"
            )


def _made_up(names: tuple[str, ...]) -> bool:
    return all(re.fullmatch(r"column_\d+", name) for name in names) and names == generated_names(len(names))


def _what(image_shape: tuple[int, ...] | None, count: int) -> str:
    if image_shape is None:
        return plural(count, "column")
    return f"images of {' x '.join(str(side) for side in image_shape[:2])} ({colours(image_shape)})"
