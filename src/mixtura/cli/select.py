"""The verb ``select``: classical mixtures of several numbers of groups, compared in one table."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Literal

import typer

from mixtura.cli.chosen import check_range, document_of, fitting_command
from mixtura.cli.console import opened
from mixtura.cli.mixture_settings import (
    Binarise,
    ColumnsAs,
    Family,
    RegCovar,
    Seed,
    Starts,
    Weights,
    check_settings,
    family_settings,
)
from mixtura.cli.mixtures import read_mixture_rows
from mixtura.cli.options import Array, Data, Drop, Force, Json, Labels, Quiet, whole
from mixtura.cli.session import Session
from mixtura.cli.tables import extension_of, write_columns
from mixtura.errors import InputError

_COVARIANCES = ("full", "tied", "diag", "spherical")
_FIGURES = (".png", ".pdf", ".svg")
_STARTS = 5


def select(
    context: typer.Context,
    data: Data,
    first: Annotated[
        int, typer.Option("--from", parser=whole, metavar="K", help="The least number of groups.")
    ] = 1,
    last: Annotated[
        int, typer.Option("--to", parser=whole, metavar="K", help="The greatest number of groups.")
    ] = 10,
    criterion: Annotated[
        Literal["held_out", "one_se", "bic", "icl"],
        typer.Option(
            help="What chooses: the greatest held-out log p(x), the simplest within one standard error of "
            "it, or the least BIC or ICL."
        ),
    ] = "held_out",
    folds: Annotated[
        int, typer.Option(parser=whole, metavar="N", help="Into how many parts, each held out once.")
    ] = 5,
    family: Family = "auto",
    columns_as: ColumnsAs = None,
    covariance: Annotated[
        Literal["full", "tied", "diag", "spherical", "all"] | None,
        typer.Option(
            show_default=False,
            help="Of the Gaussians; all compares the four; unless given, full, and diag if mixed.",
        ),
    ] = None,
    seed: Seed = 0,
    starts: Starts = _STARTS,
    reg_covar: RegCovar = None,
    binarise: Binarise = None,
    weights: Weights = None,
    jobs: Annotated[
        int, typer.Option(parser=whole, metavar="N", help="How many processes fit at the same time.")
    ] = 1,
    array: Array = None,
    labels: Labels = None,
    drop: Drop = None,
    out: Annotated[
        str | None,
        typer.Option(metavar="FILE", show_default=False, help="Write the table there: .csv or .parquet."),
    ] = None,
    figure: Annotated[
        str | None,
        typer.Option(metavar="FILE", show_default=False, help="Draw it there: .png, .pdf or .svg."),
    ] = None,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Choose the number of groups of a classical mixture.

    It fits the mixture of `mixtura em` with every number of groups to all rows and without each part of
    them, and compares held-out log p(x), BIC and ICL, in nats per observation.
    """
    session = context.find_object(Session)
    assert session is not None
    if not data:
        raise InputError("DATA is empty; give a file or a folder of images")
    check_range(first, last, folds, jobs)
    check_settings(first, seed, starts, 1, 0.0, reg_covar)
    check_outputs(out, figure)

    from mixtura.storage import new_file

    with opened(quiet=quiet, json=json) as console, ExitStack() as outputs:
        files = {name: outputs.enter_context(new_file(name, force=force)) for name in (out, figure) if name}
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
        for finding in rows.findings:
            console.note(str(finding))
        models = {
            name or "": rows.estimator(
                n_init=starts, **family_settings(rows.family, name, reg_covar, "none", binarise)
            )
            for name in (_COVARIANCES if covariance == "all" else (covariance,))
        }
        console.note(f"fitting K = {first} to {last}, each to all rows and without each of {folds} parts")
        from mixtura.selection import select_components

        selection = select_components(
            rows.rows,
            range(first, last + 1),
            estimator=models if covariance == "all" else models[covariance or ""],
            cv=folds,
            criterion=criterion,
            sample_weight=rows.weights,
            random_state=seed,
            n_jobs=jobs,
        )
        session.check()
        if out is not None:
            write_columns(files[out], selection.table())
        if figure is not None:
            from mixtura.plot.paper import save_figure

            save_figure(selection.plot().figure, files[figure])
        outputs.close()
        written = [name for name in (out, figure) if name is not None]
        if written:
            session.kept = (
                f"{' and '.join(map(repr, written))} {'were' if len(written) > 1 else 'was'} written"
            )
        options = [
            ("--family", None if family == "auto" else family),
            *(("--as", word) for word in columns_as or ()),
            ("--covariance", selection.model[selection.chosen] if covariance == "all" else covariance),
            ("--seed", seed or None),
            ("--starts", None if starts == _STARTS else starts),
            ("--reg-covar", reg_covar),
            ("--binarise", binarise),
            ("--weights", weights),
            ("--array", array),
            ("--labels", labels),
            *(("--drop", name) for name in drop or ()),
        ]
        command = fitting_command(data, selection.estimator.n_components, options)
        console.emit(document_of(selection, data, rows.family, command, {"out": out, "figure": figure}))
        places = [f"{kind}: {name}" for kind, name in (("table", out), ("figure", figure)) if name]
        console.say("\n".join([str(selection), *places, f"fit it: {command}"]))


def check_outputs(out: str | None, figure: str | None) -> None:
    """Refuse names of files whose ending says no format.

    Raises
    ------
    InputError
        Naming the option and the endings.

    Examples
    --------
    >>> check_outputs("table.csv", "figure.jpg")
    Traceback (most recent call last):
    ...
    mixtura.errors.InputError: --figure 'figure.jpg' ends in no known format; end it in .png, .pdf or .svg
    """
    if out is not None:
        extension_of(out, (".csv", ".parquet"))
    if figure is not None and Path(figure).suffix.lower() not in _FIGURES:
        listed = f"{', '.join(_FIGURES[:-1])} or {_FIGURES[-1]}"
        raise InputError(f"--figure {figure!r} ends in no known format; end it in {listed}")
