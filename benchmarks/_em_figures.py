"""How EM and its peers are shown: a line for each table, and ratios over all."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Any

OURS, ACCELERATED, SEARCHING = "mixtura", "squarem", "short_runs"
PEERS = ("scikit-learn", "pomegranate", "torchgmm")
# What the reason says where a fit was given up.
LIMIT = "limit of time"


def ratios(rows: Sequence[dict[str, Any]], peer: str, ours: str, key: str) -> dict[str, Any]:
    """Return the geometric mean and the least of a peer's time over ours."""
    found = {
        f"{row['table']} {row.get('covariance_type', '')}".strip(): row[key][peer] / row[key][ours]
        for row in rows
        if peer in row[key] and peer not in row["errors"] and not row.get("gaps", {}).get(peer)
    }
    worst = min(found, key=lambda name: found[name])
    return {
        "peer": peer,
        "ours": ours,
        "rows": len(found),
        "geometric_mean": math.exp(statistics.fmean(math.log(value) for value in found.values())),
        "worst": found[worst],
        "worst_row": worst,
    }


def heads(names: Sequence[str]) -> str:
    """Return the heads of columns."""
    return " ".join(f"{name:>12}" for name in names)


def cells(row: dict[str, Any], names: Sequence[str]) -> str:
    """Return the milliseconds of a row, or why there are none."""
    found = []
    for name in names:
        if name in row["errors"]:
            found.append("> limit" if LIMIT in row["errors"][name] else "failed")
        elif row.get("gaps", {}).get(name):
            found.append(f"gap {row['gaps'][name]:.0e}")
        else:
            found.append(f"{1e3 * row['cpu'][name]:.1f}")
    return " ".join(f"{cell:>12}" for cell in found)


def show_first(row: dict[str, Any], names: Sequence[str]) -> None:
    """Print one row of the first table."""
    peers = [name for name in names if name in PEERS]
    known = {name for name in peers if name not in row["errors"] and not row["gaps"][name]}
    ratio = [
        f"{row['cpu'][name] / row['cpu'][OURS]:6.1f}" if name in known else f"{'-':>6}" for name in peers
    ]
    shape = f"{row['n']}x{row['d']} K={row['k']}"
    print(
        f"{row['table']:<11} {shape:<16} {row['covariance_type']:<4} {row['iterations'][OURS]:>4} "
        f"{row['iterations'][ACCELERATED]:>4} {cells(row, names)}  {' '.join(ratio)}",
        flush=True,
    )


def show_second(row: dict[str, Any], names: Sequence[str]) -> None:
    """Print one row of the second table."""
    scores = [
        f"{row['held_out'][name]:.3f} {row['worst_held_out'][name]:.3f}" if name in row["held_out"] else "-"
        for name in names
    ]
    right = " ".join(f"{score:>15}" for score in scores)
    print(f"{row['table']:<11} {row['n']:>7} {cells(row, names)}  {right}", flush=True)
