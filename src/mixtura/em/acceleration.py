r"""Leaps along the way EM goes, so that many small steps become a few.

Near the optimum each step is a constant matrix times the one before. From two steps the length of the
way that is left is guessed. A leap is kept only where F at its end, which the next E-step tells at no cost,
is not below F before it; else EM goes on as if it had not been tried.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from mixtura.em.family import Array, Family
from mixtura.em.steps import MixtureParameters
from mixtura.em.unconstrained import free_parameters


class Acceleration(ABC):
    """What ``run_em`` asks between an M-step and the next E-step.

    Parameters
    ----------
    family : Family
        The component densities.
    """

    def __init__(self, family: Family[Any, Any]) -> None:
        self.family = family

    @abstractmethod
    def leap(self, before: MixtureParameters, after: MixtureParameters) -> MixtureParameters | None:
        """Return parameters to try instead of ``after``, which an EM step made of ``before``, or None."""

    @abstractmethod
    def judge(self, kept: bool) -> None:
        """Hear whether the last leap was kept."""


class Squarem(Acceleration):
    r"""Squared extrapolation, after every two steps of EM.

    .. math::

        r = \theta_1 - \theta_0, \quad v = (\theta_2 - \theta_1) - r, \quad
        \alpha = -\frac{\|r\|}{\|v\|}, \quad \theta' = \theta_0 - 2 \alpha r + \alpha^2 v

    in unconstrained coordinates; :math:`\alpha = -1` is :math:`\theta_2`. The size of alpha is limited, and
    the limit follows what is kept.

    References
    ----------
    .. [1] R. Varadhan and C. Roland, Simple and globally convergent methods for accelerating the convergence
       of any EM algorithm, 2008, scheme S3.
    """

    _FACTOR = 4.0

    def __init__(self, family: Family[Any, Any]) -> None:
        super().__init__(family)
        self._limit = self._FACTOR
        self._origin: Array | None = None
        self._first: Array | None = None
        self._limited = False

    def leap(self, before: MixtureParameters, after: MixtureParameters) -> MixtureParameters | None:
        """Return an extrapolation from three points, or None after the first two."""
        second, restore = free_parameters(self.family, after)
        if self._origin is None or self._first is None:
            self._origin, self._first = free_parameters(self.family, before)[0], second
            return None
        origin, first = self._origin, self._first
        self._origin = self._first = None
        free = np.isfinite(origin) & np.isfinite(first) & np.isfinite(second)
        step = np.where(free, first, 0.0) - np.where(free, origin, 0.0)
        bend = np.where(free, second, 0.0) - np.where(free, first, 0.0) - step
        length = float(np.linalg.norm(step)) / max(float(np.linalg.norm(bend)), np.finfo(float).tiny)
        self._limited = length >= self._limit
        length = min(length, self._limit)
        if length <= 1:
            return None
        # What is -inf, a weight or a probability of zero, stays so.
        vector = np.where(free, np.where(free, origin, 0.0) + 2 * length * step + length**2 * bend, second)
        with np.errstate(over="ignore", invalid="ignore"):
            found: MixtureParameters = restore(vector)
            return found

    def judge(self, kept: bool) -> None:
        """Let alpha be larger after a leap of the greatest length, smaller after a vain one."""
        if kept and self._limited:
            self._limit *= self._FACTOR
        elif not kept:
            self._limit = max(self._limit / self._FACTOR, self._FACTOR)


ACCELERATIONS: dict[str, type[Acceleration]] = {"squarem": Squarem}
