"""The curves along which a maximum of the smoothed log-density moves as the smoothing grows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mixtura.errors import ConvergenceError
from mixtura.projection.line_density import LineDensity
from mixtura.projection.pieces import Mode, Pieces
from mixtura.projection.smoothing import Smoothed, smooth

# Steps along a curve, in the Fisher metric (dmu^2 + dsigma^2) / sigma^2.
_LONGEST_STEP, _SHORTEST_STEP = 0.2, 1e-7
_MOST_STEPS = 20_000
# A curvature, in units of sigma^2, that is no rounding error.
_FLAT = 1e-9
# One so small that rounding may hide where the curve goes; the remainder is 1 there.
_FADED = 1e-7
# Where log p is about to overflow, as that of a density with exponential tails of its logarithm does.
_OVERFLOWING = -1e30


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
        target. A curve ends beyond ``density.widest``, where it meets a minimum, where it meets another, or
        where rounding hides it; one of them reaches ``density.widest``.
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
        if any(near(end, other, 0.01) for other in ends):
            meetings.append(end)
            start = _beyond(pieces, end)
            if start is not None:
                curves.append(_followed(pieces, start, density.widest))
        else:
            ends.append(end)
    if not any(curve[-1].sigma > density.widest for curve in curves):
        # Nothing is hidden from above: the one maximum of the widest smoothing, followed downwards.
        curves.append(_from_above(density))
    return curves, meetings


def _beyond(pieces: Pieces, end: Smoothed) -> Smoothed | None:
    """Return a place just above the one where curves meet, on the curve that goes on."""
    # The sharper the bend of the smoothed log-density, the sooner the one that goes on is stationary.
    soon = on_curve(pieces, end.mu, end.sigma * (1 + min(1e-3, 0.1 / abs(end.a4))))
    if soon is not None and 0 < soon.remainder < 1:
        return soon
    return on_curve(pieces, end.mu, 1.001 * end.sigma)


def _from_above(density: LineDensity) -> list[Smoothed]:
    """Return the curve that goes on for ever, from its upper end."""
    pieces = density.pieces
    middle = (density.modes[0].location + density.modes[-1].location) / 2
    top = on_curve(pieces, middle, 1.01 * density.widest)
    if top is None or top.remainder >= 0:
        raise ConvergenceError(
            f"the log-density has no single maximum when smoothed at sigma = {density.widest:.6g}; does it "
            "fall on both sides?"
        )
    return _followed(pieces, top, density.widest, downwards=True)


def _meets_another(end: Smoothed) -> bool:
    """Return whether a curve ended where the first three derivatives of the smoothed log-density vanish."""
    return abs(end.a2) < 0.005 * abs(end.a4) and abs(end.a3) < 0.005 * abs(end.a4)


def near(first: Smoothed, second: Smoothed, distance: float) -> bool:
    """Return whether two places are within a distance of each other, in widths."""
    near = abs(first.mu - second.mu) < distance * first.sigma
    return near and abs(first.sigma / second.sigma - 1) < distance


def _start(pieces: Pieces, mode: Mode) -> Smoothed | None:
    """Return a place on the curve of a mode; None where the mode is too flat to be told from rounding."""
    # Far below the width of the mode, and of the gap to its neighbours, the curve has hardly moved.
    sigma = 0.02 * min(mode.width, mode.gap)
    for _ in range(60):
        start = on_curve(pieces, mode.location, sigma)
        if start is not None and start.a2 < -_FLAT and abs(start.mu - mode.location) < max(sigma, mode.gap):
            return start
        # While a2 is lost in rounding the remainder is 1, and nothing is stationary.
        sigma *= 2
    return None


def _followed(pieces: Pieces, start: Smoothed, widest: float, *, downwards: bool = False) -> list[Smoothed]:
    """Follow one maximum of the smoothed log-density as sigma grows, or as it shrinks."""
    here, curve = start, [start]
    step = _LONGEST_STEP / 4
    sign = -1.0 if downwards else 1.0
    for _ in range(_MOST_STEPS):
        high = not downwards and here.sigma > widest and here.remainder < 0
        if here.a2 >= 0 or high or here.remainder < _OVERFLOWING or (downwards and here.a2 > -_FADED):
            return curve
        du, dv = (sign * part for part in _tangent(here))
        ahead = on_curve(
            pieces, here.mu + step * du * here.sigma, here.sigma * float(np.exp(step * dv)), step
        )
        turned = 1.0
        if ahead is not None:
            eu, ev = (sign * part for part in _tangent(ahead))
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
    if _meets_another(last) or abs(last.a2) < _FADED:
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


def on_curve(pieces: Pieces, mu: float, sigma: float, reach: float = np.inf) -> Smoothed | None:
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
