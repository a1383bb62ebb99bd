"""A covariance as its lower Cholesky factor, kept in the form in which it is known."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from mixtura.divergence.blocks import block_length


@dataclass(frozen=True, eq=False)
class Lower:
    """A covariance L L^T, of which L is known.

    Parameters
    ----------
    tril : Tensor of shape (*B, d, d)
        Lower triangular.
    source : Tensor of shape (*B, d, d), optional
        The covariance from which L was computed, where that is what was given.
    """

    tril: Tensor
    source: Tensor | None = None

    @property
    def matrix(self) -> Tensor:
        """The triangular matrix that is known."""
        return self.tril

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

    def whiten_vectors(self, vectors: Tensor) -> Tensor:
        """Return L^-1 times each vector, both of shape (*B, d)."""
        return _solve_vectors(self.tril, vectors)

    def blocks(self) -> list[Lower]:
        """Return the same in blocks of a batch of one axis."""
        return [Lower(*parts) for parts in _blocks(self.tril, self.source)]


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

    def whiten_vectors(self, vectors: Tensor) -> Tensor:
        """Return L^-1 times each vector, both of shape (*B, d)."""
        return vectors / self.scale


@dataclass(frozen=True, eq=False)
class Precision:
    """A covariance (U U^T)^-1, of whose precision the upper triangular factor U is known; L = U^-T.

    Parameters
    ----------
    triu : Tensor of shape (*B, d, d)
        Upper triangular.
    source : Tensor of shape (*B, d, d), optional
        The precision from which U was computed, where that is what was given.
    """

    triu: Tensor
    source: Tensor | None = None

    @property
    def matrix(self) -> Tensor:
        """The triangular matrix that is known."""
        return self.triu

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

    def whiten_vectors(self, vectors: Tensor) -> Tensor:
        """Return L^-1 times each vector, both of shape (*B, d)."""
        return (vectors.unsqueeze(-2) @ self.triu).squeeze(-2)

    def blocks(self) -> list[Precision]:
        """Return the same in blocks of a batch of one axis."""
        return [Precision(*parts) for parts in _blocks(self.triu, self.source)]


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
        # L^T is the triangular factor of [W, D^1/2]^T: unlike W W^T + D, that loses no digit of a small D.
        tall = torch.cat([self.columns, torch.diag_embed(self.variances.sqrt())], dim=-1).mT
        triangle = torch.linalg.qr(tall).R
        signs = torch.where(triangle.diagonal(dim1=-2, dim2=-1) < 0, -1.0, 1.0).to(triangle.dtype)
        return (triangle * signs.unsqueeze(-1)).mT

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

    def whiten_vectors(self, vectors: Tensor) -> Tensor:
        """Return L^-1 times each vector, both of shape (*B, d)."""
        return _solve_vectors(self._tril, vectors)


Factor = Lower | Diagonal | Precision | LowRank


def _blocks(matrices: Tensor, source: Tensor | None) -> list[tuple[Tensor, Tensor | None]]:
    d = matrices.shape[-1]
    parts = matrices.reshape(-1, d, d).split(block_length(d))
    if source is None:
        return [(part, None) for part in parts]
    sources = source.expand(matrices.shape).reshape(-1, d, d).split(block_length(d))
    return list(zip(parts, sources, strict=True))


def _solve_vectors(tril: Tensor, vectors: Tensor) -> Tensor:
    """Return L^-1 times each vector; where all share one L, they are the columns of one solve."""
    d = vectors.shape[-1]
    if tril.numel() != d * d or vectors.ndim == 1:
        return torch.linalg.solve_triangular(tril, vectors.unsqueeze(-1), upper=False).squeeze(-1)
    columns = vectors.reshape(-1, d).mT
    solved = torch.linalg.solve_triangular(tril.reshape(d, d), columns, upper=False)
    return solved.mT.reshape(*torch.broadcast_shapes(tril.shape[:-2], vectors.shape[:-1]), d)
