"""What the engine asks of a family of component densities, and nothing else."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

Theta = TypeVar("Theta")
Statistics = TypeVar("Statistics")


class Family(ABC, Generic[Theta, Statistics]):
    r"""Densities :math:`p(x \mid \theta_k)` of K components, with additive sufficient statistics.

    A family is immutable. Its parameters and its statistics are values that the engine hands around without
    looking into them. Observations come in blocks, features first: (d, B).

    Parameters
    ----------
    n_components : int
        The number K.
    n_features : int
        The number d.
    """

    def __init__(self, n_components: int, n_features: int) -> None:
        self.n_components, self.n_features = n_components, n_features

    @abstractmethod
    def prepare(self, theta: Theta) -> Any:
        """Return what ``log_density`` and ``add`` need of the parameters, computed once an iteration."""

    def weigh(self, prepared: Any, log_weights: Array) -> bool:
        """Let ``log_density`` write log p(x_i, k) from now on, and return True, where that costs nothing."""
        return False

    @abstractmethod
    def log_density(self, prepared: Any, block: Array, out: Array) -> None:
        """Write log p(x_i | theta_k), in nats, into ``out`` of shape (K, B)."""

    @abstractmethod
    def zero(self, prepared: Any) -> Any:
        """Return an accumulator of no observation."""

    @abstractmethod
    def add(self, accumulator: Any, prepared: Any, block: Array, responsibilities: Array) -> None:
        """Add a block to an accumulator in place.

        ``responsibilities`` (K, B) are multiplied by the weights of the observations. The engine calls it
        after ``log_density`` of the same block, whose work may be used again.
        """

    @abstractmethod
    def collect(self, accumulator: Any, prepared: Any) -> Statistics:
        """Return what was added up as statistics."""

    def nearer(self, statistics: Statistics) -> Any:
        """Return points about which sums keep digits that these have lost, or None where none are lost."""
        return None

    def about(self, prepared: Any, points: Any) -> Any:
        """Return what was prepared, with sums from now on about such points."""
        return prepared

    @abstractmethod
    def combine(self, first: Statistics, second: Statistics, factors: tuple[float, float]) -> Statistics:
        """Return factors[0] * first + factors[1] * second: a sum over blocks, an average of stepwise EM."""

    @abstractmethod
    def counts(self, statistics: Statistics) -> Array:
        """Return the sums of responsibilities times weights, of shape (K,)."""

    @abstractmethod
    def maximise(self, statistics: Statistics) -> Theta:
        """Return the theta of the greatest expected log-density, plus log-prior where there is a prior."""

    @abstractmethod
    def expected_log_density(self, statistics: Statistics, theta: Theta) -> float:
        """Return sum_ik w_i r_ik log p(x_i | theta_k), in nats, from the statistics alone."""

    @abstractmethod
    def reseed(self, theta: Theta, component: int, point: Array) -> Theta:
        """Return theta with one component moved to a point (d,), as wide as the others are on average."""

    def rounding(self, theta: Theta) -> float:
        """Return what rounding may take from F, relative to it."""
        return 1e-9

    def log_prior(self, theta: Theta) -> float:
        """Return log p(theta) up to a constant, in nats; 0 without a prior."""
        return 0.0
