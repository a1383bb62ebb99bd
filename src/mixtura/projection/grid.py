"""Where a target is drawn: the range with something to see, and points that are close where it is narrow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from mixtura.projection.target import Target

Array = npt.NDArray[np.float64]

# How many standard deviations of a Gaussian are looked at, and what share of the peak is seen.
_REACH, _SHARE = 4.5, 0.004
# A target that is no mixture is looked for in wider and wider ranges, to thousands of times the first.
_WIDENINGS = 40
_MOST_NARROW = 40


def line_grid(target: Target, gaussians: Sequence[tuple[Any, Any]]) -> tuple[Array, Array]:
    """Return points and the target's density there, normalised over them if it was known up to a factor.

    Parameters
    ----------
    target : Target
        Of dimension 1.
    gaussians : sequence of (mean, covariance)
        Of shapes (1,) and (1, 1): what tells where the target is.

    Returns
    -------
    (ndarray of shape (n,), ndarray of shape (n,))
        Rising points, and densities per unit of x.

    Examples
    --------
    >>> from mixtura.projection.target import as_target
    >>> x, density = line_grid(as_target("N(0,1)"), [(np.zeros(1), np.ones((1, 1)))])
    >>> round(float(torch.trapezoid(*map(torch.from_numpy, (density, x)))), 4)
    1.0
    """
    centres = _centres(target, gaussians)

    def log_density(x: Array) -> Array:
        return target.log_prob(torch.from_numpy(x)[:, None]).detach().numpy()

    def highest_at_ends(low: Array, high: Array) -> tuple[float, float, float]:
        values = log_density(_axis_points(low[0], high[0], (), 0, 401, target.support))
        return float(values[0]), float(values[-1]), float(values.max())

    low, high = _range(centres)
    if target.mixture is None:
        low, high = _widened(low, high, highest_at_ends, np.log(1e-6))
        x = _axis_points(low[0], high[0], centres, 0, 2001, target.support)
        values = log_density(x)
        shown = x[values > values.max() + np.log(_SHARE)]
        hull = _range(centres[: len(gaussians)])
        near = np.linspace(min(shown[0], hull[0][0]), max(shown[-1], hull[1][0]), 1601)
        x = np.setdiff1d(np.concatenate([x, near]), np.array(target.support))
    else:
        x = _axis_points(low[0], high[0], centres, 0, 1601, target.support)
    values = log_density(x)
    if target.normalised:
        with np.errstate(over="ignore"):
            return x, np.exp(values)
    density = np.exp(values - values.max())
    return x, density / float(torch.trapezoid(torch.from_numpy(density), torch.from_numpy(x)))


def plane_grid(target: Target, gaussians: Sequence[tuple[Any, Any]]) -> tuple[Array, Array, Array]:
    """Return the points of two axes and the target's density at every pair, its largest value one.

    Parameters
    ----------
    target : Target
        Of dimension 2.
    gaussians : sequence of (mean, covariance)
        Of shapes (2,) and (2, 2): what tells where the target is.

    Returns
    -------
    (ndarray of shape (n,), ndarray of shape (m,), ndarray of shape (m, n))
        Rising points of either axis, and the density.

    Examples
    --------
    >>> from mixtura.projection.target import as_target
    >>> x, y, density = plane_grid(as_target("N([0, 0], 1)"), [(np.zeros(2), np.eye(2))])
    >>> density.shape == (len(y), len(x)), round(float(density.max()), 3)
    (True, 1.0)
    """
    centres = _centres(target, gaussians)

    def log_density(x: Array, y: Array) -> Array:
        points = np.stack(np.meshgrid(x, y), axis=-1)  # (m, n, 2)
        values = target.log_prob(torch.from_numpy(points.reshape(-1, 2))).detach().numpy()
        return values.reshape(len(y), len(x))

    low, high = _range(centres)
    if target.mixture is None:

        def highest_at_ends(low: Array, high: Array) -> tuple[float, float, float]:
            values = log_density(
                *(_axis_points(low[axis], high[axis], (), axis, 81, target.support) for axis in (0, 1))
            )
            first, last = max(values[0].max(), values[:, 0].max()), max(values[-1].max(), values[:, -1].max())
            return float(first), float(last), float(values.max())

        low, high = _widened(low, high, highest_at_ends, np.log(_SHARE))
    x, y = (_axis_points(low[axis], high[axis], centres, axis, 241, target.support) for axis in (0, 1))
    values = log_density(x, y)
    return x, y, np.exp(values - values.max())


def _centres(target: Target, gaussians: Sequence[tuple[Any, Any]]) -> list[tuple[Array, Array]]:
    """Return mean and standard deviations of the Gaussians, then of the target's components."""
    centres = [(np.asarray(mean), np.sqrt(np.diagonal(covariance))) for mean, covariance in gaussians]
    if target.mixture is not None:
        seen = target.mixture.log_weights > target.mixture.log_weights.max() + np.log(1e-6)
        factors = target.mixture.scale_trils[seen]
        scales = (factors @ factors.mT).diagonal(dim1=-2, dim2=-1).sqrt()
        centres += list(zip(target.mixture.means[seen].numpy(), scales.numpy(), strict=True))
    return centres


def _range(centres: Sequence[tuple[Array, Array]]) -> tuple[Array, Array]:
    """Return the corners of a box that holds every centre with its surroundings."""
    low = np.min([mean - _REACH * scale for mean, scale in centres], axis=0)
    high = np.max([mean + _REACH * scale for mean, scale in centres], axis=0)
    return low, high


def _widened(
    low: Array, high: Array, ends: Callable[[Array, Array], tuple[float, float, float]], share: float
) -> tuple[Array, Array]:
    """Widen a box until the log-density at its lower and its upper sides is low beside its peak."""
    for _ in range(_WIDENINGS):
        first, last, peak = ends(low, high)
        width = high - low
        if first > peak + share:
            low = low - 0.25 * width
        if last > peak + share:
            high = high + 0.25 * width
        if max(first, last) <= peak + share:
            break
    return low, high


def _axis_points(
    low: float,
    high: float,
    centres: Sequence[tuple[Array, Array]],
    axis: int,
    n: int,
    support: tuple[float, float],
) -> Array:
    """Return points along an axis: even ones, close ones around what is narrow, both sides of an edge."""
    points = [np.linspace(low, high, n)]
    width = high - low
    narrow = sorted({(float(scale[axis]), float(mean[axis])) for mean, scale in centres})
    around = np.linspace(-6.5, 6.5, 105)
    points += [mean + scale * around for scale, mean in narrow[:_MOST_NARROW] if scale < 0.05 * width]
    # A density may be infinite at the very end of its support, and jump there.
    ends = np.array([end for end in support if low < end < high])
    points += [ends - 1e-9 * width, ends + 1e-9 * width]
    return np.setdiff1d(np.concatenate(points), ends)
