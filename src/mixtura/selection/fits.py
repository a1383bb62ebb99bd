"""A candidate fitted to all rows, or to some of them and scored on the others."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from mixtura.estimators.mixture_base import MixtureBase
from mixtura.selection.folds import Fold
from mixtura.selection.rows import Rows

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Whole:
    """A fit to all rows.

    Parameters
    ----------
    estimator : MixtureBase or None
        Fitted; None where it could not be.
    reason : str
        Why not.
    log_likelihood : float
        Mean of log p(x) over the same rows, in nats.
    bic, icl : float
        As the estimator's methods give them: less is better.
    n_parameters : int
        Free parameters.
    """

    estimator: MixtureBase | None
    reason: str = ""
    log_likelihood: float = np.nan
    bic: float = np.nan
    icl: float = np.nan
    n_parameters: int = 0


@dataclass(frozen=True, eq=False)
class Part:
    """A fit to the rows of a fold, and what it says of the others.

    Parameters
    ----------
    log_densities : ndarray of shape (m,) or None
        log p(x) of the rows held out; None where there is no fit.
    reason : str
        Why not.
    converged : bool
        Whether EM met its criterion.
    unknown : bool
        Whether the rows to learn from lack a category that there is.
    """

    log_densities: Array | None
    reason: str = ""
    converged: bool = True
    unknown: bool = False


def fit_whole(estimator: MixtureBase, rows: Rows, weights: Array | None) -> Whole:
    """Fit a mixture to all rows; what cannot be fitted is a reason."""
    fitted = _fitted(estimator, rows.native, weights)
    if isinstance(fitted, str):
        return Whole(None, fitted)
    return Whole(
        fitted,
        "",
        fitted.score(rows.native, sample_weight=weights),
        fitted.bic(rows.native, weights),
        fitted.icl(rows.native, weights),
        fitted._n_parameters(),
    )


def fit_part(whole: Whole, rows: Rows, weights: Array | None, fold: Fold) -> Part:
    """Fit the mixture again to the rows of a fold, and score the others."""
    assert whole.estimator is not None
    train, test = fold
    fitted = _fitted(like(whole.estimator), rows.take(train), None if weights is None else weights[train])
    if isinstance(fitted, str):
        return Part(None, fitted)
    densities = np.asarray(fitted.score_samples(rows.take(test)), dtype=np.float64)
    return Part(densities, "", fitted.converged_, _categories(fitted) != _categories(whole.estimator))


def like(fitted: MixtureBase) -> MixtureBase:
    """Return the mixture unfitted, which takes the columns for what they are in all rows.

    A category that a fold lacks has a probability where there is a prior; else it is a missing entry.
    """
    own = clone(fitted)
    parameters, pinned = own.get_params(), dict[str, Any]()
    if "families" in parameters:
        pinned["families"] = list(fitted.families_)
    if "handle_unknown" in parameters:
        pinned["handle_unknown"] = "missing"
        if parameters.get("prior") is not None or "categorical" in (parameters.get("priors") or {}):
            columns = fitted.columns_.get("categorical", []) if "families" in parameters else None
            known = (
                enumerate(fitted.categories_)
                if columns is None
                else zip(columns, fitted.categories_, strict=True)
            )
            pinned["categories"] = {j: values for j, values in known if len(values)}
    again: MixtureBase = own.set_params(**pinned)
    return again


def _categories(fitted: MixtureBase) -> list[int]:
    return [len(values) for values in getattr(fitted, "categories_", [])]


def _fitted(estimator: MixtureBase, X: Any, weights: Array | None) -> MixtureBase | str:
    """Return the fitted mixture, or why there is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it is a column of the table
        try:
            return estimator.fit(X, sample_weight=weights)
        except (ValueError, ArithmeticError) as error:
            return next(iter(str(error).splitlines()), type(error).__name__)
