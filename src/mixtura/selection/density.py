"""Columns that have a density rather than a probability, and components too narrow for their values."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from mixtura.errors import InputError
from mixtura.estimators import GaussianMixture, MixedMixture
from mixtura.estimators.mixture_base import MixtureBase
from mixtura.selection.rows import Rows


def measured_columns(fitted: MixtureBase) -> list[int]:
    """Return the numbers of the columns that are Gaussian given the group."""
    if isinstance(fitted, GaussianMixture):
        return list(range(fitted.n_features_in_))
    return list(fitted.columns_.get("gaussian", [])) if isinstance(fitted, MixedMixture) else []


def require_comparable(models: Iterable[tuple[str, MixtureBase]]) -> list[int]:
    """Return the columns of `measured_columns`, which must be those of all models.

    Raises
    ------
    InputError
        If a column has a density under one and a probability under another: their logarithms differ by what
        the unit of the column is.
    """
    models = list(models)
    name, first = models[0]
    for other, fitted in models[1:]:
        if measured_columns(fitted) != measured_columns(first):
            raise InputError(
                f"{name!r} has densities of columns of which {other!r} has probabilities, and the two "
                "cannot be compared; choose K of each by itself"
            )
    return measured_columns(first)


def narrowest(fitted: MixtureBase) -> NDArray[np.float64]:
    """Return the least standard deviation of a component in each measured column.

    Examples
    --------
    >>> X = np.array([[0.0, 0.0], [1.0, 3.0], [2.0, 0.0], [3.0, 3.0]])
    >>> narrowest(GaussianMixture(1, reg_covar=0.0).fit(X)).round(3).tolist()
    [1.118, 1.5]
    """
    covariances = np.asarray(fitted.covariances_, dtype=np.float64)
    shape = (len(fitted.weights_), len(measured_columns(fitted)))
    variances = {
        "full": lambda: np.diagonal(covariances, axis1=1, axis2=2),
        "tied": lambda: np.diagonal(covariances),
        "diag": lambda: covariances,
        "spherical": lambda: covariances[:, None],
    }[fitted.covariance_type]()
    least: NDArray[np.float64] = np.sqrt(np.broadcast_to(variances, shape).min(axis=0))
    return least


def spacings(rows: Rows, columns: list[int]) -> NDArray[np.float64]:
    """Return the least distance between two values of each column, 0 for one value."""
    least = []
    for column in columns:
        values = np.unique(rows.column(column))
        least.append(np.diff(values).min() if len(values) > 1 else 0.0)
    return np.array(least)
