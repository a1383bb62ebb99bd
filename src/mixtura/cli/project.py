"""The verb ``project``: the Gaussian closest to a density, in either direction of KL, and its figure."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Literal, get_args

import typer

from mixtura.cli.closest import document_of, summary_of
from mixtura.cli.console import opened
from mixtura.cli.options import Force, Json, Quiet, number, whole
from mixtura.cli.session import Session
from mixtura.cli.targets import own_code, read_target, unmarked
from mixtura.errors import InputError

if TYPE_CHECKING:
    from mixtura.projection.result import Projection
    from mixtura.projection.target import Target

Direction = Literal["inclusive", "exclusive"]
Covariance = Literal["full", "diag", "spherical"]
SUFFIXES = (".png", ".pdf", ".svg")


def project(
    context: typer.Context,
    target: Annotated[
        str,
        typer.Argument(
            metavar="TARGET",
            parser=unmarked,
            show_default=False,
            help="A mixture such as '1/3 N(-3,1) + 2/3 N(3,1)', variances as in N(mean, variance), or "
            "MODULE:FUNCTION, the logarithm of a density.",
        ),
    ],
    direction: Annotated[
        Direction | None,
        typer.Option(show_default=False, help="Least KL(p||q), or least KL(q||p); unless given, both."),
    ] = None,
    covariance: Annotated[Covariance, typer.Option(help="The family of the Gaussian q.")] = "full",
    alpha: Annotated[
        list[float] | None,
        typer.Option(
            parser=number,
            metavar="A",
            show_default=False,
            help="Also the closest by Amari's D_alpha, from 0 (exclusive) to 1 (inclusive); may be given "
            "often; in one dimension.",
        ),
    ] = None,
    path: Annotated[
        bool,
        typer.Option("--path", help="Also the whole path along alpha: branches, folds and jumps."),
    ] = False,
    normalise: Annotated[
        bool, typer.Option("--normalise", help="Divide the weights of a mixture by their sum.")
    ] = False,
    stationary: Annotated[
        bool, typer.Option("--stationary", help="List and draw every stationary point.")
    ] = False,
    dimension: Annotated[
        int | None,
        typer.Option(
            parser=whole, metavar="D", show_default=False, help="Of MODULE:FUNCTION; unless given, 1."
        ),
    ] = None,
    starts: Annotated[
        int | None,
        typer.Option(
            parser=whole, metavar="N", show_default=False, help="Starts of the exclusive search beyond 1-D."
        ),
    ] = None,
    samples: Annotated[
        int | None,
        typer.Option(
            parser=whole, metavar="S", show_default=False, help="Points for an expectation beyond 1-D."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(parser=whole, metavar="N", help="Same seed: same result.")] = 0,
    out: Annotated[
        str | None,
        typer.Option(metavar="FILE", show_default=False, help="Write the figure there: .png, .pdf or .svg."),
    ] = None,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Find the Gaussian closest to a density.

    In TARGET the second number is the variance: N(mean, variance). The inclusive Gaussian covers all of
    the density, the exclusive one settles on a part of it. Divergences are in nats.
    """
    session = context.find_object(Session)
    assert session is not None
    alphas = list(alpha or ())
    check_numbers(alphas=alphas, dimension=dimension, starts=starts, samples=samples, seed=seed)
    if out is not None:
        from mixtura.cli.tables import extension_of

        extension_of(out, SUFFIXES)
    with opened(quiet=quiet, json=json) as console, ExitStack() as outputs:
        outputs.enter_context(own_code())
        density, text = read_target(target, normalise=normalise, dimension=dimension)
        _check_dimension(density, alphas, path, out)
        if out is not None:
            from mixtura.storage import new_file

            file = outputs.enter_context(new_file(out, force=force))
        directions = get_args(Direction) if direction is None else (direction,)
        projections = [
            _projected(density, one, covariance, starts=starts, samples=samples, seed=seed)
            for one in directions
        ]
        followed = None
        if alphas or path:
            from mixtura.projection.alpha import alpha_path

            followed = alpha_path(density)
            projections += [followed.at(value) for value in alphas]
        shown = followed if path else None
        if out is not None:
            from mixtura.plot.paper import save_figure
            from mixtura.projection.figure import figure_of

            save_figure(figure_of(projections, shown, stationary=stationary), file)
        session.check()
        outputs.close()
        if out is not None:
            session.kept = f"{out!r} was written"
        console.emit(document_of(text, density, projections, shown, out))
        console.say(summary_of(text, projections, shown, stationary=stationary, out=out))


def check_numbers(
    *,
    alphas: Sequence[float],
    dimension: int | None,
    starts: int | None,
    samples: int | None,
    seed: int,
) -> None:
    """Refuse numbers out of range before anything is imported.

    Raises
    ------
    InputError
        Naming the option, the value and the range.

    Examples
    --------
    >>> check_numbers(alphas=[1.5], dimension=None, starts=None, samples=None, seed=0)
    Traceback (most recent call last):
    ...
    mixtura.errors.InputError: --alpha 1.5 is not from 0 (exclusive) to 1 (inclusive); give one that is
    """
    for value in alphas:
        if not 0 <= value <= 1:
            raise InputError(
                f"--alpha {value:g} is not from 0 (exclusive) to 1 (inclusive); give one that is"
            )
    for name, given in (("dimension", dimension), ("starts", starts), ("samples", samples)):
        if given is not None and given < 1:
            raise InputError(f"--{name} {given} is less than 1; give 1 or more, or leave it out")
    if not 0 <= seed < 2**32:
        raise InputError(f"--seed {seed} is out of range; give a whole number from 0 to {2**32 - 1}")


def _check_dimension(target: Target, alphas: Sequence[float], path: bool, out: str | None) -> None:
    """Refuse what needs fewer dimensions than there are, before any work."""
    asked = "--path" if path else "--alpha" if alphas else None
    if asked is not None and target.dimension != 1:
        raise InputError(
            f"{asked} follows a path on the line, and the target has {target.dimension} dimensions; "
            "leave it out"
        )
    if out is not None and target.dimension > 2:
        raise InputError(
            f"a figure shows 1 or 2 dimensions, and the target has {target.dimension}; leave --out out "
            "and read the numbers, with --json all of them"
        )


def _projected(
    target: Target,
    direction: Direction,
    covariance: Covariance,
    *,
    starts: int | None,
    samples: int | None,
    seed: int,
) -> Projection:
    """Return one projection; each direction has its own random numbers, whatever else is asked for."""
    import torch

    from mixtura.projection.closest import project as project_onto

    return project_onto(
        target,
        direction,
        covariance,
        n_starts=starts,
        n_samples=samples,
        generator=torch.Generator().manual_seed(seed),
    )
