"""A mixture as what it is made of; a plain distribution is a mixture of one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution, MixtureSameFamily

from mixtura.divergence.mixture_from_arrays import gaussian_mixture as gaussian_mixture
from mixtura.divergence.mixture_from_arrays import log_of_weights
from mixtura.divergence.parameters import in_float64, parameters_of, remake
from mixtura.divergence.support import supported_log_prob
from mixtura.divergence.views import entry, single


@dataclass(frozen=True, eq=False)
class Mixture:
    """What a mixture is made of: sum_k exp(log_weights_k) family_k.

    Parameters
    ----------
    log_weights : Tensor of shape (*B, K)
        Logarithms of weights that sum to one; -inf for a component without mass.
    family : torch.distributions.Distribution
        The components as one distribution of batch shape (*B, K).
    """

    log_weights: Tensor
    family: Distribution

    @property
    def n_components(self) -> int:
        """The number K of components."""
        return self.log_weights.shape[-1]

    @property
    def batch_shape(self) -> torch.Size:
        """The shape B."""
        return self.log_weights.shape[:-1]

    @property
    def event_shape(self) -> torch.Size:
        """The shape of one point."""
        return self.family.event_shape

    @cached_property
    def components(self) -> list[Distribution]:
        """The K components, each of batch shape B, of the parametrisation that they were given in."""
        return [entry(self.family, k) for k in range(self.n_components)]

    @property
    def weights(self) -> Tensor:
        """The weights, of shape (*B, K)."""
        return self.log_weights.exp()

    def log_prob(self, points: Tensor) -> Tensor:
        """Return the log-density at points, -inf outside the support; nothing is ever raised for a point.

        Parameters
        ----------
        points : Tensor of shape (*S, *B, *event)
            Or one that broadcasts to it.

        Returns
        -------
        Tensor of shape (*S, *B)
            Nats. A component of weight zero has no part in it or in its gradient.
        """
        beside = points.unsqueeze(points.ndim - len(self.event_shape))  # (*S, *B, 1, *event)
        return log_sum_exp(self.log_weights + supported_log_prob(self.family, beside))

    def expand(self, batch_shape: tuple[int, ...]) -> Mixture:
        """Return the mixture repeated over a larger batch shape."""
        if self.batch_shape == torch.Size(batch_shape):
            return self
        shape = (*batch_shape, self.n_components)
        return Mixture(self.log_weights.expand(shape), self.family.expand(torch.Size(shape)))

    def entry(self, index: tuple[int, ...]) -> Mixture:
        """Return the one mixture at an index of the batch."""
        family = self.family
        for axis, at in enumerate(index):
            family = entry(family, at, after=len(index) - axis)
        return Mixture(self.log_weights[index], family)


def as_mixture(distribution: Distribution) -> Mixture:
    """Return what a distribution is a mixture of; a plain one is a mixture of one.

    Parameters
    ----------
    distribution : torch.distributions.Distribution
        A MixtureSameFamily, perhaps of mixtures, or any other.

    Returns
    -------
    Mixture
        Its components keep their parametrisation, dtype and gradients.

    Examples
    --------
    >>> from torch.distributions import Normal
    >>> mixture = MixtureSameFamily(Categorical(torch.tensor([0.25, 0.75])), Normal(torch.zeros(2), 1.0))
    >>> as_mixture(mixture).weights
    tensor([0.2500, 0.7500])
    >>> as_mixture(Normal(0.0, 1.0)).components
    [Normal(loc: 0.0, scale: 1.0)]
    """
    if not isinstance(distribution, MixtureSameFamily):
        return Mixture(_zeros(distribution), single(distribution))
    choice, family = distribution.mixture_distribution, distribution.component_distribution
    shape = torch.broadcast_shapes(choice.batch_shape, family.batch_shape[:-1])
    log_weights = _log_probabilities(choice)
    log_weights = log_weights.expand(*shape, log_weights.shape[-1])
    if family.batch_shape != log_weights.shape:
        family = family.expand(log_weights.shape)
    outer = Mixture(log_weights, family)
    return _flattened(outer) if isinstance(family, MixtureSameFamily) else outer


def as_float64(distribution: Distribution) -> Mixture:
    """Return the mixture that a distribution is, all numbers in float64 and nothing validated anew."""
    parts = as_mixture(in_float64(distribution))
    # Weights that summed to one in a smaller type do so in this one.
    log_weights = torch.log_softmax(parts.log_weights.to(torch.float64), dim=-1)
    return Mixture(log_weights, in_float64(parts.family))


def log_sum_exp(values: Tensor) -> Tensor:
    """Return log sum exp along the last axis; -inf where all are, with a gradient of zero and never NaN."""
    empty = (values == -torch.inf).all(dim=-1, keepdim=True)
    filled = torch.logsumexp(torch.where(empty, 0.0, values), dim=-1)
    return torch.where(empty.squeeze(-1), -torch.inf, filled)


def _zeros(distribution: Distribution) -> Tensor:
    """Return the logarithm of the one weight of a plain distribution, of its dtype and device."""
    floating = [value for value in parameters_of(distribution) or [] if value.is_floating_point()]
    kind: dict[str, Any] = {"dtype": floating[0].dtype, "device": floating[0].device} if floating else {}
    return torch.zeros(*distribution.batch_shape, 1, **kind)


def _log_probabilities(choice: Categorical) -> Tensor:
    """Return the logarithms of the weights; those of zero are -inf and get no gradient."""
    given = choice.__dict__
    if "logits" in given and next(name for name in given if name in ("probs", "logits")) == "logits":
        return torch.log_softmax(choice.logits, dim=-1)
    return log_of_weights(choice.probs)


def _flattened(outer: Mixture) -> Mixture:
    """Return a mixture of mixtures as one, its components in the order of the outer, then the inner index."""
    inner = as_mixture(outer.family)  # weights (*B, K, J)
    n_batch = len(outer.batch_shape)

    def join(value: Tensor, own: int = 0) -> Tensor:
        return value.flatten(n_batch, n_batch + 1)

    family = remake(inner.family, join)
    if family is None:
        return outer
    return Mixture(join(outer.log_weights.unsqueeze(-1) + inner.log_weights), family)
