r"""Components that are tables of probabilities: what the Bernoulli and the categorical family share.

A block is turned once into indicators :math:`\phi_{jc}(x) = [x_j = c]`, one for each category of each column.
The log-densities of all components are one matrix product, :math:`\log P \phi`, and the sufficient statistics
another, :math:`R \phi^\top`. A missing entry is in no category, so that it adds nothing to either.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
from scipy.special import xlogy

from mixtura.em.family import Array, Family
from mixtura.errors import InputError

# Stands for log 0 in a matrix product, where -inf times 0 would be NaN; no sum of logarithms comes near it.
LOG_ZERO = -1e300
_SMALLEST = float(np.nextafter(0.0, 1.0))


@dataclass(frozen=True, eq=False)
class CellParameters:
    """Probabilities of the categories of all columns, side by side.

    Parameters
    ----------
    probabilities : ndarray of shape (K, F)
        F is the sum of the columns' numbers of categories; over each column's they sum to one.
    """

    probabilities: Array


@dataclass(frozen=True, eq=False)
class CellStatistics:
    """Sums over observations, weighted by responsibilities.

    Parameters
    ----------
    counts : ndarray of shape (K,)
        Of the weights.
    cells : ndarray of shape (K, F)
        Of the weights of the observations in each category.
    """

    counts: Array
    cells: Array


@dataclass(eq=False)
class PreparedCells:
    """What an E-step needs of the parameters, and room for the indicators of a block."""

    log_probabilities: Array
    features: Array


class CellFamily(Family[CellParameters, CellStatistics]):
    r"""Independent columns of categories, :math:`p(x \mid \theta_k) = \prod_j P_{k j x_j}`.

    Parameters
    ----------
    n_components : int
        K.
    n_categories : sequence of int
        The number of categories of each column; entries are codes from 0, or NaN where they are missing.
    pseudo_counts : ndarray of shape (F,)
        Added to the sums by ``maximise``, not negative: a conjugate prior's exponents.
    """

    def __init__(self, n_components: int, n_categories: tuple[int, ...], pseudo_counts: Array) -> None:
        super().__init__(n_components, len(n_categories))
        sizes = np.asarray(n_categories, dtype=np.intp)
        self.n_categories = tuple(int(size) for size in sizes)
        self.pseudo_counts = pseudo_counts
        self._starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        self._columns = np.repeat(np.arange(len(sizes)), sizes)
        self._codes = (np.arange(int(sizes.sum())) - self._starts[self._columns]).astype(np.float64)

    @abstractmethod
    def refusal(self, column: int, value: float) -> InputError:
        """Return the error for an entry that is in no category."""

    def prepare(self, theta: CellParameters) -> PreparedCells:
        """Return log-probabilities."""
        with np.errstate(divide="ignore"):
            logarithms = np.log(theta.probabilities)
        return PreparedCells(np.maximum(logarithms, LOG_ZERO), np.empty((0, 0)))

    def log_density(self, prepared: PreparedCells, block: Array, out: Array) -> None:
        """Write the sum of the log-probabilities of the entries; -inf where one of them cannot be."""
        np.matmul(prepared.log_probabilities, self._indicators(prepared, block), out=out)
        out[out < LOG_ZERO / 2] = -np.inf

    def _indicators(self, prepared: PreparedCells, block: Array) -> Array:
        columns = block.shape[1]
        if prepared.features.shape[1] < columns:
            prepared.features = np.empty((len(self._columns), columns))
        features = prepared.features[:, :columns]
        np.take(block, self._columns, axis=0, out=features, mode="clip")
        inside = features == self._codes[:, None]
        # Every entry that is there, and so equals itself, is in one category.
        if np.count_nonzero(inside) != np.count_nonzero(block == block):
            self._refuse(block)
        np.copyto(features, inside)
        return features

    def _refuse(self, block: Array) -> None:
        """Raise the error for the first entry in no category."""
        codes = np.where(np.isnan(block), 0.0, block)
        sizes = np.asarray(self.n_categories)[:, None]
        column, at = np.argwhere((codes < 0) | (codes >= sizes) | (codes != np.floor(codes)))[0]
        raise self.refusal(int(column), float(block[column, at]))

    def zero(self, prepared: PreparedCells) -> list[Array]:
        """Return sums of responsibilities and of indicators."""
        return [np.zeros(self.n_components), np.zeros_like(prepared.log_probabilities)]

    def add(
        self, accumulator: list[Array], prepared: PreparedCells, block: Array, responsibilities: Array
    ) -> None:
        """Add R phi'."""
        # The indicators are still there: log_density of this block has just written them.
        accumulator[0] += responsibilities.sum(axis=1)
        accumulator[1] += responsibilities @ prepared.features[:, : block.shape[1]].T

    def collect(self, accumulator: list[Array], prepared: PreparedCells) -> CellStatistics:
        """Return the sums."""
        return CellStatistics(*accumulator)

    def combine(
        self, first: CellStatistics, second: CellStatistics, factors: tuple[float, float]
    ) -> CellStatistics:
        """Return the weighted sum."""
        a, b = factors
        return CellStatistics(
            a * first.counts + b * second.counts,
            a * first.cells + b * second.cells,
        )

    def counts(self, statistics: CellStatistics) -> Array:
        """Return the sums of responsibilities times weights."""
        return statistics.counts

    def maximise(self, statistics: CellStatistics) -> CellParameters:
        """Return relative frequencies; equal ones where a component has no entry of a column."""
        cells = statistics.cells + self.pseudo_counts
        totals = np.add.reduceat(cells, self._starts, axis=1)
        seen = np.repeat(totals > 0, self.n_categories, axis=1)
        divisors = np.repeat(np.where(totals > 0, totals, self.n_categories), self.n_categories, axis=1)
        probabilities = np.where(seen, cells, 1.0) / divisors
        # A category that was seen keeps a probability, however small: only then is F finite.
        return CellParameters(np.maximum(probabilities, np.where(cells > 0, _SMALLEST, 0.0)))

    def expected_log_density(self, statistics: CellStatistics, theta: CellParameters) -> float:
        """Return the sum of N log P, where 0 log 0 = 0."""
        return float(xlogy(statistics.cells, theta.probabilities).sum())

    def reseed(self, theta: CellParameters, component: int, point: Array) -> CellParameters:
        """Return theta with one component half at a point, half the average of the others."""
        average = average_of_others(theta.probabilities, component)
        entries = point[self._columns]
        probabilities = theta.probabilities.copy()
        probabilities[component] = np.where(
            np.isnan(entries), average, 0.5 * average + 0.5 * (entries == self._codes)
        )
        return CellParameters(probabilities)

    def log_prior(self, theta: CellParameters) -> float:
        """Return the sum of the pseudo-counts times log P, up to a constant."""
        return float(xlogy(self.pseudo_counts, theta.probabilities).sum())


def average_of_others(values: Array, component: int) -> Array:
    """Return the mean over all components but one, or that one's values where it is alone."""
    others = np.delete(values, component, axis=0) if len(values) > 1 else values
    return np.asarray(others.mean(axis=0))
