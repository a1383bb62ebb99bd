"""Affine maps of raw values into the units of a model, found in one place and safe at the extremes.

Every map is ``encoded = (raw - origin) / scale - shift``. The origin is taken off before anything is
divided, so an offset costs no digits; deviations are divided by half their range before they are
squared, so nothing overflows or vanishes, be the values near 1e300 or 1e-300.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from mixtura.data.checks import listing, plural
from mixtura.errors import ConstantColumnWarning, InputError
from mixtura.findings import Finding

FloatType: TypeAlias = type[np.float32] | type[np.float64]
# No density tells such encoded values from infinity.
_LIMITS = {np.dtype(np.float32): 1e15, np.dtype(np.float64): 1e75}
_BLOCK_VALUES = 1 << 19  # 4 MB of float64: fits the cache, whatever the size of the data
_RELATIVE_SPREAD = 1e-12
_FEW_LEVELS = 16
_MOST_LEVELS = 1 << 16


@dataclass(frozen=True, eq=False)
class Affine:
    """``encoded = (raw - origin) / scale - shift``, each one number for all columns or one a column.

    Parameters
    ----------
    origin, scale, shift : ndarray of shape (1,) or (n_encoded,)
        float64; the scale is positive.
    """

    origin: np.ndarray
    scale: np.ndarray
    shift: np.ndarray

    def encode(self, raw: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
        """Return raw rows encoded, in float64, but no farther out than squares in ``dtype`` can follow."""
        with np.errstate(all="ignore"):
            work = raw.astype(np.float64)
            work -= self.origin
            work /= self.scale
            work -= self.shift
            return np.clip(work, -_LIMITS[dtype], _LIMITS[dtype], out=work)

    def decode(self, encoded: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
        """Return encoded rows in raw units, in float64, but no farther out than ``dtype`` reaches."""
        largest = float(np.finfo(dtype).max)
        with np.errstate(all="ignore"):
            work = encoded.astype(np.float64)
            work += self.shift
            work *= self.scale
            work += self.origin
            return np.clip(work, -largest, largest, out=work)


IDENTITY = Affine(np.zeros(1), np.ones(1), np.zeros(1))


def blocks(n_rows: int, n_columns: int) -> Iterator[slice]:
    """Yield slices of rows that together hold a few megabytes each."""
    step = max(1, _BLOCK_VALUES // max(1, n_columns))
    for start in range(0, n_rows, step):
        yield slice(start, min(start + step, n_rows))


def extremes(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the smallest and the largest value of each column, in float64."""
    return values.min(axis=0).astype(np.float64), values.max(axis=0).astype(np.float64)


def is_constant(low: np.ndarray, high: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """Return which columns hold one value, up to rounding.

    Whole numbers are exact, so there only equal values are one. Elsewhere a range below 1e-12 of the
    magnitude, or below four units in the last place of a coarser ``dtype``, is what rounding makes of
    one value; divided by its standard deviation it would be noise of unit size.
    """
    if dtype.kind in "biu":
        return np.asarray(low == high)
    relative = max(_RELATIVE_SPREAD, 4 * float(np.finfo(dtype).eps))
    magnitude = np.maximum(np.abs(low), np.abs(high))
    # Halves, because the range of values near the largest float is no float.
    return np.asarray(high / 2 - low / 2 <= relative * (magnitude / 2))


def standardise(values: np.ndarray) -> tuple[Affine, np.ndarray, np.ndarray]:
    """Return the map to mean 0 and standard deviation 1, the columns it takes, and a value for each column.

    Parameters
    ----------
    values : ndarray of shape (n, d)
        Finite numbers, n > 0.

    Returns
    -------
    affine : Affine
        One origin, scale and shift for each column that is not constant.
    kept : ndarray of int
        These columns.
    middle : ndarray of shape (d,)
        The middle of each column's range: its value, where it has only one.
    """
    low, high = extremes(values)
    half = high / 2 - low / 2
    middle = np.where(low == high, low, low / 2 + high / 2)
    varied = ~is_constant(low, high, values.dtype) & (half > 0)
    mean, sd = _moments(values, np.flatnonzero(varied), middle, half)
    with np.errstate(under="ignore"):
        scale = half[varied] * sd
    # A range among the subnormal numbers leaves no digits to divide by.
    usable = scale >= np.finfo(np.float64).tiny
    kept = np.flatnonzero(varied)[usable]
    return Affine(middle[kept], scale[usable], (mean / sd)[usable]), kept, middle


def _moments(
    values: np.ndarray, columns: np.ndarray, middle: np.ndarray, half: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of ``(x - middle) / half``, which lies in [-1, 1], in two passes."""
    n_rows, centre, width = len(values), middle[columns], half[columns]

    def unit(rows: slice) -> np.ndarray:
        block = values[rows][:, columns].astype(np.float64)
        block -= centre
        block /= width
        return block

    with np.errstate(under="ignore"):
        mean = np.zeros(len(columns))
        for rows in blocks(n_rows, len(columns)):
            mean += unit(rows).sum(axis=0) / n_rows
        square, rest = np.zeros(len(columns)), np.zeros(len(columns))
        for rows in blocks(n_rows, len(columns)):
            deviation = unit(rows) - mean
            rest += deviation.sum(axis=0) / n_rows
            square += (deviation * deviation).sum(axis=0) / n_rows
        # What rounding left in the mean is taken out of both.
        return mean + rest, np.sqrt(square - rest * rest)


def require_encoded(encoded: np.ndarray, n_encoded: int) -> None:
    """Raise InputError unless there are so many columns."""
    if encoded.ndim != 2 or encoded.shape[1] != n_encoded:
        raise InputError(
            f"encoded rows have shape {encoded.shape} and not (n, {n_encoded}); give rows of this encoding"
        )


def report_constant(
    dropped: np.ndarray, middle: np.ndarray, values: np.ndarray, names: tuple[str, ...]
) -> tuple[Finding, ...]:
    """Return the finding that columns of one value are left out, if there are any, and warn of it."""
    if dropped.size == 0:
        return ()
    if dropped.size == values.shape[1]:
        if len(values) == 1:
            raise InputError("there is one row, in which nothing varies; give more rows")
        raise InputError(
            f"all {plural(values.shape[0], 'row')} are the same: {listing([names[i] for i in dropped], 3)} "
            "hold one value each; give data that vary"
        )
    which = listing([names[i] for i in dropped])
    seen = (
        f"column {which} holds one value, {middle[dropped[0]]:g}, and was left out"
        if dropped.size == 1
        else f"{dropped.size:,} columns hold one value each and were left out: {which}"
    )
    warnings.warn(seen, ConstantColumnWarning, stacklevel=3)
    return (Finding("constant-columns", "note", seen),)


def grey_levels(values: np.ndarray) -> Affine:
    """Return one map for all pixels into [0, 1].

    Raises
    ------
    InputError
        If all pixels of all images have one value, or their range is no float.
    """
    low, high = float(values.min()), float(values.max())
    if bool(is_constant(np.array(low), np.array(high), values.dtype)):
        raise InputError(f"all pixels of all images have the value {low:g}; give images that differ")
    if values.dtype.kind != "b" and not (low >= 0 and high < _MOST_LEVELS and is_whole(values)):
        if not np.isfinite(high - low):
            raise InputError(f"the pixels range from {low:g} to {high:g}; bring them to [0, 1]")
        return Affine(np.array([low]), np.array([high - low]), np.zeros(1))
    top = int(high)
    levels = top + 1 if top <= _FEW_LEVELS else max(256, 1 << top.bit_length())
    return Affine(np.zeros(1), np.array([float(levels)]), np.array([-0.5 / levels]))


def two_levels(affine: Affine) -> tuple[Finding, ...]:
    """Return a finding for images of two grey levels, which no Gaussian describes well."""
    return _zeros_and_ones("images") if affine.shift[0] != 0 and affine.scale[0] <= 2 else ()


def two_level_columns(values: np.ndarray, kept: np.ndarray) -> tuple[Finding, ...]:
    """Return a finding for a table whose columns that vary are zeros and ones, all of them."""
    low, high = extremes(values[:, kept])
    if (low != 0).any() or (high != 1).any() or not is_whole(values[:, kept]):
        return ()
    return _zeros_and_ones("columns")


def _zeros_and_ones(noun: str) -> tuple[Finding, ...]:
    seen = f"the {noun} hold the values 0 and 1 only, and a Gaussian likelihood spreads over all between"
    mend = "use --likelihood bernoulli (likelihood='bernoulli' in Python)"
    return (Finding("two-levels", "warning", seen, mend),)


def is_whole(values: np.ndarray) -> bool:
    """Return whether all values of a 2-D array are whole numbers."""
    if values.dtype.kind in "biu":
        return True
    return all(
        bool((values[rows] == np.floor(values[rows])).all())
        for rows in blocks(values.shape[0], values.shape[1])
    )
