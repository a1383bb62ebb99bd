"""The page: a run folder in, one HTML file out that asks nothing of any network."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from importlib.resources import files
from pathlib import Path
from typing import Any

from mixtura.errors import InputError
from mixtura.plot import template as figure_template
from mixtura.report.charts import Chart, draw_charts
from mixtura.report.facts import confusion_table, describe, list_facts, list_findings, list_steps
from mixtura.report.groups import (
    group_rows,
    picture_cards,
    picture_sizes,
    table_cards,
)
from mixtura.report.run_folder import Run, read_run

PAGE = "report.html"


def write_page(run_folder: str | Path) -> Path:
    """Write ``report.html`` into a run folder, from the other files in it.

    The page holds its pictures, its data and its one script (plotly.js), and forbids itself by a content
    security policy to load anything else. The same folder gives the same bytes.

    Parameters
    ----------
    run_folder : str or Path
        The folder of a run, with ``metrics.json``, ``log.jsonl``, ``assignments.parquet``
        and ``summary.npz``.

    Returns
    -------
    Path
        The page; one that was there before is replaced once the new one is whole.

    Raises
    ------
    InputError
        If a file is missing or damaged, or the folder cannot be written.
    """
    run = read_run(run_folder)
    text = render(run)
    target = run.folder / PAGE
    unfinished = run.folder / f".{PAGE}.{os.getpid()}"
    try:
        unfinished.write_text(text, encoding="utf-8", errors="replace", newline="\n")
        unfinished.replace(target)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise InputError(
            f"cannot write {target} ({error.strerror}): check the rights on the folder"
        ) from None
    return target


def render(run: Run) -> str:
    """Return the page of a run as text."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup
    from plotly.offline import get_plotlyjs

    environment = Environment(
        loader=PackageLoader("mixtura.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    charts = draw_charts(run)
    # Scripts are the two of this package and plotly's own; nothing that a run names gets in here.
    scripts = [get_plotlyjs().replace("\r\n", "\n"), _resource("page.js")]
    page = environment.get_template("page.html")
    return page.render(
        **describe(run),
        run_rows=len(run.components),
        n_components=run.n_components,
        findings=list_findings(run),
        groups=group_rows(run),
        pictures=picture_cards(run),
        picture_sizes=picture_sizes(run.image_shape) if run.image_shape else None,
        tables=table_cards(run),
        words=run.words,
        charts=charts,
        steps=list_steps(run),
        confusion=confusion_table(run),
        facts=list_facts(run),
        style=Markup(_resource("page.css")),
        scripts=[Markup(script) for script in scripts],
        script_hashes=[_hash(script) for script in scripts],
        data=Markup(_json_for_page(charts)),
    )


def _resource(name: str) -> str:
    return (files("mixtura.report") / "templates" / name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    """Return the source expression under which a content security policy lets this one script run."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")


def _json_for_page(charts: dict[str, Chart]) -> str:
    """Return figures and templates as JSON that can neither end its script element nor break its reader.

    plotly turns NaN into null and arrays into base64; ``<`` is escaped, so no text closes the element.
    """
    from plotly.io.json import to_json_plotly

    figures: dict[str, Any] = {}
    for name, chart in charts.items():
        figure = chart.figure.to_plotly_json()
        figure["layout"].pop("template", None)
        figures[name] = figure
    themes = {"light": figure_template("light"), "dark": figure_template("dark")}
    text = json.dumps(themes)
    return f'{{"themes":{text},"figures":{to_json_plotly(figures, engine="json")}}}'.replace("<", "\\u003c")
