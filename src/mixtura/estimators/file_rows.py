"""Rows that stay on disk: Parquet files and memory maps."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from mixtura.em.family import Array
from mixtura.em.parquet_source import Encode, ParquetSource
from mixtura.em.source import ArraySource, Source
from mixtura.errors import InputError


class FileRows:
    """The rows of a Parquet file, or of a folder of them, where an array is asked for.

    Parameters
    ----------
    path : str or path
        The file or folder.
    columns : sequence of str, optional
        The features; all columns but the weights unless given.
    weights : str, optional
        The column of weights.
    encode : callable, optional
        As of ``ParquetSource``.
    """

    dtype: np.dtype[np.float64] = np.dtype(np.float64)

    def __init__(
        self,
        path: str | os.PathLike[str],
        columns: list[str] | None = None,
        weights: str | None = None,
        encode: Encode | None = None,
    ) -> None:
        self._source = ParquetSource(os.fspath(path), columns, weights, encode=encode)

    @property
    def columns(self) -> list[str]:
        """Names of the features."""
        return list(self._source.columns or ())

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of rows and columns."""
        return self._source.n_rows, self._source.n_features

    def __len__(self) -> int:
        return self._source.n_rows

    def source(self, origin: Array | None, size: int, n_threads: int = 1) -> ParquetSource:
        """Return the rows less an origin, in blocks of a size."""
        return replace(self._source, origin=origin, block_size=size, n_threads=n_threads)

    def tables(self) -> Iterator[list[Any]]:
        """Yield the columns of some thousand rows at a time, as Arrow arrays."""
        return self._source.tables()

    def weights(self) -> Array | None:
        """Return the weights (n,), where there are any."""
        if self._source.weights is None:
            return None
        return np.concatenate([np.empty(0), *map(np.array, self._source.weight_columns())])


class PresentRows(Source):
    """Rows of which those of weight zero lie at the origin: 0 times the square of a large number is NaN.

    Parameters
    ----------
    source : Source
        With weights. Rows keep their places and their gaps.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self.n_rows, self.n_features = source.n_rows, source.n_features
        self.total_weight = source.total_weight

    def parts(self) -> list[Source]:
        """Return those of the source."""
        return [PresentRows(part) for part in self._source.parts()]

    def blocks(self) -> Iterator[tuple[Array, Array | None]]:
        """Yield those of the source."""
        for block, weights in self._source.blocks():
            assert weights is not None
            np.copyto(block, 0.0, where=(weights == 0) & ~np.isnan(block))
            yield block, weights


def is_path(X: Any) -> bool:
    """Return whether X names a file or folder."""
    return isinstance(X, (str, os.PathLike))


def on_disk(rows: Any) -> bool:
    """Return whether rows are in files, or in a memory map behind however many views.

    Examples
    --------
    >>> on_disk(np.zeros((3, 2)))
    False
    """
    if isinstance(rows, FileRows):
        return True
    base: Any = rows
    while base is not None:
        if isinstance(base, np.memmap):
            return True
        base = getattr(base, "base", None)
    return False


def rows_from(
    rows: Any, weights: Array | None, origin: Array | None, size: int, n_threads: int = 1
) -> Source:
    """Return rows, of an array or in files, less an origin.

    Parameters
    ----------
    rows : ndarray or FileRows
        The rows; those in files know their weights.
    weights : ndarray of shape (n,) or None
        Of the rows of an array.
    origin : ndarray of shape (d,) or None
        What is subtracted.
    size : int
        Observations a block.
    n_threads : int
        How many threads may go through them.
    """
    if isinstance(rows, FileRows):
        source: Source = rows.source(origin, size, n_threads)
    else:
        source = ArraySource(rows, weights, origin, size, n_threads)
    return PresentRows(source) if any_absent(weights) else source


def opened(
    X: Any,
    sample_weight: Any,
    names: list[str] | None,
    n_features: int | None,
    encode: Encode | None = None,
) -> FileRows:
    """Return the rows that a path names.

    Parameters
    ----------
    X : str or path
        A Parquet file or a folder of them.
    sample_weight : str or None
        The column of weights.
    names : list of str or None
        The columns of the fit, taken in this order; unless given, all but the weights.
    n_features : int or None
        Their number, where it is known.
    encode : callable, optional
        As of ``ParquetSource``.

    Raises
    ------
    InputError
        If the weights are no name, or the columns others than those of the fit.
    """
    if sample_weight is not None and not isinstance(sample_weight, str):
        raise InputError(
            "the weights of rows in files are a column of theirs; give its name as sample_weight"
        )
    rows = FileRows(X, names, sample_weight, encode)
    if n_features is not None and rows.shape[1] != n_features:
        raise InputError(f"{X} has {rows.shape[1]} features, and the mixture was fitted to {n_features}")
    return rows


def any_absent(weights: Array | None) -> bool:
    """Return whether some rows have weight zero."""
    return weights is not None and not bool(weights.all())


def positive(rows: Any, weights: Array | None) -> tuple[Any, Array | None]:
    """Return the rows of positive weight: a weight of zero is a row that is not there.

    Rows on disk are not copied; `PresentRows` passes over their weights of zero.
    """
    if weights is None or (weights > 0).all() or on_disk(rows):
        return rows, weights
    return rows[weights > 0], weights[weights > 0]
