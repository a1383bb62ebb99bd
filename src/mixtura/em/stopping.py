r"""When EM has climbed far enough: criteria that read F after every E-step.

A rise below ``tol`` says that EM is slow, not that it is done: where each rise is a constant factor a of the
one before, the rest is :math:`a / (1 - a)` times the last rise, for 0.999 a thousand times it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

# What rounding makes of a sum of many terms, relative to it.
_ROUNDING = 8 * float(np.finfo(float).eps)


@dataclass(frozen=True)
class Criterion(ABC):
    """A criterion for ``run_em``.

    Parameters
    ----------
    tol : float
        What it is met within, not negative. 0 is never met.
    """

    tol: float
    name: ClassVar[str]

    def __call__(self, bounds: list[float]) -> str | None:
        """Return the reason to stop, or None.

        Parameters
        ----------
        bounds : list of float
            F after every E-step so far, in nats per observation.
        """
        return self.name if self.tol > 0 and self.met(bounds) else None

    @abstractmethod
    def met(self, bounds: list[float]) -> bool:
        """Return whether to stop, for a ``tol`` above 0."""


class Absolute(Criterion):
    """The last change of F is below ``tol`` nats per observation: scikit-learn's meaning of ``tol``.

    Examples
    --------
    >>> Absolute(1e-3)([-2.0, -1.5]), Absolute(1e-3)([-2.0, -1.5, -1.4999])
    (None, 'absolute')
    """

    name = "absolute"

    def met(self, bounds: list[float]) -> bool:
        """Return whether the last two differ by less."""
        return len(bounds) > 1 and abs(bounds[-1] - bounds[-2]) < self.tol


class Relative(Criterion):
    """The last change of F is below ``tol`` times its size.

    Examples
    --------
    >>> Relative(1e-3)([-2000.0, -1999.0])
    'relative'
    """

    name = "relative"

    def met(self, bounds: list[float]) -> bool:
        """Return whether the last two differ by less."""
        return len(bounds) > 1 and abs(bounds[-1] - bounds[-2]) < self.tol * abs(bounds[-1])


class Aitken(Criterion):
    r"""The estimated limit of F is within ``tol`` nats per observation of F.

    .. math::

        a_t = \frac{F_t - F_{t-1}}{F_{t-1} - F_{t-2}}, \qquad
        F_\infty - F_t \approx \frac{a}{1 - a} (F_t - F_{t-1}), \qquad
        a = \max(a_t, a_{t-1}) + |a_t - a_{t-1}|.

    Rates grow while the fast directions die out; the last one goes on as it did, or waits until it is steady.

    References
    ----------
    .. [1] D. Boehning, E. Dietz, R. Schaub, P. Schlattmann and B. Lindsay, The distribution of the likelihood
       ratio for mixtures of densities from the one-parameter exponential family, 1994.

    Examples
    --------
    >>> slow = [-(0.99**t) for t in range(300)]
    >>> abs(slow[-1] - slow[-2]) < 1e-3, Aitken(1e-3)(slow)
    (True, None)
    """

    name = "aitken"

    def met(self, bounds: list[float]) -> bool:
        """Return whether what is left to climb is less."""
        if len(bounds) < 4:
            return False
        rises = np.abs(np.diff(bounds[-4:]))
        if rises[-1] <= _ROUNDING * (1 + abs(bounds[-1])):
            return True
        if rises[-1] >= rises[-2] or rises[-2] >= rises[-3]:
            return False  # not yet on the way down
        rates = rises[1:] / rises[:-1]
        rate = float(rates.max() + np.ptp(rates))
        return rate < 1 and float(rises[-1]) * rate / (1 - rate) < self.tol


STOPPING: dict[str, type[Criterion]] = {kind.name: kind for kind in (Absolute, Relative, Aitken)}
