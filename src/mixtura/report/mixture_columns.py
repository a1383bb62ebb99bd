"""The columns of a fitted classical mixture: what stands for a group in each, and rows drawn from it."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from mixtura.estimators.mixture_base import MixtureBase

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class ColumnFit:
    """One column under a fitted mixture.

    Parameters
    ----------
    family : {"gaussian", "bernoulli", "categorical", "poisson"}
        The family that the column was handed to.
    centres : array of float, shape (K,)
        Mean, probability of a 1 or rate of each group; for categories the place of the most probable one.
    categories : array, shape (C,), optional
        The categories, text or numbers.
    shares : array of float, shape (K, C), optional
        Their probabilities in each group.
    """

    family: str
    centres: Array
    categories: Array | None = None
    shares: Array | None = None


def columns_of(mixture: MixtureBase) -> list[ColumnFit]:
    """Return what each column is under a fitted mixture, in the order of the table.

    Examples
    --------
    >>> from mixtura import PoissonMixture
    >>> model = PoissonMixture(2, random_state=0).fit([[1, 20], [0, 22], [9, 3], [11, 5]])
    >>> [column.family for column in columns_of(model)]
    ['poisson', 'poisson']
    """
    fitted: Any = mixture
    kind = type(mixture).__name__.removesuffix("Mixture").lower()
    if kind == "mixed":
        found: dict[int, ColumnFit] = {}
        for family, places in fitted.columns_.items():
            columns = _of_family(family, fitted, mixed=True)
            found.update(zip(places, columns, strict=True))
        return [found[place] for place in range(len(found))]
    return _of_family(kind, fitted, mixed=False)


def _of_family(family: str, fitted: Any, *, mixed: bool) -> list[ColumnFit]:
    if family == "categorical":
        tables = fitted.category_probabilities_ if mixed else fitted.probabilities_
        return [
            ColumnFit(family, table.argmax(axis=1).astype(np.float64), values, np.asarray(table))
            for values, table in zip(fitted.categories_, tables, strict=True)
        ]
    name = {"gaussian": "means_", "bernoulli": "probabilities_", "poisson": "rates_"}[family]
    return [ColumnFit(family, centres) for centres in np.asarray(getattr(fitted, name), np.float64).T]


def as_codes(rows: Any, columns: list[ColumnFit]) -> Array:
    """Return rows in float64: numbers as they are, categories by their places, NaN where missing.

    A category that was not there in the fit counts as missing.

    Parameters
    ----------
    rows : pyarrow.Table or array, shape (n, d)
        As the ``fit`` of the model takes them.
    columns : list of ColumnFit
        What `columns_of` gives.

    Returns
    -------
    array of float64, shape (n, d)
    """
    if isinstance(rows, np.ndarray):
        table = list(np.asarray(rows, dtype=np.float64).T)
        if all(column.categories is None for column in columns):
            return np.asarray(rows, dtype=np.float64)
    else:
        table = [_entries(column) for column in rows.columns]
    codes = np.empty((len(table[0]), len(table)))
    for place, (entries, fit) in enumerate(zip(table, columns, strict=True)):
        codes[:, place] = entries if fit.categories is None else _places(entries, fit.categories)
    return codes


def _entries(column: Any) -> Array:
    """Return an Arrow column as numbers, NaN where missing, or as text, None where missing."""
    import pyarrow as pa

    if pa.types.is_large_string(column.type) or pa.types.is_string(column.type):
        return np.array(column.to_pylist(), dtype=object)
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(), dtype=np.float64)


def _places(entries: Array, categories: Array) -> Array:
    """Return the place of each entry among sorted categories, NaN where it is missing or not among them."""
    places = {value: place for place, value in enumerate(categories.tolist())}
    return np.array([places.get(entry, np.nan) for entry in entries.tolist()], dtype=np.float64)


def drawn(mixture: MixtureBase, n: int, component: int | None, seed: int) -> tuple[Array, Array]:
    """Draw rows from a fitted mixture or from one of its groups.

    Parameters
    ----------
    mixture : MixtureBase
        Fitted.
    n : int
        How many rows.
    component : int, optional
        From this group alone; from the mixture unless given.
    seed : int
        Of the draws.

    Returns
    -------
    rows : array, shape (n, d)
        Numbers, or objects where columns hold text.
    components : array of int, shape (n,)
        The group of each row.
    """
    source: Any = copy.copy(mixture)
    source.random_state = seed
    if component is not None:
        # A mixture whose weight lies on one component alone is that component.
        source.weights_ = np.eye(len(source.weights_))[component]
    rows, components = source.sample(n)
    return rows, components


def drawn_codes(rows: Array, columns: list[ColumnFit]) -> Array:
    """Return drawn rows in float64, categories by their places, shape (n, d)."""
    codes = np.empty(rows.shape)
    for place, fit in enumerate(columns):
        if fit.categories is None:
            codes[:, place] = rows[:, place].astype(np.float64)
            continue
        codes[:, place] = _places(rows[:, place], fit.categories)
    return codes
