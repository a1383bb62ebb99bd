r"""Gaussian components, one family for each covariance type.

A block is turned once into features :math:`\phi(x)`: the products :math:`x_i x_j` that the covariances know,
then x, then 1. The log-densities of all components are one matrix product, :math:`\Theta \phi`, and the
sufficient statistics another, :math:`R \phi^\top`. The price is digits: rounding is multiplied by
:math:`m^\top P m`, a component's squared distance from the origin in its own widths. Where that is more than
a million, differences from each component's own mean are used, which lose none. Columns that are nearly
functions of each other cost digits too: their rounding is multiplied by the condition of the correlations,
1e-6 nats where all but 1e-10 of a variance is explained. Sums lose digits likewise
where the M-step makes a component much narrower than it is far from what they were taken about: the E-step
then goes through the observations once more, with differences from the new means.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from mixtura.em.covariance import Layout, Matrices, Variances
from mixtura.em.family import Array, Family
from mixtura.em.priors import NormalInverseWishart

_LOG_2PI = float(np.log(2 * np.pi))
# A million times rounding is 1e-10 nats an observation.
_FAR = 1e6
_ALIVE = 1e-8


@dataclass(frozen=True, eq=False)
class GaussianParameters:
    """Means and covariances of Gaussian components.

    Parameters
    ----------
    means : ndarray of shape (K, d)
        The means.
    covariances : ndarray
        (K, d, d) full, (d, d) tied, (K, d) diag, (K,) spherical.
    """

    means: Array
    covariances: Array


@dataclass(frozen=True, eq=False)
class GaussianStatistics:
    """Sums over observations, weighted by responsibilities, about a reference point of each component.

    Parameters
    ----------
    reference : ndarray of shape (K, d)
        What is subtracted from x.
    counts : ndarray of shape (K,)
        Sums of the weights.
    first : ndarray of shape (K, d)
        Sums of x - reference.
    second : ndarray of shape (K, d, d) or (K, d)
        Sums of the products of x - reference.
    """

    reference: Array
    counts: Array
    first: Array
    second: Array


@dataclass(eq=False)
class PreparedGaussians:
    """What an E-step needs of the parameters, and room for the features of a block."""

    means: Array
    whitening: Array
    constants: Array
    coefficients: Array | None
    features: Array
    points: Array | None = None  # about which sums are taken, if not about 0 by features or about the means


class GaussianFamily(Family[GaussianParameters, GaussianStatistics]):
    """Gaussian components.

    Parameters
    ----------
    n_components, n_features : int
        K and d.
    reg_covar : float
        Added to every variance that ``maximise`` returns; with it, EM is no longer an exact ascent.
    prior : NormalInverseWishart, optional
        A prior on means and covariances, for maximum a posteriori.
    """

    layout: ClassVar[Layout]

    def __init__(
        self,
        n_components: int,
        n_features: int,
        *,
        reg_covar: float = 0.0,
        prior: NormalInverseWishart | None = None,
    ) -> None:
        super().__init__(n_components, n_features)
        self.reg_covar, self.prior = reg_covar, prior
        self._known: tuple[tuple[GaussianParameters, tuple[Array, Array]], ...] = ()

    @abstractmethod
    def expand(self, covariances: Array) -> Array:
        """Return the covariances of every component in the layout."""

    @abstractmethod
    def share(self, scatters: Array, counts: Array) -> Array:
        """Return the covariances, of their public shape, from scatters and what they are divided by."""

    def prepare(self, theta: GaussianParameters) -> PreparedGaussians:
        """Return inverse factors, constants and, where no component is far from the origin, coefficients."""
        return self.prepare_factors(theta.means, *self._factors(theta))

    def _factors(self, theta: GaussianParameters) -> tuple[Array, Array]:
        """Return inverse factors and log-determinants; an iteration asks three times for the same."""
        for known, factors in self._known:
            if known is theta:
                return factors
        factors = self.layout.factorise(self.expand(theta.covariances))
        self._known = ((theta, factors), *self._known[:1])
        return factors

    def prepare_factors(self, means: Array, whitening: Array, log_determinants: Array) -> PreparedGaussians:
        """Return the same from inverse factors W, with P = W' W, and log-determinants of the covariances."""
        constants = -0.5 * (log_determinants + self.n_features * _LOG_2PI)
        pull = self.layout.precision_times(whitening, means)
        distances = np.einsum("kd,kd->k", pull, means)
        coefficients = None
        if distances.max() <= _FAR and self.layout.features_pay(*means.shape):
            offsets = constants - 0.5 * distances
            coefficients = np.hstack([self.layout.quadratic(whitening), pull, offsets[:, None]])
        return PreparedGaussians(means, whitening, constants, coefficients, np.empty((0, 0)))

    def weigh(self, prepared: PreparedGaussians, log_weights: Array) -> bool:
        """Add the logarithms to the coefficients of 1."""
        if prepared.coefficients is None:
            return False
        prepared.coefficients[:, -1] += log_weights
        return True

    def log_density(self, prepared: PreparedGaussians, block: Array, out: Array) -> None:
        """Write log N(x_i; m_k, S_k)."""
        if prepared.coefficients is not None:
            np.matmul(prepared.coefficients, self._features(prepared, block), out=out)
            return
        for k in range(self.n_components):
            white = self.layout.whiten(prepared.whitening[k], block - prepared.means[k, :, None])
            np.einsum("db,db->b", white, white, out=out[k])
        out *= -0.5
        out += prepared.constants[:, None]

    def _features(self, prepared: PreparedGaussians, block: Array) -> Array:
        squares = self.layout.rows(self.n_features)
        rows, columns = squares + self.n_features + 1, block.shape[1]
        if prepared.features.shape[1] < columns:
            prepared.features = np.empty((rows, columns))
            prepared.features[-1] = 1.0
        features = prepared.features[:, :columns]
        self.layout.squares(block, features[:squares])
        # Not a copy: for some alignments of large arrays memcpy takes eight times as long.
        np.multiply(block, 1.0, out=features[squares:-1])
        return features

    def zero(self, prepared: PreparedGaussians) -> list[Array]:
        """Return sums of features, or of differences and their products."""
        k, d = prepared.means.shape
        if prepared.coefficients is not None and prepared.points is None:
            return [np.zeros_like(prepared.coefficients)]
        return [np.zeros(k), np.zeros((k, d)), self.layout.zeros(k, d)]

    def add(
        self, accumulator: list[Array], prepared: PreparedGaussians, block: Array, responsibilities: Array
    ) -> None:
        """Add R phi', or the products of differences."""
        if prepared.coefficients is not None and prepared.points is None:
            # The features are still there: log_density of this block has just written them.
            accumulator[0] += responsibilities @ prepared.features[:, : block.shape[1]].T
            return
        counts, first, second = accumulator
        points = prepared.means if prepared.points is None else prepared.points
        counts += responsibilities.sum(axis=1)
        for k in range(self.n_components):
            difference = block - points[k, :, None]
            first[k] += difference @ responsibilities[k]
            second[k] += self.layout.products(difference, responsibilities[k])

    def collect(self, accumulator: list[Array], prepared: PreparedGaussians) -> GaussianStatistics:
        """Return the sums about 0, about the means, or about the points."""
        if prepared.coefficients is not None and prepared.points is None:
            squares, d = self.layout.rows(self.n_features), self.n_features
            sums = accumulator[0]
            second = self.layout.unpack(sums[:, :squares], d)
            return GaussianStatistics(
                np.zeros_like(prepared.means), sums[:, -1].copy(), sums[:, squares:-1].copy(), second
            )
        counts, first, second = accumulator
        points = prepared.means if prepared.points is None else prepared.points
        return GaussianStatistics(points, counts, first, second)

    def nearer(self, statistics: GaussianStatistics) -> Array | None:
        """Return the new means where a component is narrower than a thousandth of its way there."""
        counts = np.maximum(statistics.counts, np.finfo(float).tiny)
        offsets = statistics.first / counts[:, None]
        squares = counts[:, None] * offsets**2
        scatters = self.layout.diagonal(statistics.second) - squares + self.reg_covar * counts[:, None]
        # Of a component that nothing is of, what is left is rounding.
        alive = counts > _ALIVE * counts.max()
        if not (squares[alive] > _FAR * scatters[alive]).any():
            return None
        return statistics.reference + offsets

    def about(self, prepared: PreparedGaussians, points: Array) -> PreparedGaussians:
        """Return what was prepared, with differences from points (K, d) in its sums."""
        return replace(prepared, points=points)

    def combine(
        self, first: GaussianStatistics, second: GaussianStatistics, factors: tuple[float, float]
    ) -> GaussianStatistics:
        """Return a sum about the first's reference."""
        moved = self._about(second, first.reference)
        a, b = factors
        return GaussianStatistics(
            first.reference,
            a * first.counts + b * moved.counts,
            a * first.first + b * moved.first,
            a * first.second + b * moved.second,
        )

    def _about(self, statistics: GaussianStatistics, reference: Array) -> GaussianStatistics:
        """Return the same sums about another reference."""
        shift = statistics.reference - reference
        if not shift.any():
            return statistics
        counts, first = statistics.counts, statistics.first
        second = (
            statistics.second
            + 2 * self.layout.outer(first, shift)
            + self.layout.broadcast(counts) * self.layout.outer(shift, shift)
        )
        return GaussianStatistics(reference, counts, first + counts[:, None] * shift, second)

    def counts(self, statistics: GaussianStatistics) -> Array:
        """Return the sums of responsibilities times weights."""
        return statistics.counts

    def maximise(self, statistics: GaussianStatistics) -> GaussianParameters:
        """Return weighted means and covariances, or the mode of the posterior under the prior."""
        counts = np.maximum(statistics.counts, np.finfo(float).tiny)
        offsets = statistics.first / counts[:, None]
        scatters = statistics.second - self.layout.broadcast(counts) * self.layout.outer(offsets, offsets)
        means = statistics.reference + offsets
        divisors = counts
        if self.prior is not None:
            means, scatters, divisors = self.prior.posterior(self.layout, means, scatters, counts)
        covariances = self.share(scatters, divisors)
        if self.reg_covar:
            covariances = self.regularised(covariances)
        return GaussianParameters(means, covariances)

    def regularised(self, covariances: Array) -> Array:
        """Return covariances with ``reg_covar`` on their diagonals."""
        return self.layout.add_to_diagonal(covariances, self.reg_covar)

    def expected_log_density(self, statistics: GaussianStatistics, theta: GaussianParameters) -> float:
        """Return the sum of w r log N from counts, first and second moments about the means."""
        whitening, log_determinants = self._factors(theta)
        about = self._about(statistics, theta.means)
        constants = log_determinants + self.n_features * _LOG_2PI
        return float(-0.5 * (about.counts @ constants + self.layout.trace(whitening, about.second).sum()))

    def reseed(self, theta: GaussianParameters, component: int, point: Array) -> GaussianParameters:
        """Return theta with one component at a point, with the average of the covariances."""
        means = theta.means.copy()
        means[component] = point
        everyone = self.expand(theta.covariances)
        others = np.delete(everyone, component, axis=0)
        scatters = everyone.copy()
        scatters[component] = others.mean(axis=0) if len(others) else everyone[0]
        return GaussianParameters(means, self.share(scatters, np.ones(len(scatters))))

    def rounding(self, theta: GaussianParameters) -> float:
        """Return rounding times the largest condition number of the correlations."""
        whitening, _ = self._factors(theta)
        return 1e-9 + 100 * float(np.finfo(float).eps) * self.layout.condition(
            whitening, self.expand(theta.covariances)
        )

    def log_prior(self, theta: GaussianParameters) -> float:
        """Return the log-density of the prior, up to a constant."""
        if self.prior is None:
            return 0.0
        return self.prior.log_density(self.layout, theta.means, self.expand(theta.covariances))


class FullGaussians(GaussianFamily):
    """A covariance matrix for each component."""

    layout = Matrices()

    def expand(self, covariances: Array) -> Array:
        """Return them."""
        return covariances

    def share(self, scatters: Array, counts: Array) -> Array:
        """Return scatters over counts."""
        return np.asarray(scatters / counts[:, None, None])


class TiedGaussians(GaussianFamily):
    """One covariance matrix for all components."""

    layout = Matrices()

    def expand(self, covariances: Array) -> Array:
        """Return K views of the one."""
        return np.broadcast_to(covariances, (self.n_components, *covariances.shape))

    def share(self, scatters: Array, counts: Array) -> Array:
        """Return the sum of scatters over the sum of counts."""
        return np.asarray(scatters.sum(axis=0) / counts.sum())


class DiagonalGaussians(GaussianFamily):
    """A variance for each component and feature."""

    layout = Variances()

    def expand(self, covariances: Array) -> Array:
        """Return them."""
        return covariances

    def share(self, scatters: Array, counts: Array) -> Array:
        """Return sums of squares over counts."""
        return np.asarray(scatters / counts[:, None])


class SphericalGaussians(GaussianFamily):
    """One variance for each component."""

    layout = Variances()

    def expand(self, covariances: Array) -> Array:
        """Return each variance d times."""
        return np.repeat(covariances[:, None], self.n_features, axis=1)

    def share(self, scatters: Array, counts: Array) -> Array:
        """Return the mean over features."""
        return np.asarray((scatters / counts[:, None]).mean(axis=1))


COVARIANCE_TYPES: dict[str, type[GaussianFamily]] = {
    "full": FullGaussians,
    "tied": TiedGaussians,
    "diag": DiagonalGaussians,
    "spherical": SphericalGaussians,
}
