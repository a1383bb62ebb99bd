"""The verb ``em``: a classical mixture by exact EM, from a table in which values may be missing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from mixtura.cli.console import Console, opened
from mixtura.cli.fit import default_target
from mixtura.cli.mixtures import read_mixture_rows
from mixtura.cli.options import Array, Data, Drop, Force, Json, Labels, Quiet, number, whole
from mixtura.cli.session import Session
from mixtura.cli.wording import count, figure, lines_of, scores_of, sizes_of, terms_of
from mixtura.errors import InputError

if TYPE_CHECKING:
    from mixtura.cli.mixtures import MixtureRows

_GAUSSIAN = ("gaussian", "mixed")
_COVARIANCE = {"gaussian": "full", "mixed": "diag"}
_REG_COVAR = 1e-6
_COLLAPSE = "ill-defined"
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
    family: Annotated[
        Literal["auto", "gaussian", "bernoulli", "categorical", "poisson", "mixed"],
        typer.Option(
            help="What a group is; auto: numbers gaussian, 0 and 1 bernoulli, text categorical, several of "
            "these mixed."
        ),
    ] = "auto",
    columns_as: Annotated[
        list[str] | None,
        typer.Option(
            "--as",
            metavar="NAME=FAMILY",
            show_default=False,
            help="The family of one column of a mixed table; may be given often.",
        ),
    ] = None,
    covariance: Annotated[
        Literal["full", "tied", "diag", "spherical"] | None,
        typer.Option(show_default=False, help="Of the Gaussians; unless given, full, and diag if mixed."),
    ] = None,
    seed: Annotated[
        int, typer.Option(parser=whole, metavar="N", help="Same seed, same machine: same result.")
    ] = 0,
    starts: Annotated[
        int, typer.Option(parser=whole, metavar="N", help="How many starts; the best end is kept.")
    ] = 5,
    max_iter: Annotated[
        int, typer.Option(parser=whole, metavar="N", help="The most iterations from a start.")
    ] = 1000,
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
    reg_covar: Annotated[
        float | None,
        typer.Option(
            parser=number,
            metavar="V",
            show_default=False,
            help="Added to every variance of a Gaussian, in units of the data squared; unless given, 1e-6.",
        ),
    ] = None,
    acceleration: Annotated[
        Literal["none", "squarem"], typer.Option(help="Leaps along the way EM goes, kept where F rises.")
    ] = "none",
    binarise: Annotated[
        float | None,
        typer.Option(
            parser=number,
            metavar="T",
            show_default=False,
            help="For bernoulli: turn values above T into 1 and all others into 0.",
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN", show_default=False, help="The column that says how often each row counts."
        ),
    ] = None,
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
                family="bernoulli" if binarise is not None and family == "auto" else family,
                columns_as=columns_as,
                weights=weights,
                array=array,
                labels=labels,
                drop=drop,
                binarised=binarise is not None,
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
                **_family_settings(rows.family, covariance, reg_covar, acceleration, binarise),
            }
            _require_enough(rows, components, data)
            metrics = _fit_into(folder, data, settings, rows, session, console)
        session.kept = f"the run folder {target!r} is complete"
        console.emit(metrics)
        console.say(_summary(metrics, target))


def check_settings(
    components: int, seed: int, starts: int, max_iter: int, tol: float, reg_covar: float | None
) -> None:
    """Refuse numbers out of range before anything is read.

    Raises
    ------
    InputError
        Naming the option, the value and the range.

    Examples
    --------
    >>> check_settings(3, 0, 0, 100, 1e-5, None)
    Traceback (most recent call last):
    ...
    mixtura.errors.InputError: --starts 0 is less than 1; give 1 or more
    """
    if components < 1:
        raise InputError(f"--components {components} is less than 1; ask for one group or more")
    if not 0 <= seed < 2**32:
        raise InputError(f"--seed {seed} is out of range; give a whole number from 0 to {2**32 - 1}")
    for name, value in (("starts", starts), ("max-iter", max_iter)):
        if value < 1:
            raise InputError(f"--{name} {value} is less than 1; give 1 or more")
    for name, size in (("tol", tol), ("reg-covar", reg_covar)):
        if size is not None and size < 0:
            raise InputError(f"--{name} {size:g} is negative; give 0 or more")


def _family_settings(
    family: str,
    covariance: str | None,
    reg_covar: float | None,
    acceleration: str,
    binarise: float | None,
) -> dict[str, Any]:
    """Return the settings that only some families have.

    Raises
    ------
    InputError
        If one is asked for that the family does not have.
    """
    import inspect

    from mixtura.cli.mixtures import mixture_class

    settings: dict[str, Any] = {}
    for name, value in (("--covariance", covariance), ("--reg-covar", reg_covar)):
        if value is not None and family not in _GAUSSIAN:
            raise InputError(f"{name} is for Gaussians, and the family is {family}; leave it out")
    if family in _GAUSSIAN:
        settings["covariance_type"] = covariance or _COVARIANCE[family]
        settings["reg_covar"] = _REG_COVAR if reg_covar is None else reg_covar
    if binarise is not None:
        if family != "bernoulli":
            raise InputError(
                f"--binarise {binarise:g} needs --family bernoulli, and the family is {family}; leave it out"
            )
        settings["binarise"] = binarise
    if acceleration != "none":
        if "acceleration" not in inspect.signature(mixture_class(family)).parameters:
            raise InputError(
                f"--acceleration {acceleration} is not there for the family {family}; leave it out"
            )
        settings["acceleration"] = acceleration
    if family in ("categorical", "mixed"):
        # New rows may hold other categories; the verbs say how many did.
        settings["handle_unknown"] = "missing"
    return settings


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

    with shown(console) as progress:

        def note(text: str) -> None:
            session.check()
            console.release()
            progress({"stage": "em", "doing": text})

        estimator = rows.estimator(**settings)
        try:
            estimator.fit(rows.rows, sample_weight=rows.weights)
        except InputError as error:
            said, _, _ = str(error).rpartition("; ")
            if _COLLAPSE not in said:
                raise
            # The mend of a component that collapses, in options.
            raise InputError(f"{said}; {_OPTIONS}") from error
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
