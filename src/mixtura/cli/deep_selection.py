"""The verb ``select`` for the GM-VAE: several K on held-out rows, or one fit whose components are merged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mixtura.cli.chosen import fitting_command
from mixtura.cli.models import named_rows
from mixtura.errors import InputError

if TYPE_CHECKING:
    from mixtura import GMVAE
    from mixtura.cli.console import Console
    from mixtura.data import Table
    from mixtura.selection import Merging, Selection

CRITERIA = ("held_out", "one_se", "merge")


def check_deep(criterion: str, only_em: Mapping[str, object]) -> None:
    """Refuse criteria and options that are for mixtures fitted by EM.

    Raises
    ------
    InputError
        Naming the option.

    Examples
    --------
    >>> check_deep("held_out", {"--starts": 3})
    Traceback (most recent call last):
    ...
    mixtura.errors.InputError: --starts is for mixtures fitted by EM; leave it out with --model gmvae
    """
    if criterion not in CRITERIA:
        raise InputError(
            f"--criterion {criterion} is for mixtures fitted by EM; give {', '.join(CRITERIA[:-1])} or "
            f"{CRITERIA[-1]} with --model gmvae"
        )
    for name, value in only_em.items():
        if value is not None:
            raise InputError(f"{name} is for mixtures fitted by EM; leave it out with --model gmvae")


def read_deep(
    data: str, array: str | None, labels: str | None, drop: list[str] | None, console: Console
) -> Table:
    """Return the table, and say what it is."""
    from mixtura.data import read

    table = read(data, array=array, labels=labels, drop=tuple(drop or ()))
    console.note(f"{data}: {table.describe()}")
    for finding in table.findings:
        console.note(str(finding))
    return table


def selected(
    table: Table, numbers: range, criterion: str, folds: int, settings: dict[str, Any], jobs: int
) -> Selection:
    """Return the table of all K on held-out rows."""
    from mixtura import GMVAE
    from mixtura.selection import select_components

    return select_components(
        named_rows(table),
        numbers,
        estimator=GMVAE(**_settings(table, settings)),
        cv=folds,
        criterion=criterion,  # type: ignore[arg-type]  # checked
        random_state=settings["random_state"],
        n_jobs=jobs,
    )


def merged(table: Table, largest: int, settings: dict[str, Any]) -> Merging:
    """Return the groups of one fit with the largest K."""
    from mixtura import GMVAE
    from mixtura.selection import merge_components

    if largest > table.n_rows:
        raise InputError(f"--to {largest} is more than the {table.n_rows} rows; give as many at the most")
    rows = named_rows(table)
    model: GMVAE = GMVAE(largest, **_settings(table, settings)).fit(rows)
    return merge_components(model, rows)


def command_of(
    data: str, n_components: int, settings: dict[str, Any], given: list[tuple[str, object]]
) -> str:
    """Return the command that fits with the K that was chosen."""
    own = [("--seed", settings["random_state"] or None), ("--epochs", settings["max_epochs"])]
    own += [("--binarise", settings["binarise"])]
    if settings["likelihood"] != "gaussian":
        own.append(("--likelihood", settings["likelihood"]))
    return fitting_command(data, n_components, [*own, *given], verb="fit")


def _settings(table: Table, settings: dict[str, Any]) -> dict[str, Any]:
    return {**settings, "image_shape": table.image_shape}
