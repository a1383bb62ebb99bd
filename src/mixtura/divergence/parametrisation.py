"""A Gaussian as mean and Cholesky factor, whichever of torch's distributions it was given as."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.distributions import (
    Distribution,
    Independent,
    LowRankMultivariateNormal,
    MultivariateNormal,
    Normal,
)

from mixtura.divergence.factors import Diagonal, Factor, Lower, LowRank, Precision
from mixtura.divergence.working import widen


@dataclass(frozen=True, eq=False)
class Gaussian:
    """A Gaussian over d dimensions, in float64.

    Parameters
    ----------
    mean : Tensor of shape (*B, d)
        The mean; d is 1 for scalar events.
    factor : Lower, Diagonal, Precision or LowRank
        The Cholesky factor of the covariance, in the form in which it is known; its batch broadcasts to B.
    """

    mean: Tensor
    factor: Factor

    @property
    def dimension(self) -> int:
        """The number d of dimensions."""
        return self.mean.shape[-1]

    @property
    def scale(self) -> Tensor | None:
        """The standard deviations (*B, d) of a Gaussian that is known to be diagonal, None otherwise."""
        return self.factor.scale.expand(self.mean.shape) if isinstance(self.factor, Diagonal) else None

    def dense(self) -> tuple[Tensor, Tensor]:
        """Return the mean (*B, d) and the lower Cholesky factor (*B, d, d) of the covariance."""
        return self.mean, self.factor.dense().expand(*self.mean.shape, self.dimension)


Reader = Callable[[Any], Gaussian | None]
_READERS: dict[type[Distribution], Reader] = {}


def _reads(kind: type[Distribution]) -> Callable[[Reader], Reader]:
    """Register a function that reads distributions of a type as Gaussians, or says None."""

    def keep(reader: Reader) -> Reader:
        _READERS[kind] = reader
        return reader

    return keep


def as_gaussian(distribution: Distribution) -> Gaussian | None:
    """Return the mean and factor of a Gaussian, None for a distribution that is none.

    Parameters
    ----------
    distribution : torch.distributions.Distribution
        A ``Normal``, an ``Independent`` of it over one dimension, a ``MultivariateNormal`` by covariance,
        precision or factor, or a ``LowRankMultivariateNormal``, subclasses included; of batch shape B.

    Returns
    -------
    Gaussian or None
        In float64, with the parametrisation kept; gradients flow to the parameters. A covariance or precision
        in a smaller type is factored anew in float64.

    Examples
    --------
    >>> gaussian = as_gaussian(Normal(torch.zeros(2), torch.tensor([1.0, 2.0])))
    >>> mean, tril = gaussian.dense()
    >>> mean.shape, tril.flatten().tolist()
    (torch.Size([2, 1]), [1.0, 2.0])
    >>> as_gaussian(torch.distributions.Gamma(1.0, 1.0)) is None
    True
    """
    for kind in type(distribution).__mro__:
        if kind in _READERS:
            return _READERS[kind](distribution)
    return None


@_reads(Normal)
def _read_normal(normal: Normal) -> Gaussian:
    return Gaussian(widen(normal.loc).unsqueeze(-1), Diagonal(widen(compact(normal.scale, 0)).unsqueeze(-1)))


@_reads(Independent)
def _read_independent(independent: Independent[Any]) -> Gaussian | None:
    base, own = independent.base_dist, independent.reinterpreted_batch_ndims
    if own == 0:
        return as_gaussian(base)
    if own == 1 and isinstance(base, Normal):
        return Gaussian(widen(base.loc), Diagonal(widen(compact(base.scale, 1))))
    return None


@_reads(MultivariateNormal)
def _read_multivariate(normal: MultivariateNormal) -> Gaussian:
    mean, own = widen(normal.loc), widen(compact(normal._unbroadcasted_scale_tril, 2))
    given = _given(normal)
    if given == "precision_matrix":
        precision = widen(compact(normal.precision_matrix, 2))
        flipped, failed = torch.linalg.cholesky_ex(precision.flip(-2, -1))
        if not bool(failed.any()):
            return Gaussian(mean, Precision(flipped.flip(-2, -1), precision))
    elif given == "covariance_matrix":
        covariance = widen(compact(normal.covariance_matrix, 2))
        if mean.dtype == normal.loc.dtype:
            return Gaussian(mean, Lower(own, covariance))
        tril, failed = torch.linalg.cholesky_ex(covariance)
        if not bool(failed.any()):
            return Gaussian(mean, Lower(tril, covariance))
    return Gaussian(mean, Lower(own.tril()))


@_reads(LowRankMultivariateNormal)
def _read_low_rank(normal: LowRankMultivariateNormal) -> Gaussian:
    columns, variances = normal._unbroadcasted_cov_factor, normal._unbroadcasted_cov_diag
    return Gaussian(widen(normal.loc), LowRank(widen(compact(columns, 2)), widen(compact(variances, 1))))


def _given(normal: MultivariateNormal) -> str:
    """Return which parameter came first: the others are computed from it when asked for."""
    names = ("covariance_matrix", "precision_matrix", "scale_tril")
    return next((name for name in normal.__dict__ if name in names), "scale_tril")


def compact(values: Tensor, n_own: int) -> Tensor:
    """Return a tensor whose batch axes that only repeat one entry have shrunk to that entry.

    Parameters
    ----------
    values : Tensor
        Perhaps expanded.
    n_own : int
        The number of last axes, which are left as they are.

    Examples
    --------
    >>> compact(torch.ones(3).expand(5, 7, 3), 1).shape
    torch.Size([1, 1, 3])
    """
    for axis in range(values.ndim - n_own):
        if values.stride(axis) == 0 and values.shape[axis] > 1:
            values = values.narrow(axis, 0, 1)
    return values
