"""One entry of a batch of distributions, and a distribution as a batch of one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution

from mixtura.divergence.parameters import remake, unvalidated

# Takes a tensor and the number of its last axes that are not the batch's.
Reshape = Callable[[Tensor, int], Tensor]


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

    def lift(value: Tensor, own: int) -> Tensor:
        return value.unsqueeze(value.ndim - own - after)

    shape = list(distribution.batch_shape)
    del shape[len(shape) - 1 - after]
    return remake(distribution, pick) or View(distribution, torch.Size(shape), lift, pick)


def single(distribution: Distribution) -> Distribution:
    """Return the distribution with an axis of one entry added at the end of its batch.

    Examples
    --------
    >>> from torch.distributions import Normal
    >>> single(Normal(torch.zeros(3), 1.0)).batch_shape
    torch.Size([3, 1])
    """

    def widen(value: Tensor, own: int) -> Tensor:
        return value.unsqueeze(value.ndim - own)

    def narrow(value: Tensor, own: int) -> Tensor:
        return value.squeeze(value.ndim - own - 1)

    shape = torch.Size((*distribution.batch_shape, 1))
    return remake(distribution, widen) or View(distribution, shape, narrow, widen)


class View(Distribution):
    """A distribution seen through another batch shape, for kinds that do not tell their parameters.

    Parameters
    ----------
    whole : torch.distributions.Distribution
        What it is a view of.
    batch_shape : torch.Size
        Its own batch shape.
    lift : callable
        Gives points of this batch shape that of the whole, or one that broadcasts to it.
    pick : callable
        Gives results for the whole this batch shape.
    """

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012

    def __init__(self, whole: Distribution, batch_shape: torch.Size, lift: Reshape, pick: Reshape) -> None:
        self.whole, self.lift, self.pick = unvalidated(whole), lift, pick
        super().__init__(batch_shape, whole.event_shape, validate_args=False)

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        """Whether draws of the whole are reparametrised."""
        return self.whole.has_rsample

    @property
    def support(self) -> Any:
        """The constraint that the whole's points meet."""
        return self.whole.support

    @property
    def mean(self) -> Tensor:
        """The mean, of this batch shape."""
        return self._moment(self.whole.mean)

    @property
    def variance(self) -> Tensor:
        """The variance, of this batch shape."""
        return self._moment(self.whole.variance)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the whole's log-density at points of this batch shape, in nats."""
        return self.pick(self.whole.log_prob(self.lift(value, len(self.event_shape))), 0)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Return draws of the whole, of this batch shape."""
        with torch.no_grad():
            return self._moment(self.whole.sample(sample_shape), len(sample_shape))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Return reparametrised draws of the whole, of this batch shape."""
        return self._moment(self.whole.rsample(sample_shape), len(sample_shape))

    def expand(self, batch_shape: Any, _instance: Any = None) -> Distribution:
        """Return a view of a larger batch shape; entries that are alike share their draws."""
        return View(self.whole, torch.Size(batch_shape), self.lift, self.pick)

    def _moment(self, values: Tensor, n_samples: int = 0) -> Tensor:
        n_event = len(self.event_shape)
        picked = self.pick(values, n_event)
        old = picked.shape[n_samples : picked.ndim - n_event]
        axes = len(self.batch_shape) - len(old)
        size = picked.shape[:n_samples]
        return picked.reshape(*size, *(1,) * axes, *old, *self.event_shape).expand(
            *size, *self.batch_shape, *self.event_shape
        )
