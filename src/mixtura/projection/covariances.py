"""The families of Gaussians that a projection may search, each with the coordinates of a step.

A family moves from q = N(m, L L^T) by (u, a) to m + L u and L T, in q's own units. T is lower triangular
with the entries of A, but with exp(A_ii) on its diagonal, so that every step leads to a covariance. In these
coordinates Fisher's metric at q is the identity: a step of length s is s^2 / 2 nats away to second order, and
a search that uses them is the same search in whatever units the target is written.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal

from mixtura.errors import InputError


class CovarianceFamily(ABC):
    """A family of covariance matrices in d dimensions.

    Parameters
    ----------
    dimension : int
        The number d.
    """

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension

    @property
    @abstractmethod
    def size(self) -> int:
        """The number of coordinates of a covariance."""

    @abstractmethod
    def spread(self, coordinates: Tensor) -> Tensor:
        """Return the matrix A (..., d, d) of a step with coordinates (..., size)."""

    @abstractmethod
    def gather(self, slope: Tensor) -> Tensor:
        """Return the derivative in the coordinates (..., size) from that in the entries of A (..., d, d)."""

    @abstractmethod
    def tightest(self, scale_tril: Tensor) -> Tensor:
        """Return the factor (..., d, d) of the exclusive projection of Gaussians with these factors."""

    @abstractmethod
    def matched(self, covariance: Tensor) -> Tensor:
        """Return the covariance (..., d, d) of the inclusive projection of what has these covariances."""

    @abstractmethod
    def distribution(self, mean: Tensor, scale_tril: Tensor) -> Distribution:
        """Return the Gaussian, of event shape (d,)."""

    def move(self, mean: Tensor, scale_tril: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean and the factor at which a step (..., d + size) arrives."""
        d = self.dimension
        stretch = self.spread(step[..., d:])
        diagonal = stretch.diagonal(dim1=-2, dim2=-1)
        diagonal.copy_(diagonal.exp())
        return mean + (scale_tril @ step[..., :d, None])[..., 0], scale_tril @ stretch


class Full(CovarianceFamily):
    """Every covariance matrix."""

    def __init__(self, dimension: int) -> None:
        super().__init__(dimension)
        rows, columns = torch.tril_indices(dimension, dimension)
        self._entries = rows * dimension + columns
        self._scale = torch.where(rows == columns, math.sqrt(0.5), 1.0).to(torch.float64)

    @property
    def size(self) -> int:
        """The number of entries of a lower triangle, d (d + 1) / 2."""
        return len(self._entries)

    def spread(self, coordinates: Tensor) -> Tensor:
        """Return the lower triangle that holds the coordinates."""
        d = self.dimension
        flat = coordinates.new_zeros(*coordinates.shape[:-1], d * d)
        flat[..., self._entries] = coordinates * self._scale
        return flat.unflatten(-1, (d, d))

    def gather(self, slope: Tensor) -> Tensor:
        """Return the entries of the lower triangle."""
        return slope.flatten(-2)[..., self._entries] * self._scale

    def tightest(self, scale_tril: Tensor) -> Tensor:
        """Return the factors themselves."""
        return scale_tril

    def matched(self, covariance: Tensor) -> Tensor:
        """Return the covariances themselves."""
        return covariance

    def distribution(self, mean: Tensor, scale_tril: Tensor) -> Distribution:
        """Return a ``MultivariateNormal``."""
        return MultivariateNormal(mean, scale_tril=scale_tril)


class Diagonal(CovarianceFamily):
    """Covariances whose coordinates are independent."""

    @property
    def size(self) -> int:
        """One for each dimension."""
        return self.dimension

    def spread(self, coordinates: Tensor) -> Tensor:
        """Return a diagonal."""
        return torch.diag_embed(coordinates * math.sqrt(0.5))

    def gather(self, slope: Tensor) -> Tensor:
        """Return the diagonal."""
        return slope.diagonal(dim1=-2, dim2=-1) * math.sqrt(0.5)

    def tightest(self, scale_tril: Tensor) -> Tensor:
        """Return 1 / sqrt(P_ii), of the precision P."""
        return torch.diag_embed(_precision_diagonal(scale_tril).rsqrt())

    def matched(self, covariance: Tensor) -> Tensor:
        """Return the diagonal."""
        return torch.diag_embed(covariance.diagonal(dim1=-2, dim2=-1))

    def distribution(self, mean: Tensor, scale_tril: Tensor) -> Distribution:
        """Return independent Gaussians."""
        return Independent(Normal(mean, scale_tril.diagonal(dim1=-2, dim2=-1)), 1)


class Spherical(Diagonal):
    """One variance for all directions."""

    @property
    def size(self) -> int:
        """One."""
        return 1

    def spread(self, coordinates: Tensor) -> Tensor:
        """Return a multiple of the identity."""
        d = self.dimension
        return torch.diag_embed((coordinates / math.sqrt(2 * d)).expand(*coordinates.shape[:-1], d))

    def gather(self, slope: Tensor) -> Tensor:
        """Return the trace."""
        trace = slope.diagonal(dim1=-2, dim2=-1).sum(dim=-1, keepdim=True)
        return trace / math.sqrt(2 * self.dimension)

    def tightest(self, scale_tril: Tensor) -> Tensor:
        """Return the root of d / tr(P), of the precision P."""
        scale = _precision_diagonal(scale_tril).mean(dim=-1, keepdim=True).rsqrt()
        return torch.diag_embed(scale.expand(scale_tril.shape[:-1]))

    def matched(self, covariance: Tensor) -> Tensor:
        """Return the mean of the diagonal."""
        variance = covariance.diagonal(dim1=-2, dim2=-1).mean(dim=-1, keepdim=True)
        return torch.diag_embed(variance.expand(covariance.shape[:-1]))


FAMILIES: dict[str, type[CovarianceFamily]] = {"full": Full, "diag": Diagonal, "spherical": Spherical}


def family_of(covariance: str, dimension: int) -> CovarianceFamily:
    """Return a family by its name.

    Parameters
    ----------
    covariance : {"full", "diag", "spherical"}
        The name.
    dimension : int
        The number of dimensions.

    Returns
    -------
    CovarianceFamily

    Raises
    ------
    InputError
        If there is no family of that name.

    Examples
    --------
    >>> family_of("full", 3).size
    6
    """
    if covariance not in FAMILIES:
        raise InputError(f"covariance={covariance!r} is not one of {', '.join(FAMILIES)}")
    return FAMILIES[covariance](dimension)


def as_distribution(mean: Tensor, scale_tril: Tensor, covariance: str, scalar: bool) -> Distribution:
    """Return a Gaussian as the torch distribution that fits its family and the target's events.

    Parameters
    ----------
    mean : Tensor of shape (d,)
        The mean.
    scale_tril : Tensor of shape (d, d)
        The lower Cholesky factor of the covariance, a member of the family.
    covariance : {"full", "diag", "spherical"}
        The family.
    scalar : bool
        Whether events are scalars.

    Returns
    -------
    torch.distributions.Distribution
        A ``Normal`` for scalars, a ``MultivariateNormal`` for "full", else an ``Independent`` of ``Normal``.

    Examples
    --------
    >>> as_distribution(torch.zeros(1), torch.eye(1), "full", True)
    Normal(loc: 0.0, scale: 1.0)
    """
    if scalar:
        return Normal(mean[0], scale_tril[0, 0])
    return family_of(covariance, len(mean)).distribution(mean, scale_tril)


def _precision_diagonal(scale_tril: Tensor) -> Tensor:
    """Return the diagonal (..., d) of (L L^T)^-1: the squared lengths of the columns of L^-1."""
    identity = torch.eye(scale_tril.shape[-1], dtype=scale_tril.dtype).expand(scale_tril.shape)
    return torch.linalg.solve_triangular(scale_tril, identity, upper=False).square().sum(dim=-2)
