"""Where observations come from: blocks of a few thousand, whatever holds them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from mixtura.em.family import Array

# Observations a block: their features fit the second cache.
BLOCK = 1024
# Threads that share rows meet at the interpreter's lock after every operation. Of few columns operations are
# short: larger blocks let threads meet less often, which took a third off an iteration on two cores.
_FEW_COLUMNS = 24
# Up to so many values, blocks are made once: 2 MB.
_KEPT_VALUES = 2**18


class Source(ABC):
    """Observations that can be gone through as often as EM wants.

    A block is a pair: observations (d, B), features first, in float64 and less the origin; and their weights
    (B,), or None where all are one.
    """

    n_rows: int
    n_features: int
    total_weight: float

    def parts(self) -> list[Source]:
        """Return sources that together are this one, to be gone through at the same time."""
        return [self]

    @abstractmethod
    def blocks(self) -> Iterator[tuple[Array, Array | None]]:
        """Yield the blocks, in an order that never changes."""


@dataclass(eq=False)
class ArraySource(Source):
    """Rows of an array or a memory map, which is never copied as a whole.

    Parameters
    ----------
    rows : array-like of shape (n, d)
        Numbers of any type that has ``rows[start:stop]``.
    weights : ndarray of shape (n,), optional
        Weights of the observations, not negative.
    origin : ndarray of shape (d,), optional
        Subtracted in float64, so that a large offset costs no digits.
    block_size : int
        Observations a block.
    n_threads : int
        How many parts the rows are dealt to. The same number gives the same bits.
    """

    rows: Any
    weights: Array | None = None
    origin: Array | None = None
    block_size: int = BLOCK
    n_threads: int = 1

    def __post_init__(self) -> None:
        """Read the shape."""
        self.n_rows, self.n_features = self.rows.shape
        self._passes = 0
        self._kept: list[tuple[Array, Array | None]] | None = None
        self.total_weight = float(self.n_rows if self.weights is None else self.weights.sum())

    def parts(self) -> list[Source]:
        """Return runs of whole blocks, as many as there are threads and blocks for."""
        n_blocks = -(-self.n_rows // self.block_size)
        n_parts = max(1, min(self.n_threads, n_blocks))
        if n_parts == 1:
            return [self]
        ends = [self.block_size * (n_blocks * part // n_parts) for part in range(n_parts + 1)]
        size = self.block_size
        if self.n_features <= _FEW_COLUMNS:
            size *= 4 if size > BLOCK else 2
        return [
            ArraySource(
                self.rows[start:stop],
                None if self.weights is None else self.weights[start:stop],
                self.origin,
                size,
            )
            for start, stop in pairwise(ends)
        ]

    def blocks(self) -> Iterator[tuple[Array, Array | None]]:
        """Yield the rows in order; those of a small array are kept once they are gone through again."""
        self._passes += 1
        if self._passes > 1 and self.n_rows * self.n_features <= _KEPT_VALUES:
            if self._kept is None:
                self._kept = [(block.copy(), weights) for block, weights in self._made()]
            return iter(self._kept)
        return self._made()

    def _made(self) -> Iterator[tuple[Array, Array | None]]:
        room = np.empty((self.n_features, self.block_size))
        for start in range(0, self.n_rows, self.block_size):
            rows = np.asarray(self.rows[start : start + self.block_size])
            block = room[:, : len(rows)]
            np.copyto(block, rows.T)
            if self.origin is not None:
                block -= self.origin[:, None]
            weights = None if self.weights is None else self.weights[start : start + len(rows)]
            yield block, weights
