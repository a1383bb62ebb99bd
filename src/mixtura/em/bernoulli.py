"""Bernoulli components: independent columns of zeros and ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mixtura.em.cells import CellFamily, CellParameters
from mixtura.em.family import Array
from mixtura.errors import InputError


@dataclass(frozen=True)
class Beta:
    r"""A prior on the probability of a one, :math:`p(t) \propto t^{a - 1} (1 - t)^{b - 1}`, for all columns.

    Parameters
    ----------
    a, b : float
        At least 1; both 1 is none. They are worth a - 1 ones and b - 1 zeros.

    Raises
    ------
    InputError
        If one is less than 1: the posterior might have no mode.
    """

    a: float
    b: float

    def __post_init__(self) -> None:
        """Check both."""
        if not (1 <= self.a < np.inf and 1 <= self.b < np.inf):
            raise InputError(
                f"the parameters of a Beta prior must be at least 1, not a = {self.a}, b = {self.b}"
            )


class BernoulliFamily(CellFamily):
    r"""Zeros and ones, :math:`\log p(x \mid \theta_k) = \sum_j x_j \log t_{kj} + (1 - x_j) \log(1 - t_{kj})`.

    Zeros and ones are counted apart, so that a probability next to 1 costs no digits. NaN is a missing entry.

    Parameters
    ----------
    n_components, n_features : int
        K and d.
    prior : Beta, optional
        A prior on the probabilities, for maximum a posteriori.

    Examples
    --------
    >>> family = BernoulliFamily(2, 2)
    >>> theta = family.parameters(np.array([[0.5, 0.25], [1.0, 0.0]]))
    >>> out = np.empty((2, 2))
    >>> family.log_density(family.prepare(theta), np.array([[1.0, 0.0], [0.0, np.nan]]), out)
    >>> np.exp(out).tolist()
    [[0.375, 0.5], [1.0, 0.0]]
    """

    def __init__(self, n_components: int, n_features: int, *, prior: Beta | None = None) -> None:
        pseudo = np.zeros(2) if prior is None else np.array([prior.b - 1.0, prior.a - 1.0])
        super().__init__(n_components, (2,) * n_features, np.tile(pseudo, n_features))

    def parameters(self, probabilities: Array) -> CellParameters:
        """Return parameters from the probabilities of a one (K, d)."""
        pairs = np.stack([1.0 - probabilities, probabilities], axis=2)
        return CellParameters(pairs.reshape(len(probabilities), -1))

    def probabilities(self, theta: CellParameters) -> Array:
        """Return the probabilities of a one (K, d)."""
        return theta.probabilities[:, 1::2].copy()

    def refusal(self, column: int, value: float) -> InputError:
        """Return the error for an entry that is neither 0 nor 1."""
        return InputError(
            f"column {column} (from 0) holds {value:g}, and a Bernoulli mixture takes 0 and 1 (NaN for a "
            "missing entry); threshold it, or use a categorical, Poisson or Gaussian mixture"
        )
