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
from mixtura.projection.line_density import LineDensity
from mixtura.projection.pieces import Mode, Pieces
from mixtura.projection.result import Kind
from mixtura.projection.smoothing import Smoothed, smooth

# Steps along a curve, in the Fisher metric (dmu^2 + dsigma^2) / sigma^2.
_LONGEST_STEP, _SHORTEST_STEP = 0.2, 1e-7
_MOST_STEPS = 20_000
# A curvature, in units of sigma^2, that is no rounding error.
_FLAT = 1e-9
# Where log p is about to overflow, as that of a density with exponential tails of its logarithm does.
_OVERFLOWING = -1e30
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
            if not any(_near(place, other, 1e-7) for other in found):
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


def all_curves(density: LineDensity) -> tuple[list[list[Smoothed]], list[Smoothed]]:
    """Return the curves of the maxima of the smoothed log-density, as sigma grows.

    Parameters
    ----------
    density : LineDensity
        The target.

    Returns
    -------
    curves : list of list of Smoothed
        One curve for each mode, and one from each place where those of two modes meet, as in a symmetric
        target.
        A curve ends beyond ``density.widest``, where it meets a minimum, or where it meets another.
    meetings : list of Smoothed
        Where the curves of two modes meet.

    Raises
    ------
    ConvergenceError
        If the curve is lost.
    """
    pieces = density.pieces
    curves = []
    ends: list[Smoothed] = []
    meetings: list[Smoothed] = []
    for mode in density.modes:
        start = _start(pieces, mode)
        if start is not None:
            curves.append(_followed(pieces, start, density.widest))
    for curve in curves:
        end = curve[-1]
        if not _meets_another(end):
            continue
        if any(_near(end, other, 0.01) for other in ends):
            meetings.append(end)
            start = _on_curve(pieces, end.mu, 1.001 * end.sigma)
            if start is not None:
                curves.append(_followed(pieces, start, density.widest))
        else:
            ends.append(end)
    return curves, meetings


def _meets_another(end: Smoothed) -> bool:
    """Return whether a curve ended where the first three derivatives of the smoothed log-density vanish."""
    return abs(end.a2) < 0.005 * abs(end.a4) and abs(end.a3) < 0.005 * abs(end.a4)


def _near(first: Smoothed, second: Smoothed, distance: float) -> bool:
    near = abs(first.mu - second.mu) < distance * first.sigma
    return near and abs(first.sigma / second.sigma - 1) < distance


def _start(pieces: Pieces, mode: Mode) -> Smoothed | None:
    """Return a place on the curve of a mode; None where the mode is too flat to be told from rounding."""
    # Far below the width of the mode, and of the gap to its neighbours, the curve has hardly moved.
    sigma = 0.02 * min(mode.width, mode.gap)
    for _ in range(60):
        start = _on_curve(pieces, mode.location, sigma)
        if start is not None and start.a2 < -_FLAT and abs(start.mu - mode.location) < max(sigma, mode.gap):
            return start
        # While a2 is lost in rounding the remainder is 1, and nothing is stationary.
        sigma *= 2
    return None


def _followed(pieces: Pieces, start: Smoothed, widest: float) -> list[Smoothed]:
    """Follow one maximum of the smoothed log-density upwards."""
    here, curve = start, [start]
    step = _LONGEST_STEP / 4
    for _ in range(_MOST_STEPS):
        if here.a2 >= 0 or (here.sigma > widest and here.remainder < 0) or here.remainder < _OVERFLOWING:
            return curve
        du, dv = _tangent(here)
        ahead = _on_curve(
            pieces, here.mu + step * du * here.sigma, here.sigma * float(np.exp(step * dv)), step
        )
        turned = 1.0
        if ahead is not None:
            eu, ev = _tangent(ahead)
            turned = 1 - (du * eu + dv * ev)
        if ahead is None or turned > 0.06:
            step /= 2
            if step < _SHORTEST_STEP:
                break
            continue
        curve.append(ahead)
        here = ahead
        step = min(step * (1.5 if turned < 0.01 else 1.0), _LONGEST_STEP)
    last = curve[-1]
    if _meets_another(last):
        return curve
    raise ConvergenceError(
        f"the maximum of the smoothed log-density near x = {last.mu:.6g} was lost at sigma = "
        f"{last.sigma:.6g}; "
        "is the log-density smooth, and does it fall on both sides?"
    )


def _tangent(place: Smoothed) -> tuple[float, float]:
    """Return the direction in (mu / sigma, log sigma) that keeps df/dmu zero; sigma grows while a2 < 0."""
    size = float(np.hypot(place.a2, place.a3))
    return place.a3 / size, -place.a2 / size


def _on_curve(pieces: Pieces, mu: float, sigma: float, reach: float = np.inf) -> Smoothed | None:
    """Return the nearest place with df/dmu = 0, by Newton steps across the curve; None where it is far."""
    moved, before = 0.0, np.inf
    for _ in range(12):
        place = smooth(pieces, mu, sigma)
        size = place.a2**2 + place.a3**2
        if not np.isfinite(size) or size == 0:
            return None
        du, dv = -place.a1 * place.a2 / size, -place.a1 * place.a3 / size
        length = float(np.hypot(du, dv))
        moved += length
        if moved > max(0.5 * reach, 1e-9):
            return None
        mu, sigma = mu + sigma * du, sigma * float(np.exp(dv))
        # The step that is not evaluated is of second order in 1e-9; rounding may forbid to come that near.
        if length < 1e-9 or (length < 1e-6 and length > 0.3 * before):
            return replace(place, mu=mu, sigma=sigma)
        before = length
    return None


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
        corrected = _on_curve(pieces, mu, sigma, 1.0)
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
