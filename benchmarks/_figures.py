"""What every benchmark prints and writes: figures over seeds with spread and worst, and the machine."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any


def parse_seeds(text: str) -> list[int]:
    """Return the seeds that ``"0-4"`` or ``"0,3,7"`` names."""
    seeds: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        seeds += range(int(first), int(last or first) + 1)
    return seeds


def over_seeds(values: Iterable[float], *, worst: str = "min") -> dict[str, float]:
    """Return mean, standard deviation and worst of a figure over seeds."""
    figures = list(values)
    return {
        "mean": statistics.fmean(figures),
        "sd": statistics.stdev(figures) if len(figures) > 1 else 0.0,
        "worst": min(figures) if worst == "min" else max(figures),
    }


def show(name: str, summary: dict[str, float]) -> None:
    """Print one summary as a line."""
    figures = "  ".join(f"{key} {value:>10.4f}" for key, value in summary.items())
    print(f"{name:<28} {figures}")


def show_rows(rows: Sequence[dict[str, Any]], keys: Sequence[str]) -> None:
    """Print one line for each run."""
    for row in rows:
        print("  ".join(f"{key} {_short(row[key])}" for key in keys), flush=True)


def write(path: str | None, document: dict[str, Any]) -> None:
    """Print what the program ran on, and write the figures as JSON where a file was asked for."""
    print("ran on " + ", ".join(f"{name} {value}" for name, value in document["machine"].items()))
    if path is not None:
        Path(path).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def _short(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
