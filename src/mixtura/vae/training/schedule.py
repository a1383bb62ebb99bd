"""What changes during a stage, as functions of the fraction of the stage that is done."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class CosineRate:
    """A rate that rises linearly over the first ``warmup`` of a stage and falls as a cosine to ``end``.

    Parameters
    ----------
    peak : float
        The largest rate.
    warmup : float
        Share of the stage spent rising.
    end : float
        What is left at the end, as a share of the peak.

    Examples
    --------
    >>> rate = CosineRate(peak=1.0, warmup=0.5, end=0.0)
    >>> [round(rate(done), 3) for done in (0.0, 0.25, 0.5, 0.75, 1.0)]
    [0.0, 0.5, 1.0, 0.5, 0.0]
    """

    peak: float
    warmup: float = 0.02
    end: float = 0.0

    def __call__(self, done: float) -> float:
        """Return the rate when the fraction ``done`` of the stage is over."""
        if done < self.warmup:
            return self.peak * done / self.warmup
        falling = (done - self.warmup) / (1.0 - self.warmup)
        return self.peak * (self.end + (1.0 - self.end) * 0.5 * (1.0 + math.cos(math.pi * falling)))


@dataclass(frozen=True)
class GeometricRamp:
    """A positive value that moves from ``start`` to ``end`` by equal factors, over the first part of a stage.

    Parameters
    ----------
    start, end : float
        First and last value.
    until : float
        Share of the stage after which the last value holds.

    Examples
    --------
    >>> ramp = GeometricRamp(0.4, 0.1, until=0.5)
    >>> [round(ramp(done), 3) for done in (0.0, 0.25, 0.5, 1.0)]
    [0.4, 0.2, 0.1, 0.1]
    """

    start: float
    end: float
    until: float = 1.0

    def __call__(self, done: float) -> float:
        """Return the value when the fraction ``done`` of the stage is over."""
        share = min(1.0, done / self.until)
        return self.end if share == 1.0 else self.start * (self.end / self.start) ** share


def share_steps(total: int, shares: Sequence[float]) -> list[int]:
    """Return how many of ``total`` steps each stage gets, in proportion to its share.

    Where there are steps enough each stage gets at least one; otherwise the longest stages get one each.

    Examples
    --------
    >>> share_steps(24, [10, 2, 2, 4, 3, 3])
    [10, 2, 2, 4, 3, 3]
    >>> share_steps(2, [10, 2, 4])
    [1, 0, 1]
    """
    if total < len(shares):
        longest = sorted(range(len(shares)), key=lambda i: -shares[i])[:total]
        return [int(i in longest) for i in range(len(shares))]
    whole = sum(shares)
    exact = [max(0.0, share * total / whole - 1.0) for share in shares]
    free = total - len(shares)
    scale = free / sum(exact) if sum(exact) > 0 else 0.0
    steps = [math.floor(value * scale + 1e-9) for value in exact]
    by_remainder = sorted(range(len(exact)), key=lambda i: steps[i] - exact[i] * scale)
    for i in by_remainder[: free - sum(steps)]:
        steps[i] += 1
    return [1 + value for value in steps]
