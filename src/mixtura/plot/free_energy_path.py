"""The way EM climbs: F after each half step, and what each half step gained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mixtura.errors import InputError
from mixtura.plot.paper import GRID, INK, MUTED, STYLES, even_ticks, legend_above

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = npt.NDArray[np.float64]

_E, _M = STYLES[0].colour, STYLES[3].colour
_E_MARK: dict[str, Any] = {"marker": "o", "markerfacecolor": _E, "markeredgecolor": _E}
_M_MARK: dict[str, Any] = {"marker": "s", "markerfacecolor": "white", "markeredgecolor": _M}
_FALL: dict[str, Any] = {"linestyle": "", "marker": "x", "markersize": 5.0, "color": INK}
_LEVEL: dict[str, Any] = {"color": MUTED, "linewidth": 0.8}
# Below the first, relative to F, is no gain that a sum of float64 can tell; below the second, no fall.
_ROUNDING, _FALLEN = 8 * float(np.finfo(float).eps), 1e-9


def draw_free_energy_path(axes: Sequence[Axes], path: npt.ArrayLike) -> Sequence[Axes]:
    r"""Draw F after each half step of EM, and below it the gain of each half step.

    After an E-step F is log p(x). The M-step moves theta, and log p(x) with it; F rises less, by
    :math:`\mathrm{KL}(q \| p_\theta(z \mid x))`, which is what the next E-step gains.

    Parameters
    ----------
    axes : sequence of two matplotlib.axes.Axes
        For F and, below it, for the gains, on a logarithmic scale. Crosses are falls.
    path : array of float, shape (m,)
        F after each half step, beginning with an E-step, in nats per observation; such as
        ``free_energy_path_`` of a mixture.

    Returns
    -------
    sequence of two matplotlib.axes.Axes
        The same axes.

    Raises
    ------
    InputError
        If the path is empty, no vector, or not finite.

    Examples
    --------
    >>> from mixtura.plot.paper import new_figure
    >>> axes = new_figure().subplots(2, sharex=True)
    >>> height, gain = draw_free_energy_path(axes, [-3.0, -2.5, -2.4, -2.3])
    >>> gain.get_yscale()
    'log'
    """
    heights = _checked(path)
    upper, lower = axes
    # E-steps stand at whole numbers, M-steps half-way to the next.
    places = 1 + np.arange(len(heights)) / 2
    size = float(np.clip(120 / len(heights), 1.6, 4.5))
    small: dict[str, Any] = {"markersize": size, "markeredgewidth": 0.8 if size > 2 else 0.5}
    if len(heights) > 1:
        upper.plot(*_level(places, heights), **_LEVEL, label="log p(x)", zorder=1.5)
    upper.plot(*_segments(places, heights, 0), color=_M, linewidth=1.3, zorder=2)
    upper.plot(*_segments(places, heights, 1), color=_E, linewidth=1.3, zorder=2)
    for first, mark, colour, label in ((0, _E_MARK, _E, "E-step"), (1, _M_MARK, _M, "M-step")):
        chosen = slice(first, None, 2)
        upper.plot(places[chosen], heights[chosen], **mark, **small, linestyle="", zorder=3)
        upper.plot([], [], **mark, markersize=4.5, color=colour, linewidth=1.3, label=label)
    _leave_out_the_start(upper, heights)
    fallen = _draw_gains(lower, places, heights, small)
    if fallen:
        upper.plot([], [], **_FALL, label="a fall")
    for panel in (upper, lower):
        even_ticks(panel)
        panel.grid(True, color=GRID, linewidth=0.8)
    upper.tick_params(labelbottom=False)
    upper.set_ylabel("F\n(nats per observation)")
    lower.set_ylabel("gain of the half step\n(nats per observation)")
    lower.set_xlabel("iteration")
    legend_above(upper, ncols=4, columnspacing=1.6)
    return axes


def _checked(path: npt.ArrayLike) -> Array:
    """Return the path as a vector of finite numbers."""
    heights = np.asarray(path, dtype=np.float64)
    if heights.ndim != 1 or not len(heights):
        raise InputError(
            f"a path is a vector of F after each half step, not an array of shape {heights.shape}"
        )
    if not np.isfinite(heights).all():
        at = int(np.flatnonzero(~np.isfinite(heights))[0])
        raise InputError(f"the path holds {heights[at]} at {at}; leave out what is not finite")
    return heights


def _leave_out_the_start(panel: Axes, heights: Array) -> None:
    """Show the way from the second E-step on, where the first turn rose by far more than all that follow."""
    span = float(np.ptp(heights[2:])) if len(heights) > 4 else 0.0
    if 0 < span < np.ptp(heights) / 3:
        panel.set_ylim(float(heights[2:].min()) - 0.2 * span, float(heights.max()) + 0.08 * span)


def _segments(places: Array, heights: Array, first: int) -> tuple[Array, Array]:
    """Return every second piece of the path, from piece ``first`` on, with gaps between them."""
    starts = np.arange(first, len(heights) - 1, 2)
    gap = np.full(len(starts), np.nan)
    pieces = [np.stack([values[starts], values[starts + 1], gap], axis=1) for values in (places, heights)]
    return pieces[0].ravel(), pieces[1].ravel()


def _level(places: Array, heights: Array) -> tuple[Array, Array]:
    """Return log p(x): it changes where theta does, after the M-step, and is known after the E-step."""
    after_e, at = heights[::2], places[::2]
    turns = places[1 : 2 * len(after_e) - 2 : 2]
    x = np.concatenate([at[:1], np.repeat(turns, 2), at[-1:]])
    return x, np.repeat(after_e, 2)


def _draw_gains(panel: Axes, places: Array, heights: Array, small: dict[str, Any]) -> bool:
    """Draw the rises, and crosses for falls, and return whether there are any."""
    gains = np.diff(heights)
    scale = 1 + np.abs(heights[1:])
    risen = gains > _ROUNDING * scale
    fallen = gains < -_FALLEN * scale
    if not (risen | fallen).any():
        panel.set_yticks([])
        return False
    panel.set_yscale("log")
    panel.yaxis.set_major_formatter("{x:.0e}")
    # The first gain is that of an M-step.
    for first, mark, colour in ((0, _M_MARK, _M), (1, _E_MARK, _E)):
        values = np.where(risen, gains, np.nan)[first::2]
        panel.plot(places[1:][first::2], values, **mark, **small, color=colour, linewidth=0.8)
    panel.plot(places[1:][fallen], -gains[fallen], **_FALL)
    return bool(fallen.any())
