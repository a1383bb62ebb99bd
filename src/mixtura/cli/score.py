"""The verb ``score``: log p(x) of each row under a fitted model, and the rows it finds least likely."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Annotated, Any

import typer

from mixtura.cli.console import opened
from mixtura.cli.options import Array, Data, Drop, Force, Json, Model, Quiet, whole
from mixtura.cli.session import Session
from mixtura.cli.wording import count, figure, lines_of, table_of

# How many of the least likely rows are shown.
_LOWEST = 10


def score(
    context: typer.Context,
    model: Model,
    data: Data,
    samples: Annotated[
        int | None,
        typer.Option(
            parser=whole,
            metavar="S",
            show_default=False,
            help="Draws of w for each row; unless given, the model's own.",
        ),
    ] = None,
    array: Array = None,
    drop: Drop = None,
    out: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", show_default=False, help="Write log p(x) of each row there: .parquet or .csv."
        ),
    ] = None,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Estimate log p(x) of each row of DATA.

    In nats, by importance weighting, with its Monte Carlo standard error; exact for a model of
    `mixtura em`. The lowest rows are the anomalies.
    """
    from mixtura.cli.models import load, read_like
    from mixtura.cli.tables import extension_of, write_columns
    from mixtura.errors import InputError
    from mixtura.storage import new_file

    session = context.find_object(Session)
    assert session is not None
    if samples is not None and samples < 1:
        raise InputError(f"--samples {samples} is less than 1; ask for one draw or more")
    with opened(quiet=quiet, json=json) as console:
        with ExitStack() as outputs:
            if out is not None:
                extension_of(out, (".parquet", ".csv"))
                file = outputs.enter_context(new_file(out, force=force))
            fitted = load(model)
            table = read_like(fitted, data, array=array, labels=None, drop=drop)
            import numpy as np

            estimate = fitted.log_likelihood(table.values, n_samples=samples)
            lowest = np.argsort(estimate.per_row, kind="stable")[:_LOWEST]
            document: dict[str, Any] = {
                "n_rows": table.n_rows,
                "log_likelihood": estimate.mean,
                "log_likelihood_se": estimate.standard_error,
                "log_likelihood_samples": estimate.n_samples,
                "effective_sample_size": estimate.effective_sample_size,
                "lowest": [
                    {"row": int(row), "log_likelihood": float(estimate.per_row[row])} for row in lowest
                ],
            }
            if out is not None:
                rows = np.arange(table.n_rows, dtype=np.int64)
                write_columns(file, {"row": rows, "log_likelihood": estimate.per_row})
                document["out"] = out
            else:
                document["log_likelihood_per_row"] = estimate.per_row
        if out is not None:
            session.kept = f"{out!r} was written"
        console.note(f"{data}: {table.describe()}")
        console.emit(document)
        pairs = [
            ("log p(x)", f"{figure(estimate.mean)} nats per observation, {count(table.n_rows, 'row')}"),
        ]
        if estimate.n_samples is None or estimate.effective_sample_size is None:
            pairs.append(("  Monte Carlo standard error", "0, the value is exact"))
        else:
            draws = (
                f"{figure(estimate.effective_sample_size, 1)} of {count(estimate.n_samples, 'draw')} a row"
            )
            pairs += [
                ("  Monte Carlo standard error", figure(estimate.standard_error)),
                ("  effective sample size", draws),
            ]
        if out is not None:
            pairs.append(("scores", f"{out} ({count(table.n_rows, 'row')})"))
        console.say(lines_of(pairs))
        console.say("lowest rows:")
        shown = [[f"{row}", figure(float(estimate.per_row[row]))] for row in lowest]
        console.say(table_of(["row", "log p(x)"], shown))
