"""Moments, normalising constant and entropy of a density on the line, by quadrature."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from mixtura.divergence.landmarks import ends, landmarks
from mixtura.divergence.mixtures import as_float64
from mixtura.divergence.quadrature import integrate
from mixtura.errors import ConvergenceError, InputError
from mixtura.projection.target import Target

Array = NDArray[np.float64]

_RTOL = 1e-11
_OCTAVES = np.arange(
    -30.0, 41.0, 0.125
)  # distances from 0, as powers of two, at which a function is looked at
_ZOOMS = 12
_GROWTH = 3.0  # of the distances from a peak at which the integral is cut
_FEWEST_CUTS = 4
_FAR = 1e15  # beyond, a density that is lost in rounding counts as vanishing
_FARTHEST = 1e60  # beyond, the square of a square overflows
_DROP = 0.5  # nats below a peak that tell its width
_DIP = 0.1  # nats between two peaks
_FAINT = 50.0  # nats below the highest peak at which one counts for nothing


@dataclass(frozen=True, eq=False)
class LineMoments:
    """What quadrature finds of a density on the line.

    Parameters
    ----------
    mean, variance : float
        Its moments.
    log_normaliser : float
        The logarithm of its integral.
    entropy : float
        In nats, of the normalised density.
    error : float
        An estimate of the error of the entropy.
    """

    mean: float
    variance: float
    log_normaliser: float
    entropy: float
    error: float


def line_moments(target: Target) -> LineMoments:
    """Integrate a one-dimensional target.

    Parameters
    ----------
    target : Target
        Of dimension 1; its support may be bounded.

    Returns
    -------
    LineMoments

    Raises
    ------
    InputError
        If it is not integrable, has no second moments, or vanishes wherever it was looked at.
    ConvergenceError
        If it is too rough for quadrature.

    Examples
    --------
    >>> from mixtura.projection.target import as_target
    >>> found = line_moments(as_target(lambda x: -0.5 * (x - 1e3) ** 2 / 4.0))
    >>> round(found.mean, 6), round(found.variance, 6)
    (1000.0, 4.0)
    """
    log_density = _log_density(target)
    lower, upper = _ends(target)
    marks = _marks(target, log_density, lower, upper)
    peak = float(log_density(marks).max())

    def expectation(weight: Callable[[Array, Array], Array]) -> tuple[float, float]:
        """Return the integral of exp(log p - peak) times a weight of x and log p - peak."""

        def integrand(x: Array) -> Array:
            values = log_density(x) - peak
            density = np.exp(values)
            return np.where(density > 0, density * weight(x, np.maximum(values, -1e300)), 0.0)

        found = integrate(integrand, lower, upper, marks, rtol=_RTOL)
        return found.value, found.error

    slopes = _tail_slopes(log_density, marks, lower, upper)
    if max(slopes) > -1 - 1e-3:
        raise InputError(
            f"the density of {target.name} is not integrable: {_side(slopes)} it falls as "
            f"|x|^{max(slopes):.3g}, and it must fall faster than 1/|x|"
        )
    if max(slopes) > -3 - 1e-3:
        raise InputError(
            f"{target.name} has no second moments: {_side(slopes)} its density falls as "
            f"|x|^{max(slopes):.3g}, and it must fall faster than 1/|x|^3; there is no inclusive projection, "
            "ask for the exclusive one"
        )
    mass, mass_error = expectation(lambda x, _: np.ones_like(x))
    if not 0 < mass < np.inf:
        raise InputError(
            f"the integral of the density of {target.name} is {mass:g}; it must be positive and finite"
        )
    origin = float(marks[log_density(marks).argmax()])
    shift = expectation(lambda x, _: x - origin)[0] / mass
    second, second_error = expectation(lambda x, _: (x - origin - shift) ** 2)
    lift, lift_error = expectation(lambda _, values: values)
    variance = second / mass
    if not np.isfinite(variance) or second_error > 1e-3 * second or mass_error > 1e-3 * mass:
        raise ConvergenceError(
            f"the variance of {target.name} is {variance:.6g} with an error of {second_error / mass:.2g}; "
            "give a smoother density, without noise or long flat tails"
        )
    return LineMoments(
        mean=origin + shift,
        variance=variance,
        log_normaliser=float(np.log(mass) + peak),
        entropy=float(np.log(mass) - lift / mass),
        error=float(abs(lift_error / mass) + abs(mass_error / mass) * (1 + abs(lift / mass))),
    )


def _log_density(target: Target) -> Callable[[Array], Array]:
    """Return log p as a function of NumPy points of any shape, in float64 whatever the parameters are in."""
    exact = None if target.distribution is None else as_float64(target.distribution)

    def log_density(x: Array) -> Array:
        far = np.abs(x) > _FARTHEST
        points = torch.from_numpy(np.where(far, 0.0, x).reshape(-1, 1))
        if exact is None:
            values = target._log_prob(points).detach()
        else:
            values = exact.log_prob(points[:, 0] if target.scalar else points).detach()
        values = torch.where(torch.isnan(values) & (points[:, 0].abs() > _FAR), -torch.inf, values)
        unsound = torch.isnan(values) | (values == torch.inf)
        if bool(unsound.any()):
            target.log_prob(points[unsound])  # raises, and names the point
        return np.where(far, -np.inf, values.numpy().reshape(x.shape))

    return log_density


def _ends(target: Target) -> tuple[float, float]:
    """Return the ends of the support."""
    if target.distribution is None:
        return target.support
    lower, upper = ends(target.distribution)
    return float(lower.reshape(-1)[0]), float(upper.reshape(-1)[0])


def _marks(target: Target, log_density: Callable[[Array], Array], lower: float, upper: float) -> Array:
    """Return places around which the density has its mass, increasing, within the support."""
    if target.distribution is not None:
        found = landmarks(target.distribution).detach().numpy().reshape(-1)
    else:
        found = _explore(target, log_density)
    found = np.unique(found[np.isfinite(found) & (found > lower) & (found < upper)])
    return found if len(found) else np.array([_between(lower, upper)])


def _between(lower: float, upper: float) -> float:
    """Return a point inside an interval that may be infinite."""
    if np.isfinite(lower) and np.isfinite(upper):
        return (lower + upper) / 2
    return lower + 1 if np.isfinite(lower) else upper - 1 if np.isfinite(upper) else 0.0


def _explore(target: Target, log_density: Callable[[Array], Array]) -> Array:
    """Return the peaks of a function that is known nowhere, and places a few widths around them."""
    steps = 2.0**_OCTAVES
    grid = np.concatenate([-steps[::-1], [0.0], steps])
    values = log_density(grid)
    if not np.isfinite(values).any():
        raise InputError(
            f"the log-density of {target.name} is -inf at all of {len(grid)} points between {grid[0]:.3g} "
            f"and {grid[-1]:.3g}; move the target near 0 and to a scale near 1"
        )
    for _ in range(_ZOOMS):
        # Eight points more on either side of every peak of the grid.
        tops = _tops(values)
        sides = [
            np.linspace(grid[top], grid[np.clip(top + side, 0, len(grid) - 1)], 9)[1:-1]
            for top in tops
            for side in (-1, 1)
        ]
        fresh = np.setdiff1d(np.concatenate(sides), grid)
        if not len(fresh):
            break
        order = np.argsort(np.concatenate([grid, fresh]), kind="stable")
        values = np.concatenate([values, log_density(fresh)])[order]
        grid = np.concatenate([grid, fresh])[order]
    edges = [_jump(log_density, *grid[at : at + 2]) for at in np.flatnonzero(np.diff(np.isfinite(values)))]
    marks = [grid[tops], np.array(edges)]
    for top in tops:
        # The first points half a nat down tell the width; from there the integral is cut in growing steps.
        low = np.flatnonzero(values < values[top] - _DROP)
        for end, others in (
            (grid[low[low < top][-1:]], [x for x in (*grid[tops], *edges) if x < grid[top]]),
            (grid[low[low > top][:1]], [x for x in (*grid[tops], *edges) if x > grid[top]]),
        ):
            if len(end):
                width = end[0] - grid[top]
                gap = min((abs(x - grid[top]) for x in others), default=0.0)
                count = max(np.log(max(gap / abs(width), 1.0)) / np.log(_GROWTH), _FEWEST_CUTS)
                marks.append(grid[top] + width * _GROWTH ** np.arange(np.ceil(count)))
    return np.concatenate(marks)


def _tops(values: Array) -> list[int]:
    """Return the peaks of a sequence: maxima with a dip of some depth between each and the next."""
    tops: list[int] = []
    valley = -np.inf
    for at, value in enumerate(values):
        if not tops or (value > valley + _DIP and values[tops[-1]] > valley + _DIP):
            tops.append(at)
            valley = value
        elif value > values[tops[-1]]:
            tops[-1], valley = at, value
        valley = min(valley, value)
    highest = values.max()
    return [top for top in tops if values[top] > highest - _FAINT]


def _jump(log_density: Callable[[Array], Array], left: float, right: float) -> float:
    """Return where a log-density becomes -inf, between two points."""
    finite_left = np.isfinite(log_density(np.array([left]))[0])
    while left < (middle := (left + right) / 2) < right:
        if np.isfinite(log_density(np.array([middle]))[0]) == finite_left:
            left = middle
        else:
            right = middle
    return right


def _tail_slopes(
    log_density: Callable[[Array], Array], marks: Array, lower: float, upper: float
) -> tuple[float, float]:
    """Return d log p / d log|x| far out on both sides; -inf where the support or the numbers end."""
    slopes = []
    reach = max(float(np.ptp(marks)), abs(float(marks[0])), abs(float(marks[-1])), 1e-30)
    for side, end in zip((-1.0, 1.0), (lower, upper), strict=True):
        if np.isfinite(end):
            slopes.append(-np.inf)
            continue
        near, beyond = log_density(side * reach * np.array([1e7, 1e8]))
        slopes.append(float((beyond - near) / np.log(10)) if np.isfinite(near) else -np.inf)
    return slopes[0], slopes[1]


def _side(slopes: tuple[float, float]) -> str:
    return "on the right" if slopes[1] >= slopes[0] else "on the left"
