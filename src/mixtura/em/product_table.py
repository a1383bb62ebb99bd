"""A mixed table whose columns lie by family, and the families of a mixture of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.em.bernoulli import BernoulliFamily, Beta
from mixtura.em.categorical import CategoricalFamily, Dirichlet
from mixtura.em.family import Array, Family
from mixtura.em.gaussian import GaussianFamily, GaussianParameters, TiedGaussians
from mixtura.em.poisson import Gamma, PoissonFamily, PoissonParameters
from mixtura.em.product import ProductFamily

_RIDGE = 0.05  # of a variance of one: equal values, such as zeros, would draw a group to themselves
_PSEUDO = 1.1  # a tenth of an observation of each kind, so that nothing has a probability of zero


@dataclass(frozen=True, eq=False)
class ProductTable:
    """The columns of a mixed table by family, as the families take them.

    Parameters
    ----------
    measured, bits, counts : ndarray of shape (n, d_f)
        Measurements, truth values 0 and 1, counts.
    categories : ndarray of shape (n, d_c)
        Codes 0, 1, ...
    sizes : tuple of int
        The number of categories of each of these columns.
    """

    measured: Array
    bits: Array
    counts: Array
    categories: Array
    sizes: tuple[int, ...]

    @property
    def rows(self) -> Array:
        """The columns side by side."""
        return np.column_stack([self.measured, self.bits, self.counts, self.categories])

    def of(self, rows: NDArray[np.int64]) -> ProductTable:
        """Return a table of some rows."""
        parts = (self.measured[rows], self.bits[rows], self.counts[rows], self.categories[rows])
        return ProductTable(*parts, self.sizes)

    def family(self, k: int, gaussians: type[GaussianFamily]) -> ProductFamily:
        """Return the product of K components, with one kind of Gaussians."""
        parts: list[tuple[Family[Any, Any], list[int]]] = []
        widths = [part.shape[1] for part in (self.measured, self.bits, self.counts, self.categories)]
        ends = np.cumsum(widths)
        columns = [list(range(end - width, end)) for end, width in zip(ends, widths, strict=True)]
        d, b, p, c = widths
        if d:
            parts.append((gaussians(k, d, reg_covar=_RIDGE), columns[0]))
        if b:
            parts.append((BernoulliFamily(k, b, prior=Beta(_PSEUDO, _PSEUDO)), columns[1]))
        if p:
            parts.append((PoissonFamily(k, p, prior=Gamma(_PSEUDO, 0.0)), columns[2]))
        if c:
            parts.append((CategoricalFamily(k, self.sizes, prior=Dirichlet(_PSEUDO)), columns[3]))
        return ProductFamily(parts)

    def reference(self, k: int, gaussians: type[GaussianFamily]) -> tuple[Any, ...]:
        """Return parameters about which sums are taken."""
        found: list[Any] = []
        d = self.measured.shape[1]
        for part in self.family(k, gaussians).parts:
            if isinstance(part, GaussianFamily):
                flat = np.eye(d) if gaussians is TiedGaussians else np.ones((k, d))
                found.append(GaussianParameters(np.zeros((k, d)), flat))
            elif isinstance(part, PoissonFamily):
                found.append(PoissonParameters(np.tile(np.maximum(self.counts.mean(axis=0), 1e-3), (k, 1))))
            elif isinstance(part, BernoulliFamily):
                found.append(part.parameters(np.full((k, self.bits.shape[1]), 0.5)))
            else:
                assert isinstance(part, CategoricalFamily)
                found.append(part.parameters([np.full((k, n), 1 / n) for n in self.sizes]))
        return tuple(found)
