"""Figures of bars: how large the groups are, how sure the assignments are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mixtura.plot.palette import group_colour
from mixtura.plot.theme import blank_figure

if TYPE_CHECKING:
    import plotly.graph_objects as go

BINS = 20
# Colours that come round again and again tell nothing.
COLOURED = 20


def _group_axis(n_components: int) -> dict[str, Any]:
    """Return an axis on which every group has its number, thinned out where they are many."""
    axis: dict[str, Any] = {"title": {"text": "group"}, "showgrid": False}
    axis["range"] = [-0.6, n_components - 0.4]
    if n_components <= 30:
        axis.update(tickmode="linear", tick0=0, dtick=1)
    return axis


def _gap(n_components: int) -> float:
    """Return the gap between bars, which keeps a few of them from growing into walls."""
    return max(0.25, 0.85 - 0.09 * n_components)


def group_sizes(sizes: npt.ArrayLike) -> go.Figure:
    """Draw the number of rows in each group, in the colours of the groups where these are few.

    Parameters
    ----------
    sizes : array of int, shape (K,)
        Rows assigned to each group.

    Returns
    -------
    plotly.graph_objects.Figure

    Examples
    --------
    >>> len(group_sizes([30, 20, 10]).data[0].x)
    3
    """
    import plotly.graph_objects as go

    sizes = np.asarray(sizes, dtype=np.int64)
    share = sizes / max(int(sizes.sum()), 1)
    few = len(sizes) <= COLOURED
    bars = go.Bar(
        x=np.arange(len(sizes)),
        y=sizes,
        customdata=share,
        marker={"color": [group_colour(group) for group in range(len(sizes))]} if few else None,
        hovertemplate="group %{x}<br>%{y:,} rows (%{customdata:.1%})<extra></extra>",
    )
    rows = {"title": {"text": "rows"}, "tickformat": ",~r", "rangemode": "tozero"}
    return blank_figure(
        [bars], height=300, xaxis=_group_axis(len(sizes)), yaxis=rows, bargap=_gap(len(sizes))
    )


def probability_histogram(probability: npt.ArrayLike, *, marks: Sequence[float] = (0.5, 0.9)) -> go.Figure:
    """Draw how many rows are assigned with which probability.

    Parameters
    ----------
    probability : array of float, shape (n,)
        The probability of the group that each row was assigned to, in [0, 1].
    marks : sequence of float
        Probabilities at which a line is drawn.

    Returns
    -------
    plotly.graph_objects.Figure

    Examples
    --------
    >>> int(sum(probability_histogram([0.4, 0.97, 1.0]).data[0].y))
    3
    """
    import plotly.graph_objects as go

    counts, edges = np.histogram(np.asarray(probability, dtype=np.float64), bins=BINS, range=(0.0, 1.0))
    bars = go.Bar(
        x=(edges[:-1] + edges[1:]) / 2,
        y=counts,
        width=0.9 / BINS,
        customdata=np.column_stack([edges[:-1], edges[1:]]),
        hovertemplate="%{customdata[0]:.2f} to %{customdata[1]:.2f}<br>%{y:,} rows<extra></extra>",
    )
    lines = [
        {"type": "line", "x0": at, "x1": at, "y0": 0, "y1": 1, "yref": "paper", "opacity": 0.7}
        | {"line": {"width": 1, "dash": "dot"}}
        for at in marks
    ]
    return blank_figure(
        [bars],
        height=280,
        xaxis={"title": {"text": "probability of the group assigned"}, "range": [0, 1.01], "showgrid": False},
        yaxis={"title": {"text": "rows"}, "tickformat": ",~r", "rangemode": "tozero"},
        shapes=lines,
    )


def doubt_by_group(below_half: npt.ArrayLike, below_nine_tenths: npt.ArrayLike) -> go.Figure:
    """Draw, for each group, the share of its rows that are assigned with little probability.

    Parameters
    ----------
    below_half : array of float, shape (K,)
        Share of a group's rows whose probability is below 0.5; NaN for an empty group.
    below_nine_tenths : array of float, shape (K,)
        The same below 0.9; it includes the former.

    Returns
    -------
    plotly.graph_objects.Figure

    Examples
    --------
    >>> [trace.name for trace in doubt_by_group([0.0, 0.1], [0.2, 0.4]).data]
    ['below 0.9', 'below 0.5']
    """
    import plotly.graph_objects as go

    groups = np.arange(len(np.asarray(below_half)))
    shares = np.nan_to_num(np.asarray(below_nine_tenths, dtype=np.float64))
    # A tenth at least, so that a few rows in doubt do not look like many.
    top = max(0.1, 1.05 * float(shares.max(initial=0.0)))
    bars = [
        go.Bar(
            x=groups,
            y=np.asarray(share, dtype=np.float64),
            name=name,
            opacity=opacity,
            hovertemplate=f"group %{{x}}<br>%{{y:.1%}} of its rows {name}<extra></extra>",
        )
        for share, name, opacity in ((below_nine_tenths, "below 0.9", 0.4), (below_half, "below 0.5", 1.0))
    ]
    # Both stand on the axis, the smaller in front of the larger; one colour, two strengths.
    bars[1].marker.pattern = {"shape": "/", "size": 5, "solidity": 0.5}
    return blank_figure(
        bars,
        height=280,
        barmode="overlay",
        bargap=_gap(len(groups)),
        xaxis=_group_axis(len(groups)),
        yaxis={"title": {"text": "share of the group"}, "tickformat": ".0%", "range": [0, top]},
        showlegend=True,
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        margin={"l": 56, "r": 16, "t": 36, "b": 48},
    )
