"""What the mixtures of discrete and mixed columns have in common: where they start, and how they score."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning

from mixtura.em.family import Array, Family
from mixtura.em.mixture import log_weights_from, statistics_from
from mixtura.em.scoring import Scorer, block_size
from mixtura.em.source import ArraySource
from mixtura.em.steps import MixtureParameters
from mixtura.estimators.mixture_base import MixtureBase
from mixtura.estimators.mixture_checks import checked_mixture_weights
from mixtura.estimators.mixture_problem import Problem, Scoring
from mixtura.estimators.mixture_starts import POINTS, assigned, nearest
from mixtura.findings import Finding

# Of a start's responsibilities: drawn at random, lest a group without some value could never take it on.
_SHARED = 0.1


class FamilyMixture(MixtureBase):
    """A mixture that says what its family is, how rows become what the family takes, and what is shown."""

    init_params: str
    weights_init: ArrayLike | None

    @abstractmethod
    def _family(self, n_features: int, origin: Array) -> Family[Any, Any]:
        """Return the family, its prior in the coordinates about an origin."""

    @abstractmethod
    def _origin(self, rows: NDArray[Any], weights: Array | None) -> Array:
        """Return what is subtracted from the rows, of shape (d,)."""

    @abstractmethod
    def _neutral(self, family: Any) -> Any:
        """Return parameters of the family, whatever they are."""

    @abstractmethod
    def _given(self, family: Any, origin: Array) -> Any | None:
        """Return checked parameters to start from, or None where none were given."""

    @abstractmethod
    def _embedded(self, rows: NDArray[Any]) -> Array:
        """Return rows as points without missing values, among which groups can be looked for."""

    @abstractmethod
    def _components(self, family: Any, origin: Array) -> Any:
        """Return the parameters that the attributes show."""

    @abstractmethod
    def _show(self, components: Any, family: Any, origin: Array) -> None:
        """Set the attributes that show the parameters."""

    @abstractmethod
    def _scored_about(self, n_features: int) -> Array:
        """Return the origin of scores, which knows the fitted parameters only."""

    def _problem(self, rows: NDArray[Any], weights: Array | None) -> Problem[Any]:
        origin = self._origin(rows, weights)
        family = self._family(rows.shape[1], origin)
        source = ArraySource(rows, weights, origin, block_size(rows.shape[1] * 4))
        return Problem(family, source, rows, weights, origin, self._exact(), self._noticed(rows))

    def _noticed(self, rows: NDArray[Any]) -> tuple[Finding, ...]:
        """Return what should be known about the rows."""
        return ()

    def _exact(self) -> bool:
        """Return whether the M-step is an exact ascent."""
        return True

    def _start(self, problem: Problem[Any], random_state: np.random.RandomState) -> MixtureParameters:
        family = problem.family
        weights = None
        if self.weights_init is not None:
            weights = checked_mixture_weights(self.weights_init, self.n_components)
        components = self._given(family, problem.origin)
        if weights is None or components is None:
            statistics = statistics_from(
                family,
                problem.source,
                family.prepare(self._neutral(family)),
                self._shared(problem, random_state),
            )
            weights = family.counts(statistics) if weights is None else weights
            components = family.maximise(statistics) if components is None else components
        return MixtureParameters(log_weights_from(weights), components)

    def _shared(self, problem: Problem[Any], random_state: np.random.RandomState) -> Iterator[Array]:
        """Yield responsibilities to start from, none of them zero."""
        points, size = self._embedded(problem.rows), block_size(problem.rows.shape[1] * 4)
        with warnings.catch_warnings():
            # Fewer distinct rows than components are no trouble: a random share keeps components apart.
            warnings.simplefilter("ignore", ConvergenceWarning)
            blocks = assigned(
                self.init_params, points, self.n_components, problem.weights, random_state, size
            )
        if self.init_params in POINTS:
            blocks = nearest(blocks, points, size)
        for block in blocks():
            drawn = random_state.uniform(0.5, 1.5, size=block.shape)
            yield (1 - _SHARED) * block + _SHARED * drawn / drawn.sum(axis=0)

    def _continued(self, problem: Problem[Any]) -> MixtureParameters:
        components = self._components(problem.family, problem.origin)
        return MixtureParameters(log_weights_from(np.asarray(self.weights_, np.float64)), components)

    def _publish(self, theta: MixtureParameters, problem: Problem[Any]) -> None:
        weights = np.exp(theta.log_weights)
        self.weights_ = weights / weights.sum()
        self._show(theta.components, problem.family, problem.origin)

    def _scoring(self, rows: NDArray[Any]) -> Scoring:
        origin = self._scored_about(rows.shape[1])
        family = self._family(rows.shape[1], origin)
        prepared = family.prepare(self._components(family, origin))
        size = block_size(rows.shape[1] * 4)
        scorer = Scorer(family, prepared, log_weights_from(np.asarray(self.weights_, np.float64)), size)
        return Scoring(scorer, ArraySource(rows, None, origin, size))

    def _drawn(self, counts: NDArray[np.int64], random_state: np.random.RandomState) -> NDArray[Any]:
        return np.concatenate([self._draw(k, int(n), random_state) for k, n in enumerate(counts)])

    @abstractmethod
    def _draw(self, component: int, count: int, random_state: np.random.RandomState) -> NDArray[Any]:
        """Return rows of one component."""


def without_gaps(rows: NDArray[Any]) -> Array:
    """Return rows in float64, with the mean of the column for what is missing.

    Examples
    --------
    >>> without_gaps(np.array([[1.0, np.nan], [np.nan, np.nan], [3.0, np.nan]])).tolist()
    [[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]]
    """
    points = np.array(rows, dtype=np.float64)
    missing = np.isnan(points)
    if missing.any():
        there = np.maximum((~missing).sum(axis=0), 1)
        means = np.where(missing, 0.0, points).sum(axis=0) / there
        points = np.where(missing, means, points)
    return points
