"""Categories of columns that are declared beforehand, and those of the others, from the data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from mixtura.errors import InputError
from mixtura.estimators.categories import Categories
from mixtura.estimators.column_kinds import by_number
from mixtura.estimators.mixture_checks import Constraint
from mixtura.estimators.rows import named

CATEGORIES = Constraint(
    lambda value: value is None or (isinstance(value, (Mapping, Sequence)) and not isinstance(value, str)),
    "a list of categories for each column, a mapping from columns to such lists, or None",
)


def declared_columns(estimator: BaseEstimator, categories: Any, n_columns: int) -> dict[int, Any]:
    """Return the declared categories by the number of the column.

    Parameters
    ----------
    estimator : object
        Whose ``feature_names_in_`` name the columns.
    categories : None, sequence or mapping
        As the mixtures take them.
    n_columns : int
        Of the table.

    Raises
    ------
    InputError
        If they are not one for each column, or a key is no column.
    """
    if categories is None:
        return {}
    if isinstance(categories, Mapping):
        return by_number(estimator, categories, n_columns, "categories")
    if len(categories) != n_columns:
        raise InputError(
            f"categories must hold one list for each of the {n_columns} columns, not {len(categories)}; put "
            "None for columns whose categories are to be learned"
        )
    return {j: values for j, values in enumerate(categories) if values is not None}


def learned_categories(
    estimator: BaseEstimator,
    tables: Callable[[], Iterator[list[Any]]],
    columns: Sequence[int],
    categories: Any,
) -> list[NDArray[Any]]:
    """Return the categories of some columns: as declared, else all that the pieces of a table hold.

    Parameters
    ----------
    estimator : object
        Whose ``feature_names_in_`` name the columns.
    tables : callable
        Gives the pieces of the table.
    columns : sequence of int
        Which columns.
    categories : None, sequence or mapping
        As the mixtures take them.
    """
    declared = declared_columns(estimator, categories, estimator.n_features_in_)
    found: dict[int, list[Any]] = {j: [] for j in columns if j not in declared}
    if found:
        for table in tables():
            for j, pieces in found.items():
                # Only what is new is kept, so that a file need not fit memory.
                pieces[:] = [Categories.joined([*pieces, table[j]], named(estimator, j))]
    return [
        np.asarray(
            Categories.declared(declared[j], named(estimator, j)).values
            if j in declared
            else Categories.learn(found[j][0], named(estimator, j)).values
        )
        for j in columns
    ]
