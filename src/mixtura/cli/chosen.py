"""A choice of K in words and as a JSON document, for the verb ``select``."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mixtura.errors import InputError

if TYPE_CHECKING:
    from mixtura.selection import Merging, Selection


def check_range(first: int, last: int, folds: int, jobs: int = 1) -> None:
    """Refuse numbers of groups, parts and processes out of range, before anything is read.

    Raises
    ------
    InputError
        Naming the option, the value and the range.

    Examples
    --------
    >>> check_range(5, 2, 5)
    Traceback (most recent call last):
    ...
    mixtura.errors.InputError: --to 2 is less than --from 5; give as many groups or more
    """
    if first < 1:
        raise InputError(f"--from {first} is less than 1; ask for one group or more")
    if last < first:
        raise InputError(f"--to {last} is less than --from {first}; give as many groups or more")
    if folds < 2:
        raise InputError(f"--folds {folds} is less than 2; rows are held out by turns, so give 2 or more")
    if jobs < 1:
        raise InputError(f"--jobs {jobs} is less than 1; give 1 or more")


def document_of(
    selection: Selection, data: str, family: str, command: str, outputs: Mapping[str, str | None]
) -> dict[str, Any]:
    """Return what ``--json`` prints.

    Parameters
    ----------
    selection : Selection
        The table.
    data, family : str
        What was read, and the family of mixtures.
    command : str
        The command that fits the mixture that was chosen.
    outputs : mapping of str to str or None
        The files that were written, by the name of their option.
    """
    columns = {name: values.tolist() for name, values in selection.table().items()}
    lines = [dict(zip(columns, line, strict=True)) for line in zip(*columns.values(), strict=True)]
    return {
        "data": data,
        "family": family,
        "criterion": selection.criterion,
        "n_components": lines[selection.chosen]["n_components"],
        "model": lines[selection.chosen]["model"],
        "chosen_by": {
            name: {key: lines[line][key] for key in ("model", "n_components")}
            for name, line in selection.chosen_by.items()
        },
        "table": lines,
        "n_rows": selection.n_rows,
        "n_folds": selection.n_folds,
        "seed": selection.seed,
        "findings": [finding.to_dict() for finding in selection.findings],
        "command": command,
        **{name: file for name, file in outputs.items() if file is not None},
    }


def merging_document(
    merging: Merging, data: str, command: str, outputs: Mapping[str, str | None]
) -> dict[str, Any]:
    """Return what ``--json`` prints of components that were merged.

    Parameters
    ----------
    merging : Merging
        The path.
    data : str
        What was read.
    command : str
        The command that fits with the number that was chosen.
    outputs : mapping of str to str or None
        The files that were written, by the name of their option.
    """
    columns = {name: values.tolist() for name, values in merging.table().items()}
    return {
        "data": data,
        "family": "gmvae",
        "criterion": "merge",
        "merged_by": merging.criterion,
        "n_components": merging.chosen,
        "n_fitted": merging.responsibilities.shape[1],
        "component_groups": merging.component_groups.tolist(),
        "empty": list(merging.empty),
        "table": [dict(zip(columns, line, strict=True)) for line in zip(*columns.values(), strict=True)],
        "findings": [finding.to_dict() for finding in merging.findings],
        "command": command,
        **{name: file for name, file in outputs.items() if file is not None},
    }


def fitting_command(
    data: str, n_components: int, options: Sequence[tuple[str, object]], verb: str = "em"
) -> str:
    """Return the command that fits a model, with the options that were given; one that is True has no value.

    Examples
    --------
    >>> fitting_command("my data.csv", 3, [("--covariance", "diag"), ("--weights", None), ("--seed", 0)])
    "mixtura em 'my data.csv' --components 3 --covariance diag --seed 0"
    """
    words = ["mixtura", verb, data, "--components", str(n_components)]
    for name, value in options:
        words += [] if value is None else [name] if value is True else [name, str(value)]
    return shlex.join(words)
