"""log p(x, k) of observations, block by block, so that no row depends on the rows beside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from mixtura.em.family import Array, Family
from mixtura.em.posterior import responsibilities
from mixtura.em.source import BLOCK, Source

# Values of the features of a block: 16 MB.
_BLOCK_VALUES = 2**21
# So few that twice, and four times, as many observations still fit the second cache.
_FEW_VALUES, _VERY_FEW_VALUES = 64, 16


def block_size(n_values: int) -> int:
    """Return how many observations a block may hold that take so many values each.

    Examples
    --------
    >>> block_size(8), block_size(50), block_size(300_000)
    (4096, 2048, 16)
    """
    largest = BLOCK * (4 if n_values <= _VERY_FEW_VALUES else 2 if n_values <= _FEW_VALUES else 1)
    return max(16, min(largest, _BLOCK_VALUES // max(n_values, 1)))


@dataclass(frozen=True, eq=False)
class Scorer:
    """Parameters that are ready to score.

    Parameters
    ----------
    family : Family
        The component densities.
    prepared : object
        What ``family.prepare`` gave.
    log_weights : ndarray of shape (K,)
        Logarithms of the weights.
    size : int
        What a block is filled up to, since a matrix product of another shape may round otherwise.
    """

    family: Family[Any, Any]
    prepared: Any
    log_weights: Array
    size: int = BLOCK

    def log_joint(self, source: Source) -> Iterator[Array]:
        """Yield log p(x_i, k) of shape (K, B) for each block; the memory is used again."""
        room = np.empty((self.family.n_components, self.size))
        filled = np.empty((source.n_features, self.size))
        for block, _ in source.blocks():
            columns = block.shape[1]
            # Rows with NaN are dealt with pattern by pattern, not in one product.
            if columns < self.size and not np.isnan(block).any():
                filled[:, :columns] = block
                filled[:, columns:] = 0.0
                block = filled
            joint = room[:, : block.shape[1]]
            with np.errstate(over="ignore", invalid="ignore"):
                self.family.log_density(self.prepared, block, joint)
                joint += self.log_weights[:, None]
            joint = joint[:, :columns]
            # Beyond the largest number a distance is infinite, and infinities of two signs leave NaN.
            joint[np.isnan(joint)] = -np.inf
            yield joint

    def log_density(self, source: Source) -> Iterator[Array]:
        """Yield log p(x_i) of shape (B,), in nats."""
        for joint in self.log_joint(source):
            yield responsibilities(joint)

    def responsibilities(self, source: Source) -> Iterator[Array]:
        """Yield p(k | x_i) of shape (K, B); the memory is used again."""
        for joint in self.log_joint(source):
            responsibilities(joint)
            yield joint
