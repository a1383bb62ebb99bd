"""Where the components of a fitted model are compared as Gaussians."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtura.errors import InputError
from mixtura.estimators import GMVAE, GaussianMixture

Array = NDArray[np.float64]

_MOST_COLUMNS = 64  # of a table whose distances mean something untrained
_MOST_AXES = 10
_LEAST_SHARE = 1e-9  # of the largest variance: an axis below it is constant but for rounding


def points_of(model: Any, X: Any) -> Array | None:
    """Return the rows where their Gaussians are merged, shape (n, d) with d <= 10, or None.

    - A GM-VAE of a table of up to 64 columns, and a `GaussianMixture`: standardised rows on their first
      principal axes. The codes of a GM-VAE were trained to be apart, and rows were not.
    - A GM-VAE of images or of more columns: its codes.
    - Any other mixture, or rows with missing values: None.

    Raises
    ------
    InputError
        If all rows are equal.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(50, 3))
    >>> points_of(GaussianMixture(2, random_state=0).fit(X), X).shape
    (50, 3)
    """
    if isinstance(model, GMVAE):
        rows = _encoded(model, X) if _is_narrow_table(model) else np.asarray(model.transform(X))
    elif isinstance(model, GaussianMixture):
        rows = np.asarray(X, dtype=np.float64)
        if np.isnan(rows).any():
            return None
        spread = rows.std(axis=0)
        rows = (rows - rows.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    else:
        return None
    return principal(rows)


def principal(rows: Array) -> Array:
    """Return coordinates on the principal axes that have any variance, at most ten of them.

    Examples
    --------
    >>> principal(np.array([[0.0, 5.0], [2.0, 5.0]])).round(6).tolist()
    [[-1.0], [1.0]]
    """
    centred = rows - rows.mean(axis=0)
    variances, axes = np.linalg.eigh(centred.T @ centred / len(rows))
    order = np.argsort(-variances)[:_MOST_AXES]
    order = order[variances[order] > _LEAST_SHARE * variances.max()] if variances.max() > 0 else order[:0]
    if not len(order):
        raise InputError("the rows are all equal, and one point has no groups; give rows that differ")
    chosen = axes[:, order]
    # Signs of eigenvectors are arbitrary: the largest entry is made positive.
    signs = np.sign(chosen[np.abs(chosen).argmax(axis=0), np.arange(len(order))])
    points: Array = centred @ (chosen * signs)
    return points


def _is_narrow_table(model: GMVAE) -> bool:
    encoding = model.encoding_
    return encoding.domain == "real" and encoding.n_encoded <= _MOST_COLUMNS


def _encoded(model: GMVAE, X: Any) -> Array:
    return np.asarray(model.encoding_.encode(model._rows(X), np.float64))
