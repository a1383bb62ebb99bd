"""KL(q || p) as a function of the Gaussian q, made deterministic by fixed nodes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from mixtura.projection.covariances import CovarianceFamily
from mixtura.projection.landscape import Landscape, View

_CHUNK = 8192  # numbers of a chunk of nodes: what they need stays in the processor's cache
_SHORTEST_CHUNK = 512
_MOST_DENSE = 6  # dimensions


@dataclass(frozen=True, eq=False)
class Basis:
    """The coordinates of a step written out as matrices, for few dimensions."""

    step: Tensor  # (P, d (d + 1)): the shift of the mean beside the stretch
    diagonal: Tensor  # (P, d): the diagonal of the stretch


@dataclass(frozen=True, eq=False)
class Local:
    """The objective at S Gaussians, in the P coordinates of their steps.

    Parameters
    ----------
    value : Tensor of shape (S,)
        The divergence, up to the logarithm of the target's integral; inf where the target vanishes.
    gradient : Tensor of shape (S, P)
        Its derivatives.
    twist : Tensor of shape (S, d, d)
        The mean of slope times node, which is that of the log-density's curvature (Stein's identity). Its
        diagonal is what the exponential on the diagonal of a stretch adds to the second derivatives.
    view : View
        What is seen at the nodes that curvature is taken from.
    nodes : Tensor of shape (d, n)
        Those nodes.
    family : CovarianceFamily
        Whose coordinates they are.
    """

    value: Tensor
    gradient: Tensor
    twist: Tensor
    views: tuple[View, ...]
    chunks: tuple[Tensor, ...]
    family: CovarianceFamily

    def curve(self, step: Tensor) -> Tensor:
        """Return the second derivatives times steps, both (S, P)."""
        d = self.family.dimension
        stretch = self.family.spread(step[:, d:])  # (S, d, d)
        shift, slope = torch.zeros_like(step[:, :d]), torch.zeros_like(stretch)
        for view, nodes in zip(self.views, self.chunks, strict=True):
            bent = view.curve((stretch @ nodes).add_(step[:, :d, None]))
            shift += bent.sum(dim=2)
            slope += bent @ nodes.T
        slope /= -self.count
        slope.diagonal(dim1=1, dim2=2).sub_(_diagonal(self.twist) * _diagonal(stretch))
        return torch.cat([shift / -self.count, self.family.gather(slope)], dim=1)

    def hessian(self, basis: Basis) -> Tensor:
        """Return the second derivatives (S, P, P)."""
        d = self.family.dimension
        total = self.value.new_zeros(len(self.value) * d * d, (d + 1) ** 2)
        for view, nodes in zip(self.views, self.chunks, strict=True):
            lifted = torch.cat([nodes.new_ones(1, nodes.shape[1]), nodes])  # (d + 1, n)
            squares = (lifted[:, None] * lifted).flatten(0, 1)
            total.addmm_(view.curvature().reshape(-1, nodes.shape[1]), squares.T, alpha=-1 / self.count)
        total = total.reshape(-1, d, d, d + 1, d + 1).transpose(2, 3).reshape(-1, d * (d + 1), d * (d + 1))
        return (
            basis.step @ total @ basis.step.T
            - (basis.diagonal * _diagonal(self.twist)[:, None]) @ basis.diagonal.T
        )

    @property
    def count(self) -> int:
        """The number of nodes."""
        return sum(nodes.shape[1] for nodes in self.chunks)

    def take(self, rows: Tensor) -> Self:
        """Return the objective at some of the Gaussians."""
        return type(self)(
            self.value[rows],
            self.gradient[rows],
            self.twist[rows],
            tuple(view.take(rows) for view in self.views),
            self.chunks,
            self.family,
        )

    def replace(self, rows: Tensor, other: Self) -> Self:
        """Return the objective where some Gaussians, marked by True, stand elsewhere."""
        return type(self)(
            torch.where(rows, other.value, self.value),
            torch.where(rows[:, None], other.gradient, self.gradient),
            torch.where(rows[:, None, None], other.twist, self.twist),
            tuple(mine.replace(rows, its) for mine, its in zip(self.views, other.views, strict=True)),
            self.chunks,
            self.family,
        )


class Objective:
    """The divergence of the Gaussians of a family from a target.

    Parameters
    ----------
    landscape : Landscape
        The target.
    family : CovarianceFamily
        The Gaussians.
    nodes : Tensor of shape (d, n)
        Points that stand for N(0, I).

    Attributes
    ----------
    nodes : tuple of Tensor of shape (d, m)
        The same, in chunks.
    cost : int
        How many numbers one Gaussian keeps.
    """

    def __init__(self, landscape: Landscape, family: CovarianceFamily, nodes: Tensor) -> None:
        self._landscape, self.family = landscape, family
        length = max(_CHUNK // family.dimension, _SHORTEST_CHUNK)
        self.nodes = tuple(chunk.contiguous() for chunk in nodes.split(length, dim=1))
        self._count = nodes.shape[1]
        self.cost = landscape.n_components * nodes.numel()

    def at(self, mean: Tensor, scale_tril: Tensor) -> Local:
        """Return the objective at means (S, d) with factors (S, d, d)."""
        d = self.family.dimension
        views: list[View] = []
        total, pull, twist = mean.new_zeros(len(mean)), torch.zeros_like(mean), torch.zeros_like(scale_tril)
        for nodes in self.nodes:
            view = self._landscape.view(mean, scale_tril, nodes)
            total += view.value.sum(dim=1)
            slope, turn = view.moments(nodes)
            pull += slope
            twist += turn
            views.append(view)
        twist /= self._count
        stretch = -twist
        _diagonal(stretch).sub_(1.0)
        entropy = _diagonal(scale_tril).log().sum(dim=1) + 0.5 * d * (1 + math.log(2 * math.pi))
        return Local(
            value=-total / self._count - entropy,
            gradient=torch.cat([pull / -self._count, self.family.gather(stretch)], dim=1),
            twist=twist,
            views=tuple(views),
            chunks=self.nodes,
            family=self.family,
        )


def basis_of(family: CovarianceFamily) -> Basis | None:
    """Return the coordinates of a family written out, None where products with vectors are quicker."""
    d = family.dimension
    if d > _MOST_DENSE:
        return None
    unit = torch.eye(d + family.size, dtype=torch.float64)
    stretch = family.spread(unit[:, d:])  # (P, d, d)
    return Basis(torch.cat([unit[:, :d, None], stretch], dim=2).flatten(1), _diagonal(stretch))


def _diagonal(matrices: Tensor) -> Tensor:
    """Return the diagonals (S, d), as a view that can be written to."""
    return matrices.diagonal(dim1=1, dim2=2)
