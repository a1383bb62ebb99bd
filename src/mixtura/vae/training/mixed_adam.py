"""Adam in float32 for networks whose matrix products run in bfloat16."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

import torch
from torch import Tensor, nn

from mixtura.vae.training.flat_adam import BETA_1, BETA_2, EPSILON, FlatAdam

_PIECE = 1 << 16
"""Values that are gone through at once, so that what a step reads and writes of them stays in the cache."""


class _Piece(NamedTuple):
    values: Tensor
    copies: Tensor
    gradient: Tensor
    first: Tensor
    second: Tensor
    decays: bool


class MixedAdam(FlatAdam):
    """A `FlatAdam` that keeps a copy of some parameters in bfloat16, and takes their gradients in it.

    Values and moments are in float32 throughout: most steps are smaller than what bfloat16 tells apart. The
    copy is renewed by the step itself, while the values are in the cache.

    Parameters
    ----------
    parameters : sequence of nn.Parameter
        On the CPU, in float32.
    reduced : sequence of nn.Parameter
        Those of them that have a copy. In memory, matrices lie with their inputs first: products of rows
        with them are the faster for it.
    weights : sequence of nn.Parameter
        Those that decay.

    Examples
    --------
    >>> layer = nn.Linear(2, 1)
    >>> adam = MixedAdam(list(layer.parameters()), [layer.bias])
    >>> before = layer.bias.item()
    >>> copy, gradient = adam.reduced(layer.bias)
    >>> _ = gradient.fill_(3.0)
    >>> adam.step(rate=0.5)
    >>> round(layer.bias.item() - before, 4), bool(copy == layer.bias.bfloat16())
    (-0.5, True)
    """

    def __init__(
        self,
        parameters: Sequence[nn.Parameter],
        reduced: Sequence[nn.Parameter],
        weights: Sequence[nn.Parameter] = (),
    ) -> None:
        decays = set(map(id, weights))
        # What decays comes first, so that no piece holds both kinds.
        self._reduced = sorted(reduced, key=lambda parameter: id(parameter) not in decays)
        *starts, total = accumulate((p.numel() for p in self._reduced), initial=0)
        self._decaying = sum(p.numel() for p in self._reduced if id(p) in decays)
        self._full = torch.empty(total)
        # What a stage trains but has no use for keeps a gradient of zero.
        self._copies, self._to_copies = (torch.zeros(total, dtype=torch.bfloat16) for _ in range(2))
        self._views: dict[int, tuple[Tensor, Tensor]] = {}
        for parameter, start in zip(self._reduced, starts, strict=True):
            full, copy, to_copy = (
                flat[start : start + parameter.numel()].view(parameter.shape[::-1]).mT
                if parameter.dim() == 2
                else flat[start : start + parameter.numel()].view(parameter.shape)
                for flat in (self._full, self._copies, self._to_copies)
            )
            full.copy_(parameter.detach())
            parameter.data = full
            self._views[id(parameter)] = copy, to_copy
        self._copies.copy_(self._full)
        self._full_saved = torch.empty_like(self._full)
        chosen = set(map(id, reduced))
        super().__init__(
            [parameter for parameter in parameters if id(parameter) not in chosen],
            [weight for weight in weights if id(weight) not in chosen],
        )

    def reduced(self, parameter: Tensor) -> tuple[Tensor, Tensor] | None:
        """Return a parameter's copy and the place of its gradient, or None where there is no copy."""
        return self._views.get(id(parameter))

    def norm(self) -> float:
        """Return the Euclidean norm of the whole gradient."""
        return math.hypot(super().norm(), float(torch.linalg.vector_norm(self._to_copies)))

    @torch.no_grad()
    def step(self, rate: float, factor: float = 1.0, decay: float = 0.0) -> None:
        """Descend along the gradient times a factor, and take a share of the weights."""
        super().step(rate, factor, decay)
        self._steps += 1
        scale = None if factor == 1.0 else torch.tensor(1.0 / factor)
        scratch = torch.empty(_PIECE)
        for piece in self._pieces:
            gradient = scratch[: len(piece.values)]
            gradient.copy_(piece.gradient)
            # What torch.optim.Adam calls, without the time that it takes to get there.
            torch._fused_adam_(
                [piece.values],
                [gradient],
                [piece.first],
                [piece.second],
                [],
                [self._steps],
                lr=rate,
                beta1=BETA_1,
                beta2=BETA_2,
                weight_decay=0.0,
                eps=EPSILON,
                amsgrad=False,
                maximize=False,
                grad_scale=scale,
            )
            if decay > 0 and piece.decays:
                piece.values.mul_(1.0 - decay)
            piece.copies.copy_(piece.values)

    def forget(self) -> None:
        """Start Adam's moments anew."""
        super().forget()
        self._steps = torch.zeros(())
        moments = (torch.zeros_like(self._full) for _ in range(2))
        flats = (self._full, self._copies, self._to_copies, *moments)
        middle = self._decaying
        self._pieces = [
            _Piece(values, copies, gradient, first, second, decays)
            for part, decays in ((slice(middle), True), (slice(middle, None), False))
            for values, copies, gradient, first, second in zip(
                *(flat[part].split(_PIECE) for flat in flats), strict=True
            )
        ]

    def save(self) -> None:
        """Keep the present values for `restore`."""
        super().save()
        self._full_saved.copy_(self._full)

    def restore(self) -> None:
        """Go back to the values last saved, with new moments."""
        self._full.copy_(self._full_saved)
        self._copies.copy_(self._full)
        super().restore()

    def release(self) -> None:
        """Give every parameter memory of its own again, with its present value."""
        super().release()
        for parameter in self._reduced:
            parameter.data = parameter.data.clone(memory_format=torch.contiguous_format)
