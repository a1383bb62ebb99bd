"""The columns of a mixed table for an autoencoder: families, categories, entries as codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from mixtura.data.checks import quoted
from mixtura.data.mixed_encoding import FAMILIES
from mixtura.errors import InputError
from mixtura.estimators.categories import ALL_DIFFERENT, Categories, categories_of_one
from mixtura.estimators.column_kinds import chosen_families, column_summaries
from mixtura.estimators.rows import named
from mixtura.estimators.tables import numbers, side_by_side
from mixtura.findings import Finding

if TYPE_CHECKING:
    import pyarrow as pa

MOST_CATEGORIES = 1_000
"""Of one column: names of rows and measurements have more."""

Families = str | Sequence[str] | Mapping[Any, str] | None


@dataclass(frozen=True, eq=False)
class MixedColumns:
    """What the columns of a table are, once they have been seen.

    Parameters
    ----------
    families : tuple of str
        One for each column.
    categories : tuple of ndarray
        The categories of each categorical column, in order.
    findings : tuple of Finding
        What whole numbers were taken for.
    """

    families: tuple[str, ...]
    categories: tuple[NDArray[Any], ...]
    findings: tuple[Finding, ...] = ()

    @classmethod
    def learn(cls, estimator: BaseEstimator, columns: list[pa.Array], families: Families) -> Self:
        """Find the families of columns that were not named, and the categories.

        Parameters
        ----------
        estimator : object
            Whose ``feature_names_in_`` name the columns.
        columns : list of pyarrow.Array
            The table.
        families : None, str, sequence of str or mapping of str
            As `mixtura.MixedMixture` takes them, and "negative_binomial".

        Raises
        ------
        InputError
            If a name is unknown, or a column holds no value or a missing one.
        """
        for j, column in enumerate(columns):
            _require_complete(column, named(estimator, j))
        summaries = column_summaries(estimator, iter([columns]))
        chosen, findings = chosen_families(estimator, families, summaries, known=FAMILIES)
        categories = tuple(
            np.asarray(Categories.learn(columns[j], named(estimator, j)).values)
            for j, family in enumerate(chosen)
            if family == "categorical"
        )
        names = [named(estimator, j) for j, family in enumerate(chosen) if family == "categorical"]
        for name, values in zip(names, categories, strict=True):
            if len(values) > MOST_CATEGORIES:
                raise InputError(
                    f"{name} has {len(values):,} categories, and each would be a column of its own; leave it "
                    f"out, name another family, or make them fewer: at most {MOST_CATEGORIES:,}"
                )
        alone = [
            name
            for name, values in zip(names, categories, strict=True)
            if len(values) == len(columns[0]) > ALL_DIFFERENT
        ]
        return cls(tuple(chosen), categories, (*findings, *categories_of_one(alone)))

    def codes(self, estimator: BaseEstimator, columns: list[pa.Array]) -> NDArray[np.float64]:
        """Return rows of numbers, shape (n, d): of a category its code 0, 1, ...

        Raises
        ------
        InputError
            If an entry is missing, is text where numbers are asked for, or a category that is unknown.
        """
        rows = np.empty((len(columns[0]), len(columns)))
        categories = iter(self.categories)
        for j, (column, family) in enumerate(zip(columns, self.families, strict=True)):
            name = named(estimator, j)
            _require_complete(column, name)
            if family != "categorical":
                rows[:, j] = numbers(column, name, family)
                continue
            rows[:, j] = Categories(next(categories), name).codes(column, "missing")
            strange = np.isnan(rows[:, j])
            if strange.any():
                row = int(strange.argmax())
                raise InputError(
                    f"{name}, row {row} (from 0) holds the category {quoted(column[row].as_py())}, which was "
                    "not there when the model was fitted; mend it, or leave the row out"
                )
        return rows

    def shown(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Return rows as a person knows them: numbers, or objects where a category is no number."""
        categories = iter(self.categories)
        columns = [
            next(categories)[rows[:, j].astype(np.intp)] if family == "categorical" else rows[:, j]
            for j, family in enumerate(self.families)
        ]
        return side_by_side(columns)

    def to_dict(self) -> dict[str, Any]:
        """Return the categories and families as plain values for JSON."""
        return {"families": list(self.families), "categories": [own.tolist() for own in self.categories]}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        """Return what `to_dict` wrote."""
        return cls(
            tuple(document["families"]),
            tuple(
                np.array(own, dtype=object if any(isinstance(value, str) for value in own) else None)
                for own in document["categories"]
            ),
        )


def _require_complete(column: pa.Array, name: str) -> None:
    """Refuse a missing entry."""
    import pyarrow.compute as pc

    if column.null_count:
        row = pc.index(pc.is_null(column), True).as_py()
        raise InputError(
            f"{name}, row {row} (from 0) has no value; mend it, leave the row out, or use MixedMixture, "
            "which integrates missing values out"
        )
