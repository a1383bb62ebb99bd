"""Rows of a table whose distances can be compared: ties spread, far values drawn in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_BOUND = 2.5
_WINSORISED = 2.0  # per cent at each end, which say nothing of a column's spread


def spread_ties(points: NDArray[np.floating], generator: np.random.Generator) -> NDArray[np.float64]:
    r"""Return the points with values that occur more than once spread over the cells they were rounded to.

    A density of rounded values has no bound: a Gaussian shrinks onto one level of a column, and neighbours
    are those of the same level, so that groups are the levels of one column whatever the others say. A value
    v that is tied becomes :math:`v + u`, u uniform in :math:`[-h, h]`. For a value of half the rows, 2h is
    the smaller of the gaps to the next values, or the median gap of its column where that is smaller; for
    rarer ones it is less in proportion, so that neighbours in fine steps stay neighbours; and h is at most
    the standard deviation of its column, so that one value with few exceptions does not become noise. Values
    that are alone stay.

    Parameters
    ----------
    points : ndarray of shape (n, d)
        Finite numbers.
    generator : numpy.random.Generator
        Of u.

    References
    ----------
    Uria, Murray and Larochelle (2013), RNADE, section 4: dequantisation by uniform noise.

    Examples
    --------
    >>> answers = np.array([[1.0], [2.0], [2.0], [3.0], [3.5]])
    >>> spread = spread_ties(answers, np.random.default_rng(0))
    >>> spread[[0, 3, 4], 0].tolist(), bool((np.abs(spread[1:3] - 2) <= 0.5).all())
    ([1.0, 3.0, 3.5], True)
    """
    spread = np.array(points, dtype=np.float64)
    for column in spread.T:
        values, place, counts = np.unique(column, return_inverse=True, return_counts=True)
        if len(values) < 2 or len(values) == len(column):
            continue
        gaps = np.diff(values)
        smaller = np.minimum(np.r_[gaps[:1], gaps], np.r_[gaps, gaps[-1:]])
        width = np.minimum(smaller, np.median(gaps)) * np.minimum(1.0, 2 * counts / len(column))
        half = np.where(counts > 1, np.minimum(width / 2, column.std()), 0.0)
        column += half[place] * generator.uniform(-1.0, 1.0, len(column))
    return spread


def standardised(points: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return columns of mean 0 and standard deviation 1; constant ones are 0.

    Parameters
    ----------
    points : ndarray of shape (n, d)
        Finite numbers.

    Examples
    --------
    >>> standardised(np.array([[1.0, 7.0], [3.0, 7.0]])).tolist()
    [[-1.0, 0.0], [1.0, 0.0]]
    """
    centred = np.asarray(points, dtype=np.float64) - points.mean(axis=0, dtype=np.float64)
    spread = centred.std(axis=0)
    # What rounding leaves of a constant is not to be blown up.
    precision = np.finfo(points.dtype).eps if np.issubdtype(points.dtype, np.floating) else 0.0
    constant = spread <= 10 * precision * np.abs(points).max(axis=0)
    result: NDArray[np.float64] = np.where(constant, 0.0, centred / np.where(constant, 1.0, spread))
    return result


def draw_in(points: NDArray[np.floating], bound: float = _BOUND) -> NDArray[np.float64]:
    r"""Return standardised columns in which values beyond the bound grow with their logarithm.

    With x in winsorised standard deviations from the winsorised mean,

    .. math:: x \mapsto \operatorname{sign}(x) (b + \log(1 + |x| - b)), \quad |x| > b,

    and the others stay; then each column is standardised. Few far rows would otherwise be a group of their
    own, since nothing describes them as well. The order of values is kept.

    Parameters
    ----------
    points : ndarray of shape (n, d)
        Finite numbers.
    bound : float
        b.

    Examples
    --------
    >>> far = np.r_[np.linspace(-1, 1, 99), 1e6][:, None]
    >>> [round(float(np.ptp(view(far)[:99])), 3) for view in (standardised, draw_in)]
    [0.0, 1.749]
    """
    low, high = np.percentile(points, [_WINSORISED, 100 - _WINSORISED], axis=0)
    kept = np.clip(points, low, high).astype(np.float64)
    spread = kept.std(axis=0)
    told = spread > 0
    rows = np.where(told, (points - kept.mean(axis=0)) / np.where(told, spread, 1.0), standardised(points))
    beyond = np.maximum(np.abs(rows) - bound, 0.0)
    return standardised(np.where(beyond > 0, np.sign(rows) * (bound + np.log1p(beyond)), rows))
