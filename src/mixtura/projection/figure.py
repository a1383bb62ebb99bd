"""Projections as figures: the target, the Gaussians closest to it, and the path between the directions."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from torch.distributions import Distribution

from mixtura.errors import InputError
from mixtura.projection.grid import line_grid, plane_grid
from mixtura.projection.notation import format_mixture
from mixtura.projection.target import Target
from mixtura.projection.wording import describe_gaussian, mean_and_covariance, with_error

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# The signs of the divergence of each direction, and the place of its style.
_DIVERGENCES = {"inclusive": ("KL(p ‖ q)", 0), "exclusive": ("KL(q ‖ p)", 1), "alpha": ("D(p ‖ q)", 2)}
_SADDLE_STYLE = 5
# SVG shows many blanks as one.
_GAP = "\N{EM SPACE}"
_LONGEST_NAME, _MOST_TERMS = 64, 6


@dataclass(frozen=True, eq=False)
class _Entry:
    """One Gaussian over the target: its name, its divergence in words, its style."""

    name: str
    amount: str
    distribution: Distribution
    place: int
    faint: bool


def draw_projections(
    projections: Sequence[Any],
    ax: Axes | None = None,
    others: Sequence[tuple[str, Distribution]] = (),
    *,
    stationary: bool = False,
) -> Axes:
    """Draw a target and the Gaussians closest to it: curves on the line, contours and ellipses on the plane.

    Parameters
    ----------
    projections : sequence of Projection
        Of one target, one at least.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a figure of its own is made unless given.
    others : sequence of (str, torch.distributions.Distribution)
        Further Gaussians to compare, each with its name.
    stationary : bool
        Whether the other stationary points are drawn too, faintly.

    Returns
    -------
    matplotlib.axes.Axes
        Its legend holds the numbers. A target known up to a factor is normalised over the points that are
        drawn, and the legend says so.

    Raises
    ------
    InputError
        If the target has more than two dimensions.

    Examples
    --------
    >>> from mixtura.projection.closest import project
    >>> ax = draw_projections([project("1/3 N(-3,1) + 2/3 N(3,1)")])
    >>> for text in ax.get_legend().get_texts():
    ...     print(*text.get_text().split())
    p(x) = 1/3 N(−3, 1) + 2/3 N(3, 1)
    inclusive N(1, 3²) KL(p ‖ q) = 0.466 nats
    """
    if not projections:
        raise InputError("there is no projection to draw; give one at least")
    target = projections[0].target
    require_drawable(target)
    from mixtura.plot.paper import new_figure, paper_look

    entries = _entries(projections, others, stationary)
    seen = [mean_and_covariance(q) for q in _seen(projections, others)]
    with paper_look() if ax is None else nullcontext():
        axes = new_figure(6.4, 4.2 if target.dimension == 1 else 5.6).add_subplot() if ax is None else ax
        return _DRAWERS[target.dimension](axes, target, entries, seen)


def draw_alpha_path(path: Any, ax: Sequence[Axes] | None = None) -> Sequence[Axes]:
    """Draw mean and standard deviation of every branch of a path against alpha, with folds and jumps.

    Parameters
    ----------
    path : AlphaPath
        What `mixtura.alpha_path` returns.
    ax : sequence of two matplotlib.axes.Axes, optional
        For the mean and, below it, for the standard deviation; a figure of its own is made unless given.

    Returns
    -------
    sequence of two matplotlib.axes.Axes

    Raises
    ------
    InputError
        If there are not two axes.
    """
    from mixtura.plot.alpha_path import PathBranch, PathMark
    from mixtura.plot.alpha_path import draw_alpha_path as draw
    from mixtura.plot.paper import new_figure, paper_look

    branches = [PathBranch(b.alpha, b.mean, b.scale, b.divergence, b.stable) for b in path.branches]
    folds = [PathMark(fold.alpha, fold.mean, fold.scale) for fold in path.folds]
    jumps = [
        (PathMark(j.alpha, j.from_mean, j.from_scale), PathMark(j.alpha, j.to_mean, j.to_scale))
        for j in path.jumps
    ]
    with paper_look() if ax is None else nullcontext():
        axes = list(new_figure(6.4, 5.0).subplots(2, sharex=True) if ax is None else ax)
        if len(axes) != 2:
            raise InputError(
                f"the path is drawn in two axes, for mean and standard deviation, and ax holds {len(axes)}; "
                "give two, as from plt.subplots(2, sharex=True)"
            )
        return draw(axes, branches, folds, jumps)


def figure_of(projections: Sequence[Any], path: Any = None, *, stationary: bool = False) -> Figure:
    """Return a figure of projections and, below them, of the path between the directions.

    Parameters
    ----------
    projections : sequence of Projection
        Of one target.
    path : AlphaPath, optional
        The path of the same target.
    stationary : bool
        Whether the other stationary points are drawn too.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from mixtura.plot.paper import new_figure, paper_look

    if path is None:
        figure: Any = draw_projections(projections, stationary=stationary).figure
        return figure
    with paper_look():
        figure = new_figure(6.4, 8.4)
        top, mean, scale = figure.subplots(3, height_ratios=(1.7, 1.0, 1.0))
        scale.sharex(mean)
        draw_projections(projections, ax=top, stationary=stationary)
        draw_alpha_path(path, ax=(mean, scale))
        return figure


def require_drawable(target: Target) -> None:
    """Raise InputError unless a target has one or two dimensions."""
    if target.dimension not in _DRAWERS:
        raise InputError(
            f"a density over {target.dimension} dimensions cannot be drawn; only 1 and 2 can: project a "
            "marginal over two of them, or read the numbers from mean and covariance_matrix (--json)"
        )


def _seen(projections: Sequence[Any], others: Sequence[tuple[str, Distribution]]) -> list[Distribution]:
    """Return the Gaussians that tell where the target is: what is drawn, and every local minimum."""
    points = [
        point.distribution
        for projection in projections
        for point in projection.stationary_points
        if point.kind == "minimum"
    ]
    return [projection.distribution for projection in projections] + points + [q for _, q in others]


def _entries(
    projections: Sequence[Any], others: Sequence[tuple[str, Distribution]], stationary: bool
) -> list[_Entry]:
    """Return everything that is drawn over the target, what is faint last."""
    drawn: list[_Entry] = []
    faint: list[_Entry] = []
    place = _DIVERGENCES["alpha"][1]
    for projection in projections:
        name, (sign, style) = projection.direction, _DIVERGENCES[projection.direction]
        if name == "alpha":
            name, style, place = f"alpha = {projection.alpha:g}", place, place + 1
        amount = f"{sign} = {with_error(projection.kl, projection.kl_error)} nats"
        drawn.append(_Entry(name, amount, projection.distribution, style, False))
        for point in projection.stationary_points[1:] if stationary else ():
            minimum = point.kind == "minimum"
            kind, look = ("other minimum", style) if minimum else (point.kind, _SADDLE_STYLE)
            amount = f"{sign} = {with_error(point.kl, 0.0)} nats"
            faint.append(_Entry(kind, amount, point.distribution, look, True))
    for name, distribution in others:
        drawn.append(_Entry(name, "", distribution, place, False))
        place += 1
    return drawn + faint


def _printed(text: str) -> str:
    """Return a label with the minus sign of print."""
    return re.sub(r"-(?=[\d.])", "\N{MINUS SIGN}", text)


def _target_label(target: Target) -> str:
    """Return the target's line in the legend."""
    if target.mixture is not None and target.distribution is not None:
        n = len(target.mixture.means)
        text = format_mixture(target.distribution) if n <= _MOST_TERMS else ""
        fits = 0 < len(text) <= _LONGEST_NAME
        return _printed(f"p(x) = {text}") if fits else f"target p(x), a mixture of {n} Gaussians"
    name = "target p(x)" if target.name == "the target" else f"target p(x), {target.name}"
    return name if target.normalised else f"{name} (normalised over the points drawn)"


def _draw_on_line(
    ax: Axes, target: Target, entries: Sequence[_Entry], seen: Sequence[tuple[Any, Any]]
) -> Axes:
    from mixtura.plot.densities import Curve, draw_densities

    x, density = line_grid(target, seen)
    curves = []
    for entry in entries:
        mean, covariance = mean_and_covariance(entry.distribution)
        scale = math.sqrt(float(covariance[0, 0]))
        values = np.exp(-0.5 * ((x - mean[0]) / scale) ** 2) / (scale * math.sqrt(2 * math.pi))
        words = (entry.name, describe_gaussian(entry.distribution), entry.amount)
        curves.append(Curve(_printed(_GAP.join(filter(None, words))), values, entry.place, entry.faint))
    return draw_densities(ax, x, density, curves, target_label=_target_label(target))


def _draw_on_plane(
    ax: Axes, target: Target, entries: Sequence[_Entry], seen: Sequence[tuple[Any, Any]]
) -> Axes:
    from mixtura.plot.contours import Ellipses, draw_contours

    x, y, density = plane_grid(target, seen)
    ellipses = []
    for entry in entries:
        title = _GAP.join(filter(None, (entry.name, entry.amount)))
        label = _printed(f"{title}\n{describe_gaussian(entry.distribution)}")
        ellipses.append(Ellipses(label, *mean_and_covariance(entry.distribution), entry.place, entry.faint))
    return draw_contours(ax, x, y, density, ellipses, target_label=_target_label(target))


_DRAWERS = {1: _draw_on_line, 2: _draw_on_plane}
