"""What estimators ask of their parameters and rows, beyond what scikit-learn checks."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from mixtura.errors import InputError


def seed_of(random_state: int | np.random.RandomState | None) -> int:
    """Return the seed that a ``random_state`` stands for: a number itself, else one drawn.

    Examples
    --------
    >>> seed_of(7)
    7
    """
    if isinstance(random_state, (int, np.integer)) and not isinstance(random_state, bool):
        check_random_state(random_state)  # refuses what scikit-learn refuses, with its message
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))


def at_least_one(name: str, value: object) -> int:
    """Return a whole number of at least 1.

    Raises
    ------
    InputError
        If it is anything else.

    Examples
    --------
    >>> at_least_one("n_samples", 0)
    Traceback (most recent call last):
    ...
    mixtura.errors.InputError: n_samples must be a whole number of at least 1, not 0
    """
    if isinstance(value, bool) or not hasattr(value, "__index__") or int(value.__index__()) < 1:
        raise InputError(f"{name} must be a whole number of at least 1, not {value!r}")
    return int(value.__index__())


def flat_rows(X: Any, image_shape: Any) -> tuple[Any, tuple[int, ...] | None]:
    """Return images as flat rows, with their shape; tables as they are.

    Parameters
    ----------
    X : array-like
        Rows, or an array of images with 3 or 4 dimensions.
    image_shape : tuple of int or None
        The shape that was asked for, if any.

    Raises
    ------
    InputError
        If the shape is none, or not that of the images.

    Examples
    --------
    >>> rows, shape = flat_rows(np.zeros((5, 2, 3)), None)
    >>> rows.shape, shape
    ((5, 6), (2, 3))
    """
    shape = None if image_shape is None else _checked_shape(image_shape)
    if not (isinstance(X, np.ndarray) and X.ndim in (3, 4)):
        return X, shape
    if shape is not None and _sides(shape) != _sides(X.shape[1:]):
        raise InputError(f"images are of shape {X.shape[1:]} and not {shape}; give the same size")
    return X.reshape(len(X), -1), shape or X.shape[1:]


def _sides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the sides of an image, and the number of channels where it is more than one."""
    return shape[:2] if shape[2:] == (1,) else shape


def plain_settings(values: dict[str, Any]) -> dict[str, Any]:
    """Return settings with Python's numbers in place of NumPy's, and sizes of layers as a tuple.

    PyTorch takes no others, and a model's folder holds no others.

    Parameters
    ----------
    values : dict
        By name.

    Examples
    --------
    >>> plain_settings({"hidden": np.array([8, 4]), "learning_rate": np.float32(0.5), "start": "auto"})
    {'hidden': (8, 4), 'learning_rate': 0.5, 'start': 'auto'}
    """

    def plain(value: Any) -> Any:
        if isinstance(value, (list, tuple, np.ndarray)):
            return tuple(plain(one) for one in value)
        return value.item() if isinstance(value, np.generic) else value

    return {name: plain(value) for name, value in values.items()}


def _checked_shape(image_shape: Any) -> tuple[int, ...]:
    sides = tuple(image_shape) if isinstance(image_shape, (tuple, list, np.ndarray)) else ()
    if len(sides) not in (2, 3) or any(not hasattr(side, "__index__") or side < 1 for side in sides):
        raise InputError(
            f"image_shape must be (height, width) or (height, width, channels), not {image_shape!r}"
        )
    return tuple(int(side) for side in sides)
