"""The verb ``report``: the page of a run, made again from its folder."""

from __future__ import annotations

from typing import Annotated

import typer

from mixtura.cli.console import opened
from mixtura.cli.options import Force, Json, Quiet
from mixtura.cli.session import Session
from mixtura.cli.wording import lines_of
from mixtura.errors import InputError


def report(
    context: typer.Context,
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN", show_default=False, help="The folder that `mixtura fit` or `mixtura em` wrote."
        ),
    ],
    out: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", show_default=False, help="Write the page there; unless given, RUN/report.html."
        ),
    ] = None,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write report.html again from a run folder."""
    session = context.find_object(Session)
    assert session is not None
    if not run:
        raise InputError("RUN is empty; give the folder that `mixtura fit` or `mixtura em` wrote")
    from mixtura.report.page import render, write_page
    from mixtura.report.run_folder import read_run
    from mixtura.storage import new_file

    with opened(quiet=quiet, json=json) as console:
        if out is None:
            page = str(write_page(run))
        else:
            page = out
            with new_file(out, force=force) as file:
                file.write_text(render(read_run(run)), encoding="utf-8", newline="\n")
        session.kept = f"{page!r} was written"
        console.emit({"report": page})
        console.say(lines_of([("report", page)]))
