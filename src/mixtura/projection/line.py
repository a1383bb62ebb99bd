r"""The exclusive projection on the line: every stationary point of KL(q || p) over q = N(mu, sigma^2).

With f(mu, sigma) = E_q[log p], KL = -log sigma - f + constants, and f solves the heat equation in t =
sigma^2: df/dt = 1/2 d^2f/dmu^2. A stationary point has df/dmu = 0 and 1 + sigma^2 d^2f/dmu^2 = 0, so it is a
maximum of the smoothed log-density mu -> f(mu, sigma). The zeros of a solution of the heat equation on the
line are never born as t grows (Sturm 1836; Angenent, J. reine angew. Math. 390, 1988), so each maximum of f
at sigma belongs to a curve that starts from a mode of p at sigma = 0. Following the curves of all modes
therefore meets every stationary point. Along a curve 1 + sigma^2 d^2f/dmu^2 falls from 1. It ends at 1 where
the curve meets that of a minimum of f and both vanish, or where several maxima and the minima between them
meet, as in a symmetric target, and one maximum goes on from there; or it stays below 0 on the one curve that
goes on for ever. A point is a minimum of KL where it becomes negative, a saddle where it becomes positive. As
d^2KL/dmu^2 = 1/sigma^2 > 0 at each of them, there is no maximum.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import brentq, minimize_scalar

from mixtura.errors import ConvergenceError
from mixtura.projection.curves import all_curves, near, on_curve
from mixtura.projection.line_density import LineDensity
from mixtura.projection.pieces import Pieces
from mixtura.projection.result import Kind
from mixtura.projection.smoothing import Smoothed, smooth

# An extremum of the remainder this near to zero is looked at for a pair of roots.
_NEAR = 0.1


@dataclass(frozen=True)
class LineStationary:
    """A stationary point of KL(q || p) on the line.

    Parameters
    ----------
    mu, sigma : float
        The Gaussian.
    divergence : float
        KL(q || p), in nats.
    error : float
        An estimate of the error of the divergence.
    kind : {"minimum", "saddle"}
        There is no maximum.
    """

    mu: float
    sigma: float
    divergence: float
    error: float
    kind: Kind


def exclusive_on_line(density: LineDensity) -> list[LineStationary]:
    """Return every stationary point of KL(q || p), best first.

    Parameters
    ----------
    density : LineDensity
        The target.

    Returns
    -------
    list of LineStationary
        Minima less saddles are one.

    Raises
    ------
    ConvergenceError
        If a curve could not be followed, or the points found cannot be all of them.

    Examples
    --------
    >>> from mixtura.projection.line_density import line_density
    >>> from mixtura.projection.target import as_target
    >>> [best] = exclusive_on_line(line_density(as_target(lambda x: -0.5 * ((x - 2) / 3) ** 2)))
    >>> round(best.mu, 9), round(best.sigma, 9), abs(round(best.divergence, 12))
    (2.0, 3.0, 0.0)
    """
    curves, meetings = all_curves(density)
    found: list[Smoothed] = []
    for curve in curves:
        for root in _roots(density.pieces, curve):
            place = _polished(density.pieces, root)
            if not any(near(place, other, 1e-7) for other in found):
                found.append(place)
    points = [_described(density, place) for place in found]
    # Two saddles and a minimum that rounding does not tell from the place where the curves meet: one saddle.
    points += [
        replace(_described(density, place), kind="saddle") for place in meetings if place.remainder < 0
    ]
    index = sum(1 if point.kind == "minimum" else -1 for point in points)
    if index != 1:
        raise ConvergenceError(
            f"{len(points)} stationary points were found whose minima less saddles are {index}, not 1; two "
            "of them may nearly coincide: change the target a little"
        )
    return sorted(points, key=lambda point: point.divergence)


def _roots(pieces: Pieces, curve: list[Smoothed]) -> list[Smoothed]:
    """Return the places along a curve at which the derivative by log sigma vanishes too."""
    values = np.array([place.remainder for place in curve])
    found = []
    for at in range(len(curve) - 1):
        between = _between(pieces, curve[at], curve[at + 1])
        if values[at] * values[at + 1] < 0:
            found.append(between(brentq(_remainder_on(between), 0.0, 1.0, xtol=1e-10)))
        elif values[at] == 0:
            found.append(curve[at])
    for at in range(1, len(curve) - 1):
        before, here, after = values[at - 1 : at + 2]
        turns = (here - before) * (after - here) <= 0
        if turns and abs(here) < _NEAR and before * here > 0 and here * after > 0:
            found += _pair(pieces, curve[at - 1 : at + 2], np.sign(here))
    return found


def _remainder_on(piece: Callable[[float], Smoothed]) -> Callable[[float], float]:
    return lambda t: piece(t).remainder


def _pair(pieces: Pieces, around: list[Smoothed], sign: float) -> list[Smoothed]:
    """Return the two roots that hide between samples of one sign, if the remainder does cross zero there."""
    left, right = _between(pieces, around[0], around[1]), _between(pieces, around[1], around[2])

    def place(t: float) -> Smoothed:
        return left(t) if t <= 1 else right(t - 1)

    def signed(t: float) -> float:
        return float(sign) * place(t).remainder

    lowest = minimize_scalar(signed, bounds=(0.0, 2.0), method="bounded", options={"xatol": 1e-9})
    if lowest.fun >= 0:
        return []
    return [place(brentq(signed, *ends, xtol=1e-10)) for ends in ((0.0, lowest.x), (lowest.x, 2.0))]


def _between(pieces: Pieces, first: Smoothed, second: Smoothed) -> Callable[[float], Smoothed]:
    """Return the piece of a curve between two of its points, as a function of t in [0, 1]."""

    def place(t: float) -> Smoothed:
        mu = first.mu + t * (second.mu - first.mu)
        sigma = float(np.exp((1 - t) * np.log(first.sigma) + t * np.log(second.sigma)))
        corrected = on_curve(pieces, mu, sigma, 1.0)
        if corrected is None:
            raise ConvergenceError(
                f"the maximum of the smoothed log-density near x = {mu:.6g} was lost at sigma = {sigma:.6g}; "
                "is the log-density smooth?"
            )
        return corrected

    return place


def _polished(pieces: Pieces, place: Smoothed) -> Smoothed:
    """Return a stationary point to rounding, by Newton's method on both equations."""
    mu, sigma = place.mu, place.sigma
    for _ in range(8):
        place = smooth(pieces, mu, sigma)
        jacobian = np.array([[place.a2, place.a3 + place.a1], [place.a3, 2 * place.a2 + place.a4]])
        determinant = float(np.linalg.det(jacobian))
        if abs(determinant) < 1e-9:
            break  # two points that nearly coincide: the bisection stands
        du, dv = np.linalg.solve(jacobian, [-place.a1, -place.remainder])
        if np.hypot(du, dv) > 1e-3:
            break
        mu, sigma = mu + sigma * float(du), sigma * float(np.exp(dv))
        if np.hypot(du, dv) < 1e-14:
            break
    return smooth(pieces, mu, sigma)


def _described(density: LineDensity, place: Smoothed) -> LineStationary:
    finer = smooth(density.pieces, place.mu, place.sigma, spacing=0.5)
    return LineStationary(
        mu=density.centre + place.mu,
        sigma=place.sigma,
        divergence=max(finer.divergence + density.log_normaliser, 0.0),
        error=abs(finer.mean - place.mean) + 1e-15 * abs(place.mean),
        kind="minimum" if place.determinant > 0 else "saddle",
    )
