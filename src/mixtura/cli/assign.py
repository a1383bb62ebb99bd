"""The verb ``assign``: which group each row of new data belongs to, by a fitted model."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Annotated

import typer

from mixtura.cli.console import opened
from mixtura.cli.options import Array, Data, Drop, Force, Json, Labels, Model, Quiet
from mixtura.cli.session import Session
from mixtura.cli.wording import count, lines_of, scores_of, sizes_of


def assign(
    context: typer.Context,
    model: Model,
    data: Data,
    array: Array = None,
    labels: Labels = None,
    drop: Drop = None,
    out: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", show_default=False, help="Write the assignments there: .parquet or .csv."
        ),
    ] = None,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Give each row of DATA to a group of a model.

    Prints the sizes of the groups, and with --labels how they agree; --out keeps each row's group and
    probabilities.
    """
    from mixtura.cli.models import load, read_like
    from mixtura.cli.tables import assignment_columns, extension_of, write_columns
    from mixtura.storage import new_file

    session = context.find_object(Session)
    assert session is not None
    with opened(quiet=quiet, json=json) as console:
        with ExitStack() as outputs:
            if out is not None:
                extension_of(out, (".parquet", ".csv"))
                file = outputs.enter_context(new_file(out, force=force))
            fitted = load(model)
            table = read_like(fitted, data, array=array, labels=labels, drop=drop)
            import numpy as np

            probabilities = fitted.predict_proba(table.values)
            components = np.argmax(probabilities, axis=1)
            sizes = np.bincount(components, minlength=fitted.n_components).tolist()
            document = {"n_rows": table.n_rows, "n_components": fitted.n_components, "sizes": sizes}
            if table.labels is not None:
                from mixtura.cli.agreement import agreement

                document |= {"labels": table.labels_name} | agreement(table.labels, components)
            columns = assignment_columns(probabilities, components)
            if out is not None:
                write_columns(file, columns)
                document["out"] = out
            else:
                document |= {name: columns[name] for name in ("component", "probability")}
        if out is not None:
            session.kept = f"{out!r} was written"
        console.note(f"{data}: {table.describe()}")
        console.emit(document)
        console.say(sizes_of(sizes))
        pairs = scores_of(document)
        if out is not None:
            pairs.append(("assignments", f"{out} ({count(table.n_rows, 'row')})"))
        if pairs:
            console.say(lines_of(pairs))
