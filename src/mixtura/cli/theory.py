"""The verb ``theory``: the numerical checks behind the written answers, and the figures they stand on."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Annotated

import typer

from mixtura.cli.console import opened
from mixtura.cli.options import Json, Quiet, whole
from mixtura.cli.session import Session
from mixtura.cli.wording import count
from mixtura.errors import CheckError, InputError

if TYPE_CHECKING:
    from mixtura.theory import Figure, Outcome


def theory(
    context: typer.Context,
    name: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...",
            show_default=False,
            help="Answers by name or number of the problem, such as beta or 6.4; all unless given.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(parser=whole, metavar="N", help="Of all randomness.")] = 0,
    names: Annotated[bool, typer.Option("--list", help="Only list the answers.")] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Check the written answers numerically, and print the figures they stand on.

    Each has a page in docs/theory. A figure that is not as its answer says ends the call with exit code 1.
    """
    session = context.find_object(Session)
    assert session is not None
    if not 0 <= seed < 2**32:
        raise InputError(f"--seed {seed} is out of range; give a whole number from 0 to {2**32 - 1}")
    from mixtura.theory.answers import find_answers, run_answer

    chosen = find_answers(name or [])
    session.kept = "nothing is written by this verb"
    with opened(quiet=quiet, json=json) as console:
        if names:
            console.say(
                "\n".join(f"{answer.problem:<4} {answer.name:<20} {answer.claim}" for answer in chosen)
            )
            console.emit(
                {"answers": [{"problem": a.problem, "name": a.name, "claim": a.claim} for a in chosen]}
            )
            return
        outcomes = []
        for answer in chosen:
            console.note(f"checking {answer.problem} {answer.name}")
            outcomes.append(run_answer(answer, seed))
            session.check()
            console.say(told(outcomes[-1]))
        failed = [outcome for outcome in outcomes if not outcome.passed]
        console.emit({"seed": seed, "answers": [outcome.to_dict() for outcome in outcomes]})
        if failed:
            figure = next(figure for figure in failed[0].figures if not figure.passed)
            raise CheckError(
                f"{len(failed)} of {count(len(outcomes), 'answer')} not borne out, such as {failed[0].name}: "
                f"{figure.name} is {_number(figure.value)} and must be {figure.wanted or 'a number'}; "
                "please report it with the output of mixtura --version"
            )
        console.say(f"{count(len(outcomes), 'answer')} borne out, seed {seed}")


def told(outcome: Outcome) -> str:
    """Return an outcome in words: the claim, then a line for each figure, what it is and what it must be.

    Examples
    --------
    >>> from mixtura.theory import Outcome
    >>> from mixtura.theory.check import near
    >>> print(told(Outcome("5", "em", "EM climbs", (near("rise", 0.5, 0.5, 0.1),), 1.0)))
    5 em: EM climbs
      ok      0.5  0.5 +- 0.1  rise
    """
    values = [_number(figure.value) for figure in outcome.figures]
    columns = max(map(len, values)), max(len(figure.wanted) for figure in outcome.figures)
    lines = [_line(*pair, *columns) for pair in zip(outcome.figures, values, strict=True)]
    claim = textwrap.wrap(f"{outcome.problem} {outcome.name}: {outcome.claim}", 88, subsequent_indent="  ")
    return "\n".join([*claim, *lines])


def _line(figure: Figure, value: str, value_width: int, wanted_width: int) -> str:
    word = "FAILED" if not figure.passed else "ok" if figure.wanted else ""
    return f"  {word:<6}  {value:>{value_width}}  {figure.wanted:<{wanted_width}}  {figure.name}"


def _number(value: float) -> str:
    return f"{value:.4g}" if abs(value) < 1e5 else f"{value:,.0f}"
