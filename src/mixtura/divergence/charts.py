"""The real line in pieces, each with a coordinate in which a density with long tails is smooth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Chosen = NDArray[np.bool_]

# A tail is followed this far: the square of such a number is still finite, and a density with a tail of
# x^-1.1 has lost all but 1e-15 of its mass.
_FAR = 1e150
# Closer to an end that is not zero, its distance cannot be told from the rounding of x.
_CLOSEST = 64.0
_N_PROBES = 401
_DOUBLING = np.array([0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0])


@dataclass(frozen=True)
class Pieces:
    """Intervals [low, high] of a coordinate v, with x = origin + offset(v); a field has one entry a piece.

    growth = 0 stands for offset = v; otherwise offset = scale (exp(growth v) - [growth > 0]): a tail to
    infinity with growth = 1, the neighbourhood of an end of the support, the origin, with growth = -1.

    Parameters
    ----------
    origin, scale, growth : ndarray of shape (m,)
        The coordinate; scale is negative to the left.
    low, high : ndarray of shape (m,)
        The interval.
    """

    origin: Array
    scale: Array
    growth: Array
    low: Array
    high: Array

    def __len__(self) -> int:
        return len(self.origin)

    def take(self, chosen: Chosen) -> Pieces:
        """Return some of the pieces."""
        return Pieces(*(getattr(self, field.name)[chosen] for field in fields(self)))

    def halve(self) -> Pieces:
        """Return each piece as two."""
        middle = 0.5 * (self.low + self.high)
        lower, upper = replace(self, high=middle), replace(self, low=middle)
        return join([lower, upper])

    def offset(self, v: Array) -> tuple[Array, Array]:
        """Return how far x is from the origin, and |dx/dv|, at coordinates of shape (m, n)."""
        growth, scale = self.growth[:, None], self.scale[:, None]
        stretch = np.exp(growth * v)
        curved = scale * np.where(growth > 0, np.expm1(growth * v), stretch)
        flat = growth == 0
        return np.where(flat, v, curved), np.where(flat, 1.0, np.abs(scale) * stretch)


def join(parts: Sequence[Pieces]) -> Pieces:
    """Return all pieces of several."""
    return Pieces(
        *(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Pieces))
    )


def cover(lower: float, upper: float, points: Array) -> Pieces:
    """Return pieces that cover an interval.

    Parameters
    ----------
    lower, upper : float
        Its ends, perhaps infinite; lower < upper.
    points : ndarray of shape (m,)
        Where the integrand changes: places of peaks, jumps and kinks. Those outside are left out.

    Returns
    -------
    Pieces
        At the outermost points begin the pieces that reach to the ends.
    """
    marks = np.unique(points[(points > lower) & (points < upper) & np.isfinite(points)])
    if len(marks) == 0:
        marks = np.array([_somewhere(lower, upper)])
    # From a closer pair of marks the exponential of a tail would overflow before it is far away.
    gaps = np.maximum(np.diff(marks), 1e-150) if len(marks) > 1 else np.ones(1)
    return join(
        [
            _towards(lower, float(marks[0]), float(gaps[0]), -1.0),
            _between(marks),
            _towards(upper, float(marks[-1]), float(gaps[-1]), 1.0),
        ]
    )


def usable(pieces: Pieces, is_usable: Callable[[Array, Array], Chosen]) -> Pieces:
    """Return the pieces with those towards the ends cut off where the integrand can no longer be computed.

    Parameters
    ----------
    pieces : Pieces
        A cover.
    is_usable : callable
        Takes offsets and origins of shape (1, n), ordered outwards, and says where.
    """
    for side in (-1.0, 1.0):
        line = pieces.take(np.arange(len(pieces)) == outermost(pieces, side))
        low, limit = 0.0, float(line.high[0])
        for _ in range(2):  # to a tenth of a percent of x
            v = np.linspace(low, limit, _N_PROBES)[None]
            wrong = ~is_usable(line.offset(v)[0], line.origin[:, None])[0]
            if not wrong.any():
                break
            first = max(int(wrong.argmax()), 1)
            low, limit = float(v[0, first - 1]), float(v[0, first])
        else:
            limit = low
        if limit < line.high[0]:
            high = np.where(_towards_side(pieces, side), np.minimum(pieces.high, limit), pieces.high)
            pieces = replace(pieces, high=high).take(pieces.low < high)
    return pieces


def outermost(pieces: Pieces, side: float) -> int:
    """Return which piece reaches farthest to the left (side = -1) or to the right (1)."""
    return int(np.where(_towards_side(pieces, side), pieces.high, -np.inf).argmax())


def _towards_side(pieces: Pieces, side: float) -> Chosen:
    """Return which pieces lead to an end: a piece near a finite lower end lies to the right of its origin."""
    return (pieces.growth != 0) & (np.sign(pieces.scale) * pieces.growth == side)


def _somewhere(lower: float, upper: float) -> float:
    if np.isfinite(lower) and np.isfinite(upper):
        return lower + 0.5 * (upper - lower)
    if np.isfinite(lower):
        return lower + max(1.0, abs(lower))
    return upper - max(1.0, abs(upper)) if np.isfinite(upper) else 0.0


def _between(marks: Array) -> Pieces:
    """Return the straight pieces between marks, each seen from its nearer end, where its offset is exact."""
    left, right = marks[:-1], marks[1:]
    middle = left + 0.5 * (right - left)
    one = np.zeros(2 * len(left))
    return Pieces(
        origin=np.concatenate([left, right]),
        scale=one,
        growth=one,
        low=np.concatenate([np.zeros(len(left)), middle - right]),
        high=np.concatenate([middle - left, np.zeros(len(left))]),
    )


def _towards(end: float, mark: float, reach: float, side: float) -> Pieces:
    """Return pieces from the outermost mark to an end."""
    if np.isfinite(end):
        scale, growth, origin = -side * abs(end - mark), -1.0, end
        least = max(_CLOSEST * float(np.spacing(abs(end))), 1e-300) if end != 0 else 1e-300
        longest = np.log(abs(scale) / least)
    else:
        scale, growth, origin = side * reach, 1.0, mark
        longest = np.log(_FAR / reach)
    steps = _DOUBLING[longest > _DOUBLING]
    edges = np.append(steps, max(longest, 1e-3))
    n = len(edges) - 1
    return Pieces(np.full(n, origin), np.full(n, scale), np.full(n, growth), edges[:-1], edges[1:])
