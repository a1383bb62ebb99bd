r"""Whether whole numbers look like counts, like codes or like measurements that were rounded.

A mixture of Poissons never varies less than one Poisson of its mean: :math:`\mathrm{Var}\, x \ge E\, x`.
Where the mean is large, counts and rounded measurements look alike but for their spread, and of two wrong
guesses a Gaussian is the cheaper: it can have the variance of a Poisson, and a Poisson can have no other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from mixtura.em.deviance import log_factorial
from mixtura.em.family import Array

# Means up to this are those of counts: a Gaussian would reach far below zero or collapse on one value.
_SMALL_MEAN = 10.0
# Standard errors by which a variance must fall short of the mean.
_SHORT = 3.0
# Codes have up to so many values, each seen so many times on average.
_FEW_VALUES, _OFTEN = 10, 10

Likeness = Literal["poisson", "categorical", "gaussian"]


@dataclass
class WholeNumbers:
    """What is known of whole numbers from 0 up, added up batch by batch.

    Examples
    --------
    >>> ages = WholeNumbers()
    >>> ages.add(np.arange(20.0, 80.0))
    >>> ages.likeness()
    ('gaussian', 'they spread more than counts of their size')
    """

    n: int = 0
    mean: float = 0.0
    squares: float = 0.0
    log_factorials: float = 0.0
    values: set[float] = field(default_factory=set)

    def add(self, values: Array) -> None:
        """Add some, without NaN."""
        if not len(values):
            return
        mean, total = float(values.mean()), self.n + len(values)
        shift = mean - self.mean
        self.squares += float(((values - mean) ** 2).sum()) + shift**2 * self.n * len(values) / total
        self.mean += shift * len(values) / total
        self.n = total
        self.log_factorials += float(log_factorial(values).sum())
        if len(self.values) <= _FEW_VALUES:
            self.values.update(np.unique(values)[: _FEW_VALUES + 1].tolist())

    def likeness(self) -> tuple[Likeness, str]:
        """Return the family that suits them best, and why.

        Narrower than any mixture of Poissons, they are categories if they have few values, else Gaussian.
        Otherwise they are Poisson if their mean is at most 10, or if by BIC one Poisson describes them no
        worse than one Gaussian; else Gaussian.
        """
        variance = self.squares / self.n
        if variance < self.mean * (1 - _SHORT * float(np.sqrt(2 / self.n))):
            few = len(self.values) <= _FEW_VALUES and self.n >= _OFTEN * len(self.values)
            if few:
                return "categorical", "they have few values and vary less than any counts"
            return "gaussian", "they vary less than any counts"
        if self.mean <= _SMALL_MEAN:
            return "poisson", "they are small"
        if self._poisson_bic() <= self._gaussian_bic(variance):
            return "poisson", "they spread as counts of their size"
        return "gaussian", "they spread more than counts of their size"

    def _poisson_bic(self) -> float:
        log_likelihood = self.n * self.mean * (np.log(self.mean) - 1) - self.log_factorials
        return float(-2 * log_likelihood + np.log(self.n))

    def _gaussian_bic(self, variance: float) -> float:
        if variance == 0:
            return np.inf
        log_likelihood = -0.5 * self.n * (np.log(2 * np.pi * variance) + 1)
        return float(-2 * log_likelihood + 2 * np.log(self.n))
