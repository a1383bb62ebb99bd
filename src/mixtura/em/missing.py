r"""Gaussian families on data with NaN, exact where values are missing at random.

To wire it into an estimator::

    family = missing_family(COVARIANCE_TYPES["full"](K, d, prior=prior))  # wraps any Gaussian family
    source = PatternSource(X, weights, origin)
    source.require_observed(columns)  # nothing can be learnt from a column without values, only scored
    rows = fill(X, weights, origin)  # complete rows, for a start by k-means
    result = run_em(family, source, start, ...)  # and source.findings()
    impute(family, result.theta, X, origin=origin)  # conditional means or draws

``PatternSource`` is in ``patterns.py``, ``fill`` and ``impute`` in ``imputation.py``. The parameters and the
statistics are those of the wrapped family, so everything that reads them is as before. ``log_density`` of a
block with NaN is the marginal log p(x_obs), in the order of the block, whatever source it is from:
``PatternSource`` is a matter of speed alone. An origin should be of observed values (``origin.py``).
Blocks without NaN go to the wrapped family, bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mixtura.em.conditional import Conditional, condition
from mixtura.em.covariance import Matrices, Variances
from mixtura.em.family import Array
from mixtura.em.gaussian import GaussianFamily, GaussianParameters, GaussianStatistics
from mixtura.em.missing_base import MissingAccumulator
from mixtura.em.missing_base import MissingFamily as MissingFamily
from mixtura.em.missing_base import PreparedMissing as PreparedMissing
from mixtura.em.patterns import Bools, Integers

_LOG_2PI = float(np.log(2 * np.pi))


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
