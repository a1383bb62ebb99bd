"""Figures in words: the same names and formats in every verb."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

TERMS = ("bound", "reconstruction", "cluster", "conditional_prior")

_SIZES = 30


def count(number: int, noun: str) -> str:
    """Return a number with its noun.

    Examples
    --------
    >>> count(1, "row"), count(60000, "row")
    ('1 row', '60,000 rows')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def figure(value: float | None, digits: int = 3) -> str:
    """Return a figure, or ``unknown`` where there is none.

    Examples
    --------
    >>> figure(-1234.5), figure(None)
    ('-1,234.500', 'unknown')
    """
    return "unknown" if value is None or value != value else f"{value:,.{digits}f}"


def lines_of(pairs: Sequence[tuple[str, str]]) -> str:
    """Return names and figures as two columns.

    Examples
    --------
    >>> print(lines_of([("bound", "-1.750"), ("accuracy", "0.910")]))
    bound     -1.750
    accuracy  0.910
    """
    width = max(len(name) for name, _ in pairs)
    return "\n".join(f"{name:<{width}}  {value}".rstrip() for name, value in pairs)


def table_of(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of right-aligned columns.

    Examples
    --------
    >>> print(table_of(["group", "rows"], [["0", "1,200"], ["1", "30"]]))
    group   rows
        0  1,200
        1     30
    """
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    return "\n".join(
        "  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True))
        for row in (header, *rows)
    )


def sizes_of(sizes: Sequence[int]) -> str:
    """Return the table of the groups and the rows that each holds, the first 30 where there are many.

    Examples
    --------
    >>> print(sizes_of([3, 1]))
    component  rows  share
            0     3  75.0%
            1     1  25.0%
    """
    total = max(sum(sizes), 1)
    rows = [[str(k), f"{size:,}", f"{size / total:.1%}"] for k, size in enumerate(sizes[:_SIZES])]
    table = table_of(["component", "rows", "share"], rows)
    rest = sizes[_SIZES:]
    return (
        f"{table}\nand {count(len(rest), 'more component')} of {count(sum(rest), 'row')}" if rest else table
    )


def terms_of(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the bound and its three terms as pairs for `lines_of`.

    Examples
    --------
    >>> terms_of({"bound": -1.75, "reconstruction": -1.0, "cluster": 0.25, "conditional_prior": 0.5})[0]
    ('bound', '-1.750 nats per observation = reconstruction - cluster - conditional_prior')
    """
    equation = "nats per observation = reconstruction - cluster - conditional_prior"
    bound, *parts = TERMS
    return [(bound, f"{figure(metrics[bound])} {equation}")] + [
        (f"  {name}", figure(metrics[name])) for name in parts
    ]


def scores_of(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the agreement with labels as pairs for `lines_of`, none without labels.

    Examples
    --------
    >>> scores_of({"accuracy": 0.75, "nmi": 0.5, "ari": 0.25})
    [('accuracy', '0.7500'), ('NMI', '0.5000'), ('ARI', '0.2500')]
    """
    names = (("accuracy", "accuracy"), ("nmi", "NMI"), ("ari", "ARI"))
    return [(shown, figure(metrics[key], 4)) for key, shown in names if key in metrics]
