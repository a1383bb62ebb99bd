"""Means and standard deviations of rows, of all and of each group, safe at any scale and with gaps."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

# Values converted to float64 at once: 16 MB, so that small integers in their millions stay small.
_BLOCK = 2_000_000


class Moments(NamedTuple):
    """What `moments_by_group` returns, in raw units."""

    group_means: FloatArray
    mean: FloatArray
    sd: FloatArray
    lowest: float
    highest: float


def moments_by_group(values: npt.ArrayLike, components: npt.ArrayLike, n_components: int) -> Moments:
    """Return the mean of each group, and mean and standard deviation of all rows.

    Columns are scaled by their largest size before anything is summed or squared, and the deviation is taken
    in a second pass, so that an offset of 1e8 or a value of 1e300 does no harm. NaN is missing: each column
    goes by what it has.

    Parameters
    ----------
    values : array, shape (n, d)
        Raw values of any numeric type.
    components : array of int, shape (n,)
        The group of each row, in 0 .. K-1.
    n_components : int
        K.

    Returns
    -------
    Moments
        ``group_means`` (K, d), NaN for a group without values; ``mean`` (d,), NaN for a column without any;
        ``sd`` (d,), divided by n; ``lowest`` and ``highest``, the range of all values.

    Examples
    --------
    >>> found = moments_by_group([[1.0], [3.0], [8.0]], [0, 0, 1], 3)
    >>> found.group_means.ravel().tolist(), found.mean.tolist()
    ([2.0, 8.0, nan], [4.0])
    """
    values = np.asarray(values)
    components = np.asarray(components)
    lowest = np.fmin.reduce(values, axis=0).astype(np.float64)
    highest = np.fmax.reduce(values, axis=0).astype(np.float64)
    gaps = values.dtype.kind == "f" and bool(np.isnan(values.min(axis=0)).any())
    scale = np.fmax(np.fmax(np.abs(lowest), np.abs(highest)), 0.0)
    scale[scale == 0] = 1.0
    step = max(1, _BLOCK // max(values.shape[1], 1))
    sums = np.zeros((n_components, values.shape[1]))
    counts = np.zeros((n_components, values.shape[1]))
    for group in range(n_components):
        rows = np.flatnonzero(components == group)
        for start in range(0, len(rows), step):
            block = values[rows[start : start + step]] / scale
            sums[group] += np.nansum(block, axis=0) if gaps else block.sum(axis=0, dtype=np.float64)
            counts[group] += (~np.isnan(block)).sum(axis=0) if gaps else len(block)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = sums.sum(axis=0) / counts.sum(axis=0)
        squares = np.zeros(values.shape[1])
        for start in range(0, len(values), step):
            deviations = np.square(values[start : start + step] / scale - mean)
            squares += np.nansum(deviations, axis=0) if gaps else deviations.sum(axis=0)
        return Moments(
            sums / counts * scale,
            mean * scale,
            np.sqrt(squares / counts.sum(axis=0)) * scale,
            float(np.fmin.reduce(lowest)),
            float(np.fmax.reduce(highest)),
        )
