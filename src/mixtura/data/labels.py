"""Labels: known groups, for scoring only, from wherever they are kept."""

from __future__ import annotations

from typing import Any

import numpy as np

from mixtura.errors import InputError


def as_labels(values: Any, name: str) -> np.ndarray:
    """Return labels as a 1-D array of numbers, truth values or text.

    Raises
    ------
    InputError
        If there is more than one value a row, one is missing, or they are neither numbers nor text.
    """
    labels = np.asarray(values)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise InputError(
            f"labels {name} have shape {labels.shape}; give one label a row (if one-hot: Y.argmax(axis=1))"
        )
    if labels.dtype.kind == "O" and all(isinstance(value, str) for value in labels):
        labels = labels.astype(str)
    if labels.dtype.kind in "SMm":
        try:
            labels = labels.astype(str)
        except UnicodeDecodeError as error:
            raise InputError(f"labels {name} hold bytes that are not text; give text or numbers") from error
    if labels.dtype.kind not in "biufU":
        raise InputError(
            f"labels {name} (dtype {labels.dtype}) are neither numbers nor text; give one of these"
        )
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        row = int((~np.isfinite(labels)).argmax())
        raise InputError(f"labels {name} have no value in row {row}; fill it, or leave those rows out")
    return labels
