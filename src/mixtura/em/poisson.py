r"""Poisson components: independent columns of counts.

A block is turned once into features: x, whether it is there, and the sum of log x!. The log-densities of all
components are one matrix product of :math:`(\log \lambda, -\lambda, -1)` with them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln, xlogy

from mixtura.em.cells import LOG_ZERO, average_of_others
from mixtura.em.family import Array, Family
from mixtura.errors import InputError

_LOG_FACTORIALS = gammaln(np.arange(1024) + 1.0)
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
    """Sums over observations, weighted by responsibilities.

    Parameters
    ----------
    counts : ndarray of shape (K,)
        Of the weights.
    events : ndarray of shape (K, d)
        Of x.
    observed : ndarray of shape (K, d)
        Of the weights of the entries that are there.
    log_factorials : ndarray of shape (K,)
        Of log x!, over all columns.
    """

    counts: Array
    events: Array
    observed: Array
    log_factorials: Array


@dataclass(eq=False)
class PreparedRates:
    """What an E-step needs of the parameters, and room for the features of a block."""

    coefficients: Array
    features: Array


class PoissonFamily(Family[PoissonParameters, PoissonStatistics]):
    r"""Counts, :math:`\log p(x \mid \theta_k) = \sum_j x_j \log\lambda_{kj} - \lambda_{kj} - \log x_j!`.

    NaN is a missing entry.

    Parameters
    ----------
    n_components, n_features : int
        K and d.
    prior : Gamma, optional
        A prior on the rates, for maximum a posteriori.

    Examples
    --------
    >>> family = PoissonFamily(2, 1)
    >>> theta, out = PoissonParameters(np.array([[2.0], [0.0]])), np.empty((2, 2))
    >>> family.log_density(family.prepare(theta), np.array([[0.0, 3.0]]), out)
    >>> np.exp(out).round(4).tolist()
    [[0.1353, 0.1804], [1.0, 0.0]]
    """

    def __init__(self, n_components: int, n_features: int, *, prior: Gamma | None = None) -> None:
        super().__init__(n_components, n_features)
        self.prior = prior

    def prepare(self, theta: PoissonParameters) -> PreparedRates:
        """Return the coefficients of the features."""
        with np.errstate(divide="ignore"):
            logarithms = np.maximum(np.log(theta.rates), LOG_ZERO)
        last = np.full((self.n_components, 1), -1.0)
        return PreparedRates(np.hstack([logarithms, -theta.rates, last]), np.empty((0, 0)))

    def log_density(self, prepared: PreparedRates, block: Array, out: Array) -> None:
        """Write the sum of the log-probabilities of the counts; -inf where one of them cannot be."""
        with np.errstate(over="ignore"):
            np.matmul(prepared.coefficients, self._features(prepared, block), out=out)
        out[out < LOG_ZERO / 2] = -np.inf

    def _features(self, prepared: PreparedRates, block: Array) -> Array:
        d, columns = block.shape
        if prepared.features.shape[1] < columns:
            prepared.features = np.empty((2 * d + 1, columns))
        features = prepared.features[:, :columns]
        events, observed = features[:d], features[d:-1]
        np.equal(block, block, out=observed)  # NaN equals nothing
        np.copyto(events, block)
        if not observed.all():
            events[observed == 0] = 0.0
        wrong = (events < 0) | (events != np.floor(events)) | (events == np.inf)
        if wrong.any():
            column, at = np.argwhere(wrong)[0]
            raise InputError(
                f"column {column} (from 0) holds {block[column, at]:g}, and a Poisson mixture takes counts: "
                "whole numbers from 0 up (NaN for a missing entry); use a Gaussian mixture for measurements"
            )
        np.sum(_log_factorial(events), axis=0, out=features[-1])
        return features

    def zero(self, prepared: PreparedRates) -> list[Array]:
        """Return sums of responsibilities and of features."""
        return [np.zeros(self.n_components), np.zeros_like(prepared.coefficients)]

    def add(
        self, accumulator: list[Array], prepared: PreparedRates, block: Array, responsibilities: Array
    ) -> None:
        """Add R phi'."""
        # The features are still there: log_density of this block has just written them.
        accumulator[0] += responsibilities.sum(axis=1)
        accumulator[1] += responsibilities @ prepared.features[:, : block.shape[1]].T

    def collect(self, accumulator: list[Array], prepared: PreparedRates) -> PoissonStatistics:
        """Return the sums."""
        counts, sums = accumulator
        d = self.n_features
        return PoissonStatistics(counts, sums[:, :d].copy(), sums[:, d:-1].copy(), sums[:, -1].copy())

    def combine(
        self, first: PoissonStatistics, second: PoissonStatistics, factors: tuple[float, float]
    ) -> PoissonStatistics:
        """Return the weighted sum."""
        a, b = factors
        return PoissonStatistics(
            a * first.counts + b * second.counts,
            a * first.events + b * second.events,
            a * first.observed + b * second.observed,
            a * first.log_factorials + b * second.log_factorials,
        )

    def counts(self, statistics: PoissonStatistics) -> Array:
        """Return the sums of responsibilities times weights."""
        return statistics.counts

    def maximise(self, statistics: PoissonStatistics) -> PoissonParameters:
        """Return mean counts; the mean of all components where one has no entry of a column."""
        events, observed = statistics.events, statistics.observed
        if self.prior is not None:
            events, observed = events + (self.prior.shape - 1.0), observed + self.prior.rate
        everyone = observed.sum(axis=0)
        pooled = np.where(everyone > 0, events.sum(axis=0), 1.0) / np.where(everyone > 0, everyone, 1.0)
        seen = observed > 0
        rates = np.where(seen, events, pooled) / np.where(seen, observed, 1.0)
        # A column in which events were seen keeps a rate, however small: only then is F finite.
        return PoissonParameters(np.maximum(rates, np.where(events > 0, _SMALLEST, 0.0)))

    def expected_log_density(self, statistics: PoissonStatistics, theta: PoissonParameters) -> float:
        """Return the sum of S log lambda - N lambda - log x!, where 0 log 0 = 0."""
        linear = xlogy(statistics.events, theta.rates) - statistics.observed * theta.rates
        return float(linear.sum() - statistics.log_factorials.sum())

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


def _log_factorial(counts: Array) -> Array:
    """Return log x!, from a table where all x are small."""
    if counts.size and counts.max() < len(_LOG_FACTORIALS):
        return np.asarray(_LOG_FACTORIALS[counts.astype(np.intp)])
    return np.asarray(gammaln(counts + 1.0))
