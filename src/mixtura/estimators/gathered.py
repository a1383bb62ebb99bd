"""One array from the parts of a long computation, without holding the parts beside it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray


def gathered(parts: Iterable[NDArray[Any]], n_rows: int) -> NDArray[Any]:
    """Return the parts, one below the other, each copied as soon as it is made and then dropped.

    A list of parts that is concatenated at the end takes twice the memory of the answer, and more where every
    part keeps a larger array alive that it is a view of.

    Parameters
    ----------
    parts : iterable of ndarray of shape (n_i, ...)
        At least one, all of one type and width; together n_rows.
    n_rows : int
        Rows of the answer.

    Returns
    -------
    ndarray of shape (n_rows, ...)

    Examples
    --------
    >>> gathered((np.full(2, k) for k in range(3)), 6)
    array([0, 0, 1, 1, 2, 2])
    """
    answer: NDArray[Any] | None = None
    first = 0
    for part in parts:
        if answer is None:
            answer = np.empty((n_rows, *part.shape[1:]), part.dtype)
        answer[first : first + len(part)] = part
        first += len(part)
    assert answer is not None
    assert first == n_rows
    return answer
