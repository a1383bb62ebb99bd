"""The 1,797 digits that come with scikit-learn: real data that are always at hand."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits


def digit_images() -> NDArray[np.float64]:
    """Return the images as rows of 64 grey values of 0 to 16.

    Examples
    --------
    >>> digit_images().shape
    (1797, 64)
    """
    images: NDArray[np.float64] = load_digits().data
    return images


def digit_labels() -> NDArray[np.int64]:
    """Return the digits that the images show, by which groups are scored and never chosen.

    Examples
    --------
    >>> digit_labels()[:3].tolist()
    [0, 1, 2]
    """
    labels: NDArray[np.int64] = load_digits().target
    return labels
