"""A density on the line as a grey hill, and other densities over it as lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mixtura.plot.paper import GRID, INK, TARGET, even_ticks, legend_above, line_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = npt.NDArray[np.float64]

# A target this many times as high as every curve is cut off, so that the curves can be seen.
_TALLEST, _CUT = 8.0, 4.0
_FLOOR = 1e-3


@dataclass(frozen=True, eq=False)
class Curve:
    """A density over the same points as the target.

    Parameters
    ----------
    label : str
        Its line in the legend; empty for none.
    density : array of float, shape (n,)
        Per unit of x.
    place : int
        The number of its style, from 0.
    faint : bool
        Whether it stands behind the others.
    """

    label: str
    density: npt.ArrayLike
    place: int = 0
    faint: bool = False


def draw_densities(
    ax: Axes,
    x: npt.ArrayLike,
    target: npt.ArrayLike,
    curves: Sequence[Curve],
    *,
    target_label: str = "target p(x)",
) -> Axes:
    """Draw a density as a filled hill and others as lines, with a legend above the axes.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    x : array of float, shape (n,)
        Rising points, close where a density is narrow.
    target : array of float, shape (n,)
        The target's density, per unit of x.
    curves : sequence of Curve
        Densities to compare with it.
    target_label : str
        The target's line in the legend.

    Returns
    -------
    matplotlib.axes.Axes
        The same axes.

    Examples
    --------
    >>> from mixtura.plot.paper import new_figure
    >>> ax = draw_densities(new_figure().add_subplot(), [0, 1, 2], [0, 1, 0], [Curve("q", [0.2, 0.6, 0.2])])
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['target p(x)', 'q']
    """
    points, hill = np.asarray(x, dtype=np.float64), np.asarray(target, dtype=np.float64)
    lines = [np.asarray(curve.density, dtype=np.float64) for curve in curves]
    top = _top(hill, lines)
    hill = np.clip(np.nan_to_num(hill, nan=0.0, posinf=2 * top), 0.0, 2 * top)
    # The filled area and its edge are one entry of the legend.
    ax.fill_between(
        points, hill, 0.0, facecolor=TARGET, edgecolor=INK, linewidth=1.0, label=target_label, zorder=1
    )
    for curve, line in zip(curves, lines, strict=True):
        style = line_style(curve.place)
        ax.plot(
            points,
            np.where(line > _FLOOR * top, line, np.nan),  # a line along the axis says nothing
            color=style.colour,
            linestyle=style.linestyle,
            linewidth=1.0 if curve.faint else 1.9,
            alpha=0.6 if curve.faint else 1.0,
            label=curve.label or "_",
            zorder=2 if curve.faint else 3,
            solid_capstyle="butt",
        )
    low, high = visible_range(points, [hill, *lines])
    even_ticks(ax)
    # A power of ten above the axis would lie under the legend.
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}".replace("e-0", "e-").replace("-", "−"))
    ax.set_xlim(low, high)
    ax.set_ylim(0.0, top)
    ax.set_xlabel("x")
    ax.set_ylabel("density")
    ax.grid(True, axis="x", color=GRID, linewidth=0.8)
    ax.grid(False, axis="y")
    legend_above(ax)
    return ax


def visible_range(
    x: npt.ArrayLike, densities: Sequence[npt.ArrayLike], share: float = 0.008
) -> tuple[float, float]:
    """Return the range of x in which some density is more than a small share of its own peak.

    Parameters
    ----------
    x : array of float, shape (n,)
        Rising points.
    densities : sequence of array of float, shape (n,)
        Each is held against its own peak, so that a low, wide one is seen whole.
    share : float
        Of the peak; 0.008 is where a Gaussian is 3.1 standard deviations from its mean.

    Examples
    --------
    >>> visible_range([0, 1, 2, 3, 4], [[0, 0, 1, 0, 0]])
    (1.0, 3.0)
    """
    points = np.asarray(x, dtype=np.float64)
    seen = np.zeros(len(points), dtype=bool)
    for density in densities:
        values = np.nan_to_num(np.asarray(density, dtype=np.float64))
        seen |= values > share * values.max(initial=0.0)
    places = np.flatnonzero(seen)
    if len(places) == 0:
        return float(points[0]), float(points[-1])
    first, last = max(int(places[0]) - 1, 0), min(int(places[-1]) + 1, len(points) - 1)
    return float(points[first]), float(points[last])


def _top(hill: Array, lines: Sequence[Array]) -> float:
    """Return the upper end of the axis."""
    finite = hill[np.isfinite(hill)]
    height = float(finite.max(initial=0.0))
    curves = max((float(np.nan_to_num(line).max(initial=0.0)) for line in lines), default=0.0)
    if curves > 0 and (height > _TALLEST * curves or len(finite) < len(hill)):
        height = min(height, _CUT * curves)
    return 1.06 * max(height, curves, np.finfo(np.float64).tiny)
