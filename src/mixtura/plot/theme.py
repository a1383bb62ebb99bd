"""The look of every figure, in a light and a dark form, and text that stays text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import plotly.graph_objects as go

Appearance = Literal["light", "dark"]

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"

_INK = {"light": "#1c2733", "dark": "#e4eaf1"}
_MUTED = {"light": "#566373", "dark": "#9dabba"}
_GRID = {"light": "#e4e9ef", "dark": "#273240"}
_PANEL = {"light": "#ffffff", "dark": "#151c25"}
_BAND = {"light": "#1c2733", "dark": "#c9d6e5"}
# Dark colours need a light edge to be seen on a dark surface.
_OUTLINE = {"light": "#ffffff", "dark": "rgba(255,255,255,0.4)"}
_ACCENT = {"light": "#2a6db0", "dark": "#6db3f2"}

# Blue below, orange above, and the middle fades into the panel: told apart with every kind of colour vision.
_DIVERGING = {
    "light": ["#14508c", "#5c9bd1", "#c3dbee", "#f5f6f7", "#fbd3a8", "#e88b2e", "#a34a00"],
    "dark": ["#8cc7ff", "#3f86c6", "#234a6d", "#1b2430", "#6a4220", "#c9782a", "#ffb866"],
}


def template(appearance: Appearance = "light") -> dict[str, Any]:
    """Return the plotly template of all figures, for a light or a dark surface.

    A figure names no colour that the template can give, so swapping the template repaints it.

    Parameters
    ----------
    appearance : {"light", "dark"}
        The surface that the figure lies on; its background is transparent.

    Examples
    --------
    >>> template("dark")["layout"]["paper_bgcolor"]
    'rgba(0,0,0,0)'
    """
    ink, muted, grid = _INK[appearance], _MUTED[appearance], _GRID[appearance]
    axis = {
        "gridcolor": grid,
        "linecolor": grid,
        "zeroline": False,
        "ticks": "",
        "tickfont": {"color": muted, "size": 12},
        "title": {"font": {"color": muted, "size": 13}, "standoff": 8},
        "automargin": True,
    }
    scale = _DIVERGING[appearance]
    return {
        "layout": {
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"family": FONT, "size": 13, "color": ink},
            # One colour for all that is not a group; groups bring their own.
            "colorway": [_ACCENT[appearance]],
            "colorscale": {
                "diverging": [[place / (len(scale) - 1), colour] for place, colour in enumerate(scale)]
            },
            "xaxis": axis,
            "yaxis": axis,
            "legend": {"font": {"color": ink, "size": 12}, "itemsizing": "constant"},
            "hoverlabel": {
                "bgcolor": _PANEL[appearance],
                "bordercolor": muted,
                "font": {"family": FONT, "size": 13, "color": ink},
                "align": "left",
            },
            "annotationdefaults": {"font": {"color": muted, "size": 12}, "showarrow": False},
            "shapedefaults": {
                "line": {"color": muted, "width": 0},
                "fillcolor": _BAND[appearance],
                "opacity": 0.06,
                "layer": "below",
            },
            "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": muted, "activecolor": ink},
        },
        "data": {
            "scatter": [{"marker": {"line": {"color": _OUTLINE[appearance], "width": 0.5}}}],
            "bar": [{"marker": {"line": {"width": 0}}}],
        },
    }


def literal(text: object, length: int | None = None) -> str:
    """Return text that plotly shows as it stands: no tag and no entity in it takes effect.

    plotly reads a small HTML in every label, so a column named ``<b>x</b>`` would come out bold.

    Parameters
    ----------
    text : object
        Anything; its ``str`` is taken, and line breaks become blanks.
    length : int, optional
        Longer text is cut to this many characters, an ellipsis in place of the rest.

    Examples
    --------
    >>> literal("<b>a & b</b>")
    '&lt;b&gt;a &amp; b&lt;/b&gt;'
    >>> literal("a column with a long name", length=9)
    'a column…'
    """
    plain = " ".join(str(text).split())
    if length is not None and len(plain) > length:
        plain = plain[: length - 1].rstrip() + "…"
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def blank_figure(traces: Iterable[Any], *, height: int, **layout: Any) -> go.Figure:
    """Return a figure of these traces in the light template, as wide as its place allows.

    Parameters
    ----------
    traces : iterable of plotly traces
        What is drawn.
    height : int
        Height in pixels.
    **layout
        Further entries of the layout, which stand above the common ones.
    """
    import plotly.graph_objects as go

    common: dict[str, Any] = {
        "template": template("light"),
        "height": height,
        "autosize": True,
        "margin": {"l": 56, "r": 16, "t": 16, "b": 48},
        "showlegend": False,
    }
    return go.Figure(data=list(traces), layout={**common, **layout})
