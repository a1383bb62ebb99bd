"""A distribution made anew from its changed parameters: another dtype, one entry of a batch, an axis more."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.distributions import (
    AffineTransform,
    Distribution,
    Independent,
    MixtureSameFamily,
    Transform,
    TransformedDistribution,
)

Change = Callable[[Tensor, int], Tensor]

# Parameters that say the same thing: a distribution is given one of each group.
_ALTERNATIVES = (
    frozenset({"probs", "logits"}),
    frozenset({"covariance_matrix", "precision_matrix", "scale_tril"}),
)


def remake(distribution: Distribution, change: Change, *, own_axes: int = 0) -> Distribution | None:
    """Return the same kind of distribution with every parameter changed; gradients flow through.

    The parametrisation stays as it was given: a Cholesky factor stays one. Nothing is validated anew.

    Parameters
    ----------
    distribution : torch.distributions.Distribution
        Of batch shape ``B``.
    change : callable
        Takes a parameter and the number of its own axes, that are not the batch's, so that its shape is
        ``B`` and these; returns the new parameter.
    own_axes : int
        How many of the last axes of the batch belong to an event, as those of a base of Independent do.

    Returns
    -------
    torch.distributions.Distribution or None
        None where the kind does not tell its parameters, as one that is transformed by a function need not.

    Examples
    --------
    >>> from torch.distributions import Normal
    >>> remake(Normal(torch.zeros(3), 1.0), lambda parameter, own: parameter[0])
    Normal(loc: 0.0, scale: 1.0)
    """
    if isinstance(distribution, Independent):
        inner = distribution.reinterpreted_batch_ndims
        base = remake(distribution.base_dist, change, own_axes=own_axes + inner)
        return None if base is None else Independent(base, inner, validate_args=False)
    if isinstance(distribution, MixtureSameFamily):
        return _remake_mixture(distribution, change, own_axes)
    if type(distribution) is TransformedDistribution:
        return _remake_transformed(distribution, change, own_axes)
    n_batch = len(distribution.batch_shape)
    parameters: dict[str, Any] = {}
    for name in _given(distribution):
        value = getattr(distribution, name, None)
        if not isinstance(value, Tensor) or value.shape[:n_batch] != distribution.batch_shape:
            return None
        parameters[name] = change(value, value.ndim - n_batch + own_axes)
    settings = _settings(distribution)
    if not parameters or settings is None:
        return None
    try:
        made = type(distribution)(**parameters, **settings, validate_args=False)
    except (TypeError, ValueError):
        return None
    return made if made.event_shape == distribution.event_shape else None


def in_float64(distribution: Distribution) -> Distribution:
    """Return the distribution with parameters in float64, itself where it does not tell them."""
    return remake(distribution, lambda value, _: _to_float64(value)) or distribution


def on_cpu(distribution: Distribution) -> Distribution:
    """Return the distribution with parameters on the CPU, itself where it does not tell them."""
    return remake(distribution, lambda value, _: value.cpu()) or distribution


def device_of(distribution: Distribution) -> torch.device:
    """Return where the parameters of a distribution are; the CPU where it does not tell them."""
    known = parameters_of(distribution) or [torch.zeros(())]
    return known[0].device


def unvalidated(distribution: Distribution) -> Distribution:
    """Return a shallow copy that raises for no point, down to what it is transformed from."""
    free = copy.copy(distribution)
    free._validate_args = False
    base = getattr(free, "base_dist", None)
    if isinstance(base, Distribution):
        free.base_dist = unvalidated(base)  # type: ignore[attr-defined]
    return free


def parameters_of(distribution: Distribution) -> list[Tensor] | None:
    """Return the parameters of a distribution, None where it does not tell them."""
    found: list[Tensor] = []

    def keep(value: Tensor, _: int) -> Tensor:
        found.append(value)
        return value

    return None if remake(distribution, keep) is None else found


def requires_grad(distribution: Distribution) -> bool:
    """Return whether a gradient may flow to a parameter; yes, where it does not tell them."""
    known = parameters_of(distribution)
    return torch.is_grad_enabled() and (known is None or any(value.requires_grad for value in known))


def _to_float64(value: Tensor) -> Tensor:
    return value.to(torch.float64) if value.is_floating_point() else value


def _given(distribution: Distribution) -> list[str]:
    """Return the names of the parameters, of alternatives the one that was given first."""
    names: list[str] = []
    constraints: Any = distribution.arg_constraints
    known = distribution.__dict__
    for name in constraints:
        group = next((group for group in _ALTERNATIVES if name in group), None)
        if group is None or name == next((other for other in known if other in group), None):
            names.append(name)
    return names


def _settings(distribution: Distribution) -> dict[str, Any] | None:
    """Return what the constructor takes beside its parameters, None where that cannot be known."""
    settings: dict[str, Any] = {}
    constraints: Any = distribution.arg_constraints
    for name, argument in inspect.signature(type(distribution)).parameters.items():
        if name in constraints or name == "validate_args":
            continue
        value = distribution.__dict__.get(name)
        if (
            value is None
            or argument.kind is argument.VAR_POSITIONAL
            or (isinstance(value, Tensor) and value.ndim)
        ):
            return None
        settings[name] = value
    return settings


def _remake_mixture(
    distribution: MixtureSameFamily, change: Change, own_axes: int
) -> MixtureSameFamily | None:
    # The components' batch has one axis more than the mixture's: their own index, which is no one else's.
    shape = distribution.batch_shape
    choice = distribution.mixture_distribution.expand(shape)
    family = distribution.component_distribution
    weights = remake(choice, change, own_axes=own_axes)
    components = remake(family, change, own_axes=own_axes + 1)
    if weights is None or components is None:
        return None
    return MixtureSameFamily(weights, components, validate_args=False)  # type: ignore[arg-type]


def _remake_transformed(
    distribution: TransformedDistribution, change: Change, own_axes: int
) -> TransformedDistribution | None:
    shape = distribution.batch_shape + distribution.event_shape
    own = len(distribution.event_shape) + own_axes
    transforms = [_remake_transform(transform, shape, change, own) for transform in distribution.transforms]
    base = distribution.base_dist
    inner = len(base.batch_shape) - len(distribution.batch_shape)
    made = remake(base, change, own_axes=own_axes + inner) if inner >= 0 else None
    if made is None or any(transform is None for transform in transforms):
        return None
    return TransformedDistribution(made, transforms, validate_args=False)  # type: ignore[arg-type]


def _remake_transform(transform: Transform, shape: torch.Size, change: Change, own: int) -> Transform | None:
    """Return a transform for the new batch, None for one that holds numbers which it does not name."""
    if type(transform) is AffineTransform and transform.event_dim == 0:
        loc, scale = (torch.as_tensor(value).expand(shape) for value in (transform.loc, transform.scale))
        return AffineTransform(change(loc, own), change(scale, own))
    held = transform.__dict__.values()
    if any(isinstance(value, (torch.nn.Module, list, tuple)) for value in held):
        return None
    return None if any(isinstance(value, Tensor) and value.ndim > 0 for value in held) else transform
