"""A target on the line, made ready: its pieces, the scale to look at, its normalising constant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from mixtura.errors import ConvergenceError, InputError
from mixtura.findings import Finding
from mixtura.projection.pieces import Array, Mode, Pieces, panels, require_finite, resolve, with_mass
from mixtura.projection.target import GaussianMixtureForm, Target

# How far, in units of its scale, a density that is no mixture is looked at, and how far at least.
_FAR = 1e8
_NEAR = 64.0
# Where a log-density has overflowed rather than met the end of its support.
_STEEP = -1e12
_LOWEST = -1e100


@dataclass(frozen=True, eq=False)
class LineDensity:
    """A one-dimensional density, ready to be smoothed and integrated.

    Parameters
    ----------
    centre : float
        The origin of the coordinates of ``pieces`` and ``modes``: a spread that is small beside its distance
        from 0 keeps its digits.
    pieces : Pieces
        The log-density, as it was given.
    modes : list of Mode
        All its local maxima, from left to right.
    widest : float
        A standard deviation above which no closest Gaussian lies.
    log_normaliser : float
        The logarithm of the integral, in nats; 0 where the density is normalised.
    findings : tuple of Finding
        What should be known about it.
    """

    centre: float
    pieces: Pieces
    modes: list[Mode]
    widest: float
    log_normaliser: float
    findings: tuple[Finding, ...]

    @property
    def reach(self) -> tuple[float, float]:
        """The interval, around ``centre``, outside of which the density was not looked at piece by piece."""
        return float(self.pieces.edges[0]), float(self.pieces.edges[-1])


def line_density(target: Target) -> LineDensity:
    """Return a one-dimensional target as a line density.

    Parameters
    ----------
    target : Target
        Of dimension 1, positive on the whole line.

    Returns
    -------
    LineDensity

    Raises
    ------
    InputError
        If its support is bounded, it is not integrable, or returns what is no number.
    ConvergenceError
        If it is too rough to be followed.

    Examples
    --------
    >>> from mixtura.projection.target import as_target
    >>> density = line_density(as_target(lambda x: -0.5 * x**2))
    >>> bool(abs(density.log_normaliser - 0.5 * np.log(2 * np.pi)) < 1e-12)
    True
    """
    lower, upper = target.support
    if np.isfinite(lower) or np.isfinite(upper):
        raise InputError(
            f"the support of {target.name} is bounded, from {lower:g} to {upper:g}: KL(q || p) is infinite "
            "for every Gaussian q; ask for the inclusive direction, or map the support to the whole line"
        )
    if target.mixture is not None:
        return _from_mixture(target.mixture)
    return _from_log_density(target)


def _from_mixture(mixture: GaussianMixtureForm) -> LineDensity:
    present = torch.isfinite(mixture.log_weights)
    log_weights = mixture.log_weights[present].numpy()
    means = mixture.means[present, 0].numpy()
    scales = mixture.scale_trils[present, 0, 0].numpy()
    centre = float(means[log_weights.argmax()])
    means = means - centre
    log_density = mixture_log_density(log_weights, means, scales)
    pieces = resolve(log_density, _mixture_edges(log_weights, means, scales))
    return LineDensity(centre, pieces, pieces.modes(), _widest(means, scales), 0.0, ())


def mixture_log_density(log_weights: Array, means: Array, scales: Array) -> Callable[[Array], Array]:
    """Return log p of a one-dimensional Gaussian mixture as a function of NumPy points."""
    constants = (log_weights - np.log(scales) - 0.5 * np.log(2 * np.pi))[:, None]
    centres, precisions = means[:, None], 1 / scales[:, None]

    def log_density(x: Array) -> Array:
        joint = constants - 0.5 * ((x - centres) * precisions) ** 2  # (K, n)
        peak = joint.max(axis=0)
        return np.asarray(peak + np.log(np.exp(joint - peak).sum(axis=0)))

    return log_density


def _mixture_edges(log_weights: Array, means: Array, scales: Array) -> Array:
    """Return places near every component, closer where it is narrow, and where one gives way to another."""
    crossings = _crossings(log_weights, means, scales)
    hull = np.concatenate([means - 12 * scales.max(), means + 12 * scales.max(), crossings])
    lower, upper = hull.min(), hull.max()
    steps = 4.0 ** np.arange(0, 1 + np.ceil(np.log((upper - lower) / scales.min()) / np.log(4)))
    around = means[:, None, None] + np.array([-1.0, 1.0])[:, None] * scales[:, None, None] * steps
    edges = np.unique(np.concatenate([[lower, upper], means, crossings, around.ravel()]))
    return edges[(edges >= lower) & (edges <= upper)]


def _crossings(log_weights: Array, means: Array, scales: Array) -> Array:
    """Return the points at which two weighted components are equal."""
    first, second = np.triu_indices(len(means), k=1)
    v, w = scales[first] ** 2, scales[second] ** 2
    m, n = means[first], means[second]
    constant = 2 * (log_weights[first] - log_weights[second] - np.log(scales[first] / scales[second]))
    # (x - n)^2 / w - (x - m)^2 / v + constant = 0, multiplied by v w and with x = m + y.
    shift = m - n
    a, b, c = v - w, 2 * v * shift, v * shift**2 + constant * v * w
    root = np.sqrt(np.maximum(b**2 - 4 * a * c, 0.0))
    real = b**2 >= 4 * a * c
    q = -0.5 * (b + np.where(b >= 0, root, -root))
    with np.errstate(divide="ignore", invalid="ignore"):
        places = np.concatenate([(m + q / a)[real], (m + c / q)[real]])
    reach = 1e4 * (np.ptp(means) + scales.max())
    return places[np.isfinite(places) & (np.abs(places - means.mean()) < reach)]


def _widest(means: Array, scales: Array) -> float:
    """Return a proven bound on the sigma of stationary Gaussians of a mixture.

    At a stationary point E_q[-(x - c) (log p)'] = 1 for every c. With c the middle of the means and R half
    their range, the left side is at least (D^2 - R D) / v_max - R^2 / (4 v_min) q(|x - c| < R), D^2 = E_q[(x
    - c)^2].
    """
    half = np.ptp(means) / 2
    v_min, v_max = scales.min() ** 2, scales.max() ** 2
    sigma = float(scales.max() + half)
    while True:
        inside = min(1.0, 2 * half / (sigma * np.sqrt(2 * np.pi)))
        if sigma**2 - half * sigma > v_max * (1 + half**2 / (4 * v_min) * inside):
            return sigma
        sigma *= 1.25


def _from_log_density(target: Target) -> LineDensity:
    centre, scale = _whereabouts(target)

    def raw(x: Array) -> Array:
        return np.asarray(target.log_prob(torch.from_numpy(centre + x)[:, None]).detach().numpy())

    pieces = _as_far_as_needed(raw, scale)
    modes = pieces.modes()
    if not modes:
        raise InputError(
            f"the log-density of {target.name} has no maximum between {pieces.edges[0]:.3g} and "
            f"{pieces.edges[-1]:.3g}; "
            "a density must fall on both sides"
        )
    log_normaliser, findings = (0.0, ()) if target.normalised else _normaliser(pieces, target.name)
    # No proof as for a mixture: a Gaussian twice as wide as all modes and four fifths of the mass.
    widest = 2 * (modes[-1].location - modes[0].location + _central_interval(pieces))
    return LineDensity(centre, pieces, modes, widest, log_normaliser, findings)


def _as_far_as_needed(raw: Callable[[Array], Array], scale: float) -> Pieces:
    """Return the pieces of an interval with all but 1e-13 of the mass, or as much as can be looked at."""

    def log_density(x: Array) -> Array:
        return np.maximum(raw(x), _LOWEST)

    everywhere = _where_finite(raw, _graded(scale, _FAR))
    heights = log_density(everywhere)
    reach = _NEAR * scale
    while True:
        edges = everywhere[np.abs(everywhere) <= reach]
        beyond = heights[np.abs(everywhere) > reach]
        # Nothing seen beyond the interval may matter beside what is seen in it.
        if len(edges) > 2 and (
            not len(beyond) or beyond.max() < heights[np.abs(everywhere) <= reach].max() - 30
        ):
            pieces = with_mass(Pieces(log_density, resolve(require_finite(raw), edges).edges))
            if not len(beyond) or _mass_beyond(pieces) < 1e-13:
                return pieces
        if reach >= _FAR * scale:
            return with_mass(Pieces(log_density, resolve(require_finite(raw), everywhere).edges))
        reach *= 16


def _graded(scale: float, far: float) -> Array:
    steps = scale * 2.0 ** np.arange(-14, np.ceil(np.log2(far)) + 1)
    return np.concatenate([-steps[::-1], [0.0], steps])


def _mass_beyond(pieces: Pieces) -> float:
    """Return the share of the mass beyond the ends of the pieces, by the slopes of the tails there."""
    x, weights = panels(pieces.edges)
    values = pieces.log_density(x)
    peak = values.max()
    ends = pieces.edges[[0, -1]]
    slopes = np.minimum(np.array(tail_slopes(pieces)) + 1, -1e-3)
    tails = np.exp(pieces.log_density(ends) - peak) * np.abs(ends) / -slopes
    return float(tails.sum() / (weights @ np.exp(values - peak)))


def _whereabouts(target: Target) -> tuple[float, float]:
    """Return a place and a scale to begin from: those of the distribution where it has them."""
    if target.distribution is not None:
        mean = float(target.distribution.mean.reshape(-1)[0])
        scale = float(target.distribution.variance.reshape(-1)[0]) ** 0.5
        return (mean if np.isfinite(mean) else 0.0), (scale if np.isfinite(scale) and scale > 0 else 1.0)
    return 0.0, 1.0


def _where_finite(raw: Callable[[Array], Array], edges: Array) -> Array:
    """Return the edges at which the log-density has not overflowed."""
    values = raw(edges)
    finite = np.flatnonzero(np.isfinite(values))
    if len(finite) < 2:
        raise InputError(
            f"the log-density is -inf almost everywhere between {edges[0]:.3g} and {edges[-1]:.3g}; "
            "move the target near 0 and to a scale near 1"
        )
    first, last = finite[0], finite[-1]
    ends = [(first, first - 1), (last, last + 1)]
    for inside, outside in ends:
        if 0 <= outside < len(edges) and not _overflows(raw, edges[inside], edges[outside]):
            raise InputError(
                f"the density vanishes between x = {edges[inside]:.6g} and x = {edges[outside]:.6g}: "
                "KL(q || p) is infinite for every Gaussian q; ask for the inclusive direction, or map the "
                "support to the whole line"
            )
    return edges[first : last + 1]


def _overflows(raw: Callable[[Array], Array], inside: float, outside: float) -> bool:
    """Return whether a log-density falls without bound before it becomes -inf."""
    for _ in range(200):
        middle = (inside + outside) / 2
        if middle in (inside, outside):
            break
        if np.isneginf(raw(np.array([middle]))[0]):
            outside = middle
        else:
            inside = middle
    return bool(raw(np.array([inside]))[0] < _STEEP)


def tail_slopes(pieces: Pieces) -> tuple[float, float]:
    """Return d log p / d log|x| at both ends: integrable below -1, with a variance below -3."""
    slopes = []
    for end in (pieces.edges[0], pieces.edges[-1]):
        near, beyond = pieces.log_density(np.array([end / 2, end]))
        slopes.append(float((beyond - near) / np.log(2)) if near > _STEEP else -np.inf)
    return slopes[0], slopes[1]


def _central_interval(pieces: Pieces) -> float:
    """Return the length of the interval between the first and the last tenth of the mass."""
    x, weights = panels(pieces.edges)
    values = pieces.log_density(x)
    mass = np.cumsum(weights * np.exp(values - values.max()))
    lower, upper = np.searchsorted(mass, [0.1 * mass[-1], 0.9 * mass[-1]])
    return float(x[upper] - x[lower])


def _normaliser(pieces: Pieces, name: str) -> tuple[float, tuple[Finding, ...]]:
    slopes = tail_slopes(pieces)
    if max(slopes) > -1 - 1e-3:
        side = "right" if slopes[1] >= slopes[0] else "left"
        raise InputError(
            f"the density of {name} is not integrable: on the {side} it falls as |x|^{max(slopes):.3g}, and "
            "it must fall faster than 1/|x|"
        )
    x, weights = panels(pieces.edges)
    values = pieces.log_density(x)
    peak = values.max()
    mass = float(weights @ np.exp(values - peak))
    ends = pieces.edges[[0, -1]]
    beyond = np.exp(pieces.log_density(ends) - peak) * np.abs(ends) / (-np.array(slopes) - 1)
    if not np.isfinite(mass) or mass <= 0:
        raise ConvergenceError(
            f"the density of {name} could not be integrated; move it near 0 and to a scale near 1"
        )
    tails = float(beyond.sum())
    findings: tuple[Finding, ...] = ()
    if tails > 1e-9 * mass:
        findings = (
            Finding(
                "heavy-tails",
                "note",
                f"{tails / (mass + tails):.2g} of the mass of {name} lies beyond |x| = "
                f"{np.abs(ends).max():.3g} and was extrapolated as a power law",
            ),
        )
    return float(peak + np.log(mass + tails)), findings
