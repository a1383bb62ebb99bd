"""Observations from Parquet files, a few thousand rows in memory at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mixtura.em.family import Array
from mixtura.em.source import BLOCK, Source
from mixtura.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

# From the Arrow arrays of some rows, and the number of the first, to numbers (n, d).
Encode = Callable[[list[Any], int], Array]
# Rows decoded at once.
_BATCH = 64 * BLOCK
# Bytes of each column read at once.
_BUFFER = 2**20


@dataclass(eq=False)
class ParquetSource(Source):
    """The rows of a Parquet file, or of all Parquet files of a folder in the order of their names.

    Parameters
    ----------
    path : str or Path
        A file or a folder.
    columns : sequence of str, optional
        The features. By default all columns but the weights.
    weights : str, optional
        The column of observation weights, not negative.
    origin : ndarray of shape (d,), optional
        Subtracted in float64, so that a large offset costs no digits.
    block_size : int
        Observations a block.
    encode : callable, optional
        From the Arrow arrays of some rows, one for each column, and the number of the first row to numbers
        (n, d), NaN where they are missing. By default all columns must hold numbers.
    n_threads : int
        How many parts the row groups are dealt to. The same number gives the same bits.
    groups : sequence of (int, int), optional
        The row groups to read, as numbers of the file and of the group within it; all unless given.

    Raises
    ------
    InputError
        If there is no Parquet file, a column is not there or holds no numbers, files differ in their columns,
        or a weight is negative or missing. A null is NaN, a missing value.
    """

    path: str | Path
    columns: Sequence[str] | None = None
    weights: str | None = None
    origin: Array | None = None
    block_size: int = BLOCK
    encode: Encode | None = None
    n_threads: int = 1
    groups: Sequence[tuple[int, int]] | None = None

    def __post_init__(self) -> None:
        """Read the metadata, and the weights once for their sum."""
        import pyarrow.parquet as pq

        self.files = _files(Path(self.path))
        schema = _schema(self.files[0])
        if self.columns is None:
            self.columns = [name for name in schema.names if name != self.weights]
        self.columns = list(self.columns)
        wanted = self.columns if self.weights is None else [*self.columns, self.weights]
        numeric = wanted if self.encode is None else wanted[len(self.columns) :]
        for file in self.files:
            _check_columns(_schema(file), wanted, numeric, file)
        self.n_features = len(self.columns)
        sizes = [_group_sizes(pq.read_metadata(file)) for file in self.files]
        self._sizes = sizes
        self._groups: list[tuple[int, int]] = (
            [(at, group) for at, each in enumerate(sizes) for group in range(len(each))]
            if self.groups is None
            else list(self.groups)
        )
        self._parts: list[Source] = []
        self.n_rows = sum(sizes[at][group] for at, group in self._groups)
        self.total_weight = float(self.n_rows)
        if self.weights is not None:
            self.total_weight = sum(_checked_weights(part, self.weights) for part in self.weight_columns())

    def parts(self) -> list[Source]:
        """Return runs of row groups, as many as there are threads and groups for."""
        n_parts = max(1, min(self.n_threads, len(self._groups)))
        if n_parts == 1:
            return [self]
        if not self._parts:
            ends = [len(self._groups) * part // n_parts for part in range(n_parts + 1)]
            self._parts = [
                replace(self, n_threads=1, groups=self._groups[start:stop]) for start, stop in pairwise(ends)
            ]
        return self._parts

    def tables(self) -> Iterator[list[Any]]:
        """Yield the columns of some thousand rows at a time, as Arrow arrays."""
        assert self.columns is not None
        for _, batch in self._batches(list(self.columns), _BATCH):
            yield [batch.column(name) for name in self.columns]

    def blocks(self) -> Iterator[tuple[Array, Array | None]]:
        """Yield the rows in the order of the files; blocks end where a file does."""
        assert self.columns is not None
        wanted = list(self.columns) if self.weights is None else [*self.columns, self.weights]
        room = np.empty((self.n_features, self.block_size))
        # A multiple of the block, so that blocks are full.
        batch_size = max(_BATCH // self.block_size, 1) * self.block_size
        for first, batch in self._batches(wanted, batch_size):
            arrays = [batch.column(name) for name in self.columns]
            values = (
                [_numbers(array) for array in arrays]
                if self.encode is None
                else list(self.encode(arrays, first).T)
            )
            given = None if self.weights is None else _numbers(batch.column(self.weights))
            for start in range(0, batch.num_rows, self.block_size):
                stop = min(start + self.block_size, batch.num_rows)
                block = room[:, : stop - start]
                for row, column in zip(block, values, strict=True):
                    row[:] = column[start:stop]
                if self.origin is not None:
                    block -= self.origin[:, None]
                yield block, None if given is None else given[start:stop]

    def weight_columns(self) -> Iterator[Array]:
        """Yield the weights of some thousand rows at a time."""
        assert self.weights is not None
        for _, batch in self._batches([self.weights], _BATCH):
            yield _numbers(batch.column(self.weights))

    def _batches(self, columns: list[str], size: int) -> Iterator[tuple[int, Any]]:
        """Yield the number of the first row with record batches of up to ``size`` rows, file by file."""
        for at, run in groupby(self._groups, key=itemgetter(0)):
            groups = [group for _, group in run]
            first = sum(map(sum, self._sizes[:at])) + sum(self._sizes[at][: groups[0]])
            for batch in _batches(self.files[at], columns, size, groups):
                yield first, batch
                first += batch.num_rows


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        files = sorted(path.glob("*.parquet"))
        if not files:
            raise InputError(f"the folder {path} holds no file named *.parquet")
        return files
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    return [path]


def _schema(file: Path) -> pa.Schema:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_schema(file)
    except pa.ArrowInvalid as error:
        raise InputError(f"{file} cannot be read as a Parquet file: {error}") from None


def _group_sizes(metadata: Any) -> list[int]:
    return [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]


def _check_columns(schema: pa.Schema, wanted: Sequence[str], numeric: Sequence[str], file: Path) -> None:
    import pyarrow as pa

    for name in wanted:
        if schema.names.count(name) != 1:
            there = ", ".join(schema.names[:10])
            raise InputError(f"{file} has no single column {name!r}; its columns are {there}")
        kind = schema.field(name).type
        is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
        if name in numeric and not is_number:
            raise InputError(
                f"column {name!r} of {file} holds {kind}, not numbers; leave it out with columns=..."
            )


def _batches(file: Path, columns: list[str], size: int, groups: list[int]) -> Iterator[Any]:
    """Yield record batches of up to ``size`` rows, of some row groups."""
    import pyarrow.parquet as pq

    # Pages are read as they are needed: a row group may be larger than memory.
    with pq.ParquetFile(file, memory_map=False, pre_buffer=False, buffer_size=_BUFFER) as reader:
        yield from reader.iter_batches(batch_size=size, row_groups=groups, columns=columns, use_threads=False)


def _numbers(column: Any) -> Array:
    """Return float64, NaN for null."""
    import pyarrow as pa

    if pa.types.is_float16(column.type):
        column = column.cast(pa.float32())
    return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False))


def _checked_weights(weights: Array, name: str) -> float:
    if not (weights >= 0).all() or not np.isfinite(weights).all():
        wrong = weights[~((weights >= 0) & np.isfinite(weights))][0]
        raise InputError(f"column {name!r} holds the weight {wrong:g}; weights are finite and not negative")
    return float(weights.sum())
