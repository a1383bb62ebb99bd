"""Covariances as matrices or as vectors of variances: what a Gaussian family does with either."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dtrtri

from mixtura.em.family import Array
from mixtura.errors import InputError

# What rounding leaves of a variance that other columns explain, for each column.
_ROUNDING = 64 * float(np.finfo(float).eps)
# The inverse of a smaller variance, times a square, soon leaves float64.
_LEAST = 1e-290


# scikit-learn's words, for those who look for them.
COLLAPSED = (
    "Fitting the mixture model failed because some components have ill-defined empirical covariance (for "
    "instance caused by singleton or collapsed samples). Try to decrease the number of components, increase "
    "reg_covar, or scale the input data."
)


# Measured: with fewer components for their columns, square features cost more than they save.
_COLUMNS_A_COMPONENT = 7.5


@cache
def _upper_triangle(d: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows and columns of the entries on and above the diagonal, row by row."""
    upper, lower = np.triu_indices(d)
    upper.flags.writeable = lower.flags.writeable = False
    return upper, lower


class Layout(ABC):
    """How K covariances, or K sums of products, are held: (K, d, d) or (K, d)."""

    @abstractmethod
    def rows(self, d: int) -> int:
        """Return the number F of square features."""

    @abstractmethod
    def squares(self, block: Array, out: Array) -> None:
        """Write the square features (F, B) of a block (d, B)."""

    @abstractmethod
    def unpack(self, sums: Array, d: int) -> Array:
        """Return sums of products in this layout from sums of square features (K, F)."""

    @abstractmethod
    def factorise(self, covariances: Array) -> tuple[Array, Array]:
        """Return inverse factors W, with P = W' W, and log-determinants (K,) of the covariances."""

    @abstractmethod
    def quadratic(self, whitening: Array) -> Array:
        """Return the coefficients (K, F) of -1/2 x' P x in the square features."""

    @abstractmethod
    def precision_times(self, whitening: Array, vectors: Array) -> Array:
        """Return P_k v_k of shape (K, d)."""

    @abstractmethod
    def whiten(self, whitening: Array, difference: Array) -> Array:
        """Return W x of shape (d, B), for one component."""

    @abstractmethod
    def products(self, difference: Array, weights: Array) -> Array:
        """Return the weighted sum of products of one component's differences (d, B)."""

    @abstractmethod
    def outer(self, first: Array, second: Array) -> Array:
        """Return the symmetric products of vectors (K, d), (a b' + b a') / 2, in this layout."""

    @abstractmethod
    def trace(self, whitening: Array, products: Array) -> Array:
        """Return tr(P_k S_k) of shape (K,)."""

    def features_pay(self, n_components: int, d: int) -> bool:
        """Return whether the square features of a block cost less than differences from every mean."""
        return True

    def condition(self, whitening: Array, covariances: Array) -> float:
        """Return the largest product of a variance and its precision, 1 where nothing is correlated."""
        return 1.0

    @abstractmethod
    def add_to_diagonal(self, covariances: Array, value: float | Array) -> Array:
        """Return covariances with a number, or (d,) numbers, added to every variance."""

    @abstractmethod
    def diagonal(self, products: Array) -> Array:
        """Return the squares of features (K, d) among sums of products."""

    @abstractmethod
    def zeros(self, n_components: int, d: int) -> Array:
        """Return K times nothing."""

    def broadcast(self, factors: Array) -> Array:
        """Return numbers (K,) in a shape that multiplies this layout."""
        return factors.reshape(-1, *self.zeros(1, 1).shape[1:])


class Matrices(Layout):
    """Covariance matrices, (K, d, d)."""

    def features_pay(self, n_components: int, d: int) -> bool:
        """Return whether K is large beside d: two products of d^2 / 2 rows stand against 2 K of d rows."""
        return n_components > d / _COLUMNS_A_COMPONENT

    def rows(self, d: int) -> int:
        """Return d (d + 1) / 2."""
        return d * (d + 1) // 2

    def squares(self, block: Array, out: Array) -> None:
        """Write x_i x_j for i <= j, row by row of the upper triangle."""
        d, row = len(block), 0
        for i in range(d):
            np.multiply(block[i], block[i:], out=out[row : row + d - i])
            row += d - i

    def unpack(self, sums: Array, d: int) -> Array:
        """Return symmetric matrices."""
        upper, lower = _upper_triangle(d)
        matrices = np.empty((len(sums), d, d))
        matrices[:, upper, lower] = sums
        matrices[:, lower, upper] = sums
        return matrices

    def factorise(self, covariances: Array) -> tuple[Array, Array]:
        """Return inverses of lower Cholesky factors."""
        try:
            factors = np.linalg.cholesky(covariances)
        except np.linalg.LinAlgError:
            smallest = np.linalg.eigvalsh(covariances)[:, 0]
            at = int(smallest.argmin())
            raise collapsed(at, float(smallest[at]), _dependent(covariances[at])) from None
        diagonals = np.diagonal(factors, axis1=1, axis2=2)
        variances = np.diagonal(covariances, axis1=1, axis2=2)
        if variances.min(initial=1.0) < _LEAST:
            worst, column = divmod(int(variances.argmin()), variances.shape[1])
            raise collapsed(worst, float(variances[worst, column]), column)
        # What is left of a variance given the columns before, over the variance: no unit changes it.
        left = diagonals**2 / variances
        if left.min(initial=1.0) < _ROUNDING * left.shape[1]:
            worst, column = divmod(int(left.argmin()), left.shape[1])
            raise collapsed(worst, float(np.linalg.eigvalsh(covariances[worst])[0]), column)
        # LAPACK's own: at this size a call of scipy.linalg costs several times what it computes.
        whitening = np.array([dtrtri(factor, lower=1)[0] for factor in factors])
        return whitening, 2 * np.log(diagonals).sum(axis=1)

    def quadratic(self, whitening: Array) -> Array:
        """Return -P_ij, halved where i = j."""
        upper, lower = _upper_triangle(whitening.shape[-1])
        precision = whitening.transpose(0, 2, 1) @ whitening
        return np.asarray(-precision[:, upper, lower] * np.where(upper == lower, 0.5, 1.0))

    def precision_times(self, whitening: Array, vectors: Array) -> Array:
        """Return W' (W v)."""
        return np.asarray(np.einsum("kji,kj->ki", whitening, np.einsum("kij,kj->ki", whitening, vectors)))

    def whiten(self, whitening: Array, difference: Array) -> Array:
        """Return the product of a triangular matrix."""
        return np.asarray(whitening @ difference)

    def products(self, difference: Array, weights: Array) -> Array:
        """Return X diag(w) X'."""
        return np.asarray((difference * weights) @ difference.T)

    def outer(self, first: Array, second: Array) -> Array:
        """Return the symmetric part of a b'."""
        product = first[:, :, None] * second[:, None, :]
        return np.asarray((product + product.transpose(0, 2, 1)) / 2)

    def trace(self, whitening: Array, products: Array) -> Array:
        """Return the sum of the entries of W S W' on the diagonal."""
        return np.asarray(np.einsum("kij,kij->k", whitening @ products, whitening))

    def add_to_diagonal(self, covariances: Array, value: float | Array) -> Array:
        """Return S + diag(value)."""
        return np.asarray(covariances + np.eye(covariances.shape[-1]) * value)

    def diagonal(self, products: Array) -> Array:
        """Return the diagonals."""
        return np.diagonal(products, axis1=1, axis2=2)

    def zeros(self, n_components: int, d: int) -> Array:
        """Return (K, d, d) zeros."""
        return np.zeros((n_components, d, d))

    def condition(self, whitening: Array, covariances: Array) -> float:
        """Return the largest variance inflation S_jj P_jj."""
        precisions = np.einsum("kij,kij->kj", whitening, whitening)
        return float((np.diagonal(covariances, axis1=1, axis2=2) * precisions).max())


class Variances(Layout):
    """Variances of independent features, (K, d)."""

    def rows(self, d: int) -> int:
        """Return d."""
        return d

    def squares(self, block: Array, out: Array) -> None:
        """Write x_i^2."""
        np.multiply(block, block, out=out)

    def unpack(self, sums: Array, d: int) -> Array:
        """Return the sums themselves."""
        return sums.copy()

    def factorise(self, covariances: Array) -> tuple[Array, Array]:
        """Return inverse standard deviations."""
        smallest = covariances.min(axis=1)
        if not (smallest >= _LEAST).all():
            at = int(np.argmin(smallest))
            raise collapsed(at, float(smallest[at]))
        return 1 / np.sqrt(covariances), np.log(covariances).sum(axis=1)

    def quadratic(self, whitening: Array) -> Array:
        """Return minus half the precisions."""
        return np.asarray(-0.5 * whitening**2)

    def precision_times(self, whitening: Array, vectors: Array) -> Array:
        """Return vectors over variances."""
        return np.asarray(whitening**2 * vectors)

    def whiten(self, whitening: Array, difference: Array) -> Array:
        """Return differences over standard deviations."""
        return np.asarray(difference * whitening[:, None])

    def products(self, difference: Array, weights: Array) -> Array:
        """Return weighted sums of squares."""
        return np.asarray((difference * difference) @ weights)

    def outer(self, first: Array, second: Array) -> Array:
        """Return the products entry by entry."""
        return first * second

    def trace(self, whitening: Array, products: Array) -> Array:
        """Return the sum of squares over variances."""
        return np.asarray((whitening**2 * products).sum(axis=1))

    def add_to_diagonal(self, covariances: Array, value: float | Array) -> Array:
        """Return the variances plus the value."""
        return np.asarray(covariances + value)

    def diagonal(self, products: Array) -> Array:
        """Return them."""
        return products

    def zeros(self, n_components: int, d: int) -> Array:
        """Return (K, d) zeros."""
        return np.zeros((n_components, d))


def _dependent(covariance: Array) -> int:
    """Return the first column that depends on those before it."""
    for size in range(1, len(covariance)):
        try:
            np.linalg.cholesky(covariance[:size, :size])
        except np.linalg.LinAlgError:
            return size - 1
    return len(covariance) - 1


def collapsed(component: int, smallest: float, column: int | None = None) -> InputError:
    """Return the error for a covariance that is not positive definite, to rounding."""
    where = "" if column is None else f"; column {column} (from 0) is constant or depends on those before it"
    return InputError(
        f"{COLLAPSED} The covariance of component {component} is not positive definite (smallest eigenvalue "
        f"{smallest:.3g}{where}), as of duplicates, constant or collinear columns; leave columns out or give "
        "a prior"
    )
