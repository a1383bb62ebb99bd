r"""Poisson log-densities by the deviance, which keeps its digits where counts are large.

.. math::

    \log p(x \mid \lambda) = \log p(x \mid x) - D(x, \lambda), \qquad
    D(x, \lambda) = x \log\frac{x}{\lambda} - x + \lambda.

Written out, :math:`x \log\lambda - \lambda - \log x!` is a small difference of terms of the size of x log x.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln, xlogy

from mixtura.em.family import Array

_TABLE = np.arange(1024.0)
_LOG_FACTORIALS = gammaln(_TABLE + 1.0)
# From here on Stirling's series is exact to rounding; the formula as written is so below.
_STIRLING = 32
_SATURATED = (xlogy(_TABLE, _TABLE) - _TABLE - _LOG_FACTORIALS)[:_STIRLING]


def log_ratio(first: ArrayLike, second: ArrayLike) -> Array:
    """Return log(a / b), where numbers next to each other lose no digits.

    Examples
    --------
    >>> round(float(log_ratio(1e8 + 1, 1e8)) * 1e8, 8)
    1.0
    """
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        apart = (a - b) / b
        return np.where(np.abs(apart) < 0.5, np.log1p(np.maximum(apart, -0.5)), np.log(a) - np.log(b))


def deviance(x: ArrayLike, rate: ArrayLike) -> Array:
    """Return x log(x / rate) - x + rate, not negative; inf for a rate of 0 and x > 0.

    Examples
    --------
    >>> deviance([0.0, 2.0, 0.0, 1.0], [3.0, 2.0, 0.0, 0.0]).tolist()
    [3.0, 0.0, 0.0, inf]
    """
    x, rate = np.asarray(x, dtype=np.float64), np.asarray(rate, dtype=np.float64)
    return np.asarray(np.where(x > 0, np.where(x > 0, x, 1.0) * log_ratio(x, rate), 0.0) - (x - rate))


def saturated(counts: Array) -> Array:
    """Return log p(x | x) = x log x - x - log x!, by Stirling's series where x is large."""
    large = np.maximum(counts, _STIRLING)
    inverse = 1 / large
    square = inverse * inverse
    correction = inverse * (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680)))
    series = -(0.5 * np.log(2 * np.pi * large) + correction)
    table = _SATURATED[np.minimum(counts, _STIRLING - 1).astype(np.intp)]
    return np.asarray(np.where(counts < _STIRLING, table, series))


def log_factorial(counts: Array) -> Array:
    """Return log x!, from a table where all x are small."""
    if counts.size and counts.max() < len(_TABLE):
        return np.asarray(_LOG_FACTORIALS[counts.astype(np.intp)])
    return np.asarray(gammaln(counts + 1.0))
