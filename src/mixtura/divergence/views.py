"""One entry of a batch of distributions, and a distribution as a batch of one."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution

from mixtura.divergence.parameters import remake


def entry(distribution: Distribution, index: int, *, after: int = 0) -> Distribution:
    """Return one entry of an axis of the batch, which is then without that axis.

    Parameters
    ----------
    distribution : torch.distributions.Distribution
        Of batch shape ``B``, which is not empty.
    index : int
        Which entry.
    after : int
        How many axes of the batch come after that axis: 0 means the last one.

    Examples
    --------
    >>> from torch.distributions import Normal
    >>> entry(Normal(torch.tensor([1.0, 2.0]), 1.0), 1)
    Normal(loc: 2.0, scale: 1.0)
    """

    def pick(value: Tensor, own: int) -> Tensor:
        return value.select(value.ndim - own - after - 1, index)

    if isinstance(distribution, _Single):
        return (
            distribution.whole if after == 0 else _Single(entry(distribution.whole, index, after=after - 1))
        )
    made = remake(distribution, pick)
    return _Entry(distribution, index, after) if made is None else made


def single(distribution: Distribution) -> Distribution:
    """Return the distribution with an axis of one entry added at the end of its batch.

    Examples
    --------
    >>> from torch.distributions import Normal
    >>> single(Normal(torch.zeros(3), 1.0)).batch_shape
    torch.Size([3, 1])
    """
    made = remake(distribution, lambda value, own: value.unsqueeze(value.ndim - own))
    return _Single(distribution) if made is None else made


class _Entry(Distribution):
    """One entry of an axis of a batch, seen through the whole batch: for kinds that tell no parameters."""

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012

    def __init__(self, whole: Distribution, index: int, after: int) -> None:
        self.whole, self.index, self.after = whole, index, after
        shape = list(whole.batch_shape)
        del shape[len(shape) - 1 - after]
        super().__init__(torch.Size(shape), whole.event_shape, validate_args=False)

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        return self.whole.has_rsample

    @property
    def support(self) -> Any:
        return self.whole.support

    @property
    def mean(self) -> Tensor:
        return self._pick(self.whole.mean, len(self.event_shape))

    @property
    def variance(self) -> Tensor:
        return self._pick(self.whole.variance, len(self.event_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        beside = value.unsqueeze(value.ndim - len(self.event_shape) - self.after)
        return self._pick(self.whole.log_prob(beside), 0)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with torch.no_grad():
            return self._pick(self.whole.sample(sample_shape), len(self.event_shape))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self._pick(self.whole.rsample(sample_shape), len(self.event_shape))

    def expand(self, batch_shape: Any, _instance: Any = None) -> Distribution:
        shape = list(batch_shape)
        at = len(shape) - self.after
        size = self.whole.batch_shape[len(self.whole.batch_shape) - 1 - self.after]
        return _Entry(self.whole.expand(torch.Size([*shape[:at], size, *shape[at:]])), self.index, self.after)

    def _pick(self, values: Tensor, own: int) -> Tensor:
        return values.select(values.ndim - own - self.after - 1, self.index)


class _Single(Distribution):
    """A distribution with one more axis of one entry, for kinds that tell no parameters."""

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012

    def __init__(self, whole: Distribution) -> None:
        self.whole = whole
        super().__init__(torch.Size((*whole.batch_shape, 1)), whole.event_shape, validate_args=False)

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        return self.whole.has_rsample

    @property
    def support(self) -> Any:
        return self.whole.support

    @property
    def mean(self) -> Tensor:
        return self._widen(self.whole.mean, len(self.event_shape))

    @property
    def variance(self) -> Tensor:
        return self._widen(self.whole.variance, len(self.event_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        return self.whole.log_prob(value.squeeze(value.ndim - len(self.event_shape) - 1)).unsqueeze(-1)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with torch.no_grad():
            return self._widen(self.whole.sample(sample_shape), len(self.event_shape))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self._widen(self.whole.rsample(sample_shape), len(self.event_shape))

    def expand(self, batch_shape: Any, _instance: Any = None) -> Distribution:
        return _Single(self.whole.expand(torch.Size(batch_shape[:-1])))

    def _widen(self, values: Tensor, own: int) -> Tensor:
        return values.unsqueeze(values.ndim - own)
