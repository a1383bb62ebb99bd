"""The terms of the bound over the epochs, one panel each, the stages of training marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mixtura.plot.theme import blank_figure, literal

if TYPE_CHECKING:
    import plotly.graph_objects as go

PANEL_HEIGHT = 150


def stage_spans(epochs: npt.ArrayLike, stages: Sequence[str]) -> list[tuple[str, float, float]]:
    """Return the stretches of one stage as (name, first epoch, last epoch).

    Parameters
    ----------
    epochs : array of float, shape (n,)
        Where each entry stands.
    stages : sequence of str, length n
        The stage of each entry.

    Examples
    --------
    >>> stage_spans([1, 2, 3], ["pretrain", "pretrain", "joint"])
    [('pretrain', 1.0, 2.0), ('joint', 3.0, 3.0)]
    """
    spans: list[tuple[str, float, float]] = []
    for epoch, stage in zip(np.asarray(epochs, dtype=np.float64).tolist(), stages, strict=True):
        if spans and spans[-1][0] == stage:
            spans[-1] = (stage, spans[-1][1], epoch)
        else:
            spans.append((stage, epoch, epoch))
    return spans


def late_range(values: npt.ArrayLike) -> list[float] | None:
    """Return the range of a panel whose curve is steep at first, or None where all of it fits.

    A fall from 500 to 100 in three epochs would flatten the other fifty, in which one looks for convergence.
    Where the last four fifths of the curve span under a third of the whole, the panel shows twice that span.

    Parameters
    ----------
    values : array of float, shape (n,)
        The curve; entries that are not finite are left out.

    Examples
    --------
    >>> late_range([-500.0, -300.0, *range(-110, -100)])
    [-119.72, -100.28]
    >>> late_range([3.0, 2.0, 1.0]) is None
    True
    """
    curve = np.asarray(values, dtype=np.float64)
    curve = curve[np.isfinite(curve)]
    late = curve[len(curve) // 5 :]
    if len(curve) < 10 or not 0 < np.ptp(late) < np.ptp(curve) / 3:
        return None
    low, high, span = float(late.min()), float(late.max()), float(np.ptp(late))
    # Room is left on the side from which the curve comes.
    below, above = (1.08, 0.08) if curve[0] < low else (0.08, 1.08)
    return [low - below * span, high + above * span]


def term_curves(
    epochs: npt.ArrayLike, terms: Mapping[str, npt.ArrayLike], stages: Sequence[str]
) -> go.Figure:
    """Draw each term over the epochs in a panel of its own, because their scales differ by far.

    Parameters
    ----------
    epochs : array of float, shape (n,)
        The epochs, rising.
    terms : mapping of str to array of float, shape (n,)
        Values in nats per observation, drawn from top to bottom; NaN leaves a gap.
    stages : sequence of str, length n
        The stage of training at each epoch; each gets a band and its name.

    Returns
    -------
    plotly.graph_objects.Figure

    Examples
    --------
    >>> figure = term_curves([1, 2], {"bound": [-3.0, -2.0], "cluster": [1.0, 0.5]}, ["joint", "joint"])
    >>> [trace.name for trace in figure.data]
    ['bound', 'cluster']
    """
    import plotly.graph_objects as go

    epochs = np.asarray(epochs, dtype=np.float64)
    spans = stage_spans(epochs, stages)
    traces, axes, notes = [], {}, []
    gap = 0.2 / max(len(terms), 1)
    tall = (1 + gap) / max(len(terms), 1) - gap
    for panel, (name, values) in enumerate(terms.items()):
        suffix = "" if panel == 0 else str(panel + 1)
        top = 1 - panel * (tall + gap)
        traces.append(
            go.Scatter(
                x=epochs,
                y=np.asarray(values, dtype=np.float64),
                name=literal(name),
                mode="lines+markers" if len(epochs) <= 60 else "lines",
                marker={"size": 5},
                line={"width": 2},
                xaxis="x",
                yaxis=f"y{suffix}",
                customdata=[literal(stage) for stage in stages],
                hovertemplate=f"{literal(name)} %{{y:,.2f}}<br>epoch %{{x}}, %{{customdata}}<extra></extra>",
            )
        )
        axes[f"yaxis{suffix}"] = {"domain": [max(top - tall, 0.0), top], "tickformat": ",~r", "nticks": 5}
        shown = late_range(values)
        if shown is not None:
            axes[f"yaxis{suffix}"]["range"] = shown
        notes.append(
            {"text": f"<b>{literal(name)}</b>", "x": 0, "y": top, "xref": "paper", "yref": "paper"}
            | {"xanchor": "left", "yanchor": "bottom", "font": {"size": 13}}
        )
    bands, names = _stage_marks(spans)
    figure = blank_figure(
        traces,
        height=PANEL_HEIGHT * len(terms) + 110,
        shapes=bands,
        annotations=notes + names,
        margin={"l": 56, "r": 56, "t": 78, "b": 48},
        hovermode="closest",
    )
    lowest = "y" if len(terms) < 2 else f"y{len(terms)}"
    span = [float(epochs.min()) - 0.5, float(epochs.max()) + 0.5] if len(epochs) else [0.0, 1.0]
    figure.update_layout(xaxis={"title": {"text": "epoch"}, "anchor": lowest, "range": span}, **axes)
    return figure


def _stage_marks(
    spans: Sequence[tuple[str, float, float]],
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return a band behind every second stage and the names of all, slanted so that short stages fit."""
    bands, names = [], []
    # A stage reaches half-way to its neighbours; epochs may come in fractions.
    ends = [spans[0][1] - 0.5] if spans else []
    ends += [(before[2] + after[1]) / 2 for before, after in pairwise(spans)]
    ends += [spans[-1][2] + 0.5] if spans else []
    for place, (stage, first, last) in enumerate(spans):
        edges = {"x0": ends[place], "x1": ends[place + 1], "y0": 0, "y1": 1, "yref": "paper"}
        if place % 2 == 0:
            bands.append({"type": "rect", **edges})
        names.append(
            {"text": literal(stage, 24), "x": (first + last) / 2, "y": 1, "yref": "paper", "yshift": 20}
            | {"xanchor": "left", "yanchor": "bottom", "textangle": -30}
        )
    return bands, names
