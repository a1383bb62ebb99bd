"""How much of their probability groups share, summed over rows block by block."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class GroupOverlap:
    r"""Sums over rows from which it follows which groups are one.

    With r_ik the responsibility of group k for row i, two groups share

    .. math:: S_{kl} = \frac{\sum_i \min(r_{ik}, r_{il})}{\min(\sum_i r_{ik}, \sum_i r_{il})},

    0 where no row hesitates between them and 1 where one of them adds nothing to the other. Two equal
    Gaussians whose means are D standard deviations apart share 2 Phi(-D/2): a half at D = 1.35, where the two
    together have one peak, and no one could tell them apart by eye.

    Parameters
    ----------
    n_groups : int
        K.

    Examples
    --------
    >>> overlap = GroupOverlap(2)
    >>> overlap.add(np.array([[0.5, 0.5], [1.0, 0.0]])).tolist()
    [0, 0]
    >>> overlap.shared()[0, 1].item()
    1.0
    """

    def __init__(self, n_groups: int) -> None:
        self.common = np.zeros((n_groups, n_groups))

    def add(self, responsibilities: NDArray[np.float64]) -> NDArray[np.int64]:
        """Take in a block of responsibilities (n, K), and return the group of each of its rows."""
        for k in range(len(self.common)):
            smaller = np.minimum(responsibilities[:, k:], responsibilities[:, k, None]).sum(axis=0)
            self.common[k, k:] += smaller
            self.common[k + 1 :, k] += smaller[1:]
        labels: NDArray[np.int64] = responsibilities.argmax(axis=1)
        return labels

    def shared(self) -> NDArray[np.float64]:
        """Return S of shape (K, K), zero on the diagonal and for groups without any probability."""
        mass = np.diag(self.common)
        least = np.minimum.outer(mass, mass)
        shared = np.divide(self.common, least, out=np.zeros_like(self.common), where=least > 0)
        np.fill_diagonal(shared, 0.0)
        return shared

    def renumbered(self, labels: NDArray[np.int64]) -> GroupOverlap:
        """Return the sums with groups numbered by falling size, as `mixtura.vae.fit.number_groups` does.

        Parameters
        ----------
        labels : ndarray of shape (n,)
            Group of each row under the old numbers.
        """
        order = np.argsort(-np.bincount(labels, minlength=len(self.common)), kind="stable")
        overlap = GroupOverlap(len(self.common))
        overlap.common = self.common[np.ix_(order, order)]
        return overlap
