"""Which entries are missing: rows sorted by their pattern of NaN, patterns grouped by their size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mixtura.em.family import Array
from mixtura.em.source import BLOCK, Source
from mixtura.errors import InputError
from mixtura.findings import Finding

Bools = NDArray[np.bool_]
Integers = NDArray[np.intp]

# Rows of a block times squared features: what the conditional covariances of one component may take.
_ROOM = 2**17
_FEWEST = 64


class PatternGroup(NamedTuple):
    """Patterns of one block with the same number of missing entries and about the same number of rows.

    Parameters
    ----------
    missing : ndarray of shape (P, m)
        The missing features of each pattern.
    rows : ndarray of shape (P, n)
        The rows of the block that have it; the last is repeated where a pattern has fewer than n.
    counted : ndarray of shape (P, n)
        Whether an entry of ``rows`` is no repetition.
    """

    missing: Integers
    rows: Integers
    counted: Bools


def group_patterns(missing: Bools) -> list[PatternGroup]:
    """Group the columns of a block by their pattern.

    Parameters
    ----------
    missing : ndarray of shape (d, B)
        Where the block is NaN.

    Returns
    -------
    list of PatternGroup
        Every column that misses something is in one of them, once.
    """
    order, firsts, counts = _runs(_words(missing))
    sizes = missing[:, order[firsts]].sum(axis=0)
    groups = []
    for size, bucket in sorted({*zip(sizes.tolist(), _buckets(counts).tolist(), strict=True)}):
        if size == 0:
            continue
        chosen = np.flatnonzero((sizes == size) & (_buckets(counts) == bucket))
        longest = np.arange(counts[chosen].max())
        counted = longest < counts[chosen, None]
        rows = order[firsts[chosen, None] + np.minimum(longest, counts[chosen, None] - 1)]
        features = np.nonzero(missing[:, rows[:, 0]].T)[1].reshape(len(chosen), size)
        groups.append(PatternGroup(features, rows, counted))
    return groups


@dataclass(eq=False)
class PatternSource(Source):
    """Rows of an array with NaN, complete rows first, then rows of the same pattern together.

    The order spares a family with missing values one factorisation a row. Without any NaN the blocks are
    those of ``ArraySource``.

    Parameters
    ----------
    rows : ndarray of shape (n, d)
        Numbers; NaN is a missing value. A memory map is never copied as a whole.
    weights : ndarray of shape (n,), optional
        Weights of the observations, not negative.
    origin : ndarray of shape (d,), optional
        Subtracted in float64, so that a large offset costs no digits.
    block_size : int
        The most observations a block.
    n_threads : int
        How many parts the blocks are dealt to. The same number gives the same bits.
    """

    rows: Any
    weights: Array | None = None
    origin: Array | None = None
    block_size: int = BLOCK
    n_threads: int = 1

    def __post_init__(self) -> None:
        """Find every row's pattern, and sort."""
        self.n_rows, self.n_features = self.rows.shape
        self.total_weight = float(self.n_rows if self.weights is None else self.weights.sum())
        words, sizes, observed = [], [], np.zeros(self.n_features, dtype=np.intp)
        for start in range(0, self.n_rows, self.block_size):
            missing = np.isnan(self.rows[start : start + self.block_size]).T
            used = slice(None) if self.weights is None else self.weights[start : start + self.block_size] > 0
            observed += (~missing[:, used]).sum(axis=1)
            words.append(_words(missing))
            sizes.append(missing.sum(axis=0))
        self.observed: Integers = observed
        self.n_empty = sum(int((size == self.n_features).sum()) for size in sizes)
        order, firsts, counts = _runs(np.concatenate(words))
        n_missing = np.concatenate(sizes)[order[firsts]]
        self.n_patterns = len(firsts)
        by_size = np.lexsort((np.arange(len(firsts)), _buckets(counts), n_missing))
        pieces = [order[firsts[at] : firsts[at] + counts[at]] for at in by_size]
        self.order: Integers = np.concatenate(pieces)
        self.n_complete = int(counts[n_missing == 0].sum())

    def require_observed(self, names: Sequence[str] | None = None) -> None:
        """Refuse columns from which nothing can be learnt.

        Parameters
        ----------
        names : sequence of str, optional
            Names of the columns, for the error.

        Raises
        ------
        InputError
            If a column has no observed value in a row of positive weight.
        """
        if not self.observed.all():
            at = int(np.argmin(self.observed))
            name = f"{at} (from 0)" if names is None else repr(names[at])
            raise InputError(f"column {name} has no observed value: leave it out")

    def parts(self) -> list[Source]:
        """Return runs of blocks, as many as there are threads and blocks for."""
        bounds = list(self._bounds())
        n_parts = max(1, min(self.n_threads, len(bounds)))
        if n_parts == 1:
            return [self]
        ends = [len(bounds) * part // n_parts for part in range(n_parts + 1)]
        return [_Run(self, bounds[start:stop]) for start, stop in pairwise(ends)]

    def blocks(self) -> Iterator[tuple[Array, Array | None]]:
        """Yield complete rows, then the others by pattern; no block holds both."""
        return self.run(self._bounds())

    def run(self, bounds: Iterable[tuple[int, int]]) -> Iterator[tuple[Array, Array | None]]:
        """Yield the blocks between some places of the order."""
        room = np.empty((self.n_features, self.block_size))
        for start, stop in bounds:
            chosen = self.order[start:stop]
            block = room[:, : stop - start]
            np.copyto(block, self.rows[chosen].T)
            if self.origin is not None:
                block -= self.origin[:, None]
            yield block, None if self.weights is None else self.weights[chosen]

    def _bounds(self) -> Iterator[tuple[int, int]]:
        for start in range(0, self.n_complete, self.block_size):
            yield start, min(start + self.block_size, self.n_complete)
        step = min(self.block_size, max(_FEWEST, _ROOM // self.n_features**2))
        for start in range(self.n_complete, self.n_rows, step):
            yield start, min(start + step, self.n_rows)

    def findings(self) -> tuple[Finding, ...]:
        """Return what should be known of the pattern of missing values."""
        if not self.n_empty:
            return ()
        return (
            Finding(
                "rows-without-values",
                "note",
                f"{self.n_empty} of {self.n_rows} rows have no observed value: their responsibilities are "
                "the weights of the components, and they move no mean",
            ),
        )


class _Run(Source):
    """Some blocks of sorted rows."""

    def __init__(self, source: PatternSource, bounds: list[tuple[int, int]]) -> None:
        self._source, self._between = source, bounds
        chosen = source.order[bounds[0][0] : bounds[-1][1]]
        self.n_rows, self.n_features = len(chosen), source.n_features
        self.total_weight = float(len(chosen) if source.weights is None else source.weights[chosen].sum())

    def blocks(self) -> Iterator[tuple[Array, Array | None]]:
        """Yield them."""
        return self._source.run(self._between)


def _words(missing: Bools) -> NDArray[np.uint64]:
    """Return each column's pattern as words of 64 bits, (B, ceil(d / 64))."""
    d, columns = missing.shape
    bits = np.zeros((columns, -(-d // 64) * 8), dtype=np.uint8)
    packed = np.packbits(missing, axis=0)
    bits[:, : len(packed)] = packed.T
    return bits.view(np.uint64)


def _runs(words: NDArray[np.uint64]) -> tuple[Integers, Integers, Integers]:
    """Return an order that puts equal patterns together, and the first place and length of each run."""
    order = np.lexsort(words.T)
    ordered = words[order]
    firsts = np.flatnonzero(np.r_[True, (ordered[1:] != ordered[:-1]).any(axis=1)])
    return order, firsts, np.diff(np.r_[firsts, len(order)])


def _buckets(counts: Integers) -> Integers:
    """Return powers of two that are not smaller: patterns padded to one length at most double."""
    return np.ceil(np.log2(counts)).astype(np.intp)
