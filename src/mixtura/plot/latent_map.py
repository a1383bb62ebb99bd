"""The map of the latent space: a point per row, in the colour and symbol of its group."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mixtura.plot.palette import group_colour, group_symbol
from mixtura.plot.theme import blank_figure

if TYPE_CHECKING:
    import plotly.graph_objects as go


def latent_map(
    points: npt.ArrayLike,
    components: npt.ArrayLike,
    probability: npt.ArrayLike,
    rows: npt.ArrayLike,
    means: npt.ArrayLike,
    *,
    axis_titles: tuple[str, str] = ("first axis", "second axis"),
    equal_axes: bool = True,
) -> go.Figure:
    """Draw rows as points in a plane and the centres of the groups as numbers.

    The legend shows and hides groups; hovering tells the row, its group and the probability. Points are SVG,
    not WebGL: five thousand are light, they print, and they need no graphics driver.

    Parameters
    ----------
    points : array of float, shape (m, 2)
        Places of the rows in the plane.
    components : array of int, shape (m,)
        The group of each row.
    probability : array of float, shape (m,)
        The probability of that group.
    rows : array of int, shape (m,)
        Row numbers in the data.
    means : array of float, shape (K, 2)
        Centres of the groups in the plane.
    axis_titles : (str, str)
        What the axes are.
    equal_axes : bool
        One unit is equally long on both axes.

    Returns
    -------
    plotly.graph_objects.Figure
        One trace per group that has rows among those drawn, then one for the centres.

    Examples
    --------
    >>> figure = latent_map([[0, 0], [1, 1]], [0, 1], [1.0, 0.6], [3, 8], [[0, 0], [1, 1]])
    >>> [trace.name for trace in figure.data]
    ['group 0', 'group 1', 'centres']
    """
    import plotly.graph_objects as go

    points = np.asarray(points, dtype=np.float32)
    components = np.asarray(components)
    means = np.asarray(means, dtype=np.float32)
    # float64 holds row numbers exactly up to 2^53.
    facts = np.column_stack([np.asarray(rows, dtype=np.float64), np.asarray(probability, dtype=np.float64)])
    size = 7 if len(points) <= 600 else 5
    traces = []
    for group in np.unique(components).tolist():
        mine = components == group
        traces.append(
            go.Scatter(
                x=points[mine, 0],
                y=points[mine, 1],
                customdata=facts[mine].round(4),
                name=f"group {group}",
                mode="markers",
                marker={
                    "color": group_colour(group),
                    "symbol": group_symbol(group),
                    "size": size + (group_symbol(group) != "circle"),
                    "opacity": 0.85,
                },
                hovertemplate=f"row %{{customdata[0]:,d}}<br>group {group}"
                "<br>probability %{customdata[1]:.3f}<extra></extra>",
            )
        )
    # Two hundred discs would hide the points; the legend brings them back.
    many = len(means) > 40
    traces.append(
        go.Scatter(
            x=means[:, 0],
            y=means[:, 1],
            name="centres",
            legendrank=1,
            visible="legendonly" if many else True,
            mode="markers+text",
            text=[str(group) for group in range(len(means))],
            textfont={"size": 9 if many else 12, "color": "#1c2733"},
            # White discs with dark numbers can be read on a light and on a dark surface.
            marker={
                "size": 15 if many else 21,
                "color": "#ffffff",
                "opacity": 0.9,
                "line": {"color": "#1c2733", "width": 1.2},
            },
            hovertemplate="centre of group %{text}<extra></extra>",
        )
    )
    vertical = {"title": {"text": axis_titles[1]}, "showticklabels": equal_axes}
    if equal_axes:
        vertical |= {"scaleanchor": "x", "scaleratio": 1}
    return blank_figure(
        traces,
        height=620,
        xaxis={"title": {"text": axis_titles[0]}},
        yaxis=vertical,
        hovermode="closest",
        showlegend=True,
        legend={"orientation": "v", "x": 1.01, "xanchor": "left", "y": 1},
        uirevision="keep",
    )
