"""The verb ``select``: models of several numbers of groups compared, or the components of one fit merged."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mixtura.cli.chosen import check_range, document_of, fitting_command, merging_document
from mixtura.cli.console import Console, opened
from mixtura.cli.deep_selection import check_deep, command_of, merged, read_deep, selected
from mixtura.cli.fit import check_numbers
from mixtura.cli.mixture_settings import (
    Binarise,
    ColumnsAs,
    Family,
    Fractions,
    RegCovar,
    Seed,
    Starts,
    Weights,
    check_settings,
    family_asked,
    family_settings,
)
from mixtura.cli.mixtures import read_mixture_rows
from mixtura.cli.options import Array, Data, Drop, Force, Json, Labels, Quiet, whole
from mixtura.cli.session import Session
from mixtura.cli.tables import extension_of, write_columns
from mixtura.errors import InputError

if TYPE_CHECKING:
    from mixtura.selection import Merging, Selection

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
    model: Annotated[
        Literal["mixture", "gmvae"],
        typer.Option(help="A classical mixture, as of mixtura em, or the deep one, as of mixtura fit."),
    ] = "mixture",
    criterion: Annotated[
        Literal["held_out", "one_se", "bic", "icl", "merge"],
        typer.Option(
            help="What chooses: the greatest held-out log p(x), the simplest within one standard error of "
            "it, or the least BIC or ICL (mixtures only); merge fits the deep model once, with as many "
            "groups as --to, and merges them."
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
    fractions: Fractions = False,
    weights: Weights = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            parser=whole,
            metavar="N",
            show_default=False,
            help="Passes over the data of the deep model; unless given, by the number of rows.",
        ),
    ] = None,
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
    """Choose the number of groups.

    It fits the mixture of `mixtura em` with every number of groups to all rows and without each part of
    them, and compares held-out log p(x), BIC and ICL, in nats per observation. With --model gmvae it does so
    with the model of `mixtura fit`, which takes long; --criterion merge fits that once and merges its groups.
    """
    session = context.find_object(Session)
    assert session is not None
    if not data:
        raise InputError("DATA is empty; give a file or a folder of images")
    check_range(first, last, folds, jobs)
    check_settings(first, seed, starts, 1, 0.0, reg_covar)
    check_outputs(out, figure)
    if model == "mixture":
        for option, wrong in (("--criterion merge", criterion == "merge"), ("--epochs", epochs is not None)):
            if wrong:
                raise InputError(f"{option} is for the deep model; add --model gmvae")
    else:
        only_em = {
            "--family": None if family == "auto" else family,
            "--as": columns_as,
            "--covariance": covariance,
            "--starts": None if starts == _STARTS else starts,
            "--reg-covar": reg_covar,
            "--weights": weights,
            "--fractions": fractions or None,
        }
        check_deep(criterion, only_em)
        check_numbers(components=first, seed=seed, epochs=epochs, latent=None)

    from mixtura.storage import new_file

    with opened(quiet=quiet, json=json) as console, ExitStack() as outputs:
        files = {name: outputs.enter_context(new_file(name, force=force)) for name in (out, figure) if name}
        console.hold()
        if model == "gmvae":
            table = read_deep(data, array, labels, drop, console)
            settings = {
                "max_epochs": epochs,
                "random_state": seed,
                "likelihood": "gaussian" if binarise is None else "bernoulli",
                "binarise": binarise,
            }
            found: Selection | Merging
            if criterion == "merge":
                console.note(f"fitting K = {last}, whose components are merged")
                found = merged(table, last, settings)
                chosen = found.chosen
            else:
                console.note(f"fitting K = {first} to {last} without each of {folds} parts")
                found = selected(table, range(first, last + 1), criterion, folds, settings, jobs)
                chosen = int(found.estimator.n_components)
            given: list[tuple[str, object]] = [("--array", array), ("--labels", labels)]
            given += [("--drop", name) for name in drop or ()]
            command = command_of(data, chosen, settings, given)
            _finish(found, data, "gmvae", command, out, figure, files, outputs, session, console)
            return
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
        for finding in rows.findings:
            console.note(str(finding))
        models = {
            name or "": rows.estimator(
                n_init=starts,
                **family_settings(rows.family, name, reg_covar, "none", binarise, fractions=fractions),
            )
            for name in (_COVARIANCES if covariance == "all" else (covariance,))
        }
        console.note(f"fitting K = {first} to {last}, each to all rows and without each of {folds} parts")
        from mixtura.selection import select_components

        assert criterion != "merge"
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
        options = [
            ("--family", None if family == "auto" else family),
            *(("--as", word) for word in columns_as or ()),
            ("--covariance", selection.model[selection.chosen] if covariance == "all" else covariance),
            ("--seed", seed or None),
            ("--starts", None if starts == _STARTS else starts),
            ("--reg-covar", reg_covar),
            ("--binarise", binarise),
            ("--fractions", fractions or None),
            ("--weights", weights),
            ("--array", array),
            ("--labels", labels),
            *(("--drop", name) for name in drop or ()),
        ]
        command = fitting_command(data, selection.estimator.n_components, options)
        _finish(selection, data, rows.family, command, out, figure, files, outputs, session, console)


def _finish(
    found: Selection | Merging,
    data: str,
    family: str,
    command: str,
    out: str | None,
    figure: str | None,
    files: dict[str, Path],
    outputs: ExitStack,
    session: Session,
    console: Console,
) -> None:
    """Write the files that were asked for, and say what was chosen."""
    from mixtura.selection import Selection

    session.check()
    if out is not None:
        write_columns(files[out], found.table())
    if figure is not None:
        from mixtura.plot.paper import save_figure

        save_figure(found.plot().figure, files[figure])
    outputs.close()
    written = [name for name in (out, figure) if name is not None]
    if written:
        session.kept = f"{' and '.join(map(repr, written))} {'were' if len(written) > 1 else 'was'} written"
    places = {"out": out, "figure": figure}
    if isinstance(found, Selection):
        console.emit(document_of(found, data, family, command, places))
    else:
        console.emit(merging_document(found, data, command, places))
    lines = [f"{kind}: {name}" for kind, name in (("table", out), ("figure", figure)) if name]
    console.say("\n".join([str(found), *lines, f"fit it: {command}"]))


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
