"""The verb ``em``: a classical mixture by exact EM, from a table in which values may be missing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from mixtura.cli.console import Console, opened
from mixtura.cli.fit import default_target
from mixtura.cli.mixture_settings import (
    Binarise,
    ColumnsAs,
    Family,
    Fractions,
    MaxIter,
    RegCovar,
    Seed,
    Starts,
    Weights,
    check_settings,
    family_asked,
    family_settings,
)
from mixtura.cli.mixtures import read_mixture_rows
from mixtura.cli.options import Array, Data, Drop, Force, Json, Labels, Quiet, number, whole
from mixtura.cli.session import Session
from mixtura.cli.wording import count, figure, lines_of, scores_of, sizes_of, terms_of
from mixtura.errors import InputError

if TYPE_CHECKING:
    from mixtura.cli.mixtures import MixtureRows

# The mend of a component that collapses, in options.
_OPTIONS = "raise --reg-covar, lower --components, or choose a simpler --covariance"


def em(
    context: typer.Context,
    data: Data,
    components: Annotated[
        int,
        typer.Option(
            "--components", "-k", parser=whole, metavar="K", show_default=False, help="How many groups."
        ),
    ],
    family: Family = "auto",
    columns_as: ColumnsAs = None,
    covariance: Annotated[
        Literal["full", "tied", "diag", "spherical"] | None,
        typer.Option(show_default=False, help="Of the Gaussians; unless given, full, and diag if mixed."),
    ] = None,
    seed: Seed = 0,
    starts: Starts = 5,
    max_iter: MaxIter = 1000,
    tol: Annotated[
        float,
        typer.Option(
            parser=number, metavar="T", help="When to stop, in nats per observation; see --stopping."
        ),
    ] = 1e-5,
    stopping: Annotated[
        Literal["aitken", "absolute", "relative"],
        typer.Option(
            help="What --tol is compared with: what is left to climb as Aitken estimates it, the last rise "
            "of F, or that relative to F."
        ),
    ] = "aitken",
    reg_covar: RegCovar = None,
    acceleration: Annotated[
        Literal["none", "squarem"], typer.Option(help="Leaps along the way EM goes, kept where F rises.")
    ] = "none",
    binarise: Binarise = None,
    fractions: Fractions = False,
    weights: Weights = None,
    array: Array = None,
    labels: Labels = None,
    drop: Drop = None,
    out: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER",
            show_default=False,
            help="The run folder to write; unless given, named after DATA in the current folder.",
        ),
    ] = None,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Fit a classical mixture to the rows of DATA by EM.

    Missing values are integrated out. It writes the same run folder as `mixtura fit`, and the other
    verbs work on it. DATA is read into memory.
    """
    session = context.find_object(Session)
    assert session is not None
    if not data:
        raise InputError("DATA is empty; give a file or a folder of images")
    check_settings(components, seed, starts, max_iter, tol, reg_covar)
    target = out if out is not None else default_target(data)

    from mixtura.storage import new_folder

    with opened(quiet=quiet, json=json) as console:
        with new_folder(target, force=force) as folder:
            console.hold()
            rows = read_mixture_rows(
                data,
                family=family_asked(family, binarise, fractions=fractions),
                columns_as=columns_as,
                weights=weights,
                array=array,
                labels=labels,
                drop=drop,
                binarised=binarise is not None,
                fractions=fractions,
            )
            console.note(f"{data}: {rows.table.describe()}")
            if out is None:
                console.note(f"run folder: {target}")
            for finding in rows.findings:
                console.note(str(finding))
            settings: dict[str, Any] = {
                "n_components": components,
                "random_state": seed,
                "n_init": starts,
                "max_iter": max_iter,
                "tol": tol,
                "stopping": stopping,
                **family_settings(
                    rows.family, covariance, reg_covar, acceleration, binarise, fractions=fractions
                ),
            }
            _require_enough(rows, components, data)
            metrics = _fit_into(folder, data, settings, rows, session, console)
        session.kept = f"the run folder {target!r} is complete"
        console.emit(metrics)
        console.say(_summary(metrics, target))


def _require_enough(rows: MixtureRows, components: int, data: str) -> None:
    """Refuse fewer rows that count than groups."""
    n_rows = rows.table.n_rows if rows.weights is None else int((rows.weights > 0).sum())
    counted = "row" if rows.weights is None else "row of positive weight"
    if n_rows < 2:
        raise InputError(f"{data!r} holds {n_rows} {counted}, and one row has no groups; give at least 2")
    if components > n_rows:
        words = f"{n_rows:,} {counted.replace('row', 'rows', 1)}"
        raise InputError(
            f"{components} components for {words} in {data!r}; ask for at most {n_rows} with --components"
        )


def _fit_into(
    folder: Path,
    data: str,
    settings: dict[str, Any],
    rows: MixtureRows,
    session: Session,
    console: Console,
) -> dict[str, Any]:
    """Climb, and fill the run folder; return the content of ``metrics.json``."""
    from mixtura.cli.mixture_run import looked_at, write_mixture_run
    from mixtura.cli.progress import shown
    from mixtura.em.covariance import COLLAPSED

    with shown(console) as progress:

        def note(text: str) -> None:
            session.check()
            console.release()
            progress({"stage": "em", "doing": text})

        estimator = rows.estimator(**settings)
        try:
            estimator.fit(rows.rows, sample_weight=rows.weights)
        except InputError as error:
            if not str(error).startswith(COLLAPSED):
                raise
            said, _, _ = str(error).removeprefix(f"{COLLAPSED} The").rpartition("; ")
            raise InputError(f"a group collapsed: the{said}; {_OPTIONS}") from error
        note(f"stopped after {count(estimator.n_iter_, 'iteration')} ({estimator.stopped_by_})")
        return write_mixture_run(folder, looked_at(estimator, rows), settings, session, data, note)


def _summary(metrics: Mapping[str, Any], target: str) -> str:
    """Return what a person wants to know of a finished run."""
    rows = count(metrics["n_rows"], "row")
    pairs = [
        *terms_of(metrics),
        ("log p(x)", f"{figure(metrics['log_likelihood'])} exact, {rows}"),
        (
            "BIC",
            f"{figure(metrics['bic'], 1)}, less is better ({count(metrics['n_parameters'], 'parameter')})",
        ),
        ("AIC, ICL", f"{figure(metrics['aic'], 1)}, {figure(metrics['icl'], 1)}"),
        ("EM", f"{count(metrics['n_iter'], 'iteration')}, stopped by {metrics['stopped_by']}"),
    ]
    scores = scores_of(metrics)
    if scores:
        pairs += [*scores, ("labels", f"{metrics['labels']} (for scoring only)")]
    pairs += [
        ("time", f"{metrics['seconds']:.1f} s, peak memory {figure(metrics['peak_memory_mb'], 0)} MB"),
        ("run folder", target),
        ("report", str(Path(target) / "report.html")),
    ]
    kind = metrics["family"] + (f", {metrics['covariance_type']}" if metrics["covariance_type"] else "")
    head = f"{count(metrics['n_components'], 'group')} of {rows}, {kind}, seed {metrics['seed']}"
    findings = [
        f"{finding['level']}: {finding['seen']}{'; ' + finding['remedy'] if finding['remedy'] else ''}"
        for finding in metrics["findings"]
    ]
    return "\n".join([head, sizes_of(metrics["sizes"]), lines_of(pairs), *findings])
