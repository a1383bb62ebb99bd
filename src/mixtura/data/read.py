"""One function that reads whatever a person has: a file, a folder, a data frame or an array."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from mixtura.data.array import table_from_array
from mixtura.data.arrow_file import read_feather, read_parquet
from mixtura.data.checks import closest, listing, plural, quoted, shown
from mixtura.data.csv_file import read_csv
from mixtura.data.frame import arrow_from_frame, label_column, table_from_arrow
from mixtura.data.idx_file import read_idx
from mixtura.data.image_folder import IMAGE_SUFFIXES, read_images
from mixtura.data.labels import as_labels
from mixtura.data.numpy_file import NpzFile, read_npy
from mixtura.data.raw_table import RawTable, raw_from_array, raw_from_arrow
from mixtura.data.table import Table, generated_names
from mixtura.errors import InputError
from mixtura.findings import Finding

if TYPE_CHECKING:
    import pyarrow as pa

_KNOWN = "CSV, TSV, Parquet, Feather, Arrow, NPY, NPZ, IDX or a folder of images"
_LABEL_NAMES = ("y", "labels", "label", "target", "y_train")


@dataclass(frozen=True)
class _Loaded:
    """What a source holds before it is made a table: columns or an array, and the file it came from."""

    source: str
    data: pa.Table | np.ndarray
    findings: tuple[Finding, ...] = ()
    npz: NpzFile | None = None
    is_csv: bool = False

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return int(self.data.shape[0]) if self.data.shape else 0

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, none for images."""
        if not isinstance(self.data, np.ndarray):
            return tuple(str(name) for name in self.data.column_names)
        return generated_names(self.data.shape[1]) if self.data.ndim == 2 else ()


def read(
    source: Any,
    *,
    array: str | None = None,
    labels: Any = None,
    drop: str | Sequence[str] = (),
) -> Table:
    """Read rows of numbers, or images, from wherever they are.

    Parameters
    ----------
    source : path, data frame or array
        A file: CSV or TSV (gzipped too), Parquet, Feather or Arrow, NPY, NPZ, IDX (gzipped too); a
        folder of images; or, in memory, a pandas, polars, Arrow or other data frame, or an array.
        Arrays of shape (n, height, width) or (n, height, width, channels) are images, of shape
        (n, d) a table.
    array : str, optional
        Which array of an NPZ file; without it the only one of rows and columns, or the one called X,
        x_train, images or data.
    labels : str, path or array, optional
        Known groups, kept beside the values for scoring: the name of a column, which is taken out of
        the values, of an array of the same NPZ file, or a file of one value a row; or the values.
    drop : str or sequence of str
        Names of columns to leave out.

    Returns
    -------
    Table
        The values in their own units, what each column is, and findings.

    Raises
    ------
    InputError
        In one line: what is wrong with the source, and what mends it.

    Examples
    --------
    >>> table = read(np.array([[0.5, 1.0], [2.5, 0.0], [1.5, 1.0]]), labels=["a", "b", "a"])
    >>> table.describe()
    '3 rows x 2 columns: 1 continuous, 1 binary'
    >>> table.labels.tolist()
    ['a', 'b', 'a']
    """
    loaded, chosen, outside = _chosen(source, array, labels, drop)
    if isinstance(loaded.data, np.ndarray):
        return _labelled(table_from_array(loaded.data, **chosen), outside)
    return _labelled(table_from_arrow(loaded.data, **chosen), outside)


def read_raw(
    source: Any,
    *,
    array: str | None = None,
    labels: Any = None,
    drop: str | Sequence[str] = (),
) -> RawTable:
    """Read rows as they are: numbers, truth values and text, with what is missing left missing.

    Parameters
    ----------
    source, array, labels, drop
        As for `read`. In a CSV file an empty cell is missing, and so are NA, NaN, null and their like, in
        columns of text too.

    Returns
    -------
    RawTable
        The columns, and findings.

    Raises
    ------
    InputError
        In one line: what is wrong with the source, and what mends it.

    Examples
    --------
    >>> read_raw(np.array([[0.5, np.nan], [2.5, 0.0]])).describe()
    '2 rows x 2 columns: 2 of numbers; 1 value missing'
    """
    loaded, chosen, outside = _chosen(source, array, labels, drop)
    if isinstance(loaded.data, np.ndarray):
        return _labelled(raw_from_array(loaded.data, **chosen), outside)
    return _labelled(raw_from_arrow(loaded.data, **chosen, spelled=loaded.is_csv), outside)


def _chosen(
    source: Any, array: str | None, labels: Any, drop: str | Sequence[str]
) -> tuple[_Loaded, dict[str, Any], tuple[np.ndarray, str] | None]:
    """Return what a source holds, what is to be made of it, and labels from elsewhere."""
    loaded = _load(source, array)
    inside = labels if isinstance(labels, str) and labels in loaded.names else None
    # Labels that are nowhere are said first: what is wrong with the data may come from that alone.
    outside = None if labels is None or inside else _labels_from_outside(labels, loaded)
    dropped = (drop,) if isinstance(drop, str) else tuple(drop)
    chosen = {"source": loaded.source, "labels": inside, "drop": dropped, "findings": loaded.findings}
    return loaded, chosen, outside


_AnyTable = TypeVar("_AnyTable", Table, RawTable)


def _labelled(table: _AnyTable, outside: tuple[np.ndarray, str] | None) -> _AnyTable:
    """Return the table with labels from elsewhere, one for each row."""
    if outside is None:
        return table
    values, name = outside
    if len(values) != table.n_rows:
        raise InputError(
            f"labels {name} have {plural(len(values), 'value')} for {plural(table.n_rows, 'row')} of "
            f"{table.source}; give one label a row"
        )
    return replace(table, labels=values, labels_name=name)


def _load(source: Any, array: str | None) -> _Loaded:
    if isinstance(source, (str, os.PathLike)):
        if not os.fspath(source):
            raise InputError(f"the path is empty; give {_KNOWN}")
        return _load_path(Path(source), array)
    _refuse_array(array, "data in memory")
    if isinstance(source, np.ndarray):
        return _Loaded("the array", source)
    frame = arrow_from_frame(source)
    if frame is not None:
        return _Loaded("the data frame", frame)
    try:
        values = np.asarray(source)
    except ValueError as error:
        raise InputError(
            f"the rows of the {type(source).__name__} have different lengths; make them equal"
        ) from error
    if values.ndim == 0:
        raise InputError(
            f"{type(source).__name__} is no kind of data that can be read; give {_KNOWN}, a frame or an array"
        )
    return _Loaded("the array", values)


def _load_path(path: Path, array: str | None) -> _Loaded:
    try:
        is_folder, size = path.is_dir(), path.stat().st_size
    except (OSError, ValueError) as error:
        reason = "no permission" if isinstance(error, PermissionError) else "no such file or folder"
        raise InputError(f"{shown(path)} cannot be read: {reason}; check the path") from error
    name = shown(path)
    form = "images" if is_folder else _form(path)
    if form != "npz":
        _refuse_array(array, name)
    if size == 0 and not is_folder:
        raise InputError(f"{name} is empty; give a file with at least one row")
    if form == "npz":
        npz = NpzFile(path)
        chosen, findings = npz.choose(array)
        values = npz.read(chosen)
        return _Loaded(f"array {quoted(chosen)} of {name}", values, findings, npz)
    if form == "csv":
        return _Loaded(name, *read_csv(path), is_csv=True)
    if form == "images":
        return _Loaded(name, *read_images(path))
    readers: dict[str, Callable[[Path], Any]] = {
        "parquet": read_parquet,
        "feather": read_feather,
        "npy": read_npy,
        "idx": read_idx,
    }
    return _Loaded(name, readers[form](path))


def _form(path: Path) -> str:
    """Return the format that the name of a file stands for."""
    name = path.name.lower()
    bare = name.removesuffix(".gz")
    if bare.endswith((".idx", "-ubyte")):
        return "idx"
    suffix = Path(bare).suffix
    if suffix in {".csv", ".tsv"}:
        return "csv"
    plain = {
        ".parquet": "parquet",
        ".pq": "parquet",
        ".feather": "feather",
        ".arrow": "feather",
        ".ipc": "feather",
        ".npy": "npy",
        ".npz": "npz",
    }
    if name == bare and suffix in plain:
        return plain[suffix]
    if suffix in plain:
        raise InputError(f"{shown(path)} is gzipped, which is read for CSV and IDX only; unpack it first")
    if suffix in IMAGE_SUFFIXES:
        raise InputError(f"{shown(path)} is one image; give the folder of images that it is in")
    raise InputError(f"{shown(path)} has the unknown extension {quoted(path.suffix)}; give {_KNOWN}")


def _refuse_array(array: str | None, name: str) -> None:
    if array is not None:
        raise InputError(
            f"--array {quoted(array)} picks an array of an NPZ file, and {name} is none; leave it out"
        )


def _labels_from_outside(labels: Any, loaded: _Loaded) -> tuple[np.ndarray, str]:
    """Return labels that are no column of the data, and what they are called."""
    if not isinstance(labels, (str, os.PathLike)):
        return as_labels(labels, "given"), "given"
    name = str(labels)
    if loaded.npz is not None and name in loaded.npz.headers:
        return as_labels(loaded.npz.read(name), f"{quoted(name)} of {shown(loaded.npz.path)}"), name
    path = Path(labels)
    if path.is_file():
        return _labels_from_file(path, loaded.n_rows), name
    if loaded.npz is not None:
        source, what, there = shown(loaded.npz.path), "arrays", tuple(loaded.npz.headers)
    else:
        source, what, there = loaded.source, "columns", loaded.names
    known = f"it has the {what} {listing(there)}" if there else "it has no columns"
    raise InputError(
        f"labels {quoted(name)} are neither in {source} nor a file{closest(name, there)}; {known}"
    )


def _labels_from_file(path: Path, n_rows: int) -> np.ndarray:
    """Return the labels of a file that holds one value a row."""
    form, name = _form(path), shown(path)
    if path.stat().st_size == 0:
        raise InputError(f"labels {name} are an empty file; give one label a row")
    if form == "npy":
        return as_labels(read_npy(path), name)
    if form == "idx":
        return as_labels(read_idx(path), name)
    if form == "npz":
        return _labels_from_npz(NpzFile(path), n_rows, name)
    if form == "csv":
        table, _ = read_csv(path)
        # Whether the first line is a name or the first label, its count tells.
        if table.num_rows == n_rows - 1:
            table, _ = read_csv(path, header=False)
        elif table.num_rows == n_rows + 1:
            table, _ = read_csv(path, header=True)
    else:
        table = read_parquet(path) if form == "parquet" else read_feather(path)
    names = [column for column in table.column_names if column != "Unnamed: 0"] or table.column_names
    if len(names) != 1:
        raise InputError(f"labels {name} have the columns {listing(names)}; give a file of one column")
    return label_column(table[names[0]], name)


def _labels_from_npz(npz: NpzFile, n_rows: int, name: str) -> np.ndarray:
    fitting = [key for key, (shape, _) in npz.headers.items() if shape in ((n_rows,), (n_rows, 1))]
    named = [key for key in _LABEL_NAMES if key in fitting]
    if len(fitting) != 1 and not named:
        raise InputError(
            f"labels {name} hold {npz.describe()}, of which no single one has one value for each of "
            f"{plural(n_rows, 'row')}; save the labels as an NPY file"
        )
    return as_labels(npz.read((named or fitting)[0]), name)
