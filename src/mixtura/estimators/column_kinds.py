"""Which family each column of a mixed table is handed to, and its entries as the family takes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator

from mixtura.em.whole_numbers import WholeNumbers
from mixtura.errors import InputError
from mixtura.estimators.rows import named
from mixtura.estimators.tables import numbers
from mixtura.findings import Finding

if TYPE_CHECKING:
    import pyarrow as pa

FAMILIES = ("gaussian", "bernoulli", "categorical", "poisson")
# Columns named in a finding.
_NAMED = 8


@dataclass
class ColumnSummary:
    """What a column holds, added up piece by piece.

    Parameters
    ----------
    name : str
        Of the column, for messages.
    """

    name: str
    n: int = 0
    text: bool = False
    bits: bool = True
    whole: bool = True
    numbers: WholeNumbers = field(default_factory=WholeNumbers)

    def add(self, column: pa.Array) -> None:
        """Add a piece."""
        import pyarrow as pa

        there = len(column) - column.null_count
        self.n += there
        if pa.types.is_large_string(column.type):
            self.text = self.text or there > 0
        if not there or self.text:
            return
        values = numbers(column, self.name, "")
        values = values[~np.isnan(values)]
        self.bits = self.bits and bool(((values == 0) | (values == 1)).all())
        self.whole = self.whole and pa.types.is_int64(column.type) and bool(values.min() >= 0)
        if self.whole:
            self.numbers.add(values)

    def family(self) -> tuple[str, str | None]:
        """Return the family that suits the column, and why, where that is not plain from its type.

        Raises
        ------
        InputError
            If there is no value.
        """
        if not self.n:
            raise InputError(f"{self.name} has no value at all; leave it out, or name its family")
        if self.text:
            return "categorical", None
        if self.bits:
            return "bernoulli", None
        return self.numbers.likeness() if self.whole else ("gaussian", None)


def column_summaries(estimator: BaseEstimator, tables: Iterator[list[pa.Array]]) -> list[ColumnSummary]:
    """Return what each column holds over all pieces of a table."""
    found: list[ColumnSummary] = []
    for table in tables:
        found = found or [ColumnSummary(named(estimator, j)) for j in range(len(table))]
        for summary, column in zip(found, table, strict=True):
            summary.add(column)
    return found


def chosen_families(
    estimator: BaseEstimator,
    families: Any,
    columns: Sequence[ColumnSummary],
    categorical: Sequence[int] = (),
    known: Sequence[str] = FAMILIES,
) -> tuple[list[str], tuple[Finding, ...]]:
    """Return the family of each column: as asked for, else by what it holds.

    Text is categorical. Truth values, and numbers that are 0 and 1 only, are Bernoulli. Integers from 0 up
    are Poisson where they may be counts, else categorical if they have few values, else Gaussian
    (``WholeNumbers.likeness``). Other numbers are Gaussian.

    Parameters
    ----------
    estimator : object
        Whose ``feature_names_in_`` name the columns.
    families : None, str, sequence of str or mapping of str
        None infers all; one name is for all columns; a sequence has one for each column; a mapping from names
        or numbers of columns leaves the others to be inferred.
    columns : sequence of ColumnSummary
        What they hold.
    categorical : sequence of int
        Columns whose categories are declared; they are categorical unless asked otherwise.
    known : sequence of str
        The families that may be asked for.

    Returns
    -------
    families : list of str
        One for each column.
    findings : tuple of Finding
        What integers were taken for, and why.

    Raises
    ------
    InputError
        If a name is unknown, or a column is.
    """
    if isinstance(families, str):
        families = [families] * len(columns)
    reasons: dict[tuple[str, str], list[str]] = {}
    if families is None or isinstance(families, Mapping):
        asked = {
            **dict.fromkeys(categorical, "categorical"),
            **by_number(estimator, families or {}, len(columns), "families"),
        }
        chosen = []
        for j, column in enumerate(columns):
            family, why = (asked[j], None) if j in asked else column.family()
            chosen.append(family)
            if why:
                reasons.setdefault((family, why), []).append(column.name)
    elif isinstance(families, Sequence) and len(families) == len(columns):
        chosen = list(families)
    else:
        raise InputError(f"families must name one for each of the {len(columns)} columns, not {families!r}")
    for family in chosen:
        if family not in known:
            raise InputError(f"families must be of {', '.join(known)}, not {family!r}")
    return chosen, tuple(_inferred(family, why, names) for (family, why), names in reasons.items())


def _inferred(family: str, why: str, names: list[str]) -> Finding:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return Finding(
        "whole-numbers",
        "note",
        f"whole numbers were taken for {family}, as {why}: {', '.join(names[:_NAMED])}{more}",
        "name the families of columns that are something else, families={...}",
    )


def by_number(
    estimator: BaseEstimator, values: Mapping[Any, Any], n_columns: int, parameter: str
) -> dict[int, Any]:
    """Return a mapping from names or numbers of columns as one from numbers.

    Raises
    ------
    InputError
        If a key is no column.
    """
    names = [str(name) for name in getattr(estimator, "feature_names_in_", [])]
    found = {}
    for key, value in values.items():
        if isinstance(key, str) and key in names:
            found[names.index(key)] = value
        elif not isinstance(key, str) and hasattr(key, "__index__") and 0 <= int(key) < n_columns:
            found[int(key)] = value
        else:
            raise InputError(f"{parameter} has {key!r}, which is no column; use names or numbers from 0")
    return found
