"""How the columns of a mixed table lie in encoded rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mixtura.data.counts import stabilised


@dataclass(frozen=True)
class ColumnLayout:
    """Encoded columns by family, side by side in this order; a category takes a column, 0 or 1.

    Parameters
    ----------
    gaussian, bernoulli, poisson, negative_binomial : int
        Numbers of columns.
    categories : tuple of int
        Numbers of categories, one for each categorical column.

    Examples
    --------
    >>> layout = ColumnLayout(gaussian=2, poisson=1, categories=(3, 2))
    >>> layout.n_encoded, layout.widths
    (8, (2, 0, 1, 0, 5))
    """

    gaussian: int = 0
    bernoulli: int = 0
    poisson: int = 0
    negative_binomial: int = 0
    categories: tuple[int, ...] = ()

    @property
    def widths(self) -> tuple[int, int, int, int, int]:
        """Encoded columns of each family."""
        return self.gaussian, self.bernoulli, self.poisson, self.negative_binomial, sum(self.categories)

    @property
    def n_encoded(self) -> int:
        """Encoded columns in all."""
        return sum(self.widths)

    def comparable(self, encoded: np.ndarray) -> np.ndarray:
        """Return encoded rows between which distances mean something: counts get a variance of about one.

        Parameters
        ----------
        encoded : ndarray of shape (n, n_encoded)
            Rows.

        Examples
        --------
        >>> ColumnLayout(poisson=1).comparable(np.array([[0.625]]))
        array([[2.]])
        """
        first = self.gaussian + self.bernoulli
        last = first + self.poisson + self.negative_binomial
        out = encoded.copy()
        out[:, first:last] = stabilised(encoded[:, first:last])
        return out

    @property
    def n_outputs(self) -> int:
        """Numbers that describe the distribution of a row: a Gaussian has two."""
        return self.n_encoded + self.gaussian
