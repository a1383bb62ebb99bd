"""What is known of each number of components: curves against K, with what is unsure of them as bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mixtura.plot.paper import GRID, MUTED, legend_above, line_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# A curve may fall this many times as far below the best as the rest of the figure is high, and is cut off.
_DEEPEST = 8.0
_MARKERS = ("o", "s", "^", "D", "v", "P")


@dataclass(frozen=True, eq=False)
class ScoreCurve:
    """A score of several numbers of components.

    Parameters
    ----------
    label : str
        Its line in the legend.
    n_components : array of int, shape (m,)
        K, rising.
    score : array of float, shape (m,)
        In nats per observation, more is better; what is not finite leaves a gap.
    error : array of float, shape (m,), optional
        Half the height of a bar.
    """

    label: str
    n_components: npt.ArrayLike
    score: npt.ArrayLike
    error: npt.ArrayLike | None = None


def draw_selection_curves(ax: Axes, curves: Sequence[ScoreCurve], chosen: int, chosen_label: str) -> Axes:
    """Draw scores against K, and a line at the K that was chosen.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    curves : sequence of ScoreCurve
        The first lies on top.
    chosen : int
        Where the line stands.
    chosen_label : str
        Its words in the legend.

    Returns
    -------
    matplotlib.axes.Axes
        The same axes.

    Examples
    --------
    >>> from mixtura.plot.paper import new_figure
    >>> curve = ScoreCurve("held out", [1, 2, 3], [-4.7, -4.2, -4.3], [0.1, 0.0, 0.1])
    >>> ax = draw_selection_curves(new_figure().add_subplot(), [curve], 2, "K = 2")
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['held out', 'K = 2']
    """
    from matplotlib.ticker import MaxNLocator

    for place, curve in enumerate(curves):
        style = line_style(place)
        score = np.asarray(curve.score, dtype=np.float64)
        error = None if curve.error is None else np.nan_to_num(np.asarray(curve.error, dtype=np.float64))
        ax.errorbar(
            np.asarray(curve.n_components),
            np.where(np.isfinite(score), score, np.nan),
            yerr=error,
            color=style.colour,
            linestyle=style.linestyle,
            marker=_MARKERS[place % len(_MARKERS)],
            markersize=4.0,
            linewidth=1.6,
            elinewidth=1.0,
            capsize=2.5,
            label=curve.label,
            zorder=3 + len(curves) - place,
        )
    ax.axvline(chosen, color=MUTED, linewidth=1.0, linestyle=(0, (2, 2)), zorder=1, label=chosen_label)
    low, high = visible_scores([curve.score for curve in curves])
    ax.set_ylim(low, high)
    ax.xaxis.set_major_locator(MaxNLocator(12, integer=True))
    ax.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    ax.ticklabel_format(axis="y", useOffset=False)
    ax.set_xlabel("number of components K")
    ax.set_ylabel("nats per observation")
    ax.grid(True, axis="y", color=GRID, linewidth=0.8)
    ax.grid(False, axis="x")
    handles, labels = ax.get_legend_handles_labels()
    order = [place for place, label in enumerate(labels) if label != chosen_label]
    order += [place for place, label in enumerate(labels) if label == chosen_label]
    legend_above(
        ax,
        handles=[handles[place] for place in order],
        labels=[labels[place] for place in order],
        ncols=2 if len(curves) < 4 else 3,
    )
    return ax


def visible_scores(scores: Sequence[npt.ArrayLike]) -> tuple[float, float]:
    """Return the range of the axis: all of the curves, less what lies far below the rest.

    A component on a single row makes held-out scores of minus millions, which would flatten all else.

    Examples
    --------
    >>> low, high = visible_scores([[-4.7, -4.2, -4.3, -5e6]])
    >>> round(low, 2), round(high, 2)
    (-6.74, -4.06)
    """
    values = np.concatenate([np.asarray(score, dtype=np.float64).ravel() for score in scores])
    values = np.sort(values[np.isfinite(values)])
    if not len(values):
        return -1.0, 0.0
    high, middle = values[-1], np.median(values)
    span = max(high - middle, 1e-3 * abs(high), np.finfo(np.float64).tiny)
    low = max(values[0], high - _DEEPEST * span)
    margin = 0.06 * max(high - low, 1e-3 * abs(high), np.finfo(np.float64).tiny)
    return float(low - margin), float(high + margin)
