"""What a mixture over columns is made of: for each family its columns, and the attributes that show it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from mixtura.em.family import Array, Family
from mixtura.estimators.rows import named
from mixtura.estimators.tables import numbers


class Part(ABC):
    """Columns of one family.

    Parameters
    ----------
    columns : list of int
        Their numbers in the table. Rows, origins and draws of a part hold these only.
    prior : object, optional
        On the parameters of the family.
    given : array-like, optional
        Parameters to start from, as they are shown.
    """

    name: ClassVar[str]
    prior_kind: ClassVar[type]

    def __init__(self, columns: list[int], prior: Any = None, given: Any = None) -> None:
        self.columns, self.prior, self.given = columns, prior, given

    @abstractmethod
    def read(self, mixture: Any, table: list[Any], first: int = 0) -> Array:
        """Return the entries of the columns as the family takes them, checked, of shape (n, d).

        ``first`` is the number of the table's first row, for errors.
        """

    @abstractmethod
    def shown_as(self, mixture: Any, rows: Array) -> list[NDArray[Any]]:
        """Return the columns of complete rows, as `read` gives them, as a person knows them."""

    @abstractmethod
    def family(self, mixture: Any, origin: Array) -> Family[Any, Any]:
        """Return the family with its prior, in coordinates about an origin."""

    @abstractmethod
    def exact(self, mixture: Any) -> bool:
        """Return whether the family's M-step is an exact ascent."""

    @abstractmethod
    def origin(self, mixture: Any, rows: Any, weights: Array | None) -> Array:
        """Return what is subtracted from the columns of the rows of a fit, of shape (d,)."""

    @abstractmethod
    def centre(self, mixture: Any) -> Array:
        """Return what is subtracted where rows are scored, which knows the fitted parameters only."""

    @abstractmethod
    def neutral(self, family: Any) -> Any:
        """Return parameters of the family, whatever they are."""

    @abstractmethod
    def start(self, family: Any) -> Any:
        """Return checked parameters to start from, or None where none are given."""

    @abstractmethod
    def embedded(self, rows: NDArray[Any], family: Any, alone: bool) -> Array:
        """Return rows as points without missing values; of comparable spread unless the part is alone."""

    @abstractmethod
    def components(self, mixture: Any, family: Any, origin: Array) -> Any:
        """Return the parameters that the attributes show."""

    @abstractmethod
    def show(self, mixture: Any, family: Any, components: Any, origin: Array) -> None:
        """Set the attributes that show the parameters."""

    @abstractmethod
    def draw(self, mixture: Any, component: int, count: int, random_state: np.random.RandomState) -> Array:
        """Return draws of one component, as `read` gives rows."""

    @abstractmethod
    def n_parameters(self, mixture: Any) -> int:
        """Return the number of free parameters."""

    def numbers(self, mixture: Any, table: list[Any]) -> Array:
        """Return the entries of the columns, which must be numbers."""
        return np.column_stack([numbers(table[j], named(mixture, j), self.name) for j in self.columns])


def without_gaps(rows: NDArray[Any]) -> Array:
    """Return rows in float64, with the mean of the column for what is missing.

    Examples
    --------
    >>> without_gaps(np.array([[1.0, np.nan], [np.nan, np.nan], [3.0, np.nan]])).tolist()
    [[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]]
    """
    points = np.array(rows, dtype=np.float64)
    missing = np.isnan(points)
    if missing.any():
        there = np.maximum((~missing).sum(axis=0), 1)
        means = np.where(missing, 0.0, points).sum(axis=0) / there
        points = np.where(missing, means, points)
    return points
