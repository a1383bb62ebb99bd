"""What a mixture hands to the engine: data to be fitted, rows to be scored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from mixtura import runtime
from mixtura.em.family import Family
from mixtura.em.scoring import Scorer
from mixtura.em.source import ArraySource, Source
from mixtura.em.starts import SAMPLE, sampled
from mixtura.estimators.file_rows import on_disk
from mixtura.findings import Finding

Array = NDArray[np.float64]
F = TypeVar("F", bound=Family[Any, Any])


@dataclass(frozen=True, eq=False)
class Problem(Generic[F]):
    """What is to be fitted.

    Parameters
    ----------
    family : Family
        The component densities.
    source : Source
        The observations, in the engine's coordinates.
    rows : ndarray of shape (n, d)
        The same as they were given.
    weights : ndarray of shape (n,) or None
        Their weights.
    origin : ndarray of shape (d,)
        What the source subtracts from the rows.
    exact : bool
        Whether the M-step is an exact ascent.
    findings : tuple of Finding
        What should be known about the data.
    """

    family: F
    source: Source
    rows: NDArray[Any]
    weights: Array | None
    origin: Array
    exact: bool
    findings: tuple[Finding, ...] = ()


def in_memory(problem: Problem[F], random_state: np.random.RandomState, size: int) -> Problem[F]:
    """Return a problem itself, or one of a sample of its rows where they are on disk.

    Parameters
    ----------
    problem : Problem
        The data.
    random_state : RandomState
        Consumed only where rows are on disk.
    size : int
        Observations a block.
    """
    if not on_disk(problem.rows):
        return problem
    sample = sampled(problem.source, SAMPLE, np.random.default_rng(random_state.randint(2**31 - 1)))
    source = ArraySource(sample.rows, sample.weights, block_size=size)
    origin = np.zeros_like(problem.origin)
    return replace(problem, source=source, rows=sample.rows, weights=sample.weights, origin=origin)


@dataclass(frozen=True, eq=False)
class Scoring:
    """What scores rows.

    Parameters
    ----------
    scorer : Scorer
        The parameters.
    source : Source
        The rows, in the same coordinates.
    """

    scorer: Scorer
    source: Source

    @runtime.one_blas_thread()
    def labels(self) -> NDArray[np.int64]:
        """Return the most responsible component of each row, shape (n,)."""
        found = np.empty(self.source.n_rows, dtype=np.int64)
        for part, joint in _parts(self.scorer.log_joint(self.source)):
            found[part] = joint.argmax(axis=0)
        return found

    @runtime.one_blas_thread()
    def log_densities(self) -> Array:
        """Return log p(x) of each row, shape (n,)."""
        densities = np.empty(self.source.n_rows)
        for part, block in _parts(self.scorer.log_density(self.source)):
            densities[part] = block
        return densities

    @runtime.one_blas_thread()
    def responsibilities(self, dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return p(k | x) of each row, shape (n, K)."""
        found = np.empty((self.source.n_rows, len(self.scorer.log_weights)), dtype=dtype)
        for part, block in _parts(self.scorer.responsibilities(self.source)):
            found[part] = block.T
        return found

    @runtime.one_blas_thread()
    def entropy(self, weights: Array | None) -> float:
        """Return the weighted sum of the entropies of the responsibilities, in nats."""
        total = 0.0
        for part, block in _parts(self.scorer.responsibilities(self.source)):
            each = -(block * np.log(np.where(block > 0, block, 1.0))).sum(axis=0)
            total += float(each.sum() if weights is None else each @ weights[part])
        return total


def _parts(blocks: Iterator[Array]) -> Iterator[tuple[slice, Array]]:
    """Yield blocks with the rows that they are of."""
    first = 0
    for block in blocks:
        last = first + block.shape[-1]
        yield slice(first, last), block
        first = last
