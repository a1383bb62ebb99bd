"""Arrays of any library as tensors, and the type in which a result is returned."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from mixtura.errors import InputError


def as_tensors(
    values: Mapping[str, ArrayLike | Tensor],
) -> tuple[tuple[Tensor, ...], torch.dtype, bool]:
    """Return arrays as floating tensors on one device.

    Parameters
    ----------
    values : mapping of str to array-like
        What each is called in a message, and the array; tensors keep their gradients.

    Returns
    -------
    tensors : tuple of Tensor
        In their own floating type; whole numbers become float64.
    dtype : torch.dtype
        The type to which those of all arrays promote; float64 where there are only lists.
    is_torch : bool
        Whether any of them was a tensor.

    Raises
    ------
    InputError
        If one holds no real numbers, or two tensors are on different devices.

    Examples
    --------
    >>> as_tensors({"a": [1, 2], "b": np.ones(2, dtype=np.float32)})[1:]
    (torch.float32, False)
    """
    given = [value for value in values.values() if isinstance(value, Tensor)]
    devices = {value.device for value in given}
    if len(devices) > 1:
        shown = ", ".join(f"{k} on {v.device}" for k, v in values.items() if isinstance(v, Tensor))
        raise InputError(f"the tensors are on different devices: {shown}; move them to one")
    tensors = tuple(_tensor(value, name) for name, value in values.items())
    if devices:
        tensors = tuple(tensor.to(next(iter(devices))) for tensor in tensors)
    # A list of Python's numbers has no type of its own, and leaves that of the others as it is.
    typed = [
        tensor.dtype
        for tensor, value in zip(tensors, values.values(), strict=True)
        if hasattr(value, "dtype") or hasattr(value, "dtypes")
    ]
    dtype = typed[0] if typed else torch.float64
    for other in typed[1:]:
        dtype = torch.promote_types(dtype, other)
    return tensors, dtype, bool(given)


def _tensor(value: ArrayLike | Tensor, name: str) -> Tensor:
    if isinstance(value, Tensor):
        if value.is_complex():
            raise InputError(f"{name} holds complex numbers; give real ones")
        return value if value.is_floating_point() else value.to(torch.float64)
    try:
        array = np.asarray(value)
    except ValueError:
        raise InputError(f"{name} is ragged: its rows are not of one length; give a full array") from None
    if array.dtype.kind not in "fiub":
        raise InputError(f"{name} holds values of type {array.dtype}; give real numbers")
    kind = array.dtype.newbyteorder("=") if array.dtype.kind == "f" else np.dtype(np.float64)
    array = np.asarray(array, dtype=np.float64 if kind.itemsize > 8 else kind, order="C")
    return torch.from_numpy(array if array.flags.writeable else array.copy())
