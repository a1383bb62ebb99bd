"""Categorical components: independent columns, each with its own number of categories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from mixtura.em.cells import CellFamily, CellParameters
from mixtura.em.family import Array
from mixtura.errors import InputError


@dataclass(frozen=True)
class Dirichlet:
    r"""A prior on the probabilities of each column, :math:`p(P_{kj}) \propto \prod_c P_{kjc}^{a - 1}`.

    Parameters
    ----------
    concentration : float
        a, at least 1; 1 is none. Each category is worth a - 1 more observations.

    Raises
    ------
    InputError
        If a is less than 1: the posterior might have no mode.
    """

    concentration: float

    def __post_init__(self) -> None:
        """Check the concentration."""
        if not 1 <= self.concentration < np.inf:
            raise InputError(
                f"the concentration of a Dirichlet prior must be at least 1, not {self.concentration}"
            )


class CategoricalFamily(CellFamily):
    r"""Categories, :math:`p(x \mid \theta_k) = \prod_j P_{k j x_j}`; the entries are codes 0, 1, ..., or NaN.

    Parameters
    ----------
    n_components : int
        K.
    n_categories : sequence of int
        The number of categories of each column, at least 1.
    prior : Dirichlet, optional
        A prior on the probabilities, for maximum a posteriori.

    Examples
    --------
    >>> family = CategoricalFamily(2, [2, 3])
    >>> theta = family.parameters([[[0.5, 0.5], [0.9, 0.1]], [[0.0, 0.0, 1.0], [0.2, 0.3, 0.5]]])
    >>> out = np.empty((2, 1))
    >>> family.log_density(family.prepare(theta), np.array([[1.0], [2.0]]), out)
    >>> np.exp(out[:, 0]).round(3).tolist()
    [0.5, 0.05]
    """

    def __init__(
        self, n_components: int, n_categories: Sequence[int], *, prior: Dirichlet | None = None
    ) -> None:
        sizes = tuple(int(size) for size in n_categories)
        if min(sizes, default=0) < 1:
            raise InputError(f"every column needs at least one category; n_categories is {list(sizes)}")
        pseudo = 0.0 if prior is None else prior.concentration - 1.0
        super().__init__(n_components, sizes, np.full(sum(sizes), pseudo))

    def parameters(self, tables: Sequence[ArrayLike]) -> CellParameters:
        """Return parameters from a table of probabilities (K, C_j) for each column."""
        return CellParameters(np.hstack([np.asarray(table, dtype=np.float64) for table in tables]))

    def tables(self, theta: CellParameters) -> list[Array]:
        """Return a table of probabilities (K, C_j) for each column."""
        return np.split(theta.probabilities, np.cumsum(self.n_categories)[:-1], axis=1)

    def refusal(self, column: int, value: float) -> InputError:
        """Return the error for a code out of range."""
        return InputError(
            f"column {column} (from 0) holds {value:g}, and its codes are the whole numbers from 0 to "
            f"{self.n_categories[column] - 1}; recode it, or make it NaN, which stands for a missing entry"
        )
