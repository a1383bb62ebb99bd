"""A covariance as its lower Cholesky factor, kept in the form in which it is known."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Lower:
    """A covariance L L^T, of which L is known.

    Parameters
    ----------
    tril : Tensor of shape (*B, d, d)
        Lower triangular.
    """

    tril: Tensor

    def dense(self) -> Tensor:
        """Return L, of shape (*B, d, d)."""
        return self.tril

    @property
    def diagonal(self) -> Tensor:
        """The diagonal of L, of shape (*B, d)."""
        return self.tril.diagonal(dim1=-2, dim2=-1)

    def whiten(self, columns: Tensor) -> Tensor:
        """Return L^-1 times columns, both of shape (*B, d, m)."""
        return torch.linalg.solve_triangular(self.tril, columns, upper=False)


@dataclass(frozen=True, eq=False)
class Diagonal:
    """A covariance diag(s)^2, of which the scales s are known.

    Parameters
    ----------
    scale : Tensor of shape (*B, d)
        Standard deviations.
    """

    scale: Tensor

    def dense(self) -> Tensor:
        """Return L = diag(s), of shape (*B, d, d)."""
        return torch.diag_embed(self.scale)

    @property
    def diagonal(self) -> Tensor:
        """The diagonal of L, of shape (*B, d)."""
        return self.scale

    def whiten(self, columns: Tensor) -> Tensor:
        """Return L^-1 times columns, both of shape (*B, d, m)."""
        return columns / self.scale.unsqueeze(-1)


@dataclass(frozen=True, eq=False)
class Precision:
    """A covariance (U U^T)^-1, of whose precision the upper triangular factor U is known; L = U^-T.

    Parameters
    ----------
    triu : Tensor of shape (*B, d, d)
        Upper triangular.
    """

    triu: Tensor

    def dense(self) -> Tensor:
        """Return L = U^-T, of shape (*B, d, d)."""
        identity = torch.eye(self.triu.shape[-1], dtype=self.triu.dtype, device=self.triu.device)
        return torch.linalg.solve_triangular(self.triu.mT, identity, upper=False)

    @property
    def diagonal(self) -> Tensor:
        """The diagonal of L, of shape (*B, d)."""
        return self.triu.diagonal(dim1=-2, dim2=-1).reciprocal()

    def whiten(self, columns: Tensor) -> Tensor:
        """Return L^-1 times columns, both of shape (*B, d, m)."""
        return self.triu.mT @ columns


@dataclass(frozen=True, eq=False)
class LowRank:
    """A covariance W W^T + diag(D), of which W and D are known.

    Parameters
    ----------
    columns : Tensor of shape (*B, d, k)
        The matrix W.
    variances : Tensor of shape (*B, d)
        The diagonal D.
    """

    columns: Tensor
    variances: Tensor

    @cached_property
    def _tril(self) -> Tensor:
        return torch.linalg.cholesky(self.columns @ self.columns.mT + torch.diag_embed(self.variances))

    def dense(self) -> Tensor:
        """Return L, of shape (*B, d, d)."""
        return self._tril

    @property
    def diagonal(self) -> Tensor:
        """The diagonal of L, of shape (*B, d)."""
        return self._tril.diagonal(dim1=-2, dim2=-1)

    def whiten(self, columns: Tensor) -> Tensor:
        """Return L^-1 times columns, both of shape (*B, d, m)."""
        return torch.linalg.solve_triangular(self._tril, columns, upper=False)


Factor = Lower | Diagonal | Precision | LowRank
