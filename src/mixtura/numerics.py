"""The few numerical functions that must be safe everywhere, in float64 NumPy."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def log_mean_exp(values: ArrayLike, axis: int = -1) -> NDArray[np.float64]:
    """Return log(mean(exp(values))) along an axis, without overflow.

    Parameters
    ----------
    values : array-like
        Logarithms, in nats; -inf stands for zero.
    axis : int
        The axis that is averaged over.

    Returns
    -------
    ndarray
        ``values`` less that axis; -inf where all entries are -inf, inf where one is, NaN where one is NaN.

    Examples
    --------
    >>> float(log_mean_exp([1000.0, 1000.0]))
    1000.0
    """
    array = np.asarray(values, dtype=np.float64)
    peak = _finite_peak(array, axis)
    with np.errstate(divide="ignore", over="ignore"):
        return np.asarray(np.log(np.exp(array - peak).mean(axis=axis)) + peak.squeeze(axis))


def leave_one_out_log_mean_exp(values: ArrayLike) -> NDArray[np.float64]:
    """Return log(mean(exp(values))) along the first axis without each of its entries in turn.

    Parameters
    ----------
    values : array-like of shape (S, ...)
        Logarithms, in nats, S > 1; -inf stands for zero.

    Returns
    -------
    ndarray of shape (S, ...)
        Entry s is the log of the mean over all others.

    Examples
    --------
    >>> leave_one_out_log_mean_exp([1.0, 1.0, 1000.0]).round(4).tolist()
    [999.3069, 999.3069, 1.0]
    """
    array = np.asarray(values, dtype=np.float64)
    largest = np.expand_dims(array.argmax(axis=0), 0)
    peak = _finite_peak(array, 0)
    weights = np.exp(array - peak)
    with np.errstate(divide="ignore"):
        result = np.log(weights.sum(axis=0) - weights) + peak - np.log(len(array) - 1)
    # Without the largest the difference would cancel, so what is left is summed by itself.
    others = array.copy()
    np.put_along_axis(others, largest, -np.inf, axis=0)
    rest = log_mean_exp(others, axis=0) + np.log(len(array) / (len(array) - 1))
    np.put_along_axis(result, largest, np.expand_dims(rest, 0), axis=0)
    return np.asarray(result)


def effective_sample_size(log_weights: ArrayLike, axis: int = -1) -> NDArray[np.float64]:
    """Return Kish's effective sample size (sum w)^2 / sum w^2 of importance weights given as logarithms.

    Parameters
    ----------
    log_weights : array-like
        Logarithms of unnormalised weights.
    axis : int
        The axis of the samples.

    Returns
    -------
    ndarray
        Between 1 and the number of samples; 0 where all weights are zero.

    Examples
    --------
    >>> float(effective_sample_size([0.0, 0.0, 0.0]))
    3.0
    """
    array = np.asarray(log_weights, dtype=np.float64)
    weights = np.exp(array - _finite_peak(array, axis))
    squares = (weights**2).sum(axis=axis)
    return np.asarray(weights.sum(axis=axis) ** 2 / np.where(squares > 0, squares, 1.0))


def jackknife_standard_error(leave_one_out: ArrayLike) -> float:
    """Return the jackknife standard error from the estimates that leave out one draw each.

    se^2 = (S - 1) / S  sum_s (t_s - mean t)^2 (Efron 1982).

    Parameters
    ----------
    leave_one_out : array-like of shape (S,)
        The statistic computed without draw s, for each s.

    Returns
    -------
    float
        In the unit of the statistic; NaN for fewer than two draws or infinite statistics, where no error
        can be known.

    Examples
    --------
    >>> draws = np.array([1.0, 2.0, 4.0])  # of a mean, the jackknife gives the usual s / sqrt(n)
    >>> loo = (draws.sum() - draws) / 2
    >>> bool(np.isclose(jackknife_standard_error(loo), draws.std(ddof=1) / 3**0.5))
    True
    """
    array = np.asarray(leave_one_out, dtype=np.float64)
    n_draws = len(array)
    if n_draws < 2 or not np.isfinite(array).all():
        return float("nan")
    return float(np.sqrt((n_draws - 1) / n_draws * ((array - array.mean()) ** 2).sum()))


def _finite_peak(array: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Return the maximum along an axis, which is kept, or 0 where that is not finite."""
    peak = array.max(axis=axis, keepdims=True)
    return np.asarray(np.where(np.isfinite(peak), peak, 0.0))
