"""How the closest Gaussian moves from one direction of KL to the other: mean and sd against alpha."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mixtura.plot.paper import GRID, INK, STYLES, even_ticks, legend_above

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = npt.NDArray[np.float64]

_BLUE, _RED = STYLES[0], STYLES[1]
_CLOSEST: dict[str, Any] = {"color": _BLUE.colour, "linewidth": 2.4, "solid_capstyle": "butt"}
_MINIMUM: dict[str, Any] = {"color": _BLUE.colour, "linewidth": 1.0}
_SADDLE: dict[str, Any] = {"color": _RED.colour, "linestyle": _RED.linestyle, "linewidth": 1.0}
_FOLD: dict[str, Any] = {
    "linestyle": "",
    "marker": "o",
    "markersize": 5.5,
    "markerfacecolor": "white",
    "markeredgecolor": INK,
    "markeredgewidth": 1.1,
}
_JUMP: dict[str, Any] = {
    "color": INK,
    "linestyle": ":",
    "linewidth": 1.1,
    "marker": "o",
    "markersize": 4.5,
    "markerfacecolor": _BLUE.colour,
    "markeredgecolor": _BLUE.colour,
}


@dataclass(frozen=True, eq=False)
class PathBranch:
    """Stationary points of the divergence, one for each alpha.

    Parameters
    ----------
    alpha : array of float, shape (n,)
        Places on the path, in order along the branch.
    mean, scale : array of float, shape (n,)
        Mean and standard deviation of the Gaussian there.
    divergence : array of float, shape (n,)
        The divergence there, in nats.
    stable : bool or array of bool, shape (n,)
        Whether it is a minimum there, and no saddle.
    """

    alpha: npt.ArrayLike
    mean: npt.ArrayLike
    scale: npt.ArrayLike
    divergence: npt.ArrayLike
    stable: npt.ArrayLike


@dataclass(frozen=True)
class PathMark:
    """A place of the path: the fold where a minimum ends, or one end of a jump of the global minimum.

    Parameters
    ----------
    alpha, mean, scale : float
        Where it is.
    """

    alpha: float
    mean: float
    scale: float


@dataclass(frozen=True, eq=False)
class _Run:
    """A stretch of a branch on which it is of one kind."""

    alpha: Array
    mean: Array
    scale: Array
    divergence: Array
    stable: bool
    n_own: int  # the point after these belongs to the next stretch


def draw_alpha_path(
    axes: Sequence[Axes],
    branches: Sequence[PathBranch],
    folds: Sequence[PathMark] = (),
    jumps: Sequence[tuple[PathMark, PathMark]] = (),
) -> Sequence[Axes]:
    """Draw the mean and the standard deviation of every stationary Gaussian against alpha.

    The minimum that is least of all is a thick line, another minimum a thin one, a saddle a dashed one. A
    ring marks a fold, a dotted line with two dots a jump of the least minimum.

    Parameters
    ----------
    axes : sequence of two matplotlib.axes.Axes
        For the mean and, below it, for the standard deviation.
    branches : sequence of PathBranch
        All branches, one at least.
    folds : sequence of PathMark
        Where a minimum and a saddle merge.
    jumps : sequence of (PathMark, PathMark)
        Where the least minimum changes its branch: before and after.

    Returns
    -------
    sequence of two matplotlib.axes.Axes
        The same axes.

    Examples
    --------
    >>> from mixtura.plot.paper import new_figure
    >>> branch = PathBranch([0, 1], [3, 1], [1, 3], [1.1, 0.4], True)
    >>> mean, sd = draw_alpha_path(new_figure().subplots(2, sharex=True), [branch])
    >>> sd.get_ylabel()
    'sd'
    """
    runs = [run for branch in branches for run in _runs(branch)]
    least = [(run, *_least(run, runs)) for run in runs if run.stable]
    upper, lower = axes
    for panel, name, title in ((upper, "mean", "mean"), (lower, "scale", "sd")):
        for run in runs:
            look = _MINIMUM if run.stable else _SADDLE
            panel.plot(run.alpha, getattr(run, name), **look, zorder=2 + run.stable)
        for run, alpha, closest in least:
            values = np.where(closest, _along(run, alpha, getattr(run, name)), np.nan)
            panel.plot(alpha, values, **_CLOSEST, zorder=3.2)
        for fold in folds:
            panel.plot(fold.alpha, getattr(fold, name), **_FOLD, zorder=4)
        for ends in jumps:
            alphas, heights = [end.alpha for end in ends], [getattr(end, name) for end in ends]
            panel.plot(alphas, heights, **_JUMP, zorder=4)
        panel.set_ylabel(title)
        panel.set_xlim(0.0, 1.0)
        even_ticks(panel)
        panel.grid(True, color=GRID, linewidth=0.8)
    scales = np.concatenate([run.scale for run in runs])
    _stretch(upper, np.concatenate([run.mean for run in runs]), 0.2 * float(scales.min()))
    if scales.max() > 20 * scales.min():
        lower.set_yscale("log")
    else:
        _stretch(lower, scales, 0.2 * float(scales.min()))
    upper.tick_params(labelbottom=False)
    lower.set_xticks(
        [0.0, 0.2, 0.4, 0.6, 0.8, 1.0], ["0\nexclusive", "0.2", "0.4", "0.6", "0.8", "1\ninclusive"]
    )
    lower.set_xlabel("alpha")
    entries = [
        (bool(least), _CLOSEST, "closest"),
        (not all(closest.all() for _, _, closest in least), _MINIMUM, "other minimum"),
        (not all(run.stable for run in runs), _SADDLE, "saddle"),
        (bool(folds), _FOLD, "fold"),
        (bool(jumps), _JUMP, "jump"),
    ]
    legend_above(upper, handles=_handles(entries), ncols=5, columnspacing=1.4)
    return axes


def _runs(branch: PathBranch) -> list[_Run]:
    """Cut a branch where it turns from one kind into the other."""
    alpha, mean, scale, divergence = (
        np.atleast_1d(np.asarray(values, dtype=np.float64))
        for values in (branch.alpha, branch.mean, branch.scale, branch.divergence)
    )
    n = len(alpha)
    stable = np.broadcast_to(np.asarray(branch.stable, dtype=bool), (n,))
    cuts = [0, *(1 + np.flatnonzero(stable[1:] != stable[:-1])).tolist(), n]
    # The stretches share the points at which they meet, so that no gap is seen.
    return [
        _Run(alpha[part], mean[part], scale[part], divergence[part], bool(stable[first]), last - first)
        for first, last in pairwise(cuts)
        for part in [slice(first, last + 1)]
    ]


def _least(run: _Run, runs: Sequence[_Run]) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Return close places along a stretch, and whether no other minimum is less there.

    The points of a branch may lie far apart, and the thick line is to end where the jump is.
    """
    own = run.alpha[: run.n_own]
    alpha = np.union1d(own, np.linspace(own.min(), own.max(), 801))
    least = np.ones(len(alpha), dtype=bool)
    here = _along(run, alpha, run.divergence)
    for other in runs:
        if other is not run and other.stable:
            least &= here <= _along(other, alpha, other.divergence) + 1e-9 * (1 + np.abs(here))
    return alpha, least


def _along(run: _Run, alpha: Array, values: Array) -> Array:
    """Return the values of a stretch at any alpha, infinite where it is not."""
    order = np.argsort(run.alpha[: run.n_own], kind="stable")
    return np.asarray(np.interp(alpha, run.alpha[order], values[order], left=np.inf, right=np.inf))


def _stretch(panel: Any, values: Array, least: float) -> None:
    """Show all values with a margin, and never a range so short that only rounding is seen."""
    low, high = float(values.min()), float(values.max())
    margin = 0.08 * (high - low) + max(0.0, least - (high - low)) / 2
    panel.set_ylim(low - margin, high + margin)


def _handles(entries: Sequence[tuple[bool, dict[str, Any], str]]) -> list[Any]:
    """Return the entries of the legend, of what is there."""
    from matplotlib.lines import Line2D

    return [Line2D([], [], **look, label=label) for shown, look, label in entries if shown]
