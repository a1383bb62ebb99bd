"""A log-density as several Gaussians see it: values, slopes and curvature at their nodes, in their own units.

Seen from N(m, L L^T), the log-density at eps is log p(m + L eps), its slope L^T grad log p and its curvature
L^T (hess log p) L. So nothing here depends on the units of the target.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Protocol, Self

from torch import Tensor


class View(Protocol):
    """What S Gaussians see at n nodes."""

    @property
    def value(self) -> Tensor:
        """The log-density (S, n); a Gaussian that sees -inf anywhere sees no slope."""

    def moments(self, nodes: Tensor) -> tuple[Tensor, Tensor]:
        """Return the sums over the nodes of the slope (S, d), and of slope times node (S, d, d)."""

    def curve(self, shift: Tensor) -> Tensor:
        """Return the curvature at every node times a shift of it, both (S, d, n)."""

    def curvature(self) -> Tensor:
        """Return the curvature itself (S, d, d, n)."""

    def take(self, rows: Tensor) -> Self:
        """Return the view of some of the Gaussians."""

    def replace(self, rows: Tensor, other: Self) -> Self:
        """Return the view in which some Gaussians see what they see in another."""


class Landscape(Protocol):
    """A log-density that can be seen from Gaussians.

    Attributes
    ----------
    n_components : int
        How many densities are looked at for every value of it: what memory is counted in.
    """

    n_components: int

    def view(self, mean: Tensor, scale_tril: Tensor, nodes: Tensor) -> View:
        """Return the view from means (S, d) with factors (S, d, d) at nodes (d, n)."""

    def log_prob(self, mean: Tensor, scale_tril: Tensor, nodes: Tensor) -> Tensor:
        """Return only the values (S, n)."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Tensors whose first axis counts Gaussians."""

    def take(self, rows: Tensor) -> Self:
        """Return some of the rows."""
        return type(self)(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    def replace(self, rows: Tensor, other: Self) -> Self:
        """Return the rows with some, marked by True, taken from another."""
        mixed = {}
        for field in fields(self):
            value = getattr(self, field.name).clone()
            value[rows] = getattr(other, field.name)[rows]
            mixed[field.name] = value
        return type(self)(**mixed)
