"""A table of any kind as rows that can be taken by number, and told apart."""

from __future__ import annotations

import os
from typing import Any

import narwhals as nw
import numpy as np
from narwhals.exceptions import DuplicateError
from numpy.typing import NDArray
from scipy import sparse

from mixtura.data.frame import arrow_from_frame
from mixtura.errors import InputError


class Rows:
    """The rows of an array or a data frame, handed on as what they came as.

    Parameters
    ----------
    X : array-like or data frame of shape (n, d)
        NumPy, pandas, polars, Arrow, or lists.

    Raises
    ------
    InputError
        If X is no table, or names a file.

    Examples
    --------
    >>> rows = Rows([[1.0, 2.0], [3.0, 4.0], [1.0, 2.0]])
    >>> len(rows), rows.take(np.array([1])).tolist(), rows.copies().tolist()
    (3, [[3.0, 4.0]], [0, 1, 0])
    """

    def __init__(self, X: Any) -> None:
        if isinstance(X, (str, os.PathLike)):
            raise InputError(
                f"X is the path {os.fspath(X)!r}, and folds are drawn from rows in memory; give the table"
            )
        try:
            wrapped = nw.from_native(X, pass_through=True)
        except DuplicateError as error:
            raise InputError("X has two columns of one name; rename one") from error
        if isinstance(wrapped, nw.LazyFrame):
            wrapped = wrapped.collect()
        self._frame = wrapped if isinstance(wrapped, nw.DataFrame) else None
        self.native: Any = self._frame.to_native() if self._frame is not None else X
        if self._frame is None and not sparse.issparse(X):
            self.native = _array(X)

    def __len__(self) -> int:
        return len(self._frame) if self._frame is not None else int(self.native.shape[0])

    def take(self, places: NDArray[np.int64]) -> Any:
        """Return the rows at these places, in the same form."""
        return self._frame[places].to_native() if self._frame is not None else self.native[places]

    def column(self, place: int) -> NDArray[np.float64]:
        """Return the entries of a column of numbers that are there, in float64."""
        if self._frame is not None:
            series = self._frame[:, place].to_arrow().drop_null()
            values = np.asarray(series.to_numpy(zero_copy_only=False), dtype=np.float64)
        else:
            values = np.asarray(self.native[:, place], dtype=np.float64)
        return values[~np.isnan(values)]

    def copies(self) -> NDArray[np.int64]:
        """Return a number for each row, the same for rows that are equal, in the order in which they come."""
        codes = self._codes()
        _, first, group = np.unique(
            codes.view(np.dtype((np.void, codes.strides[0]))).ravel(), return_index=True, return_inverse=True
        )
        rank = np.empty(len(first), dtype=np.int64)
        rank[np.argsort(first)] = np.arange(len(first))
        return rank[group.ravel()]

    def _codes(self) -> NDArray[Any]:
        """Return rows of which equal bytes are equal entries."""
        if self._frame is None and self.native.dtype.kind in "biuf":
            return np.ascontiguousarray(self.native + 0)  # so that -0 is 0
        if self._frame is None:
            columns = [np.unique(column.astype(str), return_inverse=True)[1] for column in self.native.T]
            return np.column_stack(columns)
        table = arrow_from_frame(self.native)
        assert table is not None
        return np.column_stack([_numbered(column) for column in table.columns])


def _numbered(column: Any) -> NDArray[np.int64]:
    """Return a number for each entry of an Arrow column, the same for equal ones, -1 for null."""
    encoded = column.combine_chunks().dictionary_encode()
    numbers = encoded.indices.to_numpy(zero_copy_only=False)
    codes: NDArray[np.int64] = np.nan_to_num(numbers.astype(np.float64), nan=-1.0).astype(np.int64)
    return codes


def _array(X: Any) -> NDArray[Any]:
    try:
        array = X if isinstance(X, np.ndarray) else np.asarray(X)
    except ValueError as error:
        raise InputError(
            "X has rows of different lengths; give a table of as many columns in each"
        ) from error
    if array.ndim != 2:
        raise InputError(f"X has {array.ndim} dimensions, and a table has 2; give rows and columns")
    return array
