"""The verb ``sample``: new rows from a fitted model."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mixtura.cli.console import opened
from mixtura.cli.options import Force, Json, Model, Quiet, whole
from mixtura.cli.session import Session
from mixtura.cli.wording import count, lines_of, sizes_of, table_of
from mixtura.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

# How much of a sample is shown where no file is asked for.
_SHOWN_ROWS, _SHOWN_COLUMNS = 10, 6


def sample(
    context: typer.Context,
    model: Model,
    n: Annotated[int, typer.Option("--n", "-n", parser=whole, metavar="N", help="How many rows.")] = 100,
    component: Annotated[
        int | None,
        typer.Option(
            parser=whole,
            metavar="K",
            show_default=False,
            help="From this group alone; unless given, from the mixture.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(parser=whole, metavar="N", help="Same seed, same rows.")] = 0,
    out: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", show_default=False, help="Write the rows there: .npz, .npy, .csv or .parquet."
        ),
    ] = None,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Draw new rows from a model or one of its groups."""
    session = context.find_object(Session)
    assert session is not None
    if n < 1:
        raise InputError(f"--n {n} is less than 1; ask for one row or more")
    if not 0 <= seed < 2**32:
        raise InputError(f"--seed {seed} is out of range; give a whole number from 0 to {2**32 - 1}")

    from mixtura.cli.mixture_model import MixtureModel, require_text_target
    from mixtura.cli.models import feature_names, load
    from mixtura.cli.tables import extension_of
    from mixtura.storage import new_file

    with opened(quiet=quiet, json=json) as console:
        with ExitStack() as outputs:
            if out is not None:
                extension_of(out, (".npz", ".npy", ".csv", ".parquet"))
                file = outputs.enter_context(new_file(out, force=force))
            fitted = load(model)
            if out is not None:
                if isinstance(fitted, MixtureModel):
                    categories = [column.categories for column in fitted.columns]
                else:
                    categories = list(fitted.categories_ or ())
                require_text_target(categories, out)
            n_components = fitted.n_components
            if component is not None and not 0 <= component < n_components:
                raise InputError(
                    f"--component {component} is not one of the model's {count(n_components, 'group')}; "
                    f"give a number from 0 to {n_components - 1}"
                )
            import numpy as np

            values, components = fitted.sample(n, component, random_state=seed)
            names = feature_names(fitted)
            sizes = np.bincount(components, minlength=n_components).tolist()
            document: dict[str, Any] = {
                "n_rows": n,
                "n_components": n_components,
                "seed": seed,
                "sizes": sizes,
            }
            if out is not None:
                write_rows(file, values, components, names, fitted.image_shape_)
                document["out"] = out
            else:
                document |= {"columns": names, "component": components, "rows": values}
        if out is not None:
            session.kept = f"{out!r} was written"
        console.emit(document)
        console.say(sizes_of(sizes))
        if out is not None:
            console.say(lines_of([("samples", f"{out} ({count(n, 'row')})")]))
        else:
            console.say(_preview(values, components, names))


def write_rows(
    file: Path,
    values: NDArray[Any],
    components: NDArray[Any],
    names: list[str],
    image_shape: tuple[int, ...] | None,
) -> None:
    """Write sampled rows in the format that the extension of ``file`` names.

    NPZ holds ``X`` and ``component``, NPY the rows alone (pictures keep their shape in both), and a table
    has one column for each feature and one for the component.

    Parameters
    ----------
    file : pathlib.Path
        Ends in ``.npz``, ``.npy``, ``.csv`` or ``.parquet``.
    values : ndarray of shape (n, n_features)
        The rows in raw units.
    components : ndarray of shape (n,)
        The group of each.
    names : list of str
        Names of the features.
    image_shape : tuple of int, optional
        The shape of a picture.
    """
    import numpy as np

    from mixtura.cli.tables import write_columns

    if file.suffix.lower() in (".npz", ".npy"):
        shaped = values if image_shape is None else values.reshape(-1, *image_shape)
        with file.open("wb") as stream:
            if file.suffix.lower() == ".npy":
                np.save(stream, shaped)
            else:
                np.savez_compressed(stream, X=shaped, component=components.astype(np.int32))
        return
    columns = {name: _plain(values[:, place]) for place, name in enumerate(names)}
    title = "component"
    while title in columns:
        title += "_"
    write_columns(file, columns | {title: components.astype(np.int32)})


def _plain(column: NDArray[Any]) -> NDArray[Any]:
    """Return a column of objects as numbers, unless it holds text."""
    if column.dtype.kind != "O" or any(isinstance(value, str) for value in column):
        return column
    return column.astype("float64")


def _preview(values: NDArray[Any], components: NDArray[Any], names: list[str]) -> str:
    """Return the first rows and columns, and how to get them all."""
    rows = [
        [
            str(int(k)),
            *(value if isinstance(value, str) else f"{value:.4g}" for value in row[:_SHOWN_COLUMNS]),
        ]
        for k, row in zip(components[:_SHOWN_ROWS], values[:_SHOWN_ROWS], strict=True)
    ]
    shape = f"{count(len(values), 'row')} x {count(len(names), 'column')}"
    return (
        table_of(["component", *names[:_SHOWN_COLUMNS]], rows)
        + f"\n{shape}, the first shown; --out FILE keeps them all"
    )
