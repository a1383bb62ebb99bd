"""Whether two distributions can be compared, and whether numbers are probabilities."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Distribution

from mixtura.divergence.working import parameters
from mixtura.errors import InputError

_SUM_TOLERANCE = 1e-8


def check_pair(p: Distribution, q: Distribution) -> None:
    """Raise unless there is a divergence between two distributions.

    Parameters
    ----------
    p, q : torch.distributions.Distribution
        Any two.

    Raises
    ------
    InputError
        If one is no distribution or has a NaN among its parameters, if their events have different shapes or
        their batch shapes do not broadcast, if one is discrete and the other continuous, or if they are on
        different devices.

    Examples
    --------
    >>> from torch.distributions import Normal
    >>> check_pair(Normal(torch.zeros(3), 1.0), Normal(torch.zeros(2), 1.0))
    Traceback (most recent call last):
    mixtura.errors.InputError: the batch shapes of p and q are (3,) and (2,), which do not broadcast; ...
    """
    for name, distribution in (("p", p), ("q", q)):
        _check_type(distribution, name)
    _check_devices(p, q)
    for name, distribution in (("p", p), ("q", q)):
        check_parameters(distribution, name)
    if p.event_shape != q.event_shape:
        raise InputError(
            f"events of p have shape {tuple(p.event_shape)} and those of q {tuple(q.event_shape)}; "
            f"{type(p).__name__} and {type(q).__name__} must be over the same space"
        )
    try:
        torch.broadcast_shapes(p.batch_shape, q.batch_shape)
    except RuntimeError:
        raise InputError(
            f"the batch shapes of p and q are {tuple(p.batch_shape)} and {tuple(q.batch_shape)}, which do "
            "not broadcast; give them equal axes, or axes of length one"
        ) from None
    kinds = [is_discrete(distribution) for distribution in (p, q)]
    if None not in kinds and kinds[0] != kinds[1]:
        words = ["discrete" if kind else "continuous" for kind in kinds]
        raise InputError(
            f"p ({type(p).__name__}) is {words[0]} and q ({type(q).__name__}) {words[1]}: they have no "
            "densities with respect to one measure and the divergence is infinite; compare two of one kind"
        )


def check_parameters(distribution: Distribution, name: str) -> None:
    """Raise unless a distribution is one and no parameter of it is NaN.

    Parameters
    ----------
    distribution : torch.distributions.Distribution
        What was given.
    name : str
        What it is called in the message.

    Raises
    ------
    InputError
        The message names the parameter and the entry.

    Examples
    --------
    >>> from torch.distributions import Normal
    >>> check_parameters(Normal(torch.tensor([0.0, torch.nan]), 1.0, validate_args=False), "p")
    Traceback (most recent call last):
    mixtura.errors.InputError: loc of p is nan at [1]; give p numbers
    """
    _check_type(distribution, name)
    for parameter, value in parameters(distribution):
        # A sum is read faster than each entry, and is NaN if one is.
        if not bool(torch.isnan(value.detach().sum())):
            continue
        wrong = torch.isnan(value)
        if bool(wrong.any()):
            raise InputError(f"{parameter} of {name} is nan{first_entry(wrong)}; give {name} numbers")


def _check_type(distribution: Distribution, name: str) -> None:
    if not isinstance(distribution, Distribution):
        raise InputError(
            f"{name} is of type {type(distribution).__name__}; give a torch distribution, or an array of "
            "probabilities"
        )


def _check_devices(p: Distribution, q: Distribution) -> None:
    """Raise unless all parameters are on one device; single numbers may be on any."""
    devices = {str(value.device) for one in (p, q) for _, value in parameters(one) if value.ndim}
    if len(devices) > 1:
        raise InputError(
            f"p and q are on different devices, {' and '.join(sorted(devices))}; move them to one"
        )


def check_probabilities(values: Tensor, name: str) -> None:
    """Raise unless the last axis holds probabilities.

    Parameters
    ----------
    values : Tensor of shape (*B, n)
        Not negative, with sum one within 1e-8 (1e-5 in a type narrower than float64).
    name : str
        What they are called in the message.

    Raises
    ------
    InputError
        The message names the entry and its value, or what the entries sum to.

    Examples
    --------
    >>> check_probabilities(torch.tensor([0.5, 0.6]), "p")
    Traceback (most recent call last):
    mixtura.errors.InputError: the probabilities of p sum to 1.1...; they must sum to one: divide them by ...
    """
    if values.ndim == 0 or values.shape[-1] == 0:
        raise InputError(f"{name} has shape {tuple(values.shape)}; give a probability for each category")
    wrong = ~((values >= 0) & (values < torch.inf))
    if bool(wrong.any()):
        worst = float(values.detach()[wrong][0])
        raise InputError(
            f"a probability of {name} is {worst:.6g}{first_entry(wrong)}; it must be from 0 to 1"
        )
    total = values.detach().to(torch.float64).sum(dim=-1)
    tolerance = _SUM_TOLERANCE if values.dtype == torch.float64 else 1e-5
    wrong = (total - 1).abs() > tolerance
    if bool(wrong.any()):
        raise InputError(
            f"the probabilities of {name}{first_entry(wrong)} sum to {float(total[wrong][0]):.10g}; "
            "they must sum to one: divide them by their sum"
        )


def is_discrete(distribution: Distribution) -> bool | None:
    """Return whether a distribution is over discrete values, None where it does not say.

    Examples
    --------
    >>> from torch.distributions import Poisson
    >>> is_discrete(Poisson(1.0))
    True
    """
    try:
        support = distribution.support
    except (NotImplementedError, AttributeError):
        return None
    return None if support is None else bool(support.is_discrete)


def first_entry(wrong: Tensor) -> str:
    """Return where the first True is, as words: nothing for a tensor without axes.

    Examples
    --------
    >>> first_entry(torch.tensor([[False, False], [True, True]]))
    ' at [1, 0]'
    """
    if wrong.ndim == 0:
        return ""
    return f" at [{', '.join(str(int(index)) for index in wrong.nonzero()[0])}]"
