"""The measurements of a mixed table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.em.family import Array
from mixtura.em.gaussian import COVARIANCE_TYPES, GaussianParameters
from mixtura.em.missing import MissingFamily, missing_family
from mixtura.em.origin import column_means, column_medians
from mixtura.em.priors import NormalInverseWishart
from mixtura.em.source import BLOCK
from mixtura.estimators.file_rows import FileRows
from mixtura.estimators.gaussian_shape import (
    drawn_gaussians,
    n_covariances,
    require_shape,
    unit_gaussians,
)
from mixtura.estimators.measured_rows import LARGEST
from mixtura.estimators.mixture_checks import checked_start
from mixtura.estimators.part import Part, without_gaps
from mixtura.estimators.rows import refuse


class GaussianPart(Part):
    """Measurements; the mixture has ``covariance_type``, ``reg_covar``, ``means_`` and ``covariances_``."""

    name, prior_kind = "gaussian", NormalInverseWishart

    def read(self, mixture: Any, table: list[Any], first: int = 0) -> Array:
        """Refuse what has no square."""
        rows = self.numbers(mixture, table)
        refuse(
            lambda part: np.abs(part) > LARGEST,
            rows,
            mixture,
            "its square is no number: scale the column",
            self.columns,
            first,
        )
        return rows

    def shown_as(self, mixture: Any, rows: Array) -> list[NDArray[Any]]:
        """Return the columns."""
        return list(rows.T)

    def family(self, mixture: Any, origin: Array) -> MissingFamily[Any]:
        """Return Gaussians that integrate missing entries out."""
        kind, prior = COVARIANCE_TYPES[mixture.covariance_type], self.prior
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

    def exact(self, mixture: Any) -> bool:
        """Return whether nothing is added to the variances."""
        return bool(mixture.reg_covar == 0)

    def origin(self, mixture: Any, rows: Any, weights: Array | None) -> Array:
        """Return medians, or means of rows in files."""
        if isinstance(rows, FileRows):
            return column_means(rows.source(None, BLOCK))[self.columns]
        return column_medians(rows[:, self.columns], weights)

    def centre(self, mixture: Any) -> Array:
        """Return the mean of the mixture."""
        return np.asarray(mixture.weights_ @ mixture.means_)

    def neutral(self, family: MissingFamily[Any]) -> GaussianParameters:
        """Return standard normals."""
        return unit_gaussians(family.gaussians)

    def start(self, family: MissingFamily[Any]) -> None:
        """Return None: there is no parameter for it."""

    def embedded(self, rows: NDArray[Any], family: MissingFamily[Any], alone: bool) -> Array:
        """Return standardised columns."""
        from mixtura.clustering import standardised

        return standardised(without_gaps(rows))

    def components(self, mixture: Any, family: MissingFamily[Any], origin: Array) -> GaussianParameters:
        """Return means about the origin."""
        require_shape(mixture.covariance_type, mixture.means_, mixture.covariances_)
        return GaussianParameters(mixture.means_ - origin, mixture.covariances_)

    def show(
        self, mixture: Any, family: MissingFamily[Any], components: GaussianParameters, origin: Array
    ) -> None:
        """Set ``means_`` and ``covariances_``."""
        mixture.means_ = components.means + origin
        mixture.covariances_ = components.covariances

    def draw(self, mixture: Any, component: int, count: int, random_state: np.random.RandomState) -> Array:
        """Draw from a normal."""
        require_shape(mixture.covariance_type, mixture.means_, mixture.covariances_)
        kind = COVARIANCE_TYPES[mixture.covariance_type](*mixture.means_.shape)
        covariance = kind.expand(mixture.covariances_)[component]
        return drawn_gaussians(mixture.means_[component], covariance, count, random_state)

    def n_parameters(self, mixture: Any) -> int:
        """Count means and covariances."""
        return int(mixture.means_.size) + n_covariances(mixture.covariance_type, *mixture.means_.shape)
