"""A distribution over finitely many values as the logarithms of their probabilities."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.distributions import (
    Bernoulli,
    Binomial,
    Categorical,
    Distribution,
    Independent,
    MixtureSameFamily,
    OneHotCategorical,
)

from mixtura.divergence.mixtures import log_sum_exp
from mixtura.divergence.working import widen

_MOST_OUTCOMES = 2**16


@dataclass(frozen=True, eq=False)
class Outcomes:
    """The probabilities of all values of a discrete distribution.

    Parameters
    ----------
    log_probs : Tensor of shape (*B, n)
        In float64; -inf for a value without probability.
    values : hashable
        Which values these are: two distributions can be compared where it is equal.
    open_ended : bool
        Whether the values are 0 to n - 1 of all whole numbers, those beyond having probability zero; the
        number of categories, on the contrary, is a fixed one.
    """

    log_probs: Tensor
    values: Hashable
    open_ended: bool = False

    @property
    def n_outcomes(self) -> int:
        """The number n of values."""
        return self.log_probs.shape[-1]


Reader = Callable[[Any], Outcomes | None]
AnyReader = TypeVar("AnyReader", bound=Reader)

_READERS: dict[type[Distribution], Reader] = {}


def _reads(kind: type[Distribution]) -> Callable[[AnyReader], AnyReader]:
    """Register a function that reads distributions of a type as finite ones, or says None."""

    def keep(reader: AnyReader) -> AnyReader:
        _READERS[kind] = reader
        return reader

    return keep


def as_outcomes(distribution: Distribution) -> Outcomes | None:
    """Return the probabilities of all values of a distribution, None where they are not few.

    The parameters are read as they were given: torch's own logits of a probability of 0 are those of 1e-16.

    Parameters
    ----------
    distribution : torch.distributions.Distribution
        ``Bernoulli``, ``Categorical``, ``OneHotCategorical``, ``Binomial``, a mixture or an ``Independent``
        of these, or any other that enumerates its support; of batch shape B.

    Returns
    -------
    Outcomes or None
        None for a continuous or unbounded distribution, and for one of more than 65,536 values.

    Examples
    --------
    >>> as_outcomes(Bernoulli(torch.tensor([0.25, 1.0]))).log_probs.exp()
    tensor([[0.7500, 0.2500],
            [0.0000, 1.0000]], dtype=torch.float64)
    """
    for kind in type(distribution).__mro__:
        if kind in _READERS:
            return _READERS[kind](distribution)
    return _enumerated(distribution) if distribution.has_enumerate_support else None


@_reads(Categorical)
def _read_categorical(categorical: Categorical) -> Outcomes:
    log_probs = _from_given(categorical, log_positive, _identity, clamp_side=-1)
    return Outcomes(log_probs - torch.logsumexp(log_probs, dim=-1, keepdim=True), "numbers")


@_reads(OneHotCategorical)
def _read_one_hot(one_hot: OneHotCategorical) -> Outcomes:
    return Outcomes(_read_categorical(one_hot._categorical).log_probs, "one-hot")


@_reads(Bernoulli)
def _read_bernoulli(bernoulli: Bernoulli) -> Outcomes:
    return Outcomes(log_pair(bernoulli), "numbers", open_ended=True)


@_reads(Binomial)
def _read_binomial(binomial: Binomial) -> Outcomes | None:
    total = widen(binomial.total_count).unsqueeze(-1)  # (*B, 1)
    largest = int(total.max()) if total.numel() else 0
    if largest >= _MOST_OUTCOMES:
        return None
    count = torch.arange(largest + 1, dtype=total.dtype, device=total.device)
    failure, success = log_pair(binomial).unsqueeze(-2).unbind(dim=-1)  # (*B, 1) each
    left = (total - count).clamp_min(0)
    ways = torch.lgamma(total + 1) - torch.lgamma(count + 1) - torch.lgamma(left + 1)
    log_probs = ways + _times(count, success) + _times(left, failure)
    return Outcomes(torch.where(count <= total, log_probs, -torch.inf), "numbers", open_ended=True)


@_reads(MixtureSameFamily)
def _read_mixture(mixture: MixtureSameFamily) -> Outcomes | None:
    parts = as_outcomes(mixture.component_distribution)
    if parts is None:
        return None
    log_weights = _read_categorical(mixture.mixture_distribution).log_probs
    joint = log_weights.unsqueeze(-1) + parts.log_probs  # (*B, K, n)
    return Outcomes(log_sum_exp(joint.mT), parts.values, parts.open_ended)


@_reads(Independent)
def _read_independent(independent: Independent[Any]) -> Outcomes | None:
    base, own = independent.base_dist, independent.reinterpreted_batch_ndims
    parts = as_outcomes(base)
    if parts is None or own == 0:
        return parts
    shape = base.batch_shape[-own:]
    if parts.n_outcomes ** shape.numel() > _MOST_OUTCOMES:
        return None
    joint = parts.log_probs.new_zeros(1)
    for part in parts.log_probs.flatten(-own - 1, -2).unbind(dim=-2):  # (*B, n) each
        joint = (joint.unsqueeze(-1) + part.unsqueeze(-2)).flatten(-2)
    return Outcomes(joint, (parts.values, tuple(shape), parts.n_outcomes))


def _enumerated(distribution: Distribution) -> Outcomes | None:
    try:
        values = distribution.enumerate_support(expand=False)
    except NotImplementedError:
        return None
    if len(values) > _MOST_OUTCOMES:
        return None
    log_probs = widen(distribution.log_prob(values).movedim(0, -1))
    return Outcomes(log_probs, tuple(values.flatten().tolist()))


def log_positive(probs: Tensor) -> Tensor:
    """Return the logarithm, -inf with a gradient of zero where a probability is zero.

    Examples
    --------
    >>> log_positive(torch.tensor([0.0, 1.0])).tolist()
    [-inf, 0.0]
    """
    positive = probs > 0
    return torch.where(positive, torch.where(positive, probs, 1.0).log(), -torch.inf)


def log_pair(distribution: Bernoulli | Binomial) -> Tensor:
    """Return log(1 - p) and log p, along a new last axis, in float64.

    Examples
    --------
    >>> log_pair(Bernoulli(torch.tensor(0.5))).tolist()
    [-0.693147..., -0.693147...]
    """

    def from_probs(probs: Tensor) -> Tensor:
        below = probs < 1
        failure = torch.where(below, torch.log1p(-torch.where(below, probs, 0.0)), -torch.inf)
        return torch.stack([failure, log_positive(probs)], dim=-1)

    def from_logits(logits: Tensor) -> Tensor:
        return torch.nn.functional.logsigmoid(torch.stack([-logits, logits], dim=-1))

    return _from_given(distribution, from_probs, from_logits, clamp_side=0)


def _from_given(
    distribution: Any,
    from_probs: Callable[[Tensor], Tensor],
    from_logits: Callable[[Tensor], Tensor],
    clamp_side: int,
) -> Tensor:
    """Return log-probabilities from whichever of probs and logits was given.

    Where both are known and nobody can tell which came first, the logits stand, unless torch clamped them.
    """
    known = distribution.__dict__
    probs, logits = known.get("probs"), known.get("logits")
    if logits is None or (probs is not None and known.get("_param") is probs):
        return from_probs(widen(probs))
    if probs is None:
        return from_logits(widen(logits))
    clamp = -math.log(torch.finfo(probs.dtype).eps)
    size = -logits if clamp_side < 0 else logits.abs()
    clamped = (widen(size) - clamp).abs() < 1e-5 * clamp
    found, kept = from_probs(widen(probs)), from_logits(widen(logits))
    return torch.where(clamped.reshape(*clamped.shape, *(1,) * (found.ndim - clamped.ndim)), found, kept)


def _identity(values: Tensor) -> Tensor:
    return values


def _times(count: Tensor, log_prob: Tensor) -> Tensor:
    """Return count times log-probability, 0 where the count is, even times -inf."""
    zero = count == 0
    return torch.where(zero, 0.0, count * torch.where(zero, 0.0, log_prob))
