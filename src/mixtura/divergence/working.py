"""The precision in which divergences are computed, and the one in which they are returned."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.distributions import Distribution, Transform

_WITHOUT_FLOAT64 = frozenset({"mps"})


def widen(values: Tensor) -> Tensor:
    """Return values in float64, or as they are on a device that has no float64.

    Examples
    --------
    >>> widen(torch.tensor([1.0])).dtype
    torch.float64
    """
    if values.device.type in _WITHOUT_FLOAT64:
        return values if values.is_floating_point() else values.to(torch.float32)
    return values.to(torch.float64)


def parameters(distribution: Distribution) -> Iterator[tuple[str, Tensor]]:
    """Yield the name and value of each tensor that a distribution holds, those of its parts included.

    Nothing that a distribution computes only when asked is computed here.

    Parameters
    ----------
    distribution : torch.distributions.Distribution
        Any distribution.

    Yields
    ------
    (str, Tensor)
        A name, without a leading underscore, and the tensor.

    Examples
    --------
    >>> from torch.distributions import Independent, Normal
    >>> [name for name, _ in parameters(Independent(Normal(torch.zeros(2), 1.0), 1))]
    ['loc', 'scale']
    """
    for name, value in distribution.__dict__.items():
        if isinstance(value, Tensor):
            yield name.lstrip("_"), value
        elif isinstance(value, Distribution):
            yield from parameters(value)
        elif isinstance(value, list):
            for part in value:
                if isinstance(part, Transform):
                    yield from _tensors(part)


def _tensors(transform: Transform) -> Iterator[tuple[str, Tensor]]:
    for name, value in transform.__dict__.items():
        if isinstance(value, Tensor):
            yield name.lstrip("_"), value


def result_dtype(*distributions: Distribution) -> torch.dtype:
    """Return the floating type to which the types of all parameters promote: that of the result.

    Examples
    --------
    >>> from torch.distributions import Normal
    >>> result_dtype(Normal(torch.zeros(2), 1.0), Normal(torch.zeros(2, dtype=torch.float64), 1.0))
    torch.float64
    """
    found: torch.dtype | None = None
    for distribution in distributions:
        for _, value in parameters(distribution):
            if value.is_floating_point():
                found = value.dtype if found is None else torch.promote_types(found, value.dtype)
    return torch.get_default_dtype() if found is None else found
