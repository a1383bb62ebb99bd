"""Rows of a mixed table for the deep mixture: what the verbs ask of a table, with text in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mixtura.cli.mixture_family import COLUMN_FAMILIES
from mixtura.cli.mixtures import read_mixture_rows, rows_for
from mixtura.cli.wording import count
from mixtura.errors import InputError
from mixtura.findings import Finding

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mixtura.data import RawTable


@dataclass(frozen=True, eq=False)
class MixedRows:
    """A table whose columns may hold text.

    Parameters
    ----------
    table : RawTable
        The columns, without a gap.
    values : pyarrow.Table or ndarray of shape (n, d)
        The same as an estimator takes them.
    families : tuple of str
        One for each column.
    findings : tuple of Finding
        What was inferred.
    """

    table: RawTable
    values: Any
    families: tuple[str, ...]
    findings: tuple[Finding, ...] = ()
    image_shape: None = None

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return self.table.n_rows

    @property
    def n_features(self) -> int:
        """Number of columns."""
        return self.table.n_features

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns."""
        return tuple(self.table.names)

    @property
    def labels(self) -> NDArray[Any] | None:
        """Known groups, for scoring only."""
        return self.table.labels

    @property
    def labels_name(self) -> str | None:
        """Where they came from."""
        return self.table.labels_name

    def describe(self) -> str:
        """Return in one line how many rows there are and of what."""
        return self.table.describe()


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
    return MixedRows(found.table, found.rows, found.column_families, found.findings)


def mixed_rows_like(table: RawTable, families: Sequence[str]) -> MixedRows:
    """Return new rows for a model that was fitted to columns of these families.

    Raises
    ------
    InputError
        If a value is missing, or text stands where numbers are wanted.
    """
    _require_complete(table)
    values = rows_for(table, families, "the model was fitted to numbers")
    return MixedRows(table, values, tuple(families))


def _require_complete(table: RawTable) -> None:
    if table.n_missing:
        first = next(name for name, missing in zip(table.names, table.missing, strict=True) if missing)
        raise InputError(
            f"{table.source} has {count(table.n_missing, 'missing value')}, the first in column {first!r}; "
            "fill them, leave the column or the rows out, or use `mixtura em`, which integrates them out"
        )
