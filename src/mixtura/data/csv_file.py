"""CSV and TSV files, plain or gzipped, with or without a header."""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Sequence
from dataclasses import dataclass
from io import BufferedReader
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixtura.data.checks import NUMBER, one_line, plural, quoted, reading, shown
from mixtura.data.frame import require_unique
from mixtura.data.table import generated_names
from mixtura.errors import InputError
from mixtura.findings import Finding

if TYPE_CHECKING:
    import pyarrow as pa

_SAMPLE_LINES = 40
_SAMPLE_BYTES = 1 << 24
_BLOCK = 1 << 20
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_INTEGER = re.compile(r"\s*\d+\s*")
_COMMA = re.compile(r"\s*[+-]?\d*,\d+([eE][+-]?\d+)?\s*")
_OTHER_KINDS = {
    b"PAR1": "a Parquet file",
    b"PK\x03\x04": "a ZIP archive or a spreadsheet",
    b"\x93NUMPY": "an NPY file",
    b"\x1f\x8b": "a gzip file",
    b"ARROW1": "an Arrow file",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
}


@dataclass(frozen=True)
class Dialect:
    """How a file of separated values is written.

    Parameters
    ----------
    separator : str
        What stands between two cells.
    decimal : str
        What stands before the decimals, a point or a comma.
    names : tuple of str
        The names of the columns.
    header : bool
        Whether the first line holds them.
    """

    separator: str
    decimal: str
    names: tuple[str, ...]
    header: bool


def read_csv(path: Path, *, header: bool | None = None) -> tuple[pa.Table, tuple[Finding, ...]]:
    """Return a file of separated values as an Arrow table, and what was inferred on reading it.

    Parameters
    ----------
    path : Path
        A file of UTF-8 text, gzipped if its name ends in ``.gz``.
    header : bool, optional
        Whether the first line holds names; inferred where it is not given.

    Raises
    ------
    InputError
        If the file is empty, is no UTF-8 text, or has lines of different lengths.
    """
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    gzipped = path.name.lower().endswith(".gz")
    with reading(path, "CSV"):
        with _open(path, gzipped) as stream:
            lines, whole = _sample(stream, path)
        dialect, findings = sniff(
            lines, tabs=path.name.lower().endswith((".tsv", ".tsv.gz")), whole=whole, header=header
        )
        require_unique(list(dialect.names), shown(path))
        if dialect.header and whole and len(lines) == 1:
            raise InputError(
                f"{shown(path)} has {plural(len(dialect.names), 'column')} and no rows; give some"
            )
        ragged: list[Any] = []

        def refuse(row: Any) -> str:
            ragged.append(row)
            return "error"

        def parse(use_threads: bool) -> pa.Table:
            # Python opens the file: Arrow takes no name that is not UTF-8.
            with pa.BufferReader(_unzip(path)) if gzipped else path.open("rb") as stream:
                return arrow_csv.read_csv(
                    stream,
                    arrow_csv.ReadOptions(
                        use_threads=use_threads,
                        # A block holds a few of the longest rows at least.
                        block_size=max(_BLOCK, 16 * max(len(line) for line in lines)),
                        column_names=None if dialect.header else list(dialect.names),
                    ),
                    arrow_csv.ParseOptions(
                        delimiter=dialect.separator, newlines_in_values=True, invalid_row_handler=refuse
                    ),
                    arrow_csv.ConvertOptions(decimal_point=dialect.decimal),
                )

        try:
            table = parse(use_threads=True)
        except pa.ArrowInvalid:
            if not ragged:
                raise
            ragged.clear()
            # Rows are numbered only when one thread reads them.
            try:
                table = parse(use_threads=False)
            except pa.ArrowInvalid as error:
                row = ragged[0]
                raise InputError(
                    f"{shown(path)} has {plural(row.actual_columns, 'cell')} in row {row.number} "
                    f"of its text, {quoted(row.text)}, and {row.expected_columns:,} in its first; "
                    "mend that row (a file cut short ends so)"
                ) from error
        for name, kind in zip(dialect.names, table.schema.types, strict=True):
            if pa.types.is_binary(kind):
                raise InputError(
                    f"{shown(path)}: column {quoted(name)} is no UTF-8 text; save the file as UTF-8"
                )
        return table.rename_columns(list(dialect.names)), findings


def sniff(
    lines: Sequence[str], *, tabs: bool = False, whole: bool = True, header: bool | None = None
) -> tuple[Dialect, tuple[Finding, ...]]:
    """Return how the lines are written, and findings for all that is not plain CSV.

    Examples
    --------
    >>> sniff(["a;b", "1,5;2"])[0]
    Dialect(separator=';', decimal=',', names=('a', 'b'), header=True)
    >>> sniff(["5.1,3.5", "4.9,3.0"])[0].names
    ('column_0', 'column_1')
    """
    usual = "\t" if tabs else ","
    separator = _separator(lines, usual, whole)
    rows = _rows(lines, separator)
    decimal = _decimal(rows[1:], separator)
    findings = []
    if separator != usual or decimal != ".":
        seen = f"the cells are separated by {_SEPARATORS[separator]}, and decimals by a "
        findings.append(Finding("separator", "note", seen + ("point" if decimal == "." else "comma")))
    cells = [cell.strip() for cell in rows[0]]
    has_header, finding = _header(cells, rows[1:], decimal) if header is None else (header, None)
    if finding is not None:
        findings.append(finding)
    # A column without a name gets the one that pandas would give it.
    named = tuple(cell or f"Unnamed: {i}" for i, cell in enumerate(cells))
    names = named if has_header else generated_names(len(cells))
    return Dialect(separator, decimal, names, has_header), tuple(findings)


def _open(path: Path, gzipped: bool) -> BufferedReader | gzip.GzipFile:
    return gzip.open(path) if gzipped else path.open("rb")


def _unzip(path: Path) -> bytes:
    with gzip.open(path) as stream:
        return stream.read()


def _sample(stream: BufferedReader | gzip.GzipFile, path: Path) -> tuple[list[str], bool]:
    """Return the first lines that are not blank, and whether they are all there are."""
    head = b"".join(islice(iter(lambda: stream.readline(_SAMPLE_BYTES), b""), _SAMPLE_LINES))
    whole = not stream.read(1)
    for magic, what in _OTHER_KINDS.items():
        if head.startswith(magic):
            raise InputError(f"{shown(path)} is {what}, not UTF-8 text; name it or save it accordingly")
    if b"\0" in head:
        raise InputError(f"{shown(path)} is no text; give a CSV file in UTF-8")
    try:
        text = head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{shown(path)} is no UTF-8 text (byte {error.start}); save the file as UTF-8"
        ) from error
    lines = [line for line in re.split(r"\r\n|\r|\n", text) if line.strip()]
    if not lines:
        raise InputError(f"{shown(path)} is empty; give a file with at least one row")
    return lines, whole


def _rows(lines: Sequence[str], separator: str) -> list[list[str]]:
    try:
        return list(csv.reader((line + "\n" for line in lines), delimiter=separator))
    except csv.Error:  # a cell longer than the module reads: the line is then split without regard to quotes
        return [line.split(separator) for line in lines]


def _separator(lines: Sequence[str], usual: str, whole: bool) -> str:
    """Return the separator that gives rows of one width, and of these the one whose cells are numbers."""
    best, best_score = usual, (0.0, 0.0)
    for separator in dict.fromkeys((usual, *_SEPARATORS)):
        rows = _rows(lines, separator)
        rows = rows if whole or len(rows) == 1 else rows[:-1]
        widths = [len(row) for row in rows]
        if max(widths) < 2:
            continue
        body = [cell for row in rows[1:] or rows for cell in row]
        numbers = sum(_is_number(cell, separator) for cell in body) / len(body)
        score = (sum(width == widths[0] for width in widths) / len(widths) * (widths[0] > 1), numbers)
        if score > best_score:
            best, best_score = separator, score
    return best


def _is_number(cell: str, separator: str) -> bool:
    return bool(NUMBER.fullmatch(cell) or (separator != "," and _COMMA.fullmatch(cell)))


def _decimal(rows: list[list[str]], separator: str) -> str:
    if separator == ",":
        return "."
    cells = [cell for row in rows for cell in row]
    point = any(NUMBER.fullmatch(cell) and "." in cell for cell in cells)
    return "," if not point and any(_COMMA.fullmatch(cell) for cell in cells) else "."


def _header(cells: list[str], below: list[list[str]], decimal: str) -> tuple[bool, Finding | None]:
    """Return whether the first line holds names, and a finding where that was not plain to see."""
    pattern = _COMMA if decimal == "," else NUMBER
    numeric = [bool(NUMBER.fullmatch(cell) or pattern.fullmatch(cell)) for cell in cells]
    fractions = [
        is_number and not _INTEGER.fullmatch(cell) for cell, is_number in zip(cells, numeric, strict=True)
    ]
    # Names such as 2019 occur; a fraction or a sign among them does not.
    if not any(fractions) and not all(
        number or not cell for cell, number in zip(cells, numeric, strict=True)
    ):
        return True, None
    if not any(cells):
        return True, None
    if not any(fractions) and _numbered(cells, below):
        seen = f"the first line, {quoted(','.join(cells))}, was taken for the names of the columns"
        return True, Finding("numbered-header", "note", seen, "if it is data, put a line of names above it")
    seen = f"the first line, {quoted(','.join(cells))}, holds data, so the columns were named column_0, ..."
    return False, Finding(
        "no-header", "note", one_line(seen), "if it is a header, give names that are no numbers"
    )


def _numbered(cells: list[str], below: list[list[str]]) -> bool:
    """Return whether a line of whole numbers counts the columns, as pandas names those of an array."""
    body = cells[1:] if not cells[0] else cells
    if not all(_INTEGER.fullmatch(cell) for cell in body):
        return False
    numbers = [int(cell) for cell in body]
    if numbers not in (list(range(len(body))), list(range(1, len(body) + 1))):
        return False
    # Two cells, 0 and 1, may be data; they are names where all below are fractions.
    others = [cell for row in below for cell in row]
    fractions = bool(others) and not any(_INTEGER.fullmatch(cell) for cell in others)
    return not cells[0] or len(body) > 2 or fractions
