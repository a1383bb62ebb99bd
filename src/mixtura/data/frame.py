"""Data frames, and the Arrow tables that files of columns are read into, as a table of numbers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from mixtura.data.array import flat_pictures
from mixtura.data.checks import NUMBER, listing, one_line, plural, quoted, require_finite
from mixtura.data.labels import as_labels
from mixtura.data.table import Column, Table, infer_kinds, require_names
from mixtura.errors import InputError
from mixtura.findings import Finding

if TYPE_CHECKING:
    import pyarrow as pa

_LEFT_OUT = "name it as a column of its own if it is data"


def arrow_from_frame(frame: Any) -> pa.Table | None:
    """Return a pandas, polars, Arrow or other data frame as an Arrow table, or None if it is no frame."""
    import narwhals as nw
    import pyarrow as pa
    from narwhals.exceptions import DuplicateError

    try:
        wrapped = nw.from_native(frame, pass_through=True)
        if isinstance(wrapped, nw.LazyFrame):
            wrapped = wrapped.collect()
    except DuplicateError as error:
        raise InputError(
            f"the data frame has two columns of one name ({one_line(error)}); rename one"
        ) from error
    if not isinstance(wrapped, nw.DataFrame):
        return None
    columns = []
    for series in wrapped.iter_columns():
        try:
            columns.append(series.to_arrow())
        except (pa.ArrowException, TypeError, ValueError):
            columns.append(_dense_or_text(series))
    names = [str(name) for name in wrapped.columns]
    require_unique(names, "the data frame")
    return pa.table(columns, names=names)


def _dense_or_text(series: Any) -> pa.Array:
    """Return a column that Arrow does not take: its numbers, where they are sparse, or else text."""
    import pyarrow as pa

    dense = series.to_numpy()
    if dense.dtype.kind in "biuf":
        return pa.array(dense, from_pandas=True)
    # A column of mixed objects is kept as text, so that the message can show what is not a number.
    return pa.array([None if value is None else str(value) for value in series.to_list()], pa.string())


def require_unique(names: list[str], source: str) -> None:
    """Raise InputError if two columns have one name."""
    seen: set[str] = set()
    twice = sorted({name for name in names if name in seen or seen.add(name)})  # type: ignore[func-returns-value]
    if twice:
        raise InputError(f"{source} has more than one column called {listing(twice)}; rename all but one")


def table_from_arrow(
    table: pa.Table,
    *,
    source: str,
    labels: str | None = None,
    drop: tuple[str, ...] = (),
    findings: tuple[Finding, ...] = (),
) -> Table:
    """Return the numeric columns of an Arrow table, less the labels, the dropped and the row names.

    The values are uint8 or float32 where all these columns are, else float64.

    Raises
    ------
    InputError
        If no row or no column is left, a name is not there, or a column holds something that is no
        number, or lacks values.
    """
    names = [str(name) for name in table.column_names]
    require_unique(names, source)
    require_names([*drop, *([labels] if labels is not None else [])], names, "columns", source)
    if table.num_rows == 0:
        raise InputError(f"{source} has {plural(len(names), 'column')} and no rows; give at least one row")
    label_values = None if labels is None else label_column(table[labels], f"{quoted(labels)} of {source}")
    asked = {*drop, labels}
    left = [name for name in names if name not in asked]
    index, index_findings = row_names(table, left)
    left = [name for name in left if name not in index]
    if not left:
        raise InputError(f"{source} has no columns left to learn from; leave out fewer of {listing(names)}")
    require_numeric(table, left, source)
    values = to_numpy(table, left)
    require_finite(values, source, lambda row, i: f"column {quoted(left[i])}, row {row} (from 0)")
    integer = np.array([_is_whole(table.schema.field(name).type) for name in left])
    kinds = infer_kinds(values, integer)
    return Table(
        values=values,
        columns=tuple(Column(name, kind) for name, kind in zip(left, kinds, strict=True)),
        labels=label_values,
        labels_name=labels,
        source=source,
        findings=(*findings, *index_findings, *counting_columns(values, left), *flat_pictures(values)),
    )


def label_column(column: pa.ChunkedArray, name: str) -> np.ndarray:
    """Return an Arrow column as labels: numbers, truth values or text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if column.null_count:
        row = pc.index(pc.is_null(column), True).as_py()
        raise InputError(
            f"labels {name} lack {plural(column.null_count, 'value')}, the first in row {row} (from 0); "
            "fill them, or leave those rows out"
        )
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_dictionary(column.type):
        column = column.cast(kind)
    if pa.types.is_decimal(kind):
        column = column.cast(pa.float64())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        try:
            return np.array(column.cast(pa.large_string()).to_pylist(), dtype=str)
        except (pa.ArrowException, UnicodeDecodeError) as error:
            raise InputError(
                f"labels {name} hold {one_line(kind, 60)}, neither numbers nor text; give one of these"
            ) from error
    return as_labels(column.to_numpy(), name)


def row_names(table: pa.Table, names: list[str]) -> tuple[set[str], list[Finding]]:
    """Return the columns that only name the rows, or are empty and nameless, and the findings that say so."""
    import pyarrow as pa
    import pyarrow.compute as pc

    stored = set(_pandas_index(table))
    index: set[str] = set()
    findings = []
    for name in names:
        column = table[name]
        unnamed = re.fullmatch(r"Unnamed: \d+", name) is not None
        first = name == "Unnamed: 0"
        if unnamed and column.null_count == len(column):
            index.add(name)
            findings.append(
                Finding(
                    "empty-column",
                    "note",
                    f"column {quoted(name)} has no name and no values and was left out",
                )
            )
        elif name in stored or (
            first
            and not column.null_count
            and (
                is_text(column.type)
                or (pa.types.is_integer(column.type) and pc.count_distinct(column).as_py() == len(column))
            )
        ):
            index.add(name)
            seen = f"column {quoted(name)} only names the rows and was left out"
            findings.append(Finding("row-names", "note", seen, _LEFT_OUT))
    return index, findings


def _pandas_index(table: pa.Table) -> list[str]:
    """Return the columns that pandas wrote as the index of its frame."""
    try:
        columns = (table.schema.pandas_metadata or {}).get("index_columns", [])
    except (AttributeError, ValueError):  # what others wrote under this key is no business of ours
        return []
    return [name for name in columns if isinstance(name, str)]


def counting_columns(values: np.ndarray, names: list[str]) -> list[Finding]:
    """Return a warning for each named column that does nothing but count the rows."""
    n_rows = len(values)
    if n_rows < 10 or len(names) < 2:
        return []
    # As float64 first: a difference of two numbers of 8 bits may wrap around.
    first, last = values[0].astype(np.float64), values[-1].astype(np.float64)
    steps = np.arange(n_rows)
    return [
        Finding(
            "counting-column",
            "warning",
            f"column {quoted(name)} counts the rows, from {first[i]:g} to {last[i]:g}",
            f"if it is no data, leave it out with --drop {one_line(name)}",
        )
        for i, name in enumerate(names)
        if first[i] in (0, 1)
        and last[i] - first[i] == n_rows - 1
        and np.array_equal(values[:, i], steps + first[i])
    ]


def require_numeric(table: pa.Table, names: list[str], source: str) -> None:
    """Raise InputError for the first column that holds no numbers, naming the others."""
    wrong = [name for name in names if not is_numeric(table.schema.field(name).type)]
    if not wrong:
        return
    name = wrong[0]
    kind = table.schema.field(name).type
    others = f"; so {'do' if len(wrong) > 2 else 'does'} {listing(wrong[1:])}" if len(wrong) > 1 else ""
    mend = f"leave it out with --drop {one_line(name)}, or use it for scoring with --labels {one_line(name)}"
    if not is_text(kind):
        raise InputError(
            f"{source}: column {quoted(name)} holds {one_line(kind, 60)}, not numbers{others}; "
            f"turn it into numbers, or {mend}"
        )
    texts = table[name].to_pylist()
    numbers = [text is None or NUMBER.fullmatch(text) is not None for text in texts]
    if all(numbers):
        row = next((i for i, text in enumerate(texts) if text is not None), 0)
        raise InputError(
            f"{source}: column {quoted(name)} holds numbers stored as text, such as {quoted(texts[row])} "
            f"in row {row} (from 0){others}; store them as numbers, or {mend}"
        )
    row = numbers.index(False)
    mend = mend if not any(numbers) else f"mend those cells, or {mend}"
    raise InputError(
        f"{source}: column {quoted(name)} holds text, {quoted(texts[row])} in row {row} (from 0)"
        f"{others}; {mend}"
    )


def to_numpy(table: pa.Table, names: list[str]) -> np.ndarray:
    """Return numeric columns as an array of shape (n, d), missing values as NaN.

    It is uint8 or float32 where all columns are, as they need an eighth or half of the memory, else float64.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    kinds = {table.schema.field(name).type for name in names}
    whole = all(table[name].null_count == 0 for name in names)
    kept = pa.float64()
    if kinds == {pa.float32()} or (kinds == {pa.uint8()} and whole):
        kept = kinds.pop()
    values = np.empty((table.num_rows, len(names)), kept.to_pandas_dtype())
    for i, name in enumerate(names):
        # Safe casts refuse whole numbers beyond 2**53; those are rounded, as everywhere in float64.
        values[:, i] = pc.cast(table[name], kept, safe=False).to_numpy()
    return values


def value_type(kind: pa.DataType) -> pa.DataType:
    """Return the type of the values, also where they are written as a dictionary."""
    import pyarrow as pa

    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _is_whole(kind: pa.DataType) -> bool:
    import pyarrow as pa

    kind = value_type(kind)
    return bool(pa.types.is_integer(kind) or pa.types.is_boolean(kind))


def is_numeric(kind: pa.DataType) -> bool:
    """Return whether a column holds numbers or truth values, or nothing."""
    import pyarrow as pa

    kind = value_type(kind)
    # A column of type null has no value at all, which the check for missing values says better.
    tests = (pa.types.is_floating, pa.types.is_decimal, pa.types.is_null)
    return _is_whole(kind) or any(bool(test(kind)) for test in tests)


def is_text(kind: pa.DataType) -> bool:
    """Return whether a column holds text."""
    import pyarrow as pa

    kind = value_type(kind)
    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(bool(test(kind)) for test in tests)
