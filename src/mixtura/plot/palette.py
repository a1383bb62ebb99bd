"""What a group looks like: a colour that colour-blind readers can tell, and a symbol once colours run out."""

from __future__ import annotations

# Petroff (2021, arXiv:2107.02270): ten colours found by simulating colour blindness and asking people.
COLOURS = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
)

# plotly's names; a new symbol for every ten groups, so that eighty groups differ in one or the other.
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "triangle-down", "star", "hexagon")


def group_colour(group: int) -> str:
    """Return the colour of a group as ``#rrggbb``.

    Parameters
    ----------
    group : int
        The group's number, from 0.

    Examples
    --------
    >>> group_colour(0) == group_colour(10)
    True
    """
    return COLOURS[group % len(COLOURS)]


def group_symbol(group: int) -> str:
    """Return the marker symbol of a group, by plotly's name.

    Parameters
    ----------
    group : int
        The group's number, from 0.

    Examples
    --------
    >>> group_symbol(9), group_symbol(10), group_symbol(80)
    ('circle', 'square', 'circle')
    """
    return SYMBOLS[group // len(COLOURS) % len(SYMBOLS)]
