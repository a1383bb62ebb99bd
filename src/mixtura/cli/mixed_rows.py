"""Rows of a mixed table for the deep mixture: what the verbs ask of a table, with text in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mixtura.cli.mixture_family import COLUMN_FAMILIES
from mixtura.cli.mixture_model import MixtureTable
from mixtura.cli.mixtures import read_mixture_rows, rows_for
from mixtura.cli.wording import count
from mixtura.errors import InputError
from mixtura.findings import Finding

if TYPE_CHECKING:
    from mixtura.data import RawTable


@dataclass(frozen=True, eq=False)
class MixedRows(MixtureTable):
    """A table without gaps whose columns may hold text, with what a fit asks of it.

    Parameters
    ----------
    table, values, n_unknown
        As of `MixtureTable`.
    families : tuple of str
        One for each column.
    findings : tuple of Finding
        What was inferred.
    """

    families: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    image_shape: None = None

    @property
    def n_features(self) -> int:
        """Number of columns."""
        return self.table.n_features

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns."""
        return tuple(self.table.names)


def read_mixed(
    data: str,
    likelihood: str,
    *,
    columns_as: Sequence[str] | None = None,
    array: str | None = None,
    labels: str | None = None,
    drop: Sequence[str] | None = None,
) -> MixedRows:
    """Read DATA for a categorical likelihood or a product of likelihoods.

    Parameters
    ----------
    data : str
        A file of a table.
    likelihood : {"categorical", "mixed"}
        Of the model.
    columns_as : sequence of str, optional
        ``"NAME=FAMILY"`` for columns of a mixed table; the others go by what they hold.
    array, labels, drop
        As for `mixtura.data.read`.

    Raises
    ------
    InputError
        In one line: what is wrong, and what mends it.
    """
    found = read_mixture_rows(
        data,
        family=likelihood,
        columns_as=columns_as,
        array=array,
        labels=labels,
        drop=drop,
        known=(*COLUMN_FAMILIES, "negative_binomial"),
    )
    if found.table.image_shape is not None:
        raise InputError(
            f"--likelihood {likelihood} is for tables, and {data!r} holds images; choose another"
        )
    _require_complete(found.table)
    return MixedRows(found.table, found.rows, families=found.column_families, findings=found.findings)


def mixed_rows_like(table: RawTable, families: Sequence[str]) -> MixedRows:
    """Return new rows for a model that was fitted to columns of these families.

    Raises
    ------
    InputError
        If a value is missing, or text stands where numbers are wanted.
    """
    _require_complete(table)
    values = rows_for(table, families, "the model was fitted to numbers")
    return MixedRows(table, values, families=tuple(families))


def _require_complete(table: RawTable) -> None:
    if table.n_missing:
        first = next(name for name, missing in zip(table.names, table.missing, strict=True) if missing)
        raise InputError(
            f"{table.source} has {count(table.n_missing, 'missing value')}, the first in column {first!r}; "
            "fill them, leave the column or the rows out, or use `mixtura em`, which integrates them out"
        )
