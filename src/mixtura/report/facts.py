"""The headline, the findings, the table of labels and the facts of a run, as words and numbers."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

import numpy as np

from mixtura.plot import group_colour, group_symbol
from mixtura.report.run_folder import Run, figure_of
from mixtura.report.wording import count, duration, memory, nats, number, percent, with_error

LEVELS = {"problem": 0, "warning": 1, "note": 2}

TERMS = ("bound", "reconstruction", "cluster", "conditional_prior")

SCORES = (
    ("accuracy", "accuracy", "groups matched one to one with classes"),
    ("nmi", "NMI", "normalised mutual information"),
    ("ari", "ARI", "adjusted Rand index"),
)

# Keys of metrics.json in the order of the page; any other key follows under its own name.
FACTS = (
    ("source", "data"),
    ("labels", "labels, for scoring only"),
    ("n_rows", "rows"),
    ("n_features", "features"),
    ("image_shape", "shape of a picture"),
    ("n_components", "groups asked for"),
    ("latent_dim", "dimensions of the latent space"),
    ("family", "family"),
    ("column_families", "family of each column"),
    ("covariance_type", "covariances"),
    ("n_parameters", "free parameters"),
    ("bic", "BIC, less is better"),
    ("aic", "AIC, less is better"),
    ("icl", "ICL, less is better"),
    ("weights", "column of weights"),
    ("n_missing", "missing values"),
    ("n_iter", "iterations of EM"),
    ("converged", "converged"),
    ("stopped_by", "stopped by"),
    ("starts", "starts"),
    ("likelihood", "likelihood of a value"),
    ("responsibilities", "q(z | w, x)"),
    ("inference", "what fits q"),
    ("procedure", "procedure"),
    ("n_epochs", "epochs"),
    ("seed", "seed"),
    ("device", "device"),
    ("precision", "precision of matrix products"),
    ("threads", "threads"),
    ("seconds", "time"),
    ("peak_memory_mb", "peak memory"),
    ("log_likelihood_rows", "rows of the log-likelihood estimate"),
    ("log_likelihood_samples", "importance samples a row"),
    ("effective_sample_size", "their effective sample size"),
    ("gap", "gap of q(z | w, x), nats per row"),
)

_SHOWN_ELSEWHERE = {
    *TERMS,
    *(name for name, _, _ in SCORES),
    *("log_likelihood", "log_likelihood_se", "sizes", "findings", "versions", "command"),
}


def describe(run: Run) -> dict[str, Any]:
    """Return title, lead sentence and headline figures."""
    metrics, n = run.metrics, len(run.components)
    sizes = run.sizes[run.sizes > 0]
    source = str(metrics.get("source") or "data")
    kind, shape = _kind(run)
    empty = run.n_components - len(sizes)
    lead = [
        f"{count(n)} {kind}{'' if n == 1 else 's'} {shape}, "
        f"put into {_groups(run.n_components)} without labels."
    ]
    if run.n_components > 1:
        lead.append(
            f"The largest group holds {percent(sizes.max() / n)} of the rows, "
            f"the smallest {percent(sizes.min() / n)}"
            + (f"; {_groups(empty)} {'is' if empty == 1 else 'are'} empty." if empty else ".")
        )
        sure = float((run.probability >= 0.9).mean())
        lead.append(f"{percent(sure)} of the rows are assigned with a probability of 0.9 or more.")
    return {
        "title": PurePath(source).name or source,
        "source": source,
        "lead": " ".join(lead),
        "tiles": _tiles(run, kind),
        "terms": [
            {"name": name, "value": nats(figure_of(metrics[name])), "words": run.words.terms[name]}
            for name in TERMS
        ],
        "scores": [
            {"name": title, "value": f"{value:.3f}", "words": words}
            for key, title, words in SCORES
            if (value := figure_of(metrics.get(key))) is not None
        ],
        "labels": str(metrics.get("labels") or "labels"),
        "certainty": _certainty(run),
    }


def _certainty(run: Run) -> str:
    n = len(run.probability)
    nine, half = (int((run.probability < limit).sum()) for limit in (0.9, 0.5))
    return (
        f"{count(nine)} of {count(n)} rows ({percent(nine / n)}) are assigned with a probability below 0.9, "
        f"{count(half)} ({percent(half / n)}) below 0.5."
    )


def _groups(k: int) -> str:
    return "1 group" if k == 1 else f"{count(k)} groups"


def _kind(run: Run) -> tuple[str, str]:
    shape = run.image_shape
    if shape is None:
        d = len(run.summary["feature_names"])
        return "row", f"of {count(d)} feature{'' if d == 1 else 's'}"
    colours = {3: ", colour", 4: ", colour"}.get(shape[2], f", {shape[2]} channels") if len(shape) > 2 else ""
    return "image", f"of {shape[0]} × {shape[1]} pixels{colours}"


def _tiles(run: Run, kind: str) -> list[dict[str, str]]:
    metrics = run.metrics
    likelihood, error = figure_of(metrics.get("log_likelihood")), figure_of(metrics.get("log_likelihood_se"))
    effective = figure_of(metrics.get("effective_sample_size"))
    samples = figure_of(metrics.get("log_likelihood_samples"))
    rows = figure_of(metrics.get("log_likelihood_rows"))
    how = ["nats per row"]
    if error is not None:
        how.append("± Monte Carlo standard error" if error > 0 else "exact")
    if rows is not None and rows < len(run.components):
        how.append(f"over {count(rows)} rows")
    if effective is not None:
        of = f" of {count(samples)}" if samples else ""
        how.append(f"effective sample size {number(effective, 3)}{of}")
    found = int((run.sizes > 0).sum())
    holding = "each holds rows" if found == run.n_components else f"{count(found)} of them hold rows"
    value, _, spread = with_error(likelihood, error).partition(" ± ")
    tiles = [
        {"name": f"{kind}s", "value": count(len(run.components)), "words": _kind(run)[1]},
        {"name": "groups", "value": count(run.n_components), "words": holding},
        {
            "name": "bound",
            "value": nats(figure_of(metrics["bound"])),
            "words": run.words.bound,
        },
        {"name": "log-likelihood", "value": value, "error": spread, "words": ", ".join(how)},
    ]
    epochs, iterations = figure_of(metrics.get("n_epochs")), figure_of(metrics.get("n_iter"))
    taken = f"{count(epochs)} epochs on {metrics.get('device', 'cpu')}" if epochs else ""
    if iterations:
        taken = f"{count(iterations)} iterations of EM"
    tiles.append(
        {
            "name": "time",
            "value": duration(figure_of(metrics.get("seconds"))),
            "words": taken,
        }
    )
    tiles.append(
        {"name": "peak memory", "value": memory(figure_of(metrics.get("peak_memory_mb"))), "words": ""}
    )
    return tiles


def list_findings(run: Run) -> list[dict[str, str]]:
    """Return the findings, the gravest first; an unknown level counts as a note."""
    found = [item for item in run.metrics.get("findings") or [] if isinstance(item, dict)]
    shown = [
        {
            "level": str(item.get("level")) if item.get("level") in LEVELS else "note",
            "name": str(item.get("name", "")),
            "seen": str(item.get("seen", "")),
            "remedy": str(item.get("remedy") or ""),
        }
        for item in found
    ]
    return sorted(shown, key=lambda item: LEVELS[item["level"]])


def list_steps(run: Run) -> list[dict[str, str]]:
    """Return what the stages said they did, in the order of the log."""
    return [
        {"stage": str(line.get("stage") or ""), "message": str(line["message"])}
        for line in run.history
        if line.get("message")
    ]


def confusion_table(run: Run) -> dict[str, Any] | None:
    """Return groups against classes, with the pairs that accuracy counts as right; None without labels."""
    if "confusion" not in run.summary or "class_names" not in run.summary:
        return None
    from scipy.optimize import linear_sum_assignment

    table = run.summary["confusion"]
    matched = set(zip(*(side.tolist() for side in linear_sum_assignment(table, maximize=True)), strict=True))
    totals = np.maximum(table.sum(axis=1), 1)
    return {
        "classes": [str(name) for name in run.summary["class_names"].tolist()],
        "lines": [
            {
                "number": group,
                "colour": group_colour(group),
                "symbol": group_symbol(group),
                "cells": [
                    {
                        "rows": count(rows) if rows else "",
                        "strength": f"{60 * rows / totals[group]:.0f}",
                        "matched": rows > 0 and (group, column) in matched,
                    }
                    for column, rows in enumerate(line)
                ],
            }
            for group, line in enumerate(table.tolist())
        ],
    }


def list_facts(run: Run) -> dict[str, Any]:
    """Return the settings, versions and command of the run, as text."""
    metrics = run.metrics
    settings = [
        {"name": title, "value": _fact(key, metrics[key])}
        for key, title in FACTS
        if metrics.get(key) is not None
    ]
    known = {key for key, _ in FACTS} | _SHOWN_ELSEWHERE
    settings += [
        {"name": str(key), "value": _fact(key, value)}
        for key, value in metrics.items()
        if key not in known and value is not None
    ]
    versions = metrics.get("versions")
    return {
        "settings": settings,
        "versions": {str(k): str(v) for k, v in versions.items()} if isinstance(versions, dict) else {},
        "command": str(metrics.get("command") or ""),
    }


def _fact(key: str, value: Any) -> str:
    if key == "seconds":
        return duration(figure_of(value))
    if key == "peak_memory_mb":
        return memory(figure_of(value))
    if key == "image_shape":
        return " × ".join(str(side) for side in value)
    if isinstance(value, dict):
        return ", ".join(f"{name}: {item}" for name, item in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    # A seed is a name, not an amount: no separators.
    if isinstance(value, float):
        return number(value)
    if isinstance(value, int) and key != "seed":
        return count(value)
    return str(value)
