"""A log-density on the line, cut into pieces on each of which a polynomial of degree 15 stands for it.

The pieces are found by bisection, as in Chebfun (Battles and Trefethen, SIAM J. Sci. Comput. 25, 2004). They
serve twice: the roots of the derivatives of the polynomials are all critical points, and a Gauss-Legendre
rule on each piece integrates the log-density against anything as smooth as itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from mixtura.errors import ConvergenceError, InputError

Array = NDArray[np.float64]

_ORDER = 16
NODES, WEIGHTS = legendre.leggauss(_ORDER)
# Values at the nodes -> coefficients of the Legendre series of degree 15, (16, 16).
_TO_SERIES = (np.arange(_ORDER)[:, None] + 0.5) * (legendre.legvander(NODES, _ORDER - 1) * WEIGHTS[:, None]).T
_MOST_PIECES = 20_000
_RESOLVED = 1e-13


@dataclass(frozen=True)
class Mode:
    """A local maximum of a log-density.

    Parameters
    ----------
    location : float
        Where it is.
    width : float
        The standard deviation of a Gaussian with its curvature.
    gap : float
        The distance to the nearest other critical point; infinite where there is none.
    """

    location: float
    width: float
    gap: float


@dataclass(frozen=True, eq=False)
class Pieces:
    """A log-density on an interval, resolved piece by piece.

    Parameters
    ----------
    log_density : callable
        From an array of points to an array of nats.
    edges : ndarray of shape (P + 1,)
        The ends of the pieces, increasing.
    """

    log_density: Callable[[Array], Array]
    edges: Array

    def nodes(self, lower: float, upper: float, spacing: float) -> tuple[Array, Array, Array]:
        """Return nodes, weights and log-densities for integrals over an interval.

        Parameters
        ----------
        lower, upper : float
            The interval, which may reach beyond the pieces.
        spacing : float
            The longest panel: the scale of whatever else stands in the integrand.

        Returns
        -------
        nodes, weights, values : ndarray of shape (N,)
            ``sum(weights * g(nodes))`` is the integral of g.
        """
        count = max(int(np.ceil((upper - lower) / spacing)), 1)
        first, last = np.searchsorted(self.edges, (lower, upper))
        edges = np.concatenate([np.linspace(lower, upper, count + 1), self.edges[first:last]])
        edges.sort()
        points, weights = panels(edges)
        return points, weights, self.log_density(points)

    def modes(self) -> list[Mode]:
        """Return every local maximum, from left to right."""
        centres, halves = _centres(self.edges)
        values = self.log_density((centres[:, None] + halves[:, None] * NODES).ravel())
        series = values.reshape(-1, _ORDER) @ _TO_SERIES.T  # (P, 16)
        slopes = np.asarray(legendre.legder(series.T).T, dtype=np.float64)  # (P, 15)
        # A piece whose slope cannot vanish is passed over: |c_0| exceeds all the others together.
        noise = 64 * np.finfo(float).eps * np.abs(series).sum(axis=1)
        whole = ~_points(self.edges)
        suspects = whole & (np.abs(slopes[:, 0]) <= np.abs(slopes[:, 1:]).sum(axis=1) + noise)
        found: list[tuple[float, float]] = []
        for at in np.flatnonzero(suspects):
            found += _turning_points(slopes[at], float(centres[at]), float(halves[at]), float(noise[at]))
        found += self._between(slopes, halves, whole, [x for x, _ in found])
        return _as_modes(sorted(found), self.log_density)

    def _between(
        self,
        slopes: Array,
        halves: Array,
        whole: np.ndarray[tuple[int], np.dtype[np.bool_]],
        known: list[float],
    ) -> list[tuple[float, float]]:
        """Return (place, curvature) where the slope changes sign between two pieces: a kink, or a root."""
        halves = np.where(whole, halves, 1.0)
        curvatures = np.abs(legendre.legval(0.0, legendre.legder(slopes.T))) / halves / halves
        right, left = legendre.legval(1.0, slopes.T) / halves, legendre.legval(-1.0, slopes.T) / halves
        found = []
        for before, after in pairwise(np.flatnonzero(whole)):
            place = float(self.edges[before + 1] + self.edges[after]) / 2
            length = float(halves[before] + halves[after])
            if (right[before] > 0) != (left[after] > 0) and not any(
                abs(place - x) <= 1e-6 * length for x in known
            ):
                bend = abs(right[before] - left[after]) / length + max(curvatures[before], curvatures[after])
                found.append((place, float(-bend if right[before] > 0 else bend)))
        return found


def resolve(log_density: Callable[[Array], Array], edges: Array) -> Pieces:
    """Cut an interval into pieces on each of which a log-density is a polynomial to 13 digits.

    Parameters
    ----------
    log_density : callable
        From points of shape (N,) to nats of shape (N,), finite.
    edges : ndarray
        Where to begin, increasing: the ends of the interval, and places between them near which there is
        something to be seen, more closely spaced where it is narrow.

    Returns
    -------
    Pieces

    Raises
    ------
    ConvergenceError
        If the function is too rough: more than 20,000 pieces would be needed.

    Examples
    --------
    >>> pieces = resolve(lambda x: -np.abs(x), np.array([-1.0, 0.3, 2.0]))
    >>> [abs(round(mode.location, 9)) for mode in pieces.modes()]
    [0.0]
    """
    pending = np.stack([edges[:-1], edges[1:]], axis=1)  # (P, 2)
    done: list[Array] = []
    count = 0
    while len(pending):
        lower, upper = pending[:, 0], pending[:, 1]
        centre, half = (lower + upper) / 2, (upper - lower) / 2
        values = log_density((centre[:, None] + half[:, None] * NODES).ravel()).reshape(-1, _ORDER)
        series = np.abs(values @ _TO_SERIES.T)
        swing = series[:, 1:].max(axis=1)
        # What rounding does to the values, and what rounding of the points does to them where they are steep.
        rounding = 8 * np.finfo(float).eps * (series.max(axis=1) + swing * np.abs(pending).max(axis=1) / half)
        fine = series[:, -3:].max(axis=1) <= _RESOLVED * swing + rounding
        fine |= _points(pending)
        done.append(pending[fine])
        count += int(fine.sum())
        rest = pending[~fine]
        if count + 2 * len(rest) > _MOST_PIECES:
            raise ConvergenceError(
                f"the log-density is too rough near x = {float(rest[0].mean()):.6g} to be followed; "
                "give a smooth one, without noise"
            )
        middle = rest.mean(axis=1)
        pending = np.concatenate(
            [np.stack([rest[:, 0], middle], axis=1), np.stack([middle, rest[:, 1]], axis=1)]
        )
    starts = np.concatenate([pieces[:, 0] for pieces in done])
    return Pieces(log_density, np.append(np.sort(starts), edges[-1]))


def with_mass(pieces: Pieces) -> Pieces:
    """Cut pieces further until a Gauss-Legendre rule on each also integrates the density itself.

    Parameters
    ----------
    pieces : Pieces
        A log-density.

    Returns
    -------
    Pieces
        Over no piece near the mass does the log-density change by more than eight nats.
    """
    edges = pieces.edges
    for _ in range(64):
        centres, halves = _centres(edges)
        values = pieces.log_density((centres[:, None] + halves[:, None] * NODES).ravel()).reshape(-1, _ORDER)
        tops = values.max(axis=1)
        swings = tops - values.min(axis=1)
        # Below e^-60 of the peak there is no mass, but the flank of a mode may hide between two nodes.
        massive = tops > tops.max() - 60
        coarse = (swings > 8) & massive | (swings > 60) & _beside(massive)
        coarse &= ~_points(edges)
        if not coarse.any():
            break
        edges = np.sort(np.concatenate([edges, centres[coarse]]))
    return Pieces(pieces.log_density, edges)


def _beside(chosen: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return which pieces have a chosen neighbour."""
    padded = np.concatenate([[False], chosen, [False]])
    return np.asarray(padded[:-2] | padded[2:])


def panels(edges: Array) -> tuple[Array, Array]:
    """Return the nodes and weights of the 16-point Gauss-Legendre rule on every panel between ``edges``."""
    centres, halves = _centres(edges)
    points = centres[:, None] + halves[:, None] * NODES
    return points.ravel(), (halves[:, None] * WEIGHTS).ravel()


def require_finite(log_density: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """Return a log-density that refuses to be -inf: the exclusive KL of every Gaussian would be infinite."""

    def checked(x: Array) -> Array:
        values = log_density(x)
        if np.isneginf(values).any():
            at = float(x[np.isneginf(values)][0])
            raise InputError(
                f"the density vanishes at x = {at:.6g}: KL(q || p) is infinite for every Gaussian q; "
                "ask for the inclusive direction, or map the support to the whole line"
            )
        return values

    return checked


def _centres(edges: Array) -> tuple[Array, Array]:
    return (edges[1:] + edges[:-1]) / 2, (edges[1:] - edges[:-1]) / 2


def _points(edges: Array) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return which pieces are so short that they are points: what is not smooth there never will be."""
    lower, upper = (edges[:-1], edges[1:]) if edges.ndim == 1 else edges.T
    return np.asarray(upper - lower <= 4e-13 * (np.abs(lower) + np.abs(upper)) + 1e-300)


def _turning_points(slope: Array, centre: float, half: float, noise: float) -> list[tuple[float, float]]:
    """Return (place, second derivative) of every critical point of one piece."""
    kept = np.flatnonzero(np.abs(slope) > noise)
    if not len(kept) or kept[-1] == 0:
        return []
    trimmed = slope[: kept[-1] + 1]
    roots = legendre.legroots(trimmed)
    real = roots.real[(np.abs(roots.imag) < 1e-7) & (np.abs(roots.real) <= 1 + 1e-9)]
    curvature = legendre.legval(real, legendre.legder(trimmed)) / half**2
    return [(centre + half * float(x), float(c)) for x, c in zip(real, np.atleast_1d(curvature), strict=True)]


def _as_modes(critical: list[tuple[float, float]], log_density: Callable[[Array], Array]) -> list[Mode]:
    """Return the maxima among critical points in order, without those that only rounding makes."""
    once: list[tuple[float, float]] = []
    for x, curvature in critical:
        # Maxima and minima alternate: two of a kind are one that was met in two neighbouring pieces.
        if not once or (curvature < 0) != (once[-1][1] < 0):
            once.append((x, curvature))
    while len(once) > 1:
        heights = log_density(np.array([x for x, _ in once]))
        # How far each maximum stands above the minimum beside it; below 0 the polynomial was wrong there.
        above = np.diff(heights) * np.where([curvature < 0 for _, curvature in once[1:]], 1.0, -1.0)
        drops = above / (1 + np.abs(heights[1:]) + np.abs(heights[:-1]))
        at = int(drops.argmin())
        if drops[at] > 64 * np.finfo(float).eps:
            break
        # A pair this shallow ends under a Gaussian far too narrow to be stationary, if it is there at all.
        del once[at : at + 2]
    places = np.array([x for x, _ in once])
    modes = []
    for at, (x, curvature) in enumerate(once):
        if curvature < 0:
            others = np.abs(np.delete(places, at) - x)
            modes.append(Mode(x, 1 / float(np.sqrt(-curvature)), float(others.min(initial=np.inf))))
    return modes
