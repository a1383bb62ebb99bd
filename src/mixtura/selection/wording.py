"""A selection as text."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.selection.choice import CRITERIA

Array = NDArray[np.float64]

_NONE, _LONGEST, _ENORMOUS = "-", 160, 1e5


def text_of(selection: Any) -> str:
    """Return the table, what each criterion picks, what could not be fitted, and the findings."""
    rows = f"{selection.n_rows:,.6g} rows"
    lines = [
        f"nats per observation, more is better; {rows}, {selection.n_folds} folds, seed {selection.seed}",
        *_table(selection),
        *(f"{name:<9} {words}" for name, words in choices(selection)),
        *_unfitted(selection),
        *map(str, selection.findings),
    ]
    return "\n".join(lines)


def choices(selection: Any) -> list[tuple[str, str]]:
    """Return what each criterion picks and what it is, the one that chooses first."""
    several = len(set(selection.model)) > 1
    picked = []
    others = [name for name in selection.chosen_by if name != selection.criterion]
    for name in (selection.criterion, *others):
        line = selection.chosen_by[name]
        model = f" {selection.model[line]}" if several else ""
        mark = ", chosen" if name == selection.criterion else ""
        picked.append((name, f"K = {selection.n_components[line]}{model}{mark}: {CRITERIA[name].words}"))
    return picked


def _table(selection: Any) -> list[str]:
    """Return header and lines; a star marks what a criterion picks."""
    several = len(set(selection.model)) > 1
    columns = [
        ["K", *map(str, selection.n_components)],
        ["parameters", *(str(n) if n else _NONE for n in selection.n_parameters)],
        ["log p(x)", *_cells(selection.log_likelihood)],
        ["held out", *_cells(selection.held_out, selection.chosen_by.get("held_out"))],
        ["se", *_cells(selection.held_out_se)],
        ["behind", *_cells(selection.behind, selection.chosen_by.get("one_se"))],
        ["se", *_cells(selection.behind_se)],
        ["-BIC/2n", *_cells(selection.bic_per_row, selection.chosen_by.get("bic"))],
        ["-ICL/2n", *_cells(selection.icl_per_row, selection.chosen_by.get("icl"))],
    ]
    columns = [column for column in columns if any(cell.strip() != _NONE for cell in column[1:])]
    if several:
        columns.insert(0, ["mixture", *selection.model])
    columns = [[cell if cell[-1:] in "* " else f"{cell} " for cell in column] for column in columns]
    widths = [max(map(len, column)) for column in columns]
    return [
        " ".join(f"{cell:>{width}}" for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in zip(*columns, strict=True)
    ]


def _cells(values: Array, picked: int | None = None) -> list[str]:
    return [_figure(value) + ("*" if line == picked else " ") for line, value in enumerate(values)]


def _figure(value: float) -> str:
    """Return a log-likelihood to four decimals; of what is enormous, four digits.

    Examples
    --------
    >>> _figure(-4.74194), _figure(-3455179.06), _figure(float("nan"))
    ('-4.7419', '-3.455e+06', '-')
    """
    return _NONE if np.isnan(value) else f"{value:.4f}" if abs(value) < _ENORMOUS else f"{value:.4g}"


def _unfitted(selection: Any) -> list[str]:
    """Return why, for each line that lacks a figure."""
    several = len(set(selection.model)) > 1
    lines = []
    for model, k, reason in zip(selection.model, selection.n_components, selection.reason, strict=True):
        short = reason if len(reason) <= _LONGEST else reason[: _LONGEST - 3] + "..."
        lines += [f"K = {k}{f' {model}' if several else ''}: {short}"] if reason else []
    return lines
