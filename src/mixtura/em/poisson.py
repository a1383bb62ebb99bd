r"""Poisson components: independent columns of counts.

A block is turned once into features: x, whether it is there, and the sum of log x!. The log-densities of all
components are one matrix product of :math:`(\log \lambda, -\lambda, -1)` with them. Its price is digits:
columns of large rates are gone through one by one, as differences from the rates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

from mixtura.em.cells import LOG_ZERO, average_of_others
from mixtura.em.deviance import deviance, log_factorial, log_ratio, saturated
from mixtura.em.family import Array, Family
from mixtura.errors import InputError

# Rates above this are worked with in differences: below, written out, an entry is good to 1e-10 nats.
_LARGE = 1e5
_SMALLEST = float(np.nextafter(0.0, 1.0))


@dataclass(frozen=True)
class Gamma:
    r"""A prior on every rate, :math:`p(\lambda) \propto \lambda^{a - 1} e^{-b \lambda}`.

    Parameters
    ----------
    shape : float
        a, at least 1: worth a - 1 events.
    rate : float
        b, not negative: worth b observations.

    Raises
    ------
    InputError
        If one is out of range: the posterior might have no mode.
    """

    shape: float
    rate: float

    def __post_init__(self) -> None:
        """Check both."""
        if not (1 <= self.shape < np.inf and 0 <= self.rate < np.inf):
            raise InputError(
                "a Gamma prior needs a shape of at least 1 and a rate of at least 0, not "
                f"shape = {self.shape}, rate = {self.rate}"
            )


@dataclass(frozen=True, eq=False)
class PoissonParameters:
    """Rates of Poisson components.

    Parameters
    ----------
    rates : ndarray of shape (K, d)
        Expected counts.
    """

    rates: Array


@dataclass(frozen=True, eq=False)
class PoissonStatistics:
    """Sums over observations, weighted by responsibilities, about a reference rate.

    Parameters
    ----------
    reference : ndarray of shape (K, d)
        What is subtracted from x: the rate in columns of large counts, 0 elsewhere.
    counts : ndarray of shape (K,)
        Of the weights.
    events : ndarray of shape (K, d)
        Of x - reference.
    observed : ndarray of shape (K, d)
        Of the weights of the entries that are there.
    base : ndarray of shape (K,)
        Of log p(x | reference), or of -log x! where the reference is 0.
    """

    reference: Array
    counts: Array
    events: Array
    observed: Array
    base: Array


@dataclass(eq=False)
class PreparedRates:
    """What an E-step needs of the parameters, and room for the features of a block.

    The columns of small rates go through the matrix product, the large ones one by one.
    """

    rates: Array
    small: NDArray[np.intp]
    large: NDArray[np.intp]
    coefficients: Array
    features: Array
    shown: Array
    values: Array
    log_densities: Array


class PoissonFamily(Family[PoissonParameters, PoissonStatistics]):
    r"""Counts, :math:`\log p(x \mid \theta_k) = \sum_j x_j \log\lambda_{kj} - \lambda_{kj} - \log x_j!`.

    NaN is a missing entry.

    Parameters
    ----------
    n_components, n_features : int
        K and d.
    prior : Gamma, optional
        A prior on the rates, for maximum a posteriori.
    fractions : bool
        Whether x may lie between whole numbers. Then :math:`x! = \Gamma(x + 1)`, and what is maximised is a
        quasi-likelihood: no density of fractions, but every step is exact, and the mean is still lambda.

    Examples
    --------
    >>> family = PoissonFamily(2, 1)
    >>> theta, out = PoissonParameters(np.array([[2.0], [0.0]])), np.empty((2, 2))
    >>> family.log_density(family.prepare(theta), np.array([[0.0, 3.0]]), out)
    >>> np.exp(out).round(4).tolist()
    [[0.1353, 0.1804], [1.0, 0.0]]
    """

    def __init__(
        self, n_components: int, n_features: int, *, prior: Gamma | None = None, fractions: bool = False
    ) -> None:
        super().__init__(n_components, n_features)
        self.prior, self.fractions = prior, fractions

    def prepare(self, theta: PoissonParameters) -> PreparedRates:
        """Return the coefficients of the features of columns of small rates."""
        is_large = theta.rates.max(axis=0) > _LARGE
        small, large = np.flatnonzero(~is_large), np.flatnonzero(is_large)
        rates = theta.rates[:, small]
        with np.errstate(divide="ignore"):
            logarithms = np.maximum(np.log(rates), LOG_ZERO)
        coefficients = np.hstack([logarithms, -rates, np.full((len(rates), 1), -1.0)])
        nothing = np.empty((0, 0))
        return PreparedRates(theta.rates, small, large, coefficients, nothing, nothing, nothing, nothing)

    def log_density(self, prepared: PreparedRates, block: Array, out: Array) -> None:
        """Write the sum of the log-probabilities of the counts; -inf where one of them cannot be."""
        self._read(prepared, block)
        with np.errstate(over="ignore"):
            np.matmul(prepared.coefficients, self._features(prepared), out=out)
        out[out < LOG_ZERO / 2] = -np.inf
        if len(prepared.large):
            prepared.log_densities = np.zeros_like(out)
            for j in prepared.large:
                x = prepared.values[j]
                each = saturated(x) - deviance(x, prepared.rates[:, j, None])
                prepared.log_densities += np.where(prepared.shown[j], each, 0.0)
            out += prepared.log_densities

    def _read(self, prepared: PreparedRates, block: Array) -> None:
        """Keep the counts, 0 where they are missing, and whether they are there."""
        prepared.shown = ~np.isnan(block)
        prepared.values = np.where(prepared.shown, block, 0.0)
        values = prepared.values
        wrong = (values < 0) | (values == np.inf)
        if not self.fractions:
            wrong |= values != np.floor(values)
        if wrong.any():
            column, at = np.argwhere(wrong)[0]
            counts = "finite numbers" if self.fractions else "whole numbers"
            raise InputError(
                f"column {column} (from 0) holds {block[column, at]:g}, and a Poisson mixture takes counts: "
                f"{counts} from 0 up (NaN for a missing entry); use a Gaussian mixture for measurements"
            )

    def _features(self, prepared: PreparedRates) -> Array:
        d, columns = len(prepared.small), prepared.values.shape[1]
        if prepared.features.shape[1] < columns:
            prepared.features = np.empty((2 * d + 1, columns))
        features = prepared.features[:, :columns]
        features[:d] = prepared.values[prepared.small]
        features[d:-1] = prepared.shown[prepared.small]
        np.sum(log_factorial(features[:d]), axis=0, out=features[-1])
        return features

    def zero(self, prepared: PreparedRates) -> list[Array]:
        """Return sums of responsibilities, of features, and of large events, entries and log-densities."""
        k, large = self.n_components, len(prepared.large)
        return [
            np.zeros(k),
            np.zeros_like(prepared.coefficients),
            np.zeros((k, large)),
            np.zeros((k, large)),
            np.zeros(k),
        ]

    def add(
        self, accumulator: list[Array], prepared: PreparedRates, block: Array, responsibilities: Array
    ) -> None:
        """Add R phi', and the differences of large counts from their rates."""
        # The features are still there: log_density of this block has just written them.
        counts, sums, events, observed, base = accumulator
        counts += responsibilities.sum(axis=1)
        sums += responsibilities @ prepared.features[:, : block.shape[1]].T
        for at, j in enumerate(prepared.large):
            shown = responsibilities * prepared.shown[j]
            events[:, at] += (shown * (prepared.values[j] - prepared.rates[:, j, None])).sum(axis=1)
            observed[:, at] += shown.sum(axis=1)
        if len(prepared.large):
            # Where the density is 0 so is the responsibility, unless all are.
            possible = np.isfinite(prepared.log_densities)
            base += (responsibilities * np.where(possible, prepared.log_densities, 0.0)).sum(axis=1)

    def collect(self, accumulator: list[Array], prepared: PreparedRates) -> PoissonStatistics:
        """Return the sums, the columns in their order."""
        counts, sums, large_events, large_observed, base = accumulator
        d = len(prepared.small)
        reference, events, observed = (np.zeros_like(prepared.rates) for _ in range(3))
        reference[:, prepared.large] = prepared.rates[:, prepared.large]
        events[:, prepared.small], events[:, prepared.large] = sums[:, :d], large_events
        observed[:, prepared.small], observed[:, prepared.large] = sums[:, d:-1], large_observed
        return PoissonStatistics(reference, counts, events, observed, base - sums[:, -1])

    def combine(
        self, first: PoissonStatistics, second: PoissonStatistics, factors: tuple[float, float]
    ) -> PoissonStatistics:
        """Return the weighted sum about the first's reference."""
        moved = _about(second, first.reference)
        a, b = factors
        return PoissonStatistics(
            first.reference,
            a * first.counts + b * moved.counts,
            a * first.events + b * moved.events,
            a * first.observed + b * moved.observed,
            a * first.base + b * moved.base,
        )

    def counts(self, statistics: PoissonStatistics) -> Array:
        """Return the sums of responsibilities times weights."""
        return statistics.counts

    def maximise(self, statistics: PoissonStatistics) -> PoissonParameters:
        """Return mean counts; the mean of all components where one has no entry of a column."""
        reference, events, observed = statistics.reference, statistics.events, statistics.observed
        if self.prior is not None:
            events = events + (self.prior.shape - 1.0) - self.prior.rate * reference
            observed = observed + self.prior.rate
        everyone = observed.sum(axis=0)
        pooled = (events + observed * reference).sum(axis=0) / np.where(everyone > 0, everyone, 1.0)
        seen = observed > 0
        rates = reference + events / np.where(seen, observed, 1.0)
        rates = np.where(seen, rates, np.where(everyone > 0, pooled, 1.0))
        # A column in which events were seen keeps a rate, however small: only then is F finite.
        least = np.where((reference > 0) | (events > 0), _SMALLEST, 0.0)
        return PoissonParameters(np.maximum(rates, least))

    def expected_log_density(self, statistics: PoissonStatistics, theta: PoissonParameters) -> float:
        """Return the sum of S log lambda - N lambda - log x!, where 0 log 0 = 0."""
        return float(_gain(statistics, theta.rates).sum() + statistics.base.sum())

    def reseed(self, theta: PoissonParameters, component: int, point: Array) -> PoissonParameters:
        """Return theta with one component half-way from the average of the others to a point."""
        average = average_of_others(theta.rates, component)
        rates = theta.rates.copy()
        rates[component] = np.where(np.isnan(point), average, 0.5 * (average + point))
        return PoissonParameters(rates)

    def log_prior(self, theta: PoissonParameters) -> float:
        """Return the log-density of the prior, up to a constant."""
        if self.prior is None:
            return 0.0
        return float((xlogy(self.prior.shape - 1.0, theta.rates) - self.prior.rate * theta.rates).sum())


def _gain(statistics: PoissonStatistics, rates: Array) -> Array:
    """Return what the expected log-density of each column (K, d) has over its share of the base."""
    events, observed, reference = statistics.events, statistics.observed, statistics.reference
    about_zero = xlogy(events, rates) - observed * rates
    some, positive = np.where(reference > 0, reference, 1.0), np.maximum(rates, _SMALLEST)
    apart = events * log_ratio(positive, some) - observed * deviance(some, positive)
    return np.where(reference > 0, apart, about_zero)


def _about(statistics: PoissonStatistics, reference: Array) -> PoissonStatistics:
    """Return the same sums about another reference."""
    old = statistics.reference
    if np.array_equal(old, reference):
        return statistics
    events, observed = statistics.events, statistics.observed
    total = events + observed * old
    to_rate = _gain(statistics, reference)
    to_zero = -(xlogy(total, np.where(old > 0, old, 1.0)) - observed * old)
    base = statistics.base + np.where(reference > 0, to_rate, np.where(old > 0, to_zero, 0.0)).sum(axis=1)
    moved = np.where(old == reference, events, events + observed * (old - reference))
    return PoissonStatistics(reference, statistics.counts, moved, observed, base)
