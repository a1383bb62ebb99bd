"""Which family each column of a mixed table is handed to, and its entries as the family takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator

from mixtura.errors import InputError
from mixtura.estimators.rows import named
from mixtura.estimators.tables import numbers

if TYPE_CHECKING:
    import pyarrow as pa

FAMILIES = ("gaussian", "bernoulli", "categorical", "poisson")


def chosen_families(estimator: BaseEstimator, families: Any, columns: list[pa.Array]) -> list[str]:
    """Return the family of each column: as asked for, else by what it holds.

    Text is categorical. Truth values, and numbers that are 0 and 1 only, are Bernoulli; integers from 0 up
    are counts and Poisson; other numbers are Gaussian.

    Parameters
    ----------
    estimator : object
        Whose ``feature_names_in_`` name the columns.
    families : None, str, sequence of str or mapping of str
        None infers all; one name is for all columns; a sequence has one for each column; a mapping from names
        or numbers of columns leaves the others to be inferred.
    columns : list of Array
        As ``read_columns`` gives them.

    Raises
    ------
    InputError
        If a name is unknown, or a column is.
    """
    if families is None:
        families = {}
    if isinstance(families, str):
        families = [families] * len(columns)
    if isinstance(families, Mapping):
        asked = _by_number(estimator, families, len(columns))
        chosen = [
            asked[j] if j in asked else _inferred(column, named(estimator, j))
            for j, column in enumerate(columns)
        ]
    elif isinstance(families, Sequence) and len(families) == len(columns):
        chosen = list(families)
    else:
        raise InputError(f"families must name one for each of the {len(columns)} columns, not {families!r}")
    for family in chosen:
        if family not in FAMILIES:
            raise InputError(f"families must be of {', '.join(FAMILIES)}, not {family!r}")
    return chosen


def _by_number(estimator: BaseEstimator, families: Mapping[Any, str], n_columns: int) -> dict[int, str]:
    names = [str(name) for name in getattr(estimator, "feature_names_in_", [])]
    asked = {}
    for key, family in families.items():
        if isinstance(key, str) and key in names:
            asked[names.index(key)] = family
        elif not isinstance(key, str) and hasattr(key, "__index__") and 0 <= int(key) < n_columns:
            asked[int(key)] = family
        else:
            raise InputError(f"families has {key!r}, which is no column; use names or numbers from 0")
    return asked


def _inferred(column: pa.Array, name: str) -> str:
    import pyarrow as pa

    if column.null_count == len(column):
        raise InputError(f"{name} has no value at all; leave it out, or name its family")
    if pa.types.is_large_string(column.type):
        return "categorical"
    values = numbers(column, name, "")
    values = values[~np.isnan(values)]
    if ((values == 0) | (values == 1)).all():
        return "bernoulli"
    return "poisson" if pa.types.is_integer(column.type) and values.min() >= 0 else "gaussian"
