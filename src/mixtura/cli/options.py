"""The arguments and options that several verbs share, each described once."""

from __future__ import annotations

import math
from typing import Annotated

import typer

Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        show_default=False,
        help="CSV, Parquet, Feather, NPY, NPZ or IDX file, or a folder of images.",
    ),
]
Model = Annotated[
    str,
    typer.Argument(metavar="MODEL", show_default=False, help="A run folder, or the model folder inside it."),
]
Array = Annotated[
    str | None, typer.Option(metavar="NAME", show_default=False, help="Which array of an NPZ file to read.")
]
Labels = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        show_default=False,
        help="Known classes, for scoring only: a column, an array of the same NPZ, or a file.",
    ),
]
Drop = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", show_default=False, help="A column to leave out; may be given often."),
]
Force = Annotated[bool, typer.Option("--force", help="Replace what is there.")]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else there.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")]


def whole(text: str | int) -> int:
    """Return the whole number that an option was given.

    Raises
    ------
    typer.BadParameter
        If it is none; the message names what was given.

    Examples
    --------
    >>> whole("60000")
    60000
    """
    try:
        return int(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a whole number.") from None


def number(text: str | float) -> float:
    """Return the finite number that an option was given.

    Raises
    ------
    typer.BadParameter
        If it is none; the message names what was given.

    Examples
    --------
    >>> number("127.5")
    127.5
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise typer.BadParameter(f"{text!r} is not a finite number.")
    return value
