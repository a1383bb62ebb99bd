"""Adam with an adaptive clip on one flat buffer, which the parameters of a model share for a while."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.adam import adam

Array = NDArray[Any]

_ALIGNED = 16  # values: a parameter starts at a cache line
_SMALL = 30_000  # values, up to which a step is bound by the dispatch of its operations
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8
CLIP_FACTOR = 5.0
"""A gradient's norm is clipped to so many times its running mean."""


class NormClip:
    """Clips the norm of a gradient to a multiple of its running mean, whatever the scale of the objective.

    Examples
    --------
    >>> clip = NormClip()
    >>> clip.factor(8.0)
    1.0
    >>> clip.remember(8.0)
    >>> clip.factor(80.0)
    0.5
    """

    def __init__(self) -> None:
        self.mean = 0.0

    def factor(self, norm: float) -> float:
        """Return what the gradient is to be multiplied by, at most 1."""
        return min(1.0, CLIP_FACTOR * self.mean / max(norm, 1e-30)) if self.mean > 0 else 1.0

    def remember(self, norm: float) -> None:
        """Take a finite norm into the running mean, clipped so that one outlier cannot lift it."""
        clipped = min(norm, CLIP_FACTOR * self.mean)
        self.mean = 0.98 * self.mean + 0.02 * clipped if self.mean > 0 else norm


class FlatAdam:
    """Parameters moved into one buffer, their gradients in another, and Adam on both as a whole.

    One operation on a buffer takes the place of one on each parameter. Until `release` the parameters are
    views of the buffer, so that the model sees every step.

    Parameters
    ----------
    parameters : sequence of nn.Parameter
        On the CPU and of one type.
    weights : sequence of nn.Parameter
        Those that decay.

    Examples
    --------
    >>> layer = nn.Linear(2, 1)
    >>> adam = FlatAdam(list(layer.parameters()))
    >>> before = layer.bias.item()
    >>> adam.gradient(layer.bias)[:] = 3.0
    >>> adam.step(rate=0.5)
    >>> round(layer.bias.item() - before, 4)
    -0.5
    """

    def __init__(self, parameters: Sequence[nn.Parameter], weights: Sequence[nn.Parameter] = ()) -> None:
        starts, total = [], 0
        for parameter in parameters:
            starts.append(total)
            total += -(-parameter.numel() // _ALIGNED) * _ALIGNED
        dtype = parameters[0].dtype if parameters else torch.float32
        self._parameters = list(parameters)
        self._values = torch.zeros(total, dtype=dtype)
        self._gradients = torch.zeros(total, dtype=dtype)
        self._places = {
            id(parameter): slice(start, start + parameter.numel())
            for parameter, start in zip(parameters, starts, strict=True)
        }
        for parameter, place in zip(parameters, self._places.values(), strict=True):
            view = self._values[place].view(parameter.shape)
            view.copy_(parameter.detach())
            parameter.data = view
        self._weights = [weight.detach() for weight in weights]
        self._flat_gradient = self._gradients.numpy()
        self._scratch = np.empty_like(self._flat_gradient) if total <= _SMALL else None
        self.forget()
        self.save()

    def gradient(self, parameter: Tensor) -> Array | None:
        """Return the place of a parameter's gradient, or None where the parameter is not trained."""
        place = self._places.get(id(parameter))
        return None if place is None else self._flat_gradient[place].reshape(parameter.shape)

    def norm(self) -> float:
        """Return the Euclidean norm of the whole gradient."""
        return float(np.sqrt(np.dot(self._flat_gradient, self._flat_gradient)))

    @torch.no_grad()
    def step(self, rate: float, factor: float = 1.0, decay: float = 0.0) -> None:
        """Descend along the gradient times a factor, and take a share of the weights."""
        if factor != 1.0:
            self._gradients.mul_(factor)
        if self._scratch is not None:
            self._small_step(rate, self._scratch)
        else:
            self._fused_step(rate)
        if decay > 0 and self._weights:
            torch._foreach_mul_(self._weights, 1.0 - decay)

    def _fused_step(self, rate: float) -> None:
        adam(
            [self._values],
            [self._gradients],
            [self._first],
            [self._second],
            [],
            [self._count],
            fused=True,
            amsgrad=False,
            beta1=BETA_1,
            beta2=BETA_2,
            lr=rate,
            weight_decay=0.0,
            eps=EPSILON,
            maximize=False,
        )

    def _small_step(self, rate: float, scratch: Array) -> None:
        """Do the same in NumPy, which starts an operation sooner and makes more passes over memory."""
        values, gradient, first, second = (
            tensor.numpy() for tensor in (self._values, self._gradients, self._first, self._second)
        )
        self._count += 1
        count = float(self._count)
        first *= BETA_1
        np.multiply(gradient, 1 - BETA_1, out=scratch)
        first += scratch
        second *= BETA_2
        np.multiply(gradient, gradient, out=scratch)
        scratch *= 1 - BETA_2
        second += scratch
        np.sqrt(second, out=scratch)
        scratch *= 1 / math.sqrt(1 - BETA_2**count)
        scratch += EPSILON
        np.divide(first, scratch, out=scratch)
        scratch *= rate / (1 - BETA_1**count)
        values -= scratch

    def forget(self) -> None:
        """Start Adam's moments anew."""
        self._first = torch.zeros_like(self._values)
        self._second = torch.zeros_like(self._values)
        self._count = torch.zeros((), dtype=torch.float32)

    def save(self) -> None:
        """Keep the present values for `restore`."""
        self._saved: Tensor = self._values.clone()

    def restore(self) -> None:
        """Go back to the values last saved, with new moments."""
        self._values.copy_(self._saved)
        # Moments that have met a value that is not finite would carry it into every later step.
        self.forget()

    def release(self) -> None:
        """Give every parameter memory of its own again, with its present value."""
        for parameter in self._parameters:
            parameter.data = parameter.data.clone()
