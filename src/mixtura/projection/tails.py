"""How a density falls far out: whether it has an integral, and second moments."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from mixtura.errors import InputError
from mixtura.projection.climb import look
from mixtura.projection.target import Target

_RAYS = 32
_NEAR = 1e5
_BEYOND = 1e20  # a radius at which every density should fall, wherever it lies
_MARGIN = 1e-3


@dataclass(frozen=True, eq=False)
class Tail:
    """The slowest fall among random rays from a centre.

    Parameters
    ----------
    exponent : float
        d log p / d log r far out; -inf where p falls faster than every power.
    direction : Tensor of shape (d,)
        The ray, of length one.
    """

    exponent: float
    direction: Tensor

    def degrees_of_freedom(self) -> float:
        """Return those of a Student-t distribution that falls alike."""
        return -self.exponent - len(self.direction)


def slowest_tail(
    target: Target, mean: Tensor, scale_tril: Tensor, generator: Generator, near: float = _NEAR
) -> Tail:
    """Look along random rays, between a radius and ten times that.

    A density has an integral if it falls faster than r^-d along almost every ray, and second moments if
    faster than r^-(d + 2). Few rays see what happens in most directions, not a ridge along one.

    Parameters
    ----------
    target : Target
        The density p.
    mean, scale_tril : Tensor of shape (d,), (d, d)
        A Gaussian about where p is.
    generator : torch.Generator
        Where the rays come from.
    near : float
        The radius, in units of the Gaussian.

    Returns
    -------
    Tail
    """
    rays = torch.randn(_RAYS, len(mean), generator=generator, dtype=torch.float64)
    rays = torch.cat([rays, -rays]) / rays.norm(dim=1, keepdim=True).repeat(2, 1)
    rays = rays @ scale_tril.mT
    falls = _falls(target, mean, rays, near)
    slowest = int(falls.argmax())
    return Tail(float(falls[slowest]), rays[slowest] / rays[slowest].norm())


def tail_along(target: Target, mean: Tensor, direction: Tensor) -> Tail:
    """Look along one direction (d,), both ways."""
    rays = torch.stack([direction, -direction])
    return Tail(float(_falls(target, mean, rays, _NEAR).max()), direction / direction.norm())


def _falls(target: Target, mean: Tensor, rays: Tensor, near: float) -> Tensor:
    """Return d log p / d log r along rays (R, d), between a radius and ten times that."""
    before, after = (look(target, mean + radius * rays) for radius in (near, 10 * near))
    return torch.where(torch.isfinite(before), (after - before) / math.log(10), -torch.inf)


def require_decay(target: Target, generator: Generator) -> None:
    """Raise InputError for a density that, by what it does very far from 0, can have no integral."""
    d = target.dimension
    origin, axes = torch.zeros(d, dtype=torch.float64), torch.eye(d, dtype=torch.float64)
    require_integrable(target, slowest_tail(target, origin, axes, generator, near=_BEYOND), d)


def require_integrable(target: Target, tail: Tail, dimension: int) -> None:
    """Raise InputError for a density whose integral over so many dimensions is infinite."""
    if tail.exponent > -dimension - _MARGIN:
        verb = "falls" if tail.exponent < 0 else "goes"
        raise InputError(
            f"the density of {target.name} is not integrable: along {_text(tail.direction)} it {verb} as "
            f"|x|^{tail.exponent:.3g}, and it must fall faster than |x|^-{dimension}"
        )


def require_second_moments(target: Target, tail: Tail) -> None:
    """Raise InputError for a density without second moments."""
    d = target.dimension
    if tail.exponent > -d - 2 - _MARGIN:
        raise InputError(
            f"{target.name} has no second moments: along {_text(tail.direction)} its density falls as "
            f"|x|^{tail.exponent:.3g}, and it must fall faster than |x|^-{d + 2}; there is no inclusive "
            "projection, ask for the exclusive one"
        )


def _text(direction: Tensor) -> str:
    shown = ", ".join(f"{float(value):.3g}" for value in direction[:4])
    return f"({shown}{', ...' if len(direction) > 4 else ''})"
