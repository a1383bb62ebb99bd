"""A density on the plane as filled contours, and Gaussians over it as ellipses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mixtura.plot.paper import GRID, MUTED, even_ticks, legend_above, line_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = npt.NDArray[np.float64]

# Shares of the target's mass that the contours enclose, and their greys.
SHARES = (0.98, 0.9, 0.75, 0.5, 0.25)
_GREYS = ("#eef0f3", "#dde1e6", "#c9cfd6", "#b1b9c2", "#98a2ad")
_ANGLES = np.linspace(0.0, 2.0 * np.pi, 181)


@dataclass(frozen=True, eq=False)
class Ellipses:
    """A Gaussian on the plane, drawn at one and two standard deviations from its mean.

    Parameters
    ----------
    label : str
        Its line in the legend; empty for none.
    mean : array of float, shape (2,)
        The mean.
    covariance : array of float, shape (2, 2)
        The covariance.
    place : int
        The number of its style, from 0.
    faint : bool
        Whether it stands behind the others.
    """

    label: str
    mean: npt.ArrayLike
    covariance: npt.ArrayLike
    place: int = 0
    faint: bool = False


def draw_contours(
    ax: Axes,
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    density: npt.ArrayLike,
    gaussians: Sequence[Ellipses],
    *,
    target_label: str = "target p(x)",
) -> Axes:
    """Draw a density as filled contours and Gaussians as ellipses, with a legend above the axes.

    The contours enclose 25, 50, 75, 90 and 98 % of the density's mass; the ellipses lie one and two standard
    deviations from the mean. Both axes have the same scale.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    x : array of float, shape (n,)
        Rising points of the first axis.
    y : array of float, shape (m,)
        Rising points of the second axis.
    density : array of float, shape (m, n)
        The target's density, up to a factor.
    gaussians : sequence of Ellipses
        Gaussians to compare with it.
    target_label : str
        The target's line in the legend.

    Returns
    -------
    matplotlib.axes.Axes
        The same axes.

    Examples
    --------
    >>> from mixtura.plot.paper import new_figure
    >>> grid = np.linspace(-3, 3, 31)
    >>> density = np.exp(-0.5 * (grid**2 + grid[:, None] ** 2))
    >>> q = Ellipses("q", [0, 0], np.eye(2))
    >>> ax = draw_contours(new_figure().add_subplot(), grid, grid, density, [q])
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['target p(x)', 'q']
    """
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    across, along = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    heights = np.clip(np.nan_to_num(np.asarray(density, dtype=np.float64), posinf=0.0), 0.0, None)
    levels = mass_levels(across, along, heights)
    handles: list[Patch | Line2D] = [
        Patch(facecolor=_GREYS[2], edgecolor=MUTED, linewidth=0.6, label=target_label)
    ]
    if levels:
        shown = _cropped(across, along, heights, levels[0])
        ax.contourf(*shown, [*levels, np.inf], colors=_GREYS[: len(levels)], zorder=1)
        ax.contour(*shown, levels, colors=MUTED, linewidths=0.4, zorder=1.1)
    for gaussian in gaussians:
        style = line_style(gaussian.place)
        mean = np.asarray(gaussian.mean, dtype=np.float64)
        factor = np.linalg.cholesky(np.asarray(gaussian.covariance, dtype=np.float64))
        circle = factor @ np.stack([np.cos(_ANGLES), np.sin(_ANGLES)])
        strength = 0.6 if gaussian.faint else 1.0
        width = 1.0 if gaussian.faint else 1.7
        common = {"color": style.colour, "linestyle": style.linestyle, "alpha": strength}
        for deviations in (1, 2):
            ring = mean[:, None] + deviations * circle
            ax.plot(*ring, linewidth=width if deviations == 1 else 0.7 * width, zorder=3, **common)
        ax.plot(
            *mean,
            marker="+",
            markersize=7,
            markeredgewidth=width,
            color=style.colour,
            alpha=strength,
            zorder=3,
        )
        if gaussian.label:
            handles.append(Line2D([], [], linewidth=width, label=gaussian.label, **common))
    ax.set_aspect("equal", adjustable="datalim")
    ax.set_xlabel("x₁")
    ax.set_ylabel("x₂")
    even_ticks(ax)
    ax.grid(True, color=GRID, linewidth=0.8)
    legend_above(ax, handles=handles)
    return ax


def _cropped(x: Array, y: Array, heights: Array, level: float) -> tuple[Array, Array, Array]:
    """Return the part of a grid that holds everything above a level, and one point more on each side."""
    across, along = (np.flatnonzero((heights >= level).any(axis=axis)) for axis in (0, 1))
    columns = slice(max(int(across[0]) - 1, 0), int(across[-1]) + 2)
    rows = slice(max(int(along[0]) - 1, 0), int(along[-1]) + 2)
    return x[columns], y[rows], heights[rows, columns]


def mass_levels(x: npt.ArrayLike, y: npt.ArrayLike, density: npt.ArrayLike) -> list[float]:
    """Return the heights above which `SHARES` of a density's mass lie, rising.

    Parameters
    ----------
    x : array of float, shape (n,)
        Rising points of the first axis, at any distance.
    y : array of float, shape (m,)
        Rising points of the second axis.
    density : array of float, shape (m, n)
        Not negative.

    Returns
    -------
    list of float
        As many as there are shares, fewer where two coincide, none where there is no mass.

    Examples
    --------
    >>> grid = np.linspace(-6, 6, 401)
    >>> normal = np.exp(-0.5 * (grid**2 + grid[:, None] ** 2))
    >>> [round(level, 2) for level in mass_levels(grid, grid, normal)]  # of a Gaussian, 1 - share
    [0.02, 0.1, 0.25, 0.5, 0.75]
    """
    heights = np.asarray(density, dtype=np.float64)
    if not heights.max(initial=0.0) > 0:
        return []
    widths = (np.gradient(np.asarray(axis, dtype=np.float64)) for axis in (y, x))
    mass = (heights / heights.max() * np.outer(*widths)).ravel()
    order = np.argsort(heights, axis=None)[::-1]
    enclosed = np.cumsum(mass[order])
    places = np.searchsorted(enclosed, np.array(SHARES) * enclosed[-1])
    levels = heights.ravel()[order[np.minimum(places, len(order) - 1)]]
    return [float(level) for level in np.unique(levels[levels > 0])]
