"""Means and standard deviations of rows, of all and of each group, safe from 1e-300 to 1e300."""

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
    in a second pass, so that an offset of 1e8 or a value of 1e300 does no harm.

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
        ``group_means`` (K, d), NaN for a group without rows; ``mean`` (d,); ``sd`` (d,), divided by n;
        ``lowest`` and ``highest``, the range of all values.

    Examples
    --------
    >>> found = moments_by_group([[1.0], [3.0], [8.0]], [0, 0, 1], 3)
    >>> found.group_means.ravel().tolist(), found.mean.tolist()
    ([2.0, 8.0, nan], [4.0])
    """
    values = np.asarray(values)
    components = np.asarray(components)
    lowest, highest = values.min(axis=0).astype(np.float64), values.max(axis=0).astype(np.float64)
    scale = np.maximum(np.abs(lowest), np.abs(highest))
    scale[scale == 0] = 1.0
    step = max(1, _BLOCK // max(values.shape[1], 1))
    sums = np.zeros((n_components, values.shape[1]))
    for group in range(n_components):
        rows = np.flatnonzero(components == group)
        for start in range(0, len(rows), step):
            sums[group] += (values[rows[start : start + step]] / scale).sum(axis=0, dtype=np.float64)
    sizes = np.bincount(components, minlength=n_components).astype(np.float64)
    mean = sums.sum(axis=0) / len(values)
    squares = np.zeros(values.shape[1])
    for start in range(0, len(values), step):
        squares += np.square(values[start : start + step] / scale - mean).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        group_means = sums / sizes[:, None]
    return Moments(
        group_means * scale,
        mean * scale,
        np.sqrt(squares / len(values)) * scale,
        float(lowest.min()),
        float(highest.max()),
    )
