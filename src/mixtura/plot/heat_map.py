"""A matrix of standardised differences as colours: what sets each group apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mixtura.plot.theme import blank_figure, literal

if TYPE_CHECKING:
    import plotly.graph_objects as go

NAME_LENGTH = 24


def heat_map(
    differences: npt.ArrayLike, names: Sequence[str], *, details: npt.ArrayLike | None = None
) -> go.Figure:
    """Draw features (down) by groups (across), blue below and orange above the mean of all rows.

    Parameters
    ----------
    differences : array of float, shape (K, n_features)
        (mean of the group - mean of all rows) / standard deviation of all rows; NaN stays empty.
    names : sequence of str, length n_features
        Names of the features; shown as they stand, long ones cut short on the axis.
    details : array of float, shape (K, n_features, 2), optional
        Mean of the group and mean of all rows in raw units, for the hover text.

    Returns
    -------
    plotly.graph_objects.Figure

    Examples
    --------
    >>> heat_map([[1.0, -1.0]], ["<a>", "b"]).layout.yaxis.ticktext
    ('&lt;a&gt;', 'b')
    """
    import plotly.graph_objects as go

    differences = np.asarray(differences, dtype=np.float64)
    n_components, n_features = differences.shape
    labels = np.broadcast_to(np.array([literal(name, 80) for name in names], dtype=object), differences.shape)
    custom = [labels] if details is None else [labels, *np.moveaxis(np.asarray(details, dtype=object), -1, 0)]
    hover = "group %{x}, %{customdata[0]}<br>%{z:+.2f} standard deviations"
    if details is not None:
        hover += "<br>mean %{customdata[1]:.4~g}, of all rows %{customdata[2]:.4~g}"
    size = np.abs(differences[np.isfinite(differences)])
    # One far value must not wash out the rest: colours end at the 98th percentile, and never below one.
    limit = max(1.0, float(np.quantile(size, 0.98))) if size.size else 1.0
    cells = go.Heatmap(
        z=differences.T,
        x=np.arange(n_components),
        y=np.arange(n_features),
        customdata=np.stack(custom, axis=-1).swapaxes(0, 1).tolist(),
        coloraxis="coloraxis",
        hovertemplate=hover + "<extra></extra>",
        xgap=1 if n_components <= 60 else 0,
        ygap=1,
    )
    groups = {"title": {"text": "group"}, "showgrid": False, "range": [-0.5, n_components - 0.5]}
    if n_components <= 30:
        groups |= {"tickmode": "linear", "tick0": 0, "dtick": 1}
    return blank_figure(
        [cells],
        height=max(180, 80 + 24 * n_features),
        xaxis=groups,
        yaxis={
            "tickmode": "array",
            "tickvals": list(range(n_features)),
            "ticktext": [literal(name, NAME_LENGTH) for name in names],
            "range": [n_features - 0.5, -0.5],
            "showgrid": False,
            "ticks": "outside",
            "tickcolor": "rgba(0,0,0,0)",
        },
        coloraxis={
            "autocolorscale": True,
            "cmin": -limit,
            "cmax": limit,
            "cmid": 0,
            "colorbar": {
                "thickness": 10,
                "len": 1,
                "x": 1.01,
                "outlinewidth": 0,
                "ticksuffix": " sd",
                "nticks": 5,
            },
        },
        margin={"l": 56, "r": 16, "t": 16, "b": 48},
    )
