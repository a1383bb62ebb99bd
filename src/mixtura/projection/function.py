"""A person's function of points, made of torch or of NumPy, and errors that name what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mixtura.errors import InputError

LogDensity = Callable[[Any], Any]


class VectorisedFunction:
    """A function of n points in d dimensions, called with what it can take.

    Parameters
    ----------
    function : callable
        Takes points of shape (n, d), or (n,) on the line, as a torch tensor or a NumPy array.
    dimension : int
        The number d.
    name : str
        What it is called in messages.
    vector : bool
        Whether it returns d numbers for each point, and not one.

    Raises
    ------
    InputError
        If it fails on two points at the origin, or returns another number of values.

    Examples
    --------
    >>> square = VectorisedFunction(lambda x: x**2, 1, "the square", vector=False)
    >>> square(torch.tensor([[2.0], [3.0]], dtype=torch.float64)).tolist(), square.differentiable
    ([4.0, 9.0], True)
    """

    def __init__(self, function: LogDensity, dimension: int, name: str, *, vector: bool) -> None:
        self._function, self._dimension, self._name, self._vector = function, dimension, name, vector
        probe = torch.zeros(2, dimension, dtype=torch.float64)
        self._takes_tensors = True
        try:
            # With a gradient asked for, as NumPy's own functions take a tensor that needs none.
            with torch.enable_grad():
                self._takes_tensors = isinstance(self._raw(probe.clone().requires_grad_()), Tensor)
        except Exception:  # whatever it raises, NumPy is tried next and its error is the one that is shown
            self._takes_tensors = False
        with torch.enable_grad():
            answer = self(probe.requires_grad_() if self._takes_tensors else probe)
        self.differentiable = bool(answer.requires_grad)

    def __call__(self, x: Tensor) -> Tensor:
        """Return the values at points (n, d), of shape (n,) or, for vectors, (n, d)."""
        try:
            raw = self._raw(x)
            values = raw if isinstance(raw, Tensor) else torch.as_tensor(np.asarray(raw, dtype=np.float64))
        except InputError:
            raise
        except Exception as error:
            raise InputError(
                f"{self._name} failed on {len(x)} points: {type(error).__name__}: {error}; "
                "it must take them all at once"
            ) from error
        if values.numel() != (x.numel() if self._vector else len(x)):
            per_point = f"{self._dimension} numbers" if self._vector and self._dimension > 1 else "one number"
            raise InputError(
                f"{self._name} returned shape {tuple(values.shape)} for {len(x)} points; "
                f"it must return {per_point} each (dimension={self._dimension})"
            )
        return values.to(torch.float64).reshape(self._shape(len(x)))

    def _shape(self, n: int) -> tuple[int, ...]:
        return (n, self._dimension) if self._vector else (n,)

    def _raw(self, x: Tensor) -> Any:
        points = x[:, 0] if self._dimension == 1 else x
        return self._function(points if self._takes_tensors else points.detach().numpy())
