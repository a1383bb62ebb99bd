"""The figures of the page, with what they are called for those who cannot see them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from mixtura import plot
from mixtura.report.groups import standardised
from mixtura.report.run_folder import Run, figure_of
from mixtura.report.wording import count, percent

HEAT_MAP_FEATURES = 40
TERMS = ("bound", "reconstruction", "cluster", "conditional_prior")


@dataclass(frozen=True)
class Chart:
    """A figure with its accessible name and the words under it."""

    figure: Any
    label: str
    caption: str

    @property
    def height(self) -> int:
        """Height in pixels, so that the page does not jump when it is drawn."""
        return int(self.figure.layout.height)


def draw_charts(run: Run) -> dict[str, Chart]:
    """Return the figures by name; one for which there is nothing to show is left out."""
    charts = {
        "sizes": Chart(
            plot.group_sizes(run.sizes),
            f"Bar chart: rows in each of {run.n_components} groups; the figures are in the table of groups",
            "Rows in each group. Groups are numbered by falling size, from 0.",
        ),
        "map": _map(run),
        "probability": Chart(
            plot.probability_histogram(run.probability),
            "Histogram: probability of the group that each row was assigned to",
            "How many rows were assigned with which probability; dotted lines at 0.5 and 0.9.",
        ),
        "doubt": _doubt(run),
    }
    curves = _half_steps(run) or _curves(run)
    if curves is not None:
        charts["curves"] = curves
    if run.image_shape is None and run.n_components > 1:
        charts["apart"] = _apart(run)
    return charts


def _map(run: Run) -> Chart:
    summary, n = run.summary, len(run.components)
    drawn = len(summary["map"])
    titles, axes = _axes(run)
    figure = plot.latent_map(
        summary["map"],
        summary["map_component"],
        summary["map_probability"],
        summary["map_rows"],
        summary["map_means"],
        axis_titles=titles,
        equal_axes=str(summary.get("map_kind")) != "line",
    )
    rows = (
        f"{count(drawn)} of {count(n)} rows are drawn, chosen at random."
        if drawn < n
        else "All rows are drawn."
    )
    hidden = "" if figure.data[-1].visible is True else ", hidden until you click them in the legend"
    return Chart(
        figure,
        f"Scatter plot: {count(drawn)} rows in a plane of {run.words.space}, by group",
        f"{axes} {rows} White discs are the centres of the groups{hidden}. Click a group in the legend "
        "to hide it, twice to see it alone; point at a row for its number.",
    )


def _axes(run: Run) -> tuple[tuple[str, str], str]:
    """Return the titles of the map's axes, and what they are in a sentence or two."""
    kind = str(run.summary.get("map_kind", "plane"))
    space, points = run.words.space, run.words.points
    share = percent(round(float(run.summary.get("map_share", np.nan)), 6))
    if kind == "discriminant":
        apart = "." if share == "100%" else ": groups that touch here may lie apart in other directions."
        return ("first discriminant", "second discriminant"), (
            f"The axes are the two directions of {space} that tell the groups apart best (linear "
            f"discriminants of the {points}); one unit is one standard deviation within groups. "
            f"They hold {share} of the separation between groups{apart}"
        )
    if kind == "principal":
        return ("first principal component", "second principal component"), (
            f"The axes are the two directions of {space} in which the {points} vary most "
            f"(principal components); they hold {share} of the variance."
        )
    if kind == "line":
        return (run.words.line, "no meaning: points are spread to be seen"), (
            "There is one dimension, drawn across, less its mean; the height of a point is noise."
        )
    return ("first axis", "second axis"), f"A plane of {space}."


def _doubt(run: Run) -> Chart:
    sizes = np.where(run.sizes > 0, run.sizes, np.nan)
    below = [
        np.bincount(run.components[run.probability < limit], minlength=run.n_components) / sizes
        for limit in (0.5, 0.9)
    ]
    return Chart(
        plot.doubt_by_group(below[0], below[1]),
        "Bar chart: share of each group's rows with a probability below 0.9 and below 0.5",
        "Share of each group's rows that other groups claim too; the figures are in the table of groups.",
    )


def _half_steps(run: Run) -> Chart | None:
    """Return the climb of EM, where the log has a line for each half step."""
    lines = [line for line in run.history if line.get("step") in ("E", "M")]
    heights = np.array([figure_of(line.get("bound")) for line in lines], dtype=np.float64)
    if not lines or not np.isfinite(heights).all():
        return None
    # The E-step of an iteration stands half-way to it.
    places = [(i + 1) / 2 for i in range(len(lines))]
    figure = plot.term_curves(places, {"free energy": heights}, [""] * len(lines))
    figure.update_traces(
        customdata=[line["step"] for line in lines],
        hovertemplate="F %{y:,.6f}<br>after the %{customdata}-step, iteration %{x}<extra></extra>",
    )
    figure.update_layout(xaxis_title_text="iteration", shapes=[])  # there are no stages to mark
    cut = plot.late_range(heights) is not None
    return Chart(
        figure,
        f"Line chart: the free energy after each of {len(lines)} half steps of EM, in nats per row",
        "F(theta, q) in nats per row after each half step: an E-step, which sets q to the posterior and "
        "lifts F to log p(x), then an M-step, which sets theta to its maximiser."
        + (
            " The curve is steep at first, and its later part is shown; log.jsonl has all of it."
            if cut
            else ""
        ),
    )


def _curves(run: Run) -> Chart | None:
    lines = [line for line in run.history if figure_of(line.get("bound")) is not None]
    if not lines:
        return None
    epochs = [figure_of(line.get("epoch")) for line in lines]
    known = [epoch for epoch in epochs if epoch is not None]
    # A stage that counts its own epochs would fold the curve back on itself.
    rising = len(known) == len(lines) and all(a < b for a, b in pairwise(known))
    axis = known if rising else list(range(1, len(lines) + 1))
    terms = {
        name: np.array([figure_of(line.get(name)) for line in lines], dtype=np.float64) for name in TERMS
    }
    cut = any(plot.late_range(values) is not None for values in terms.values())
    figure = plot.term_curves(axis, terms, [str(line.get("stage", "")) for line in lines])
    return Chart(
        figure,
        f"Line chart: the bound and its three terms over {len(lines)} epochs, in nats per row",
        "Nats per row, each on a scale of its own; "
        "bound = reconstruction − cluster − conditional_prior. Bands are the stages of training."
        + (
            " Where a curve is steep at first, its panel shows the later part; log.jsonl has all of it."
            if cut
            else ""
        ),
    )


def _apart(run: Run) -> Chart:
    differences, traits = standardised(run), run.traits
    names = traits.names
    spread = np.nan_to_num(np.nanmax(np.abs(np.nan_to_num(differences)), axis=0))
    chosen = np.sort(np.argsort(-spread, kind="stable")[:HEAT_MAP_FEATURES])
    details = np.stack(
        [
            traits.group_means[:, chosen],
            np.broadcast_to(traits.mean[chosen], (run.n_components, len(chosen))),
        ],
        axis=-1,
    )
    few = f" The {count(len(chosen))} of {count(len(names))} features that differ most are shown."
    return Chart(
        plot.heat_map(differences[:, chosen], [names[place] for place in chosen], details=details),
        f"Heat map: means of {len(chosen)} features in each group, standardised over all rows",
        "Mean of each group less the mean of all rows, in standard deviations of all rows: blue is below, "
        "orange above." + (few if len(chosen) < len(names) else ""),
    )
