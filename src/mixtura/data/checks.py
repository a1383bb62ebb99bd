"""What makes an input acceptable, and the one line in which it is refused."""

from __future__ import annotations

import difflib
import gzip
import math
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np

from mixtura.errors import InputError

NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")
_PART = 1 << 24  # bytes read at a time


def one_line(value: object, limit: int = 160) -> str:
    """Return ``value`` as text without line breaks, cut at ``limit`` characters."""
    text = " ".join(str(value).split())
    return text if len(text) <= limit else text[: limit - 3] + "..."


def quoted(value: object, limit: int = 40) -> str:
    """Return ``value`` between quotes, on one line, for a message."""
    return repr(one_line(value, limit))


def shown(path: object) -> str:
    """Return a path between quotes, in full and on one line."""
    return f"'{one_line(path, 4096)}'"


def plural(count: int, noun: str) -> str:
    """Return a count and its noun.

    Examples
    --------
    >>> plural(1, "row"), plural(60_000, "row")
    ('1 row', '60,000 rows')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def listing(names: Collection[str], limit: int = 8) -> str:
    """Return names between quotes, the first ``limit`` of them."""
    first = ", ".join(quoted(name) for name in list(names)[:limit])
    rest = len(names) - limit
    return f"{first} and {rest:,} more" if rest > 0 else first


def closest(name: str, names: Collection[str]) -> str:
    """Return a hint in brackets where a name like ``name`` exists, else the empty text."""
    lower = {other.lower(): other for other in names}
    found = difflib.get_close_matches(name.lower(), list(lower), n=1)
    return f" (did you mean {quoted(lower[found[0]])}?)" if found else ""


@contextmanager
def reading(path: Path, form: str) -> Iterator[None]:
    """Turn whatever a parser raises on a damaged file into one line that names the file.

    Parsers of hostile bytes raise almost anything, so every ``Exception`` but lack of memory is caught.
    """
    try:
        yield
    except (InputError, MemoryError):
        raise
    except PermissionError as error:
        raise InputError(f"{shown(path)} may not be read: no permission") from error
    except Exception as error:
        reason = one_line(error) or type(error).__name__
        raise InputError(
            f"{shown(path)} cannot be read as {form}; it is cut short, damaged or of another kind ({reason})"
        ) from error


def read_numbers(
    stream: IO[bytes] | gzip.GzipFile,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    order: Literal["C", "F"] = "C",
) -> np.ndarray:
    """Return the array that comes next in a stream, or raise ValueError if it is cut short.

    Memory grows with what is there, not with what a damaged header announces.
    """
    needed = math.prod(shape) * dtype.itemsize
    body = bytearray()
    while len(body) < needed:
        part = stream.read(min(needed - len(body), _PART))
        if not part:
            raise ValueError(f"{needed:,} bytes of numbers announced, {len(body):,} there")
        body += part
    return np.ndarray(shape, dtype, buffer=body, order=order)


def require_numbers(dtype: np.dtype[Any], source: str) -> None:
    """Raise InputError unless ``dtype`` holds real numbers or truth values."""
    reasons = {
        "O": "Python objects (a pickle), which mixtura never loads; save plain numbers, X.astype(float)",
        "c": "complex numbers; give the real and the imaginary part as columns of their own",
        "M": "dates; turn them into numbers, such as days since the first",
        "m": "durations; turn them into numbers, such as seconds",
        "U": "text; turn it into numbers, X.astype(float), or leave those columns out",
        "S": "text; turn it into numbers, X.astype(float), or leave those columns out",
        "T": "text; turn it into numbers, X.astype(float), or leave those columns out",
        "V": "records; give a 2-D array of numbers, or the table as CSV or Parquet",
    }
    if dtype.kind not in "biuf":
        reason = reasons.get(dtype.kind, "no numbers")
        raise InputError(f"{source} (dtype {one_line(dtype, 60)}) holds {reason}")


def non_finite(values: np.ndarray) -> tuple[int, int] | None:
    """Return row and column of the first NaN or infinity of a 2-D array, None where there is none."""
    if values.dtype.kind != "f" or values.size == 0:
        return None
    # The extremes carry NaN and infinity along, so clean data cost no mask as large as themselves.
    with np.errstate(invalid="ignore"):
        clean = np.isfinite(values.min(axis=0)) & np.isfinite(values.max(axis=0))
    columns = np.flatnonzero(~clean)
    if columns.size == 0:
        return None
    wrong = ~np.isfinite(values[:, columns])
    row = int(wrong.any(axis=1).argmax())
    return row, int(columns[wrong[row].argmax()])


def require_finite(values: np.ndarray, source: str, place: Callable[[int, int], str]) -> None:
    """Raise InputError that says how many values are missing or infinite, and where the first is.

    Parameters
    ----------
    values : ndarray of shape (n, d)
        Numbers.
    source : str
        What the values are called in the message.
    place : callable
        Words for a row and a column, such as ``"column 'age', row 3 (from 0)"``.
    """
    first = non_finite(values)
    if first is None:
        return
    missing, infinite = int(np.isnan(values).sum()), int(np.isinf(values).sum())
    parts = [f"{missing:,} missing (NaN or empty)"] * (missing > 0) + [f"{infinite:,} infinite"] * (
        infinite > 0
    )
    mend = "drop those rows or fill them; the mixtures of `mixtura em` take missing values"
    raise InputError(
        f"{source} has {' and '.join(parts)} {'value' if missing + infinite == 1 else 'values'}, "
        f"the first in {place(*first)}; {mend if missing else 'drop those rows or replace them'}"
    )
