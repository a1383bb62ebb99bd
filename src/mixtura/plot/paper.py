"""The look of figures as files: axes on a page of their own, styles that are told apart in grey, saving."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixtura.errors import InputError
from mixtura.plot.palette import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#1c2733"
MUTED = "#5c6773"
GRID = "#e4e9ef"
TARGET = "#c9d0d8"

# The bytes of a file depend on nothing but what is drawn: no date, no random name.
_METADATA: Mapping[str, dict[str, Any]] = {
    ".png": {},
    ".pdf": {"CreationDate": None},
    ".svg": {"Date": None},
}
SUFFIXES = tuple(_METADATA)

_LOOK: Mapping[str, Any] = {
    # The first comes with matplotlib; where a page lacks it, the next is as wide.
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans", "Verdana"],
    "font.size": 9.0,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "text.color": INK,
    "text.parse_math": False,  # a name may hold a dollar
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "legend.handlelength": 2.6,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "savefig.edgecolor": "none",
    "savefig.bbox": None,
    "savefig.transparent": False,
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "mixtura",
    "pdf.fonttype": 42,
    "pdf.compression": 6,
}


@dataclass(frozen=True)
class LineStyle:
    """How a curve is drawn: a colour, and dashes that tell it apart where there is none.

    Parameters
    ----------
    colour : str
        As ``#rrggbb``.
    dashes : tuple of float
        Lengths on and off in units of the width; empty is a solid line.
    """

    colour: str
    dashes: tuple[float, ...] = ()

    @property
    def linestyle(self) -> Any:
        """The dashes as matplotlib takes them."""
        return (0, self.dashes) if self.dashes else "solid"


STYLES = (
    LineStyle("#1f6fb8"),
    LineStyle(COLOURS[2], (5, 1.8)),
    LineStyle(COLOURS[4], (5, 1.6, 1, 1.6)),
    LineStyle("#c75600", (1.2, 1.2)),
    LineStyle("#2b7f7a", (8, 1.8)),
    LineStyle("#7d5446", (5, 1.4, 1, 1.4, 1, 1.4)),
)


def line_style(place: int) -> LineStyle:
    """Return the style of the curve at a place of the legend, from 0; they come round again.

    Examples
    --------
    >>> line_style(0).dashes, line_style(1).dashes
    ((), (5, 1.8))
    """
    return STYLES[place % len(STYLES)]


@contextmanager
def paper_look() -> Iterator[None]:
    """Make figures in the look of this module; matplotlib's own settings are back when the block ends."""
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        settings: Any = mpl.rcParams
        settings.update(_LOOK)
        yield


def new_figure(width: float = 6.4, height: float = 4.0) -> Figure:
    """Return an empty figure, which belongs to no window and to no global list.

    Its axes make room for their labels and legends.

    Parameters
    ----------
    width, height : float
        In inches.

    Examples
    --------
    >>> new_figure(4.0, 3.0).get_size_inches().tolist()
    [4.0, 3.0]
    """
    from matplotlib.figure import Figure

    with paper_look():
        return Figure(figsize=(width, height), dpi=200, layout="constrained")


def even_ticks(ax: Axes) -> None:
    """Put the ticks of linear axes at multiples of 1, 2 or 5."""
    from matplotlib.ticker import MaxNLocator

    for axis, most in ((ax.xaxis, 9), (ax.yaxis, 6)):
        if axis.get_scale() == "linear":
            axis.set_major_locator(MaxNLocator(most, steps=[1, 2, 5, 10]))


def legend_above(ax: Axes, **settings: Any) -> None:
    """Put the legend above the axes, where it covers nothing; within them where no room can be made there."""
    if ax.figure.get_layout_engine() is None:
        ax.legend(loc="best", fontsize="small", framealpha=0.85, **(settings | {"ncols": 1}))
        return
    ax.legend(
        loc="lower left",
        bbox_to_anchor=(0.0, 1.01),
        borderaxespad=0.0,
        borderpad=0.2,
        labelspacing=0.35,
        frameon=False,
        alignment="left",
        **settings,
    )


def save_figure(figure: Figure, path: Path | str) -> None:
    """Write a figure as PNG, PDF or SVG, by the suffix of its name; the same figure gives the same bytes.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Any figure.
    path : path
        Ends in ``.png``, ``.pdf`` or ``.svg``.

    Raises
    ------
    InputError
        If it ends otherwise.

    Examples
    --------
    >>> save_figure(new_figure(), "figure.jpg")
    Traceback (most recent call last):
    ...
    mixtura.errors.InputError: 'figure.jpg' ends in no known format; end it in .png, .pdf or .svg
    """
    suffix = Path(path).suffix.lower()
    if suffix not in _METADATA:
        listed = f"{', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}"
        raise InputError(f"{str(path)!r} ends in no known format; end it in {listed}")
    with paper_look():
        figure.savefig(path, format=suffix[1:], metadata=_METADATA[suffix])
