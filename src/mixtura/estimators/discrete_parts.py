"""The truth values, categories and counts of a table."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.em.bernoulli import BernoulliFamily, Beta
from mixtura.em.categorical import CategoricalFamily, Dirichlet
from mixtura.em.cells import CellParameters
from mixtura.em.completion import poisson_draws
from mixtura.em.family import Array
from mixtura.em.poisson import Gamma, PoissonFamily, PoissonParameters
from mixtura.errors import InputError
from mixtura.estimators.categories import Categories
from mixtura.estimators.mixture_checks import checked_start
from mixtura.estimators.part import Part, without_gaps
from mixtura.estimators.rows import named, refuse_no_bits, refuse_no_counts


class DiscretePart(Part):
    """Columns of a family whose M-step is exact and whose sums need no origin."""

    def exact(self, mixture: Any) -> bool:
        """Return True."""
        return True

    def origin(self, mixture: Any, rows: Any, weights: Array | None) -> Array:
        """Return zeros."""
        return np.zeros(len(self.columns))

    def centre(self, mixture: Any) -> Array:
        """Return zeros."""
        return np.zeros(len(self.columns))

    def start(self, family: Any) -> Any:
        """Return what is given, checked."""
        return None if self.given is None else self.checked(family, self.given, "")

    @abstractmethod
    def checked(self, family: Any, shown: Any, suffix: str) -> Any:
        """Return parameters from what shows them; ``suffix`` ends its name in errors."""


class BernoulliPart(DiscretePart):
    """Zeros and ones, shown by ``probabilities_``.

    Parameters
    ----------
    columns, prior, given
        As for `Part`.
    threshold : float, optional
        Values above this are read as 1, the others as 0.
    """

    name, prior_kind = "bernoulli", Beta

    def __init__(
        self, columns: list[int], prior: Any = None, given: Any = None, threshold: float | None = None
    ) -> None:
        super().__init__(columns, prior, given)
        self.threshold = threshold

    def read(self, mixture: Any, table: list[Any], first: int = 0) -> Array:
        """Refuse what is neither."""
        rows = self.numbers(mixture, table)
        if self.threshold is not None:
            return np.where(np.isnan(rows), np.nan, rows > self.threshold)
        refuse_no_bits(rows, mixture, "give the column another family", self.columns, first)
        return rows

    def shown_as(self, mixture: Any, rows: Array) -> list[NDArray[Any]]:
        """Return the columns."""
        return list(rows.T)

    def family(self, mixture: Any, origin: Array) -> BernoulliFamily:
        """Return it."""
        return BernoulliFamily(mixture.n_components, len(self.columns), prior=self.prior)

    def neutral(self, family: BernoulliFamily) -> CellParameters:
        """Return equal probabilities."""
        return family.parameters(np.full((family.n_components, family.n_features), 0.5))

    def checked(self, family: BernoulliFamily, shown: Any, suffix: str) -> CellParameters:
        """Refuse what is no probability."""
        shape = (family.n_components, family.n_features)
        probabilities = checked_start(shown, shape, f"probabilities{suffix}")
        if not ((probabilities >= 0) & (probabilities <= 1)).all():
            raise InputError(
                "The parameter 'probabilities' should be in the range [0, 1], but got min value "
                f"{probabilities.min():.5f}, max value {probabilities.max():.5f}"
            )
        return family.parameters(probabilities)

    def embedded(self, rows: NDArray[Any], family: BernoulliFamily, alone: bool) -> Array:
        """Return the columns."""
        return without_gaps(rows)

    def components(self, mixture: Any, family: BernoulliFamily, origin: Array) -> CellParameters:
        """Return both probabilities."""
        return self.checked(family, mixture.probabilities_, "_")

    def show(self, mixture: Any, family: BernoulliFamily, components: CellParameters, origin: Array) -> None:
        """Set ``probabilities_``."""
        mixture.probabilities_ = family.probabilities(components)

    def draw(self, mixture: Any, component: int, count: int, random_state: np.random.RandomState) -> Array:
        """Draw zeros and ones."""
        chances = mixture.probabilities_[component]
        return (random_state.uniform(size=(count, len(chances))) < chances).astype(np.float64)

    def n_parameters(self, mixture: Any) -> int:
        """Count probabilities."""
        return int(mixture.probabilities_.size)


class CategoricalPart(DiscretePart):
    """Categories, of which the mixture has ``categories_`` and ``handle_unknown``.

    Parameters
    ----------
    columns, prior, given
        As for `Part`.
    shown : str
        The attribute that shows the probabilities.
    """

    name, prior_kind = "categorical", Dirichlet

    def __init__(
        self,
        columns: list[int],
        prior: Any = None,
        given: Any = None,
        shown: str = "category_probabilities_",
    ) -> None:
        super().__init__(columns, prior, given)
        self.shown = shown

    def read(self, mixture: Any, table: list[Any], first: int = 0) -> Array:
        """Return codes."""
        return np.column_stack(
            [
                Categories(values, named(mixture, j)).codes(table[j], mixture.handle_unknown, first)
                for values, j in zip(mixture.categories_, self.columns, strict=True)
            ]
        )

    def shown_as(self, mixture: Any, rows: Array) -> list[NDArray[Any]]:
        """Return the categories of codes; None where a column has none."""
        return [
            values[codes.astype(np.intp)] if len(values) else np.full(len(codes), None, dtype=object)
            for values, codes in zip(mixture.categories_, rows.T, strict=True)
        ]

    def family(self, mixture: Any, origin: Array) -> CategoricalFamily:
        """Return it with the numbers of categories that were learned."""
        # A column without any entry has one category that nobody is in.
        sizes = [max(len(values), 1) for values in mixture.categories_]
        return CategoricalFamily(mixture.n_components, sizes, prior=self.prior)

    def neutral(self, family: CategoricalFamily) -> CellParameters:
        """Return equal probabilities."""
        return family.parameters([np.full((family.n_components, n), 1 / n) for n in family.n_categories])

    def checked(self, family: CategoricalFamily, shown: Any, suffix: str) -> CellParameters:
        """Refuse what are no tables of probabilities."""
        return checked_tables(family, shown, f"{self.shown.removesuffix('_')}{suffix}")

    def embedded(self, rows: NDArray[Any], family: CategoricalFamily, alone: bool) -> Array:
        """Return indicators."""
        return indicators(rows, family.n_categories)

    def components(self, mixture: Any, family: CategoricalFamily, origin: Array) -> CellParameters:
        """Return tables side by side."""
        return self.checked(family, getattr(mixture, self.shown), "_")

    def show(
        self, mixture: Any, family: CategoricalFamily, components: CellParameters, origin: Array
    ) -> None:
        """Set the attribute."""
        setattr(mixture, self.shown, family.tables(components))

    def draw(self, mixture: Any, component: int, count: int, random_state: np.random.RandomState) -> Array:
        """Draw codes."""
        tables = getattr(mixture, self.shown)
        return np.column_stack([drawn_codes(table[component], count, random_state) for table in tables])

    def n_parameters(self, mixture: Any) -> int:
        """Count probabilities that are free."""
        return sum(len(table) * (table.shape[1] - 1) for table in getattr(mixture, self.shown))


class PoissonPart(DiscretePart):
    """Counts, shown by ``rates_``.

    Parameters
    ----------
    columns, prior, given
        As for `Part`.
    fractions : bool
        Whether they may lie between whole numbers.
    """

    name, prior_kind = "poisson", Gamma

    def __init__(
        self, columns: list[int], prior: Any = None, given: Any = None, fractions: bool = False
    ) -> None:
        super().__init__(columns, prior, given)
        self.fractions = fractions

    def read(self, mixture: Any, table: list[Any], first: int = 0) -> Array:
        """Refuse what is no count."""
        rows = self.numbers(mixture, table)
        refuse_no_counts(rows, mixture, self.columns, first, fractions=self.fractions)
        return rows

    def shown_as(self, mixture: Any, rows: Array) -> list[NDArray[Any]]:
        """Return the columns."""
        return list(rows.T)

    def family(self, mixture: Any, origin: Array) -> PoissonFamily:
        """Return it."""
        return PoissonFamily(
            mixture.n_components, len(self.columns), prior=self.prior, fractions=self.fractions
        )

    def neutral(self, family: PoissonFamily) -> PoissonParameters:
        """Return rates of one."""
        return PoissonParameters(np.ones((family.n_components, family.n_features)))

    def checked(self, family: PoissonFamily, shown: Any, suffix: str) -> PoissonParameters:
        """Refuse what are no rates."""
        rates = checked_start(shown, (family.n_components, family.n_features), f"rates{suffix}")
        if rates.min() < 0:
            raise InputError(f"The parameter 'rates' should not be negative, but got {rates.min():.5g}")
        return PoissonParameters(rates)

    def embedded(self, rows: NDArray[Any], family: PoissonFamily, alone: bool) -> Array:
        """Return square roots, whose spread is that of counts of any size."""
        from mixtura.clustering import standardised

        points = without_gaps(np.sqrt(np.asarray(rows, dtype=np.float64)))
        return points if alone else standardised(points)

    def components(self, mixture: Any, family: PoissonFamily, origin: Array) -> PoissonParameters:
        """Return rates."""
        return self.checked(family, mixture.rates_, "_")

    def show(self, mixture: Any, family: PoissonFamily, components: PoissonParameters, origin: Array) -> None:
        """Set ``rates_``."""
        mixture.rates_ = components.rates

    def draw(self, mixture: Any, component: int, count: int, random_state: np.random.RandomState) -> Array:
        """Draw counts."""
        rates = mixture.rates_[component]
        return poisson_draws(np.broadcast_to(rates, (count, len(rates))), random_state)

    def n_parameters(self, mixture: Any) -> int:
        """Count rates."""
        return int(mixture.rates_.size)


def checked_tables(family: CategoricalFamily, tables: Any, name: str) -> CellParameters:
    """Return parameters from a table of probabilities for each column.

    Raises
    ------
    InputError
        If one is of another shape, or its rows are no probabilities.
    """
    if len(tables) != family.n_features:
        raise InputError(
            f"The parameter '{name}' should have {family.n_features} tables, one for each column, but got "
            f"{len(tables)}"
        )
    checked = []
    for j, (table, size) in enumerate(zip(tables, family.n_categories, strict=True)):
        array = checked_start(table, (family.n_components, size), f"{name}[{j}]")
        if array.min() < 0 or np.abs(array.sum(axis=1) - 1).max() > 1e-6:
            raise InputError(f"The parameter '{name}[{j}]' should have rows of probabilities that sum to one")
        checked.append(array)
    return family.parameters(checked)


def indicators(codes: Array, sizes: Sequence[int]) -> Array:
    """Return a column for each category, 1 where a row is in it.

    Examples
    --------
    >>> indicators(np.array([[0.0], [1.0], [np.nan]]), [2]).tolist()
    [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]
    """
    return np.hstack([codes[:, [j]] == np.arange(size) for j, size in enumerate(sizes)]).astype(np.float64)


def drawn_codes(probabilities: Array, count: int, random_state: np.random.RandomState) -> NDArray[np.intp]:
    """Return draws of codes of categories.

    Examples
    --------
    >>> drawn_codes(np.array([0.0, 1.0]), 3, np.random.RandomState(0)).tolist()
    [1, 1, 1]
    """
    chosen: NDArray[np.intp] = random_state.choice(
        len(probabilities), size=count, p=probabilities / probabilities.sum()
    )
    return chosen
