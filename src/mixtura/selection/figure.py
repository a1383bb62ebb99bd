"""A selection as a figure."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_selection(selection: Any, ax: Axes | None = None) -> Axes:
    """Draw held-out log-likelihood, BIC and ICL of a selection against K.

    Where several mixtures are compared, the figure shows the held-out log-likelihood of each.

    Parameters
    ----------
    selection : Selection
        The table.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a figure of its own is made unless given.

    Returns
    -------
    matplotlib.axes.Axes
    """
    from mixtura.plot.paper import new_figure, paper_look
    from mixtura.plot.selection import ScoreCurve, draw_selection_curves

    names = list(dict.fromkeys(selection.model))
    held = selection.held_out, selection.behind_se
    if len(names) == 1:
        curves = [
            ScoreCurve("held out ± se of its distance from the greatest", selection.n_components, *held),
            ScoreCurve("−BIC / 2n", selection.n_components, selection.bic_per_row),
            ScoreCurve("−ICL / 2n", selection.n_components, selection.icl_per_row),
        ]
        curves = [curve for curve in curves if np.isfinite(curve.score).any()]
    else:
        curves = []
        for name in names:
            own = np.flatnonzero(selection.model == name)
            curves.append(ScoreCurve(name, selection.n_components[own], *(values[own] for values in held)))
    line = selection.chosen
    own_name = str(selection.model[line])
    chosen = int(selection.n_components[line])
    label = f"K = {chosen}" if len(names) == 1 else f"K = {chosen} {own_name}"
    with paper_look() if ax is None else nullcontext():
        axes = new_figure(6.4, 4.2).add_subplot() if ax is None else ax
        return draw_selection_curves(axes, curves, chosen, f"chosen: {label}")


_SCORES = {
    "icl": "nats per row, more is better",
    "entropy": "entropy, nats per row",
    "misclassification": "largest share misclassified",
}


def draw_merging(merging: Any, ax: Axes | None = None) -> Axes:
    """Draw the criterion of a merging against the number of groups.

    Parameters
    ----------
    merging : Merging
        The path.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a figure of its own is made unless given.

    Returns
    -------
    matplotlib.axes.Axes
    """
    from mixtura.plot.paper import new_figure, paper_look
    from mixtura.plot.selection import ScoreCurve, draw_selection_curves

    curve = ScoreCurve(merging.criterion, merging.n_groups[::-1], merging.score[::-1])
    with paper_look() if ax is None else nullcontext():
        axes = new_figure(6.4, 4.2).add_subplot() if ax is None else ax
        word = "group" if merging.chosen == 1 else "groups"
        draw_selection_curves(axes, [curve], merging.chosen, f"chosen: {merging.chosen} {word}")
        axes.set_xlabel("number of groups")
        axes.set_ylabel(_SCORES[merging.criterion])
        return axes
