"""The parts of a mixed mixture: for each family its columns, and the attributes that show its parameters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from mixtura.em.bernoulli import BernoulliFamily, Beta
from mixtura.em.categorical import CategoricalFamily, Dirichlet
from mixtura.em.cells import CellParameters
from mixtura.em.family import Array, Family
from mixtura.em.gaussian import COVARIANCE_TYPES, GaussianParameters
from mixtura.em.missing import MissingFamily, missing_family
from mixtura.em.poisson import Gamma, PoissonFamily, PoissonParameters
from mixtura.em.priors import NormalInverseWishart
from mixtura.errors import InputError
from mixtura.estimators.categorical_mixture import checked_tables, drawn_categories, indicators
from mixtura.estimators.categories import Categories
from mixtura.estimators.family_mixture import without_gaps
from mixtura.estimators.mixture_checks import checked_start
from mixtura.estimators.rows import named, refuse_no_bits, refuse_no_counts
from mixtura.estimators.tables import numbers

# The square of a larger number leaves float64.
_LARGEST = 1e150


class Part(ABC):
    """Columns of one family in a mixed mixture.

    Parameters
    ----------
    columns : list of int
        Their numbers in the table. Rows, origins and draws of a part hold these only.
    """

    name: ClassVar[str]
    prior: ClassVar[type]

    def __init__(self, columns: list[int]) -> None:
        self.columns = columns

    @abstractmethod
    def read(self, mixture: Any, table: list[Any]) -> Array:
        """Return the entries of the columns as the family takes them, checked, of shape (n, d)."""

    @abstractmethod
    def family(self, mixture: Any, origin: Array) -> Family[Any, Any]:
        """Return the family with its prior, in coordinates about an origin."""

    @abstractmethod
    def neutral(self, family: Any) -> Any:
        """Return parameters of the family, whatever they are."""

    @abstractmethod
    def embedded(self, mixture: Any, rows: Array) -> Array:
        """Return rows as points without missing values, of comparable spread."""

    @abstractmethod
    def components(self, mixture: Any, family: Any, origin: Array) -> Any:
        """Return the parameters that the attributes show."""

    @abstractmethod
    def show(self, mixture: Any, family: Any, components: Any, origin: Array) -> None:
        """Set the attributes that show the parameters."""

    @abstractmethod
    def draw(
        self, mixture: Any, component: int, count: int, random_state: np.random.RandomState
    ) -> list[NDArray[Any]]:
        """Return draws of each column."""

    @abstractmethod
    def n_parameters(self, mixture: Any) -> int:
        """Return the number of free parameters."""

    def _numbers(self, mixture: Any, table: list[Any]) -> Array:
        return np.column_stack([numbers(table[j], named(mixture, j), self.name) for j in self.columns])

    def _own_prior(self, mixture: Any) -> Any:
        return (mixture.priors or {}).get(self.name)


class GaussianPart(Part):
    """Measurements."""

    name, prior = "gaussian", NormalInverseWishart

    def read(self, mixture: Any, table: list[Any]) -> Array:
        """Refuse what has no square."""
        rows = self._numbers(mixture, table)
        with np.errstate(invalid="ignore"):
            large = np.argwhere(np.abs(rows) > _LARGEST)
        if len(large):
            row, at = large[0]
            raise InputError(
                f"{named(mixture, self.columns[at])}, row {row} (from 0) holds {rows[row, at]:.3g}, "
                "whose square is no number; scale the column"
            )
        return rows

    def family(self, mixture: Any, origin: Array) -> MissingFamily[Any]:
        """Return Gaussians that integrate missing entries out."""
        kind, prior = COVARIANCE_TYPES[mixture.covariance_type], self._own_prior(mixture)
        if prior is not None:
            d = len(self.columns)
            shape = (d, d) if mixture.covariance_type in ("full", "tied") else (d,)
            prior = replace(
                prior,
                mean=checked_start(prior.mean, (d,), "prior.mean") - origin,
                scale=checked_start(prior.scale, shape, "prior.scale"),
            )
        gaussians = kind(
            mixture.n_components, len(self.columns), reg_covar=float(mixture.reg_covar), prior=prior
        )
        return missing_family(gaussians)

    def neutral(self, family: MissingFamily[Any]) -> GaussianParameters:
        """Return standard normals."""
        k, d = family.n_components, family.n_features
        unit = family.gaussians.layout.add_to_diagonal(family.gaussians.layout.zeros(k, d), 1.0)
        return GaussianParameters(np.zeros((k, d)), family.gaussians.share(unit, np.ones(k)))

    def embedded(self, mixture: Any, rows: Array) -> Array:
        """Return standardised columns."""
        points = without_gaps(rows)
        return (points - points.mean(axis=0)) / np.maximum(points.std(axis=0), np.finfo(float).tiny)

    def components(self, mixture: Any, family: MissingFamily[Any], origin: Array) -> GaussianParameters:
        """Return means about the origin."""
        return GaussianParameters(mixture.means_ - origin, mixture.covariances_)

    def show(
        self, mixture: Any, family: MissingFamily[Any], components: GaussianParameters, origin: Array
    ) -> None:
        """Set means_ and covariances_."""
        mixture.means_ = components.means + origin
        mixture.covariances_ = components.covariances

    def draw(
        self, mixture: Any, component: int, count: int, random_state: np.random.RandomState
    ) -> list[NDArray[Any]]:
        """Draw from a normal."""
        kind = COVARIANCE_TYPES[mixture.covariance_type](*mixture.means_.shape)
        covariance = kind.expand(mixture.covariances_)[component]
        mean = mixture.means_[component]
        if covariance.ndim == 2:
            return list(random_state.multivariate_normal(mean, covariance, count).T)
        return list((mean + random_state.standard_normal((count, len(mean))) * np.sqrt(covariance)).T)

    def n_parameters(self, mixture: Any) -> int:
        """Count means and covariances."""
        k, d = mixture.means_.shape
        covariances = {"full": k * d * (d + 1) // 2, "tied": d * (d + 1) // 2, "diag": k * d, "spherical": k}
        return int(k * d + covariances[mixture.covariance_type])


class BernoulliPart(Part):
    """Zeros and ones."""

    name, prior = "bernoulli", Beta

    def read(self, mixture: Any, table: list[Any]) -> Array:
        """Refuse what is neither."""
        rows = self._numbers(mixture, table)
        refuse_no_bits(rows, mixture, "give the column another family", self.columns)
        return rows

    def family(self, mixture: Any, origin: Array) -> BernoulliFamily:
        """Return it."""
        return BernoulliFamily(mixture.n_components, len(self.columns), prior=self._own_prior(mixture))

    def neutral(self, family: BernoulliFamily) -> CellParameters:
        """Return equal probabilities."""
        return family.parameters(np.full((family.n_components, family.n_features), 0.5))

    def embedded(self, mixture: Any, rows: Array) -> Array:
        """Return the columns."""
        return without_gaps(rows)

    def components(self, mixture: Any, family: BernoulliFamily, origin: Array) -> CellParameters:
        """Return both probabilities."""
        return family.parameters(mixture.probabilities_)

    def show(self, mixture: Any, family: BernoulliFamily, components: CellParameters, origin: Array) -> None:
        """Set probabilities_."""
        mixture.probabilities_ = family.probabilities(components)

    def draw(
        self, mixture: Any, component: int, count: int, random_state: np.random.RandomState
    ) -> list[NDArray[Any]]:
        """Draw zeros and ones."""
        chances = mixture.probabilities_[component]
        return list((random_state.uniform(size=(count, len(chances))) < chances).astype(np.float64).T)

    def n_parameters(self, mixture: Any) -> int:
        """Count probabilities."""
        return int(mixture.probabilities_.size)


class CategoricalPart(Part):
    """Categories."""

    name, prior = "categorical", Dirichlet

    def read(self, mixture: Any, table: list[Any]) -> Array:
        """Return codes."""
        return np.column_stack(
            [
                Categories(values, named(mixture, j)).codes(table[j], mixture.handle_unknown)
                for values, j in zip(mixture.categories_, self.columns, strict=True)
            ]
        )

    def family(self, mixture: Any, origin: Array) -> CategoricalFamily:
        """Return it with the numbers of categories that were learned."""
        sizes = [max(len(values), 1) for values in mixture.categories_]
        return CategoricalFamily(mixture.n_components, sizes, prior=self._own_prior(mixture))

    def neutral(self, family: CategoricalFamily) -> CellParameters:
        """Return equal probabilities."""
        return family.parameters([np.full((family.n_components, n), 1 / n) for n in family.n_categories])

    def embedded(self, mixture: Any, rows: Array) -> Array:
        """Return indicators."""
        return indicators(rows, [max(len(values), 1) for values in mixture.categories_])

    def components(self, mixture: Any, family: CategoricalFamily, origin: Array) -> CellParameters:
        """Return tables side by side."""
        return checked_tables(family, mixture.category_probabilities_, "category_probabilities_")

    def show(
        self, mixture: Any, family: CategoricalFamily, components: CellParameters, origin: Array
    ) -> None:
        """Set category_probabilities_."""
        mixture.category_probabilities_ = family.tables(components)

    def draw(
        self, mixture: Any, component: int, count: int, random_state: np.random.RandomState
    ) -> list[NDArray[Any]]:
        """Draw categories."""
        return [
            drawn_categories(values, table[component], count, random_state)
            for values, table in zip(mixture.categories_, mixture.category_probabilities_, strict=True)
        ]

    def n_parameters(self, mixture: Any) -> int:
        """Count probabilities that are free."""
        return sum(len(table) * (table.shape[1] - 1) for table in mixture.category_probabilities_)


class PoissonPart(Part):
    """Counts."""

    name, prior = "poisson", Gamma

    def read(self, mixture: Any, table: list[Any]) -> Array:
        """Refuse what is no count."""
        rows = self._numbers(mixture, table)
        refuse_no_counts(rows, mixture, self.columns)
        return rows

    def family(self, mixture: Any, origin: Array) -> PoissonFamily:
        """Return it."""
        return PoissonFamily(mixture.n_components, len(self.columns), prior=self._own_prior(mixture))

    def neutral(self, family: PoissonFamily) -> PoissonParameters:
        """Return rates of one."""
        return PoissonParameters(np.ones((family.n_components, family.n_features)))

    def embedded(self, mixture: Any, rows: Array) -> Array:
        """Return square roots, standardised."""
        points = without_gaps(np.sqrt(rows))
        return (points - points.mean(axis=0)) / np.maximum(points.std(axis=0), np.finfo(float).tiny)

    def components(self, mixture: Any, family: PoissonFamily, origin: Array) -> PoissonParameters:
        """Return rates."""
        return PoissonParameters(mixture.rates_)

    def show(self, mixture: Any, family: PoissonFamily, components: PoissonParameters, origin: Array) -> None:
        """Set rates_."""
        mixture.rates_ = components.rates

    def draw(
        self, mixture: Any, component: int, count: int, random_state: np.random.RandomState
    ) -> list[NDArray[Any]]:
        """Draw counts."""
        rates = mixture.rates_[component]
        return list(random_state.poisson(rates, size=(count, len(rates))).astype(np.float64).T)

    def n_parameters(self, mixture: Any) -> int:
        """Count rates."""
        return int(mixture.rates_.size)


PARTS: dict[str, type[Part]] = {
    part.name: part for part in (GaussianPart, BernoulliPart, CategoricalPart, PoissonPart)
}
