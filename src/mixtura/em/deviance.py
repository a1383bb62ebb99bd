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
_STIRLING = 32.0


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
    """Return log p(x | x) = x log x - x - log x!, by Stirling's series where x is large.

    Examples
    --------
    >>> saturated(np.array([0.0, 1.0, 2.5])).round(4).tolist()
    [0.0, -1.0, -1.4102]
    """
    large = np.maximum(counts, _STIRLING)
    inverse = 1 / large
    square = inverse * inverse
    correction = inverse * (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680)))
    found = np.asarray(-(0.5 * np.log(2 * np.pi * large) + correction))
    few = counts < _STIRLING
    found[few] = xlogy(counts[few], counts[few]) - counts[few] - log_factorial(counts[few])
    return found


def log_factorial(counts: Array) -> Array:
    r"""Return log x!, :math:`\log \Gamma(x + 1)` between whole numbers, from a table where all x are small.

    Examples
    --------
    >>> np.exp(log_factorial(np.array([3.0, 0.5]))).round(4).tolist()
    [6.0, 0.8862]
    """
    if counts.size and counts.max() < len(_TABLE):
        places = counts.astype(np.intp)
        if (places == counts).all():
            return np.asarray(_LOG_FACTORIALS[places])
    return np.asarray(gammaln(counts + 1.0))
