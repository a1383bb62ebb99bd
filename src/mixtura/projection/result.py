"""What a projection returns: the closest Gaussian, every stationary point, and a figure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor
from torch.distributions import Distribution

from mixtura.findings import Finding

if TYPE_CHECKING:
    from mixtura.projection.target import Target

Kind = Literal["minimum", "saddle", "maximum"]
Direction = Literal["inclusive", "exclusive", "alpha"]
CovarianceType = Literal["full", "diag", "spherical"]


@dataclass(frozen=True, eq=False)
class StationaryPoint:
    """A Gaussian at which the gradient of the divergence vanishes.

    Parameters
    ----------
    distribution : torch.distributions.Distribution
        The Gaussian.
    kl : float
        The divergence there, in nats.
    kind : {"minimum", "saddle", "maximum"}
        By the signs of the eigenvalues of the second derivatives.
    """

    distribution: Distribution
    kl: float
    kind: Kind

    def __repr__(self) -> str:
        """Return the point on one line."""
        return f"StationaryPoint({self.kind}, kl={self.kl:.6g}, {describe_gaussian(self.distribution)})"


@dataclass(frozen=True, eq=False)
class Projection:
    """The Gaussian closest to a target.

    Parameters
    ----------
    distribution : torch.distributions.Distribution
        The Gaussian q: a ``Normal`` for scalar events; else a ``MultivariateNormal`` where ``covariance`` is
        "full", an ``Independent`` of ``Normal`` otherwise.
    kl : float
        The divergence that it minimises, in nats: KL(p || q) when inclusive, KL(q || p) when exclusive,
        Amari's D_alpha(p || q) for another alpha.
    kl_error : float
        An estimate of its error: of quadrature, or a standard error; 0 for a closed form.
    direction : {"inclusive", "exclusive", "alpha"}
        The direction of the divergence.
    alpha : float
        The place on Amari's path: 1 when inclusive, 0 when exclusive.
    covariance : {"full", "diag", "spherical"}
        The family of Gaussians that was searched.
    stationary_points : tuple of StationaryPoint
        Those that were found, best first; the first is ``distribution``. In one dimension these are all.
    method : str
        How the answer was found.
    findings : tuple of Finding
        What a person should know before trusting it.
    """

    distribution: Distribution
    kl: float
    kl_error: float
    direction: Direction
    alpha: float
    covariance: CovarianceType
    stationary_points: tuple[StationaryPoint, ...]
    method: str
    findings: tuple[Finding, ...]
    target: Target

    @property
    def mean(self) -> Tensor:
        """The mean of the Gaussian, of the shape of an event."""
        return self.distribution.mean

    @property
    def covariance_matrix(self) -> Tensor:
        """The covariance of the Gaussian, of shape (d, d)."""
        return covariance_of(self.distribution)

    def __repr__(self) -> str:
        """Return the answer on one line."""
        return (
            f"Projection({self.direction}, kl={self.kl:.6g}, {describe_gaussian(self.distribution)}, "
            f"{len(self.stationary_points)} stationary)"
        )

    def plot(self, ax: Any = None) -> Any:
        """Draw the target and the Gaussian, in one dimension as curves, in two as contours.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; a figure of its own is made unless given.

        Returns
        -------
        matplotlib.axes.Axes
            Its figure is ``ax.figure``, and ``ax.figure.savefig("name.svg")`` writes it.

        Raises
        ------
        InputError
            If the target has more than two dimensions.
        """
        from mixtura.projection.figure import draw_projections

        return draw_projections([self], ax=ax)


def covariance_of(distribution: Distribution) -> Tensor:
    """Return the covariance matrix (d, d) of one of the Gaussians that a projection returns."""
    matrix = getattr(distribution, "covariance_matrix", None)
    if matrix is not None:
        return torch.as_tensor(matrix)
    return torch.diag(distribution.variance.reshape(-1))


def describe_gaussian(distribution: Distribution) -> str:
    """Return mean and standard deviations as a few words."""
    mean = distribution.mean.reshape(-1)
    scale = covariance_of(distribution).diagonal().sqrt()
    if not distribution.event_shape:
        return f"mean={float(mean[0]):.6g}, sd={float(scale[0]):.6g}"
    shown = ", ".join(f"{float(value):.4g}" for value in mean[:4])
    spread = ", ".join(f"{float(value):.4g}" for value in scale[:4])
    more = ", ..." if len(mean) > 4 else ""
    return f"mean=[{shown}{more}], sd=[{spread}{more}]"
