"""Any log-density as Gaussians see it: slopes by its gradient or by differences, curvature by differences."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Self

import torch
from torch import Tensor

from mixtura.projection.target import Target

# All steps are in a Gaussian's own units.
_FINE_STENCIL = ((-2, 1 / 12), (-1, -2 / 3), (1, 2 / 3), (2, -1 / 12))  # of fourth order
_ROUGH_STENCIL = ((-1, -0.5), (1, 0.5))  # of second order
_SLOPE_STEP = 1e-2
# Long enough to see the bend at a kink; Newton's method needs no exact curvature.
_CURVE_STEP = 5e-2
_OVERFLOWING = -1e100  # from here on a log-density counts as -inf: its slope may have overflowed
_MOST_NUMBERS = 1 << 22  # coordinates of the points of one call


def has_slope(target: Target) -> bool:
    """Return whether a target's gradient is known, so that it need not be told by differences."""
    return target.mixture is not None or target.has_gradient or target._gradient is not None


class FunctionLandscape:
    """The log-density of a target that is no mixture of Gaussians.

    Parameters
    ----------
    target : Target
        The target.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self.n_components = 1
        self.has_slope = has_slope(target)

    def view(self, mean: Tensor, scale_tril: Tensor, nodes: Tensor) -> FunctionView:
        """Return the view from means (S, d) with factors (S, d, d) at nodes (d, n)."""
        places = nodes.expand(len(mean), *nodes.shape)
        return FunctionView(self, mean, scale_tril, places, self.values(mean, scale_tril, places))

    def log_prob(self, mean: Tensor, scale_tril: Tensor, nodes: Tensor) -> Tensor:
        """Return only the values (S, n)."""
        return self.values(mean, scale_tril, nodes.expand(len(mean), *nodes.shape))

    def values(self, mean: Tensor, scale_tril: Tensor, places: Tensor) -> Tensor:
        """Return the log-density (S, n) at places (S, d, n), in the units of each Gaussian."""
        S, d, n = places.shape
        points = _points(mean, scale_tril, places)
        parts = [self._target.log_prob(some).detach() for some in points.split(_MOST_NUMBERS // d)]
        values = torch.cat(parts).reshape(S, n)
        return torch.where(values > _OVERFLOWING, values, -torch.inf)

    def slopes(self, mean: Tensor, scale_tril: Tensor, places: Tensor, *, rough: bool = False) -> Tensor:
        """Return its gradient (S, d, n) there, in the same units; roughly where it serves for curvature."""
        S, d, n = places.shape
        if self.has_slope:
            points = _points(mean, scale_tril, places)
            parts = [self._target.gradient(some).detach() for some in points.split(_MOST_NUMBERS // d)]
            return scale_tril.mT @ torch.cat(parts).reshape(S, n, d).transpose(1, 2)
        stencil = _ROUGH_STENCIL if rough else _FINE_STENCIL
        slopes = torch.zeros_like(places)
        for axis in range(d):
            for steps, weight in stencil:
                moved = places.clone()
                moved[:, axis] += steps * _SLOPE_STEP
                slopes[:, axis].add_(self.values(mean, scale_tril, moved), alpha=weight / _SLOPE_STEP)
        return slopes


@dataclass(frozen=True, eq=False)
class FunctionView:
    """A log-density seen from S Gaussians at n nodes.

    Parameters
    ----------
    landscape : FunctionLandscape
        The log-density.
    mean, scale_tril : Tensor of shape (S, d), (S, d, d)
        The Gaussians.
    places : Tensor of shape (S, d, n)
        The nodes.
    value : Tensor of shape (S, n)
        The log-density there.
    """

    landscape: FunctionLandscape
    mean: Tensor
    scale_tril: Tensor
    places: Tensor
    value: Tensor

    def moments(self, nodes: Tensor) -> tuple[Tensor, Tensor]:
        """Return the sums over the nodes of the slope (S, d), and of slope times node (S, d, d)."""
        slope = self._slope_at(self.places)
        return slope.sum(dim=2), slope @ nodes.T

    def curve(self, shift: Tensor) -> Tensor:
        """Return the curvature at every node times a shift of it, both (S, d, n)."""
        length = shift.square().sum(dim=1, keepdim=True).mean(dim=2, keepdim=True).sqrt()
        step = shift * (_CURVE_STEP / length.clamp_min(torch.finfo(shift.dtype).tiny))
        ahead = self._slope_at(self.places + step, rough=True)
        behind = self._slope_at(self.places - step, rough=True)
        return (ahead - behind) * (length / (2 * _CURVE_STEP))

    def curvature(self) -> Tensor:
        """Return the curvature itself (S, d, d, n), symmetric."""
        S, d, n = self.places.shape
        axes = torch.eye(d, dtype=self.places.dtype)[..., None]  # (d, d, 1)
        if self.landscape.has_slope:
            columns = torch.stack([self.curve(axis.expand(S, d, n)) for axis in axes], dim=2)
            return (columns + columns.transpose(1, 2)) / 2
        along = [self._second_difference(axis) for axis in axes]
        curvature = self.places.new_zeros(S, d, d, n)
        for i in range(d):
            curvature[:, i, i] = along[i]
        for i, j in combinations(range(d), 2):
            mixed = (self._second_difference(axes[i] + axes[j]) - along[i] - along[j]) / 2
            curvature[:, i, j] = curvature[:, j, i] = mixed
        return curvature

    def take(self, rows: Tensor) -> Self:
        """Return the view of some of the Gaussians."""
        return type(self)(self.landscape, *(tensor[rows] for tensor in self._tensors))

    def replace(self, rows: Tensor, other: Self) -> Self:
        """Return the view in which some Gaussians, marked by True, see what they see in another."""
        mixed = (
            torch.where(rows.reshape(-1, *(1,) * (mine.ndim - 1)), its, mine)
            for mine, its in zip(self._tensors, other._tensors, strict=True)
        )
        return type(self)(self.landscape, *mixed)

    @property
    def _tensors(self) -> tuple[Tensor, ...]:
        return self.mean, self.scale_tril, self.places, self.value

    @cached_property
    def _seen(self) -> Tensor:
        """Which Gaussians see the density positive at every node (S,)."""
        return torch.isfinite(self.value).all(dim=1)

    def _slope_at(self, places: Tensor, *, rough: bool = False) -> Tensor:
        slope = torch.zeros_like(places)
        seen = self._seen
        if bool(seen.any()):
            slope[seen] = self.landscape.slopes(
                self.mean[seen], self.scale_tril[seen], places[seen], rough=rough
            )
        return _finite(slope)

    def _second_difference(self, direction: Tensor) -> Tensor:
        """Return the curvature (S, n) along a direction (d, 1)."""
        step = _CURVE_STEP * direction
        ends = [
            self.landscape.values(self.mean, self.scale_tril, self.places + side * step) for side in (1, -1)
        ]
        return _finite((ends[0] - 2 * self.value + ends[1]) / _CURVE_STEP**2)


def _points(mean: Tensor, scale_tril: Tensor, places: Tensor) -> Tensor:
    """Return the points m + L z (S n, d)."""
    return (scale_tril @ places + mean[:, :, None]).transpose(1, 2).reshape(-1, mean.shape[1])


def _finite(differences: Tensor) -> Tensor:
    """Return 0 for differences across the edge of a support: that the density vanishes is said elsewhere."""
    return torch.where(torch.isfinite(differences), differences, 0.0)
