r"""Gaussian families on data with NaN, exact where values are missing at random.

To wire it into an estimator::

    family = missing_family(COVARIANCE_TYPES["full"](K, d, prior=prior))  # wraps any Gaussian family
    source = PatternSource(X, weights, origin, names=columns)  # InputError for a column without values
    rows = fill(X, weights, origin)  # complete rows, for a start by k-means
    result = run_em(family, source, start, ...)  # and source.findings()
    impute(family, result.theta, X, origin=origin)  # conditional means or draws

``PatternSource`` is in ``patterns.py``, ``fill`` and ``impute`` in ``imputation.py``. The parameters and the
statistics are those of the wrapped family, so everything that reads them is as before. ``log_density`` of a
block with NaN is the marginal log p(x_obs), in the order of the block, whatever source it is from:
``PatternSource`` is a matter of speed alone. An origin should be of observed values (``observed_means``).
Blocks without NaN go to the wrapped family, bit for bit.

The hidden variables are the component z and the missing entries. q(z, x_mis) is their posterior, and enters
the statistics as expected sums: the conditional mean stands for what is missing, and the conditional
covariance is added to the products. F after the M-step is therefore

.. math::

    F = E_q[\log p_\theta(x_{obs}, x_{mis}, z)] + H(q(z)) + E_{q(z)}[H(q(x_{mis} \mid z))]

with the entropy of the missing part in it: H(q) is got as F after the E-step, log p(x_obs), less the expected
log-density from the same statistics.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from mixtura.em.conditional import Conditional, condition
from mixtura.em.covariance import Matrices, Variances
from mixtura.em.family import Array, Family
from mixtura.em.gaussian import GaussianFamily, GaussianParameters, GaussianStatistics, PreparedGaussians
from mixtura.em.patterns import Bools, Integers

_LOG_2PI = float(np.log(2 * np.pi))

Work = TypeVar("Work")


@dataclass(eq=False)
class PreparedMissing(Generic[Work]):
    """What the wrapped family prepared, and what the last block with NaN left for ``add``."""

    gaussians: PreparedGaussians
    theta: GaussianParameters
    precisions: Array
    work: Work | None = None


@dataclass(eq=False)
class MissingAccumulator:
    """Sums over complete blocks as the wrapped family keeps them, and over the others about the means."""

    complete: Any
    incomplete: GaussianStatistics
    observed: Array
    any_complete: bool = False
    any_incomplete: bool = False


class MissingFamily(Family[GaussianParameters, GaussianStatistics], Generic[Work]):
    """A Gaussian family that integrates missing entries out.

    Parameters
    ----------
    gaussians : GaussianFamily
        The family of the complete observations.

    References
    ----------
    .. [1] Z. Ghahramani and M. Jordan, Supervised learning from incomplete data via an EM approach, 1994.
    .. [2] R. Little and D. Rubin, Statistical analysis with missing data, section 11.
    """

    def __init__(self, gaussians: GaussianFamily) -> None:
        super().__init__(gaussians.n_components, gaussians.n_features)
        self.gaussians = gaussians

    @abstractmethod
    def integrate(self, prepared: PreparedMissing[Work], block: Array, missing: Bools, out: Array) -> Work:
        """Write log p(x_obs) of a block with NaN, and return what ``add`` needs."""

    @abstractmethod
    def accumulate(self, accumulator: MissingAccumulator, work: Work, responsibilities: Array) -> None:
        """Add expected sums about the means."""

    @abstractmethod
    def completed(self, work: Work, prepared: PreparedMissing[Work]) -> Array:
        """Return the block of ``work`` under each component, (K, d, B), with conditional means for NaN."""

    @abstractmethod
    def noise(
        self, work: Work, prepared: PreparedMissing[Work], components: Integers, standard: Array
    ) -> Array:
        """Return draws (d, B) of missing entries about their conditional means, from standard normals."""

    def prepare(self, theta: GaussianParameters) -> PreparedMissing[Work]:
        """Return what the wrapped family needs, and the precisions."""
        prepared = self.gaussians.prepare(theta)
        return PreparedMissing(prepared, theta, self.precisions(theta, prepared.whitening))

    @abstractmethod
    def precisions(self, theta: GaussianParameters, whitening: Array) -> Array:
        """Return inverse covariances."""

    def log_density(self, prepared: PreparedMissing[Work], block: Array, out: Array) -> None:
        """Write the log-density of what is observed: 0 where nothing is."""
        missing = np.isnan(block)
        if missing.any():
            prepared.work = self.integrate(prepared, block, missing, out)
        else:
            prepared.work = None
            self.gaussians.log_density(prepared.gaussians, block, out)

    def zero(self, prepared: PreparedMissing[Work]) -> MissingAccumulator:
        """Return sums of no observation."""
        k, d = prepared.theta.means.shape
        layout = self.gaussians.layout
        incomplete = GaussianStatistics(
            prepared.theta.means, np.zeros(k), np.zeros((k, d)), layout.zeros(k, d)
        )
        return MissingAccumulator(self.gaussians.zero(prepared.gaussians), incomplete, np.zeros((k, d)))

    def add(
        self,
        accumulator: MissingAccumulator,
        prepared: PreparedMissing[Work],
        block: Array,
        responsibilities: Array,
    ) -> None:
        """Add a block's expected sums."""
        if prepared.work is None:
            accumulator.any_complete = True
            self.gaussians.add(accumulator.complete, prepared.gaussians, block, responsibilities)
            return
        accumulator.any_incomplete = True
        accumulator.incomplete.counts[:] += responsibilities.sum(axis=1)
        self.accumulate(accumulator, prepared.work, responsibilities)

    def collect(self, accumulator: MissingAccumulator, prepared: PreparedMissing[Work]) -> GaussianStatistics:
        """Return the expected sums of all blocks."""
        complete = self.gaussians.collect(accumulator.complete, prepared.gaussians)
        if not accumulator.any_incomplete:
            return complete
        incomplete = self.expected(accumulator, prepared)
        if not accumulator.any_complete:
            return incomplete
        return self.gaussians.combine(incomplete, complete, (1.0, 1.0))

    @abstractmethod
    def expected(
        self, accumulator: MissingAccumulator, prepared: PreparedMissing[Work]
    ) -> GaussianStatistics:
        """Return the sums over blocks with NaN."""

    def combine(
        self, first: GaussianStatistics, second: GaussianStatistics, factors: tuple[float, float]
    ) -> GaussianStatistics:
        """Return a sum about the first's reference."""
        return self.gaussians.combine(first, second, factors)

    def counts(self, statistics: GaussianStatistics) -> Array:
        """Return the sums of responsibilities times weights."""
        return self.gaussians.counts(statistics)

    def maximise(self, statistics: GaussianStatistics) -> GaussianParameters:
        """Return the theta of the greatest expected log-density of observed and missing together."""
        return self.gaussians.maximise(statistics)

    def expected_log_density(self, statistics: GaussianStatistics, theta: GaussianParameters) -> float:
        """Return the sum of w r E_q[log N] over observed and missing entries."""
        return self.gaussians.expected_log_density(statistics, theta)

    def reseed(self, theta: GaussianParameters, component: int, point: Array) -> GaussianParameters:
        """Return theta with a component at a point; where that is missing, at the average of the means."""
        return self.gaussians.reseed(
            theta, component, np.where(np.isnan(point), theta.means.mean(axis=0), point)
        )

    def log_prior(self, theta: GaussianParameters) -> float:
        """Return that of the wrapped family."""
        return self.gaussians.log_prior(theta)


class MissingWithMatrices(MissingFamily[Conditional]):
    """Full and tied covariances: what is missing depends on what is observed."""

    def precisions(self, theta: GaussianParameters, whitening: Array) -> Array:
        """Return W' W, of shape (1, d, d) where the components share it."""
        factors = whitening[:1] if theta.covariances.ndim == 2 else whitening
        return np.asarray(factors.transpose(0, 2, 1) @ factors)

    def integrate(
        self, prepared: PreparedMissing[Conditional], block: Array, missing: Bools, out: Array
    ) -> Conditional:
        """Complete the block under each component; the distance is that of the completed differences."""
        differences = block - prepared.theta.means[:, :, None]
        differences[:, missing] = 0.0
        conditional = condition(prepared.precisions, differences, missing)
        white = prepared.gaussians.whitening @ differences
        np.einsum("kdb,kdb->kb", white, white, out=out)
        out += conditional.log_determinants
        out -= missing.sum(axis=0) * _LOG_2PI
        out *= -0.5
        out += prepared.gaussians.constants[:, None]
        return conditional

    def accumulate(self, accumulator: MissingAccumulator, work: Conditional, responsibilities: Array) -> None:
        """Add completed differences, their products and the conditional covariances."""
        weighted = work.differences * responsibilities[:, None, :]
        accumulator.incomplete.first[:] += weighted.sum(axis=2)
        accumulator.incomplete.second[:] += weighted @ work.differences.transpose(0, 2, 1)
        work.add_covariances(responsibilities, accumulator.incomplete.second)

    def expected(
        self, accumulator: MissingAccumulator, prepared: PreparedMissing[Conditional]
    ) -> GaussianStatistics:
        """Return them: the conditional covariances are there."""
        return accumulator.incomplete

    def completed(self, work: Conditional, prepared: PreparedMissing[Conditional]) -> Array:
        """Return means plus completed differences."""
        return np.asarray(work.differences + prepared.theta.means[:, :, None])

    def noise(
        self,
        work: Conditional,
        prepared: PreparedMissing[Conditional],
        components: Integers,
        standard: Array,
    ) -> Array:
        """Return draws with the conditional covariances."""
        return work.noise(components, standard)


@dataclass(frozen=True, eq=False)
class _Observed:
    """A block whose missing entries drop out."""

    differences: Array
    observed: Array


class MissingWithVariances(MissingFamily[_Observed]):
    """Diagonal and spherical covariances: missing entries drop out, and leave their variance to expect."""

    def precisions(self, theta: GaussianParameters, whitening: Array) -> Array:
        """Return inverse variances."""
        return np.asarray(whitening**2)

    def integrate(
        self, prepared: PreparedMissing[_Observed], block: Array, missing: Bools, out: Array
    ) -> _Observed:
        """Sum over observed entries."""
        whitening = prepared.gaussians.whitening
        differences = block - prepared.theta.means[:, :, None]
        differences[:, missing] = 0.0
        observed = (~missing).astype(float)
        white = differences * whitening[:, :, None]
        np.einsum("kdb,kdb->kb", white, white, out=out)
        out *= -0.5
        out += (np.log(whitening) - 0.5 * _LOG_2PI) @ observed
        return _Observed(differences, observed)

    def accumulate(self, accumulator: MissingAccumulator, work: _Observed, responsibilities: Array) -> None:
        """Add differences, their squares, and how much was observed of each feature."""
        weights = responsibilities[:, :, None]
        accumulator.incomplete.first[:] += (work.differences @ weights)[:, :, 0]
        accumulator.incomplete.second[:] += ((work.differences * work.differences) @ weights)[:, :, 0]
        accumulator.observed += responsibilities @ work.observed.T

    def expected(
        self, accumulator: MissingAccumulator, prepared: PreparedMissing[_Observed]
    ) -> GaussianStatistics:
        """Add the variance of every missing entry."""
        sums = accumulator.incomplete
        unseen = np.maximum(sums.counts[:, None] - accumulator.observed, 0.0)
        expected = sums.second + unseen / prepared.precisions
        return GaussianStatistics(sums.reference, sums.counts, sums.first, expected)

    def completed(self, work: _Observed, prepared: PreparedMissing[_Observed]) -> Array:
        """Return means plus differences: the conditional mean is the mean."""
        return np.asarray(work.differences + prepared.theta.means[:, :, None])

    def noise(
        self,
        work: _Observed,
        prepared: PreparedMissing[_Observed],
        components: Integers,
        standard: Array,
    ) -> Array:
        """Return draws with the variances."""
        deviations = 1 / prepared.gaussians.whitening[components]
        return np.asarray(deviations.T * standard * (1 - work.observed))


_BY_LAYOUT: dict[type, type[MissingFamily[Any]]] = {
    Matrices: MissingWithMatrices,
    Variances: MissingWithVariances,
}


def missing_family(gaussians: GaussianFamily) -> MissingFamily[Any]:
    """Return a Gaussian family's counterpart for data with NaN.

    Parameters
    ----------
    gaussians : GaussianFamily
        Any of ``COVARIANCE_TYPES``.

    Returns
    -------
    MissingFamily
        With the same parameters and statistics.

    Examples
    --------
    >>> from mixtura.em.gaussian import FullGaussians
    >>> family = missing_family(FullGaussians(1, 2))
    >>> prepared = family.prepare(GaussianParameters(np.zeros((1, 2)), np.eye(2)[None]))
    >>> log_density = np.empty((1, 2))
    >>> family.log_density(prepared, np.array([[0.0, np.nan], [np.nan, np.nan]]), log_density)
    >>> log_density.round(4).tolist()
    [[-0.9189, 0.0]]
    """
    return _BY_LAYOUT[type(gaussians.layout)](gaussians)
