"""Where the closest Gaussian changes branch along Amari's alpha."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from mixtura.projection.alpha_branch import AlphaBranch, stationary_near
from mixtura.projection.line_density import LineDensity
from mixtura.projection.tilted import Tilted, tilted

_GRID = np.linspace(0.0, 1.0, 101)
# Minima whose divergences differ by less, in nats, are equally close.
_TIE = 1e-10


@dataclass(frozen=True)
class Jump:
    """A place at which the closest Gaussian changes branch: two of them are equally close.

    Parameters
    ----------
    alpha : float
        The place on the path.
    from_mean, from_scale : float
        The closest Gaussian for a slightly smaller alpha.
    to_mean, to_scale : float
        The closest for a slightly larger one.
    """

    alpha: float
    from_mean: float
    from_scale: float
    to_mean: float
    to_scale: float


def jumps_between(density: LineDensity, branches: tuple[AlphaBranch, ...]) -> tuple[Jump, ...]:
    """Return the places at which the closest Gaussian changes branch, by rising alpha.

    Parameters
    ----------
    density : LineDensity
        The target.
    branches : tuple of AlphaBranch
        The stationary Gaussians.

    Returns
    -------
    tuple of Jump
    """
    pieces = _stable_pieces(branches)
    current = None
    jumps = []
    for below, alpha in zip([0.0, *_GRID[:-1]], _GRID, strict=True):
        heights = [_height(density, piece, float(alpha)) for piece in pieces]
        best = int(np.argmin(heights))
        # Of minima that are equally close, as in a symmetric target, the one that was the closest stays it.
        if current is None or heights[best] < heights[current] - _TIE:
            if current is not None:
                jumps.append(_jump(density, pieces[current], pieces[best], float(below), float(alpha)))
            current = best
    return tuple(jumps)


def _height(density: LineDensity, piece: AlphaBranch, alpha: float) -> float:
    """Return the divergence of a stretch of minima at one alpha, infinity where it does not reach."""
    if not piece.alpha[0] <= alpha <= piece.alpha[-1]:
        return float("inf")
    return _minimum(density, piece, alpha).divergence


def _minimum(density: LineDensity, piece: AlphaBranch, alpha: float) -> Tilted:
    mu, sigma = (float(np.interp(alpha, piece.alpha, values)) for values in (piece.mean, piece.scale))
    place = stationary_near(density, alpha, mu, sigma)
    return place if place is not None else tilted(density, alpha, mu, sigma)


def _stable_pieces(branches: tuple[AlphaBranch, ...]) -> list[AlphaBranch]:
    """Return the stretches of minima, each with alpha rising."""
    pieces = []
    for branch in branches:
        ends = np.flatnonzero(np.diff(branch.stable.astype(int)))
        for part in np.split(np.arange(len(branch)), ends + 1):
            if branch.stable[part[0]] and len(part) > 1:
                part = part if branch.alpha[part[0]] < branch.alpha[part[-1]] else part[::-1]
                pieces.append(
                    AlphaBranch(
                        branch.alpha[part],
                        branch.mean[part],
                        branch.scale[part],
                        branch.divergence[part],
                        branch.stable[part],
                    )
                )
    return pieces


def _jump(density: LineDensity, old: AlphaBranch, new: AlphaBranch, below: float, above: float) -> Jump:
    """Return the alpha between two neighbours of the grid at which two minima are equally close."""

    def gap(alpha: float) -> float:
        return _minimum(density, old, alpha).divergence - _minimum(density, new, alpha).divergence

    lower = max(below, float(old.alpha[0]), float(new.alpha[0]))
    upper = min(above, float(old.alpha[-1]), float(new.alpha[-1]))
    # Without a change of sign the new minimum is born closer, or the old one ends while it is the closest.
    alpha = float(brentq(gap, lower, upper, xtol=1e-12)) if gap(lower) * gap(upper) < 0 else lower
    before, after = _minimum(density, old, alpha), _minimum(density, new, alpha)
    return Jump(alpha, before.mu, before.sigma, after.mu, after.sigma)
