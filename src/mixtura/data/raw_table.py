"""A table as it came: numbers, truth values and text, with what is missing left missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mixtura.data.array import table_from_array
from mixtura.data.checks import one_line, plural, quoted
from mixtura.data.frame import (
    counting_columns,
    is_numeric,
    is_text,
    label_column,
    require_numeric,
    require_unique,
    row_names,
    to_numpy,
    value_type,
)
from mixtura.data.table import colours, generated_names, require_names
from mixtura.errors import InputError
from mixtura.findings import Finding

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, eq=False, repr=False)
class RawTable:
    """Columns of numbers, truth values or text; a gap is null, or NaN in an array.

    Parameters
    ----------
    data : pyarrow.Table or ndarray of shape (n_rows, n_features)
        The columns; an array where the source has no names for them. No number is infinite.
    image_shape : tuple of int, optional
        ``(height, width)`` or ``(height, width, channels)`` where rows are pictures, flattened.
    labels : ndarray of shape (n_rows,), optional
        Known groups, never used for training.
    labels_name : str, optional
        Where the labels came from.
    source : str
        The source as it was named.
    findings : tuple of Finding
        What a person should know about the reading.

    Examples
    --------
    >>> import pyarrow as pa
    >>> table = RawTable(pa.table({"size": [1.5, None], "colour": ["red", "blue"]}))
    >>> table
    RawTable(2 rows x 2 columns: 1 of numbers, 1 of text; 1 value missing)
    >>> table.text_columns
    ('colour',)
    """

    data: pa.Table | np.ndarray
    image_shape: tuple[int, ...] | None = None
    labels: np.ndarray | None = None
    labels_name: str | None = None
    source: str = ""
    findings: tuple[Finding, ...] = ()

    def __repr__(self) -> str:
        """Return the description, with the source where there is one."""
        return f"RawTable({self.describe()}{f', from {self.source}' if self.source else ''})"

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return int(self.data.shape[0])

    @property
    def n_features(self) -> int:
        """Number of columns."""
        return int(self.data.shape[1])

    @property
    def names(self) -> tuple[str, ...]:
        """A name per column; ``"pixel_0"``, ... for images, ``"column_0"``, ... where there are none."""
        if self.image_shape is not None:
            return tuple(f"pixel_{i}" for i in range(self.n_features))
        if isinstance(self.data, np.ndarray):
            return generated_names(self.n_features)
        return tuple(str(name) for name in self.data.column_names)

    @property
    def text_columns(self) -> tuple[str, ...]:
        """The names of the columns that hold text."""
        if isinstance(self.data, np.ndarray):
            return ()
        return tuple(field.name for field in self.data.schema if is_text(field.type))

    @property
    def missing(self) -> np.ndarray:
        """Number of values that are missing in each column."""
        if not isinstance(self.data, np.ndarray):
            return np.array([column.null_count for column in self.data.columns], dtype=np.int64)
        if self.data.dtype.kind != "f":
            return np.zeros(self.n_features, dtype=np.int64)
        return np.asarray(np.isnan(self.data).sum(axis=0))

    @property
    def n_missing(self) -> int:
        """Number of values that are missing."""
        return int(self.missing.sum())

    def describe(self) -> str:
        """Return in one line how many rows there are and of what."""
        missing = self.n_missing
        gaps = f"; {plural(missing, 'value')} missing" if missing else ""
        if self.image_shape is not None:
            size = " x ".join(str(side) for side in self.image_shape[:2])
            return f"{plural(self.n_rows, 'image')} of {size}, {colours(self.image_shape)}{gaps}"
        n_text = len(self.text_columns)
        counts = ((self.n_features - n_text, "numbers"), (n_text, "text"))
        what = ", ".join(f"{count:,} of {kind}" for count, kind in counts if count)
        return f"{plural(self.n_rows, 'row')} x {plural(self.n_features, 'column')}: {what}{gaps}"

    def numbers(self) -> np.ndarray:
        """Return all columns in float64, NaN where a value is missing, shape (n_rows, n_features).

        Raises
        ------
        InputError
            If a column holds text.
        """
        if isinstance(self.data, np.ndarray):
            return np.asarray(self.data, dtype=np.float64)
        require_numeric(self.data, list(self.names), self.source)
        return to_numpy(self.data, list(self.names)).astype(np.float64, copy=False)

    def column(self, name: str) -> np.ndarray:
        """Return a column of numbers in float64, NaN where a value is missing, shape (n_rows,)."""
        require_names([name], self.names, "columns", self.source)
        return self.select([name]).numbers()[:, 0]

    def select(self, names: Sequence[str]) -> RawTable:
        """Return the table with the named columns only, in the order of ``names``.

        Raises
        ------
        InputError
            If a name is not among the columns, or the table is one of images.
        """
        if self.image_shape is not None:
            raise InputError(f"{self.source or 'the data'}: images have no columns to select")
        require_names(names, self.names, "columns", self.source)
        if not isinstance(self.data, np.ndarray):
            return replace(self, data=self.data.select(list(names)))
        import pyarrow as pa

        # A part of an array keeps the names that its columns had.
        places = [self.names.index(name) for name in names]
        chosen = np.asarray(self.data[:, places], dtype=np.float64)
        columns = [pa.array(chosen[:, i], from_pandas=True) for i in range(len(places))]
        return replace(self, data=pa.table(columns, names=list(names)))

    def renamed(self, names: Sequence[str]) -> RawTable:
        """Return the table with other names for its columns; an array has none and stays."""
        if isinstance(self.data, np.ndarray):
            return self
        return replace(self, data=self.data.rename_columns(list(names)))


# What a column of numbers in a CSV file may have in an empty cell; a column of text has it too.
_GAPS = ("", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NULL", "null")


def raw_from_arrow(
    table: pa.Table,
    *,
    source: str,
    labels: str | None = None,
    drop: tuple[str, ...] = (),
    findings: tuple[Finding, ...] = (),
    spelled: bool = False,
) -> RawTable:
    """Return the columns of an Arrow table, less the labels, the dropped and the row names.

    Parameters
    ----------
    table : pyarrow.Table
        As it was read.
    source, labels, drop, findings
        As for ``table_from_arrow``.
    spelled : bool
        Whether missing text is spelled out, as in CSV files: an empty cell, ``NA``, ``null`` and the like.

    Raises
    ------
    InputError
        If no row or no column is left, a name is not there, a number is infinite, or a column holds neither
        numbers nor text.
    """
    import pyarrow as pa

    names = [str(name) for name in table.column_names]
    require_unique(names, source)
    require_names([*drop, *([labels] if labels is not None else [])], names, "columns", source)
    if table.num_rows == 0:
        raise InputError(f"{source} has {plural(len(names), 'column')} and no rows; give at least one row")
    label_values = None if labels is None else label_column(table[labels], f"{quoted(labels)} of {source}")
    left = [name for name in names if name not in {*drop, labels}]
    index, noticed = row_names(table, left)
    left = [name for name in left if name not in index]
    if not left:
        raise InputError(f"{source} has no columns left to learn from; leave out fewer columns")
    columns = {name: _plain(table[name], name, source, spelled) for name in left}
    whole = [name for name in left if is_numeric(columns[name].type) and not columns[name].null_count]
    if whole:
        noticed += counting_columns(to_numpy(pa.table({name: columns[name] for name in whole}), whole), whole)
    return RawTable(
        data=pa.table(columns),
        labels=label_values,
        labels_name=labels,
        source=source,
        findings=(*findings, *noticed),
    )


def raw_from_array(
    values: np.ndarray,
    *,
    source: str,
    labels: str | None = None,
    drop: tuple[str, ...] = (),
    findings: tuple[Finding, ...] = (),
) -> RawTable:
    """Return an array as a table with its gaps, or as images where it has three or four dimensions.

    Raises
    ------
    InputError
        As ``table_from_array``, but for NaN.
    """
    missing = np.isnan(values) if values.dtype.kind == "f" else np.zeros(1, dtype=bool)
    filled = np.where(missing, values.dtype.type(0), values) if missing.any() else values
    table = table_from_array(filled, source=source, labels=labels, drop=drop, findings=findings)
    data, columns = table.values, list(table.names)
    if missing.any():
        data = data.astype(np.float64)
        if table.image_shape is not None:
            data[missing.reshape(len(data), -1)] = np.nan
        else:
            names = generated_names(values.shape[1])
            if labels is not None and missing[:, names.index(labels)].any():
                raise InputError(
                    f"labels {labels} of {source} lack values; fill them, or leave those rows out"
                )
            data[missing[:, [names.index(name) for name in columns]]] = np.nan
    raw = RawTable(
        data=data,
        image_shape=table.image_shape,
        labels=table.labels,
        labels_name=table.labels_name,
        source=source,
        findings=table.findings,
    )
    if table.image_shape is not None or tuple(columns) == raw.names:
        return raw
    import pyarrow as pa

    kept = [pa.array(np.asarray(data[:, i], dtype=np.float64), from_pandas=True) for i in range(len(columns))]
    return replace(raw, data=pa.table(kept, names=columns))


def _plain(column: pa.ChunkedArray, name: str, source: str, spelled: bool) -> pa.ChunkedArray:
    """Return a column of float64, int64, truth values or text, null where a value is missing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = value_type(column.type)
    if pa.types.is_dictionary(column.type):
        column = column.cast(kind)
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        numbers = column.cast(pa.float64())
        infinite = pc.is_inf(numbers).fill_null(False)
        if pc.any(infinite).as_py():
            row = pc.index(infinite, True).as_py()
            how_many = plural(int(pc.sum(infinite).as_py()), "infinite value")
            raise InputError(
                f"{source} has {how_many} in column {quoted(name)}, the first in row {row} (from 0); drop "
                "those rows or replace them"
            )
        return pc.if_else(pc.is_nan(numbers), pa.scalar(None, pa.float64()), numbers)
    if pa.types.is_integer(kind):
        return column.cast(pa.float64() if kind == pa.uint64() else pa.int64(), safe=False)
    if pa.types.is_boolean(kind) or pa.types.is_null(kind):
        return column
    if is_text(kind):
        texts = column.cast(pa.large_string())
        if not spelled:
            return texts
        gaps = pc.is_in(pc.utf8_trim_whitespace(texts), pa.array(_GAPS, pa.large_string())).fill_null(False)
        return pc.if_else(gaps, pa.scalar(None, pa.large_string()), texts)
    raise InputError(
        f"{source}: column {quoted(name)} holds {one_line(kind, 60)}, neither numbers nor text; turn it into "
        f"one of these, or leave it out with --drop {one_line(name)}"
    )
