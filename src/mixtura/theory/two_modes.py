"""The target of problems 1 and 6.3, 1/3 N(-3, 1) + 2/3 N(3, 1)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

TEXT = "1/3 N(-3,1) + 2/3 N(3,1)"
WEIGHTS, MEANS = np.array([1 / 3, 2 / 3]), np.array([-3.0, 3.0])


def log_target(x: NDArray[Any]) -> NDArray[np.float64]:
    """Return the logarithm of the density, in nats.

    Examples
    --------
    >>> log_target(np.array([3.0])).round(4)
    array([-1.3244])
    """
    parts = np.log(WEIGHTS) - 0.5 * (x[..., None] - MEANS) ** 2 - 0.5 * np.log(2 * np.pi)
    result: NDArray[np.float64] = np.logaddexp(parts[..., 0], parts[..., 1])
    return result
