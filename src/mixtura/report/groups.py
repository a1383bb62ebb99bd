"""What the page says of each group: its size and certainty, its pictures, or what sets it apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mixtura.plot import group_colour, group_symbol
from mixtura.report.pictures import data_uri, grey_levels, shown_size
from mixtura.report.run_folder import Run, Traits
from mixtura.report.wording import MINUS, count, number, percent

FEATURES = 6
TABLE_FEATURES = 16
TABLE_ROWS = 5
# A bar reaches its end at so many standard deviations.
BAR_END = 2.0


def group_rows(run: Run) -> list[dict[str, Any]]:
    """Return the table of groups: number, rows, share, median probability and how many are in doubt."""
    rows = []
    for group, size in enumerate(run.sizes.tolist()):
        probability = run.probability[run.components == group]
        rows.append(
            {
                "number": group,
                "colour": group_colour(group),
                "symbol": group_symbol(group),
                "rows": count(size),
                "empty": size == 0,
                "share": percent(size / len(run.components)),
                "median": f"{np.median(probability):.3f}" if size else "–",
                "below_nine": percent(float((probability < 0.9).mean())) if size else "–",
                "below_half": percent(float((probability < 0.5).mean())) if size else "–",
            }
        )
    return rows


def standardised(run: Run) -> npt.NDArray[np.float64]:
    """Return (mean of the group - mean of all) / standard deviation of all, shape (K, d); NaN for no rows."""
    traits = run.traits
    sd, means, mean = traits.sd, traits.group_means, traits.mean
    with np.errstate(over="ignore", invalid="ignore"):
        differences = (means / np.where(sd > 0, sd, 1.0)) - mean / np.where(sd > 0, sd, 1.0)
    # A column that does not vary sets nothing apart.
    differences[:, sd <= 0] = np.where(np.isnan(means[:, sd <= 0]), np.nan, 0.0)
    return differences


def picture_cards(run: Run) -> list[dict[str, Any]]:
    """Return for each group the prototype, typical rows and samples as pictures."""
    shape = run.image_shape
    if shape is None:
        return []
    summary = run.summary
    limits = summary.get("value_range", np.array([summary["examples"].min(), summary["examples"].max()]))
    span = (float(limits[0]), float(limits[1]))
    decoded_span = (0.0, 1.0) if run.words.probabilities else span
    cards = []
    for group in range(run.n_components):
        rows = summary["example_rows"][group]
        known = rows >= 0
        typical = grey_levels(summary["examples"][group][known], shape, span)
        cards.append(
            {
                "prototype": data_uri(grey_levels(summary["prototypes"][group], shape, decoded_span)[0]),
                "typical": [
                    {"row": count(row), "picture": data_uri(picture)}
                    for row, picture in zip(rows[known].tolist(), typical, strict=True)
                ],
                "samples": [
                    data_uri(picture)
                    for picture in grey_levels(summary["samples"][group], shape, decoded_span)
                ],
            }
        )
    return cards


def picture_sizes(shape: tuple[int, ...]) -> dict[str, Any]:
    """Return the sizes of large and small pictures on the page, and whether pixels are to stay sharp."""
    large, small = shown_size(shape, 112), shown_size(shape, 44)
    return {"large": large, "small": small, "pixelated": max(shape[0], shape[1]) <= small[0] * 2}


def table_cards(run: Run) -> list[dict[str, Any]]:
    """Return for each group the features that set it apart, and a small table of its rows."""
    if run.image_shape is not None:
        return []
    differences, traits = standardised(run), run.traits
    return [_table_card(run, group, differences[group], traits) for group in range(run.n_components)]


def _table_card(run: Run, group: int, differences: npt.NDArray[np.float64], traits: Traits) -> dict[str, Any]:
    summary = run.summary
    names = [str(name) for name in summary["feature_names"].tolist()]
    order = np.argsort(-np.abs(np.nan_to_num(differences)), kind="stable")
    apart = []
    for feature in order[:FEATURES].tolist():
        difference = float(differences[feature])
        # A hundredth of a standard deviation would be shown as nothing.
        if not abs(difference) >= 0.005:
            continue
        reach = min(abs(difference) / BAR_END, 1.0) * 50
        apart.append(
            {
                "name": traits.names[feature],
                "mean": number(float(traits.group_means[group, feature]), 3, trim=False),
                "of_all": number(float(traits.mean[feature]), 3, trim=False),
                "difference": f"{difference:+.2f}".replace("-", MINUS),
                "left": f"{50 - reach if difference < 0 else 50:.2f}",
                "width": f"{reach:.2f}",
                "side": "below" if difference < 0 else "above",
            }
        )
    # Several traits may be of one column, which is shown once.
    features = sorted(list(dict.fromkeys(traits.columns[order].tolist()))[:TABLE_FEATURES])
    known = [
        place for place, row in enumerate(summary["example_rows"][group][:TABLE_ROWS].tolist()) if row >= 0
    ]
    columns = {
        run.words.prototype: summary["prototypes"][group],
        run.words.mean: summary["group_means"][group],
    }
    columns |= {
        f"row {count(summary['example_rows'][group][place])}": summary["examples"][group][place]
        for place in known
    }
    columns |= {
        f"sample {place + 1}": row for place, row in enumerate(summary["samples"][group][:TABLE_ROWS])
    }
    return {
        "apart": apart,
        "columns": list(columns),
        "left_out": len(names) - len(features),
        "lines": [
            {
                "name": names[feature],
                "cells": [run.cell(feature, float(values[feature])) for values in columns.values()],
            }
            for feature in features
        ],
    }
