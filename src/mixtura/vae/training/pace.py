"""How many passes, how large a step and how fast, unless told: functions of the number of rows."""

from __future__ import annotations

import math


def default_epochs(n_rows: int, *, on_rows: bool = False) -> int:
    """Return how many passes over the data a fit makes unless told.

    33 from 60,000 rows up; fewer rows get more passes, up to 330, so that the number of steps shrinks slowly:
    groups on codes are as good as the codes. Where they are found on the rows, 28 to 180 are enough. Below
    200 rows a step takes the same time whatever their number, and 64 passes take under half a second.

    Parameters
    ----------
    n_rows : int
        Rows that are trained on.
    on_rows : bool
        Whether the groups are found on the rows, and not on codes.

    Examples
    --------
    >>> default_epochs(60_000), default_epochs(10_000), default_epochs(1_797), default_epochs(50)
    (33, 122, 330, 64)
    >>> default_epochs(60_000, on_rows=True), default_epochs(1_797, on_rows=True)
    (28, 162)
    """
    if n_rows < 200:
        return 64
    scarcity = max(1.0, 60_000 / n_rows)
    if on_rows:
        return round(min(180.0, 28.0 * math.sqrt(scarcity)))
    return round(min(330.0, 33.0 * scarcity**0.73))


def default_batch_size(n_rows: int, *, on_rows: bool = False) -> int:
    """Return the rows of a step unless told: 128, and 64 below 1,000 rows.

    Codes get better with the number of steps more than with that of the rows in them: on MNIST eight epochs
    of 128 did what sixteen of 256 did. Where the groups are found on rows, steps of 256 take half the time.

    Parameters
    ----------
    n_rows : int
        Rows that are trained on.
    on_rows : bool
        Whether the groups are found on the rows, and not on codes.

    Examples
    --------
    >>> default_batch_size(60_000), default_batch_size(1_797), default_batch_size(50)
    (128, 128, 64)
    >>> default_batch_size(60_000, on_rows=True)
    256
    """
    if on_rows and n_rows >= 14 * 256:
        return 256
    return 128 if n_rows >= 1000 else 64


def default_learning_rate(n_steps: int) -> float:
    """Return Adam's peak rate unless told: 1.5e-3 for 5,600 steps and more, up to 1e-2 for short runs.

    Examples
    --------
    >>> default_learning_rate(5_600), round(default_learning_rate(1_400), 6), default_learning_rate(64)
    (0.0015, 0.003, 0.01)
    """
    return min(1e-2, 1.5e-3 * max(1.0, math.sqrt(5_600 / n_steps)))
