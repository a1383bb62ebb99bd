"""The command line: its verbs and their help."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from mixtura.cli.assign import assign
from mixtura.cli.em import em
from mixtura.cli.fit import fit
from mixtura.cli.project import project
from mixtura.cli.report import report
from mixtura.cli.sample import sample
from mixtura.cli.score import score
from mixtura.cli.select import select
from mixtura.cli.session import Session
from mixtura.cli.targets import TargetCommand
from mixtura.cli.theory import theory

# Plain help: it needs no rich, so it is there at once, and any terminal can show it.
app = typer.Typer(
    name="mixtura",
    help="Groups, a density, a generator per group and a report, from data without labels.",
    epilog="Start with: mixtura fit DATA --components K",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for verb in (fit, em, select, assign, sample, score, report):
    app.command()(verb)
app.command(cls=TargetCommand)(project)
app.command()(theory)


def _show_version(asked: bool) -> None:
    if asked:
        from mixtura import __version__

        typer.echo(f"mixtura {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Take the options that stand before the verb."""


def run(words: Sequence[str], session: Session) -> None:
    """Run the verb that ``words`` name.

    Parameters
    ----------
    words : sequence of str
        What was typed after ``mixtura``; without any, the help is shown.
    session : Session
        Handed to the verb.

    Raises
    ------
    MixturaError
        If the input is bad or training could not go on.
    typer.BadParameter
        Or another usage error, if the words make no sense.
    """
    command = typer.main.get_command(app)
    try:
        with command.make_context("mixtura", list(words) or ["--help"], obj=session) as context:
            command.invoke(context)
    except typer.Exit as done:
        if done.exit_code:
            raise RuntimeError(f"a verb ended with code {done.exit_code} and no reason") from done
