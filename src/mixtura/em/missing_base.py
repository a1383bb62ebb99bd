r"""What Gaussian families on data with NaN share: the wrapped family, and sums of two kinds of blocks.

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
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import numpy as np

from mixtura.em.family import Array, Family
from mixtura.em.gaussian import GaussianFamily, GaussianParameters, GaussianStatistics, PreparedGaussians
from mixtura.em.patterns import Bools, Integers

Work = TypeVar("Work")


@dataclass(eq=False)
class PreparedMissing(Generic[Work]):
    """What the wrapped family prepared, and what the last block with NaN left for ``add``."""

    gaussians: PreparedGaussians
    theta: GaussianParameters
    precisions: Array
    work: Work | None = None
    log_weights: Array | None = None


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

    def weigh(self, prepared: PreparedMissing[Work], log_weights: Array) -> bool:
        """Do as the wrapped family does."""
        weighed = self.gaussians.weigh(prepared.gaussians, log_weights)
        prepared.log_weights = log_weights[:, None] if weighed else None
        return weighed

    def log_density(self, prepared: PreparedMissing[Work], block: Array, out: Array) -> None:
        """Write the log-density of what is observed: 0 where nothing is."""
        missing = np.isnan(block)
        if missing.any():
            prepared.work = self.integrate(prepared, block, missing, out)
            if prepared.log_weights is not None:
                out += prepared.log_weights
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
        # About the means, or the points that were asked for, and not about 0.
        asked = prepared.gaussians.points is not None
        first, second = (complete, incomplete) if asked else (incomplete, complete)
        return self.gaussians.combine(first, second, (1.0, 1.0))

    def nearer(self, statistics: GaussianStatistics) -> Array | None:
        """Return the points of the wrapped family."""
        return self.gaussians.nearer(statistics)

    def about(self, prepared: PreparedMissing[Work], points: Array) -> PreparedMissing[Work]:
        """Return what was prepared, with sums of complete observations about points (K, d)."""
        return replace(prepared, gaussians=self.gaussians.about(prepared.gaussians, points))

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

    def rounding(self, theta: GaussianParameters) -> float:
        """Return that of the wrapped family."""
        return self.gaussians.rounding(theta)

    def log_prior(self, theta: GaussianParameters) -> float:
        """Return that of the wrapped family."""
        return self.gaussians.log_prior(theta)
