"""Columns to a file whose extension says the format."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixtura.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def extension_of(file: str, allowed: Iterable[str]) -> str:
    """Return the extension of an output file, in lower case.

    Raises
    ------
    InputError
        If it is none of ``allowed``.

    Examples
    --------
    >>> extension_of("scores.CSV", (".csv", ".parquet"))
    '.csv'
    >>> extension_of("scores.xlsx", (".csv", ".parquet"))
    Traceback (most recent call last):
    ...
    mixtura.errors.InputError: --out 'scores.xlsx' ends in no known format; end it in .csv or .parquet
    """
    extension = Path(file).suffix.lower()
    known = list(allowed)
    if extension not in known:
        listed = f"{', '.join(known[:-1])} or {known[-1]}"
        raise InputError(f"--out {file!r} ends in no known format; end it in {listed}")
    return extension


def write_columns(file: Path, columns: Mapping[str, NDArray[Any]]) -> None:
    """Write columns as CSV or Parquet, by the extension of ``file``.

    Parameters
    ----------
    file : pathlib.Path
        Ends in ``.csv`` or ``.parquet``.
    columns : mapping of str to array of shape (n,)
        In the order in which they are to stand.
    """
    import pyarrow as pa

    table = pa.table({name: pa.array(values) for name, values in columns.items()})
    # Python opens the file: Arrow takes no name that is not UTF-8.
    with file.open("wb") as stream:
        if file.suffix.lower() == ".csv":
            from pyarrow import csv

            csv.write_csv(table, stream)
        else:
            from pyarrow import parquet

            parquet.write_table(table, stream)


def assignment_columns(probabilities: NDArray[Any], components: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Return the columns of an assignment: row, component, its probability, and p_0 ... p_{K-1}.

    Parameters
    ----------
    probabilities : ndarray of shape (n, K)
        p(z = k | x) of each row.
    components : ndarray of shape (n,)
        The component that each row is given to.

    Examples
    --------
    >>> import numpy as np
    >>> columns = assignment_columns(np.array([[0.25, 0.75]]), np.array([1]))
    >>> {name: values.tolist() for name, values in columns.items()}
    {'row': [0], 'component': [1], 'probability': [0.75], 'p_0': [0.25], 'p_1': [0.75]}
    """
    import numpy as np

    rows = np.arange(len(components), dtype=np.int64)
    columns: dict[str, NDArray[Any]] = {
        "row": rows,
        "component": components.astype(np.int32),
        "probability": probabilities[rows, components].astype(np.float32),
    }
    for k in range(probabilities.shape[1]):
        columns[f"p_{k}"] = probabilities[:, k].astype(np.float32)
    return columns
