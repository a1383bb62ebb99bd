"""Numbers of new groups that follow those of old ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def numbered_alike(groups: NDArray[np.int64], before: NDArray[np.int64], n_groups: int) -> NDArray[np.int64]:
    """Renumber groups so that each bears the number of the old group it shares most rows with.

    The matching is one to one and keeps the most rows at their number (Kuhn 1955).

    Parameters
    ----------
    groups, before : ndarray of shape (n,)
        New and old group of each row, from 0 to ``n_groups`` - 1.
    n_groups : int
        K.

    Returns
    -------
    ndarray of shape (n,)
        The new groups under their new numbers.

    Examples
    --------
    >>> numbered_alike(np.array([1, 1, 0, 2]), np.array([0, 0, 2, 2]), 3)
    array([0, 0, 2, 1])
    """
    from scipy.optimize import linear_sum_assignment

    shared = np.zeros((n_groups, n_groups), dtype=np.int64)
    np.add.at(shared, (groups, before), 1)
    number = np.asarray(linear_sum_assignment(shared, maximize=True)[1], dtype=np.int64)
    return number[groups]
