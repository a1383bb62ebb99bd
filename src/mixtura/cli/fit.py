"""The verb ``fit``: data without labels in, a run folder with groups, a model and a report out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from mixtura.cli.console import Console, opened
from mixtura.cli.mixed_rows import MixedRows, read_mixed
from mixtura.cli.mixture_settings import ColumnsAs
from mixtura.cli.options import Array, Data, Drop, Force, Json, Labels, Quiet, number, whole
from mixtura.cli.session import Session
from mixtura.cli.wording import count, figure, lines_of, scores_of, sizes_of, terms_of
from mixtura.errors import InputError

if TYPE_CHECKING:
    from mixtura.data import Table


def fit(
    context: typer.Context,
    data: Data,
    components: Annotated[
        int,
        typer.Option(
            "--components", "-k", parser=whole, metavar="K", show_default=False, help="How many groups."
        ),
    ],
    seed: Annotated[
        int, typer.Option(parser=whole, metavar="N", help="Same seed, same machine: same result.")
    ] = 0,
    epochs: Annotated[
        int | None,
        typer.Option(
            parser=whole,
            metavar="N",
            show_default=False,
            help="Passes over the data in all; unless given, by the number of rows.",
        ),
    ] = None,
    latent: Annotated[
        int | None,
        typer.Option(
            parser=whole,
            metavar="D",
            show_default=False,
            help="Dimension of the codes w; unless given, by the data.",
        ),
    ] = None,
    likelihood: Annotated[
        Literal["gaussian", "bernoulli", "poisson", "negative_binomial", "categorical", "mixed"],
        typer.Option(
            help="p(x|w): Gaussian, Bernoulli for values 0 and 1, one of counts, categorical for text, or "
            "mixed, the product of these over the columns of a table."
        ),
    ] = "gaussian",
    columns_as: ColumnsAs = None,
    responsibilities: Annotated[
        Literal["exact", "amortised"], typer.Option(help="q(z|w,x): its optimum, or a trained network.")
    ] = "amortised",
    inference: Annotated[
        Literal["reverse", "sleep", "wake"],
        typer.Option(
            help="What fits q: the bound, or the forward KL at rows the model dreams or those of DATA."
        ),
    ] = "reverse",
    procedure: Annotated[
        Literal["default", "plain"],
        typer.Option(help="The staged training that starts from scratch, or the pure bound alone."),
    ] = "default",
    covariance: Annotated[
        Literal["spherical", "diag"],
        typer.Option(help="Spread of a group: one number, or one for each dimension."),
    ] = "spherical",
    weights: Annotated[
        Literal["uniform", "learned"],
        typer.Option(help="pi: 1/K for every group, or trained with the rest."),
    ] = "uniform",
    network: Annotated[
        Literal["auto", "mlp", "conv"],
        typer.Option(help="Kind of network; auto goes by the shape of the data."),
    ] = "auto",
    transforms: Annotated[
        Literal["auto", "affine", "none"],
        typer.Option(help="Small affine maps of images in training; auto: on grey images."),
    ] = "auto",
    start: Annotated[
        Literal["auto", "graph", "linkage", "kmeans", "diag", "full"],
        typer.Option(
            help="First groups: by modularity or linkage on a graph of neighbours, k-means, or EM with "
            "diagonal or full covariances; auto chooses without labels."
        ),
    ] = "auto",
    std_floor: Annotated[
        float,
        typer.Option(
            parser=number,
            metavar="S",
            help="Least standard deviation of the Gaussian p(x|w): pixels on [0, 1], columns with sd 1.",
        ),
    ] = 0.05,
    learning_rate: Annotated[
        float | None,
        typer.Option(
            parser=number,
            metavar="R",
            show_default=False,
            help="Peak rate of Adam; unless given, by the number of steps.",
        ),
    ] = None,
    binarise: Annotated[
        float | None,
        typer.Option(
            parser=number,
            metavar="T",
            show_default=False,
            help="Turn values above T into 1 and all others into 0.",
        ),
    ] = None,
    array: Array = None,
    labels: Labels = None,
    drop: Drop = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    precision: Annotated[
        Literal["auto", "float32", "bfloat16"], typer.Option(help="Of the products of matrices in training.")
    ] = "auto",
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
    """Group the rows of DATA and write a run folder.

    It fits a Gaussian-mixture variational autoencoder and writes the model, the assignments,
    metrics.json, the log and report.html.
    """
    session = context.find_object(Session)
    assert session is not None
    if not data:
        raise InputError("DATA is empty; give a file or a folder of images")
    check_numbers(components=components, seed=seed, epochs=epochs, latent=latent)
    target = out if out is not None else default_target(data)

    from mixtura.storage import new_folder

    with opened(quiet=quiet, json=json) as console:
        with new_folder(target, force=force) as folder:
            console.hold()
            table: Table | MixedRows
            families = None
            if likelihood in ("categorical", "mixed"):
                table = read_mixed(
                    data, likelihood, columns_as=columns_as, array=array, labels=labels, drop=drop
                )
                families = list(table.families) if likelihood == "mixed" else None
            elif columns_as:
                raise InputError(
                    f"--as {columns_as[0]!r} gives a column a family of its own, and --likelihood is "
                    f"{likelihood}; use mixed"
                )
            else:
                table = _read_numbers(data, array, labels, drop)
            console.note(f"{data}: {table.describe()}")
            if out is None:
                console.note(f"run folder: {target}")
            for finding in table.findings:
                console.note(str(finding))
            if table.n_rows < 2:
                raise InputError(f"{data!r} holds 1 row, and one row has no groups; give at least 2")
            if components > table.n_rows:
                raise InputError(
                    f"{components} components for {count(table.n_rows, 'row')} in {data!r}; "
                    f"ask for at most {table.n_rows} with --components"
                )
            settings: dict[str, Any] = {
                "n_components": components,
                "random_state": seed,
                "max_epochs": epochs,
                "latent_dim": latent,
                "likelihood": likelihood,
                "families": families,
                "responsibilities": responsibilities,
                "inference": inference,
                "procedure": procedure,
                "covariance_type": covariance,
                "weights": weights,
                "network": network,
                "transforms": None if transforms == "none" else transforms,
                "start": start,
                "std_floor": std_floor,
                "learning_rate": learning_rate,
                "binarise": binarise,
                "device": device,
                "precision": precision,
                "image_shape": table.image_shape,
            }
            metrics = _fit_into(folder, data, settings, table, session, console)
        session.kept = f"the run folder {target!r} is complete"
        console.emit(metrics)
        console.say(_summary(metrics, target))


def _read_numbers(data: str, array: str | None, labels: str | None, drop: list[str] | None) -> Table:
    from mixtura.data import read

    try:
        return read(data, array=array, labels=labels, drop=tuple(drop or ()))
    except InputError as error:
        if "holds text" not in str(error):
            raise
        raise InputError(f"{error}, or take text for categories with --likelihood mixed") from error


def check_numbers(*, components: int, seed: int, epochs: int | None, latent: int | None) -> None:
    """Refuse numbers out of range before anything is read.

    Raises
    ------
    InputError
        Naming the option, the value and the range.

    Examples
    --------
    >>> check_numbers(components=0, seed=0, epochs=None, latent=None)
    Traceback (most recent call last):
    ...
    mixtura.errors.InputError: --components 0 is less than 1; ask for one group or more
    """
    if components < 1:
        raise InputError(f"--components {components} is less than 1; ask for one group or more")
    if not 0 <= seed < 2**32:
        raise InputError(f"--seed {seed} is out of range; give a whole number from 0 to {2**32 - 1}")
    for name, value in (("epochs", epochs), ("latent", latent)):
        if value is not None and value < 1:
            raise InputError(f"--{name} {value} is less than 1; give 1 or more, or leave it out")


def default_target(data: str) -> str:
    """Return the run folder's name where none is given: that of DATA without its extensions.

    Examples
    --------
    >>> default_target("measures/my.table.csv.gz"), default_target("faces/")
    ('my.table-mixtura', 'faces-mixtura')
    """
    path = Path(data)
    name = path.name or path.resolve().name
    if not path.is_dir():
        name = Path(name.removesuffix(".gz")).stem
    return f"{name or 'data'}-mixtura"


def _fit_into(
    folder: Path,
    data: str,
    settings: dict[str, Any],
    table: Table | MixedRows,
    session: Session,
    console: Console,
) -> dict[str, Any]:
    """Train, and fill the run folder; return the content of ``metrics.json``."""
    from mixtura.cli.models import named_rows
    from mixtura.cli.progress import shown
    from mixtura.cli.run_folder import write_run

    with shown(console) as progress:
        from mixtura import GMVAE

        def follow(event: Mapping[str, Any]) -> None:
            session.check()
            console.release()
            progress(event)

        def note(text: str) -> None:
            follow({"stage": "finish", "doing": text})

        rows = table.values if isinstance(table, MixedRows) else named_rows(table)
        estimator = GMVAE(**settings, callback=follow).fit(rows)
        return write_run(folder, estimator, table, session, data, note)


def _summary(metrics: Mapping[str, Any], target: str) -> str:
    """Return what a person wants to know of a finished run."""
    rows = count(metrics["log_likelihood_rows"], "row")
    draws = count(metrics["log_likelihood_samples"], "draw")
    error = figure(metrics["log_likelihood_se"])
    likelihood = f"{figure(metrics['log_likelihood'])} +- {error} ({rows}, {draws} each)"
    pairs = [*terms_of(metrics), ("log p(x)", likelihood)]
    if metrics["gap"] is not None:
        pairs.append(("gap", f"{figure(metrics['gap'])} nats, the exact bound minus this amortised one"))
    scores = scores_of(metrics)
    if scores:
        pairs += [*scores, ("labels", f"{metrics['labels']} (for scoring only)")]
    pairs += [
        ("time", f"{metrics['seconds']:.1f} s, peak memory {figure(metrics['peak_memory_mb'], 0)} MB"),
        ("run folder", target),
        ("report", str(Path(target) / "report.html")),
    ]
    groups, rows = count(metrics["n_components"], "group"), count(metrics["n_rows"], "row")
    head = f"{groups} of {rows}, seed {metrics['seed']}"
    findings = [
        f"{finding['level']}: {finding['seen']}{'; ' + finding['remedy'] if finding['remedy'] else ''}"
        for finding in metrics["findings"]
    ]
    return "\n".join([head, sizes_of(metrics["sizes"]), lines_of(pairs), *findings])
