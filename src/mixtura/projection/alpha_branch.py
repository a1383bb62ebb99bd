"""One branch of stationary Gaussians along Amari's alpha, followed through its folds by pseudo-arclength."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from mixtura.errors import ConvergenceError
from mixtura.projection.line_density import LineDensity
from mixtura.projection.pieces import Array
from mixtura.projection.result import Kind
from mixtura.projection.tilted import Tilted, tilted

_LONGEST_STEP, _SHORTEST_STEP = 0.05, 1e-8
_MOST_STEPS = 5_000


@dataclass(frozen=True, eq=False)
class AlphaBranch:
    """A curve of Gaussians at which D_alpha(p || q) is stationary.

    Parameters
    ----------
    alpha : ndarray of shape (n,)
        The places on the path; they turn back at a fold.
    mean, scale : ndarray of shape (n,)
        Mean and standard deviation of the Gaussians.
    divergence : ndarray of shape (n,)
        D_alpha(p || q), in nats.
    stable : ndarray of bool, shape (n,)
        Whether the Gaussian is a minimum.
    """

    alpha: Array
    mean: Array
    scale: Array
    divergence: Array
    stable: np.ndarray[tuple[int], np.dtype[np.bool_]]

    def __len__(self) -> int:
        """Return the number of points."""
        return len(self.alpha)

    def meets(self, place: Tilted) -> bool:
        """Return whether the branch passes through a stationary Gaussian."""
        distance = np.hypot((self.mean - place.mu) / place.sigma, np.log(self.scale / place.sigma))
        distance = np.hypot(distance, self.alpha - place.alpha)
        # Neighbouring points are one step apart at the most: the curve passes by within half a step.
        return bool(distance.min() < 0.75 * _LONGEST_STEP)


@dataclass(frozen=True)
class Fold:
    """A place at which a branch turns back: a minimum and a saddle meet and end.

    In a symmetric target two minima and the saddle between them may meet in one place.

    Parameters
    ----------
    alpha, mean, scale : float
        The place on the path, and the Gaussian there.
    """

    alpha: float
    mean: float
    scale: float


def kind_of(place: Tilted) -> Kind:
    """Return what a stationary Gaussian is by the second derivatives of the divergence."""
    lower, upper = place.eigenvalues
    return "minimum" if lower > 0 else "maximum" if upper < 0 else "saddle"


def stationary_near(density: LineDensity, alpha: float, mu: float, sigma: float) -> Tilted | None:
    """Return the stationary Gaussian that Newton's method finds at one alpha, None where it finds none."""
    place = tilted(density, alpha, mu, sigma)
    for _ in range(30):
        size = float(np.abs(place.residual).max())
        if not np.isfinite(size):
            return None
        du, dv = np.linalg.lstsq(place.jacobian[:, :2], -place.residual, rcond=None)[0]
        length = float(np.hypot(du, dv))
        if length < 1e-12 + _rounding(place) or size < 1e-15:
            return place if size < 1e-8 else None
        shrink = min(1.0, 0.5 / length)
        mu, sigma = mu + shrink * float(du) * sigma, sigma * float(np.exp(shrink * dv))
        place = tilted(density, alpha, mu, sigma)
    return place if np.abs(place.residual).max() < 1e-9 else None


def trace(density: LineDensity, start: Tilted, direction: float) -> list[Tilted]:
    """Follow a branch from a stationary Gaussian until alpha leaves [0, 1].

    Parameters
    ----------
    density : LineDensity
        The target.
    start : Tilted
        A stationary Gaussian.
    direction : float
        The sign of the first change of alpha.

    Returns
    -------
    list of Tilted
        ``start``, then the points that follow; the last lies on alpha = 0 or alpha = 1.

    Raises
    ------
    ConvergenceError
        If the branch is lost.
    """
    tangent = _tangent(start)
    tangent *= np.sign(tangent[2] * direction) or 1.0
    here, points, step = start, [start], _LONGEST_STEP / 4
    for _ in range(_MOST_STEPS):
        ahead = _corrected(density, here, step * tangent, step)
        turned = 1.0
        if isinstance(ahead, Tilted):
            new = _tangent(ahead)
            new *= np.sign(new @ tangent)
            turned = 1 - float(new @ tangent)
        elif ahead is not None:
            last = stationary_near(density, round(ahead[2]), ahead[0], ahead[1])
            if last is not None:
                return [*points, last]
        if not isinstance(ahead, Tilted) or turned > 0.03:
            step /= 2
            if step < _SHORTEST_STEP:
                break
            continue
        points.append(ahead)
        here, tangent = ahead, new
        step = min(step * (1.5 if turned < 0.005 else 1.0), _LONGEST_STEP)
    raise ConvergenceError(
        f"a branch of closest Gaussians was lost at alpha = {here.alpha:.6g}, mean {here.mu:.6g}, standard "
        f"deviation {here.sigma:.6g}; is the log-density smooth?"
    )


def as_branch(points: list[Tilted]) -> AlphaBranch:
    """Return the points of a branch as arrays, from its lower end."""
    if points[0].alpha > points[-1].alpha:
        points = points[::-1]
    return AlphaBranch(
        alpha=np.array([point.alpha for point in points]),
        mean=np.array([point.mu for point in points]),
        scale=np.array([point.sigma for point in points]),
        divergence=np.array([point.divergence for point in points]),
        stable=np.array([kind_of(point) == "minimum" for point in points]),
    )


def with_folds(density: LineDensity, points: list[Tilted]) -> tuple[list[Tilted], list[Fold]]:
    """Return a branch with the places added at which alpha turns back, and these places."""
    tangents = [_tangent(point) for point in points]
    for at in range(1, len(tangents)):
        tangents[at] *= np.sign(tangents[at] @ tangents[at - 1]) or 1.0
    longer, folds = [points[0]], []
    for at in range(len(points) - 1):
        if tangents[at][2] * tangents[at + 1][2] < 0:
            place = _fold(density, points[at], points[at + 1], tangents[at])
            longer.append(place)
            folds.append(Fold(place.alpha, place.mu, place.sigma))
        longer.append(points[at + 1])
    return longer, folds


def _fold(density: LineDensity, first: Tilted, second: Tilted, tangent: Array) -> Tilted:
    """Return the fold between two neighbouring points, by bisection on the sign of dalpha."""

    def place(t: float) -> Tilted:
        step = np.array(
            [
                t * (second.mu - first.mu) / first.sigma,
                t * np.log(second.sigma / first.sigma),
                t * (second.alpha - first.alpha),
            ]
        )
        corrected = _corrected(density, first, step, 1.0)
        if not isinstance(corrected, Tilted):
            raise ConvergenceError(f"a fold near alpha = {first.alpha:.6g} could not be located")
        return corrected

    def change(t: float) -> float:
        here = _tangent(place(t))
        return float(here[2] * np.sign(here @ tangent))

    return place(brentq(change, 0.0, 1.0, xtol=1e-12))


def _rounding(place: Tilted) -> float:
    """Return what rounding of the mean is in units of the standard deviation."""
    return 4 * float(np.finfo(float).eps) * abs(place.mu) / place.sigma


def _tangent(place: Tilted) -> Array:
    """Return the unit vector in (mu / sigma, log sigma, alpha) along which both conditions stay zero."""
    direction = np.cross(place.jacobian[0], place.jacobian[1])
    return np.asarray(direction / np.linalg.norm(direction))


def _corrected(
    density: LineDensity, origin: Tilted, step: Array, reach: float
) -> Tilted | tuple[float, float, float] | None:
    """Return the stationary Gaussian nearest to a step away; a bare place where that leaves [0, 1]."""
    mu, sigma = origin.mu + float(step[0]) * origin.sigma, origin.sigma * float(np.exp(step[1]))
    alpha = origin.alpha + float(step[2])
    moved = 0.0
    for _ in range(10):
        if not 0 <= alpha <= 1:
            return mu, sigma, min(max(alpha, 0.0), 1.0)
        place = tilted(density, alpha, mu, sigma)
        if not np.isfinite(place.jacobian).all():
            return None
        change = np.linalg.lstsq(place.jacobian, -place.residual, rcond=None)[0]
        length = float(np.linalg.norm(change))
        if length < 1e-11 + _rounding(place):
            return place
        moved += length
        if moved > max(0.5 * reach, 1e-9):
            return None
        mu, sigma = mu + float(change[0]) * sigma, sigma * float(np.exp(change[1]))
        alpha += float(change[2])
    return None
