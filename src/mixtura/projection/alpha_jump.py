"""Where the closest Gaussian changes branch along Amari's alpha."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from mixtura.projection.alpha_branch import AlphaBranch, stationary_near
from mixtura.projection.line_density import LineDensity
from mixtura.projection.tilted import Tilted, tilted

_GRID = np.linspace(0.0, 1.0, 1001)


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
    heights = np.stack(
        [np.interp(_GRID, piece.alpha, piece.divergence, left=np.inf, right=np.inf) for piece in pieces]
    )
    best = heights.argmin(axis=0)
    jumps = []
    for at in np.flatnonzero(best[:-1] != best[1:]):
        if np.isfinite(heights[:, at : at + 2].min(axis=0)).all():
            old, new = pieces[best[at]], pieces[best[at + 1]]
            jumps.append(_jump(density, old, new, float(_GRID[at]), float(_GRID[at + 1])))
    return tuple(jumps)


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

    def minimum(piece: AlphaBranch, alpha: float) -> Tilted:
        mu, sigma = (float(np.interp(alpha, piece.alpha, values)) for values in (piece.mean, piece.scale))
        place = stationary_near(density, alpha, mu, sigma)
        return place if place is not None else tilted(density, alpha, mu, sigma)

    def gap(alpha: float) -> float:
        return minimum(old, alpha).divergence - minimum(new, alpha).divergence

    lower = max(below - 0.01, float(old.alpha[0]), float(new.alpha[0]))
    upper = min(above + 0.01, float(old.alpha[-1]), float(new.alpha[-1]))
    # Without a change of sign the new minimum is born closer, or the old one ends while it is the closest.
    alpha = float(brentq(gap, lower, upper, xtol=1e-12)) if gap(lower) * gap(upper) < 0 else lower
    before, after = minimum(old, alpha), minimum(new, alpha)
    return Jump(alpha, before.mu, before.sigma, after.mu, after.sigma)
