"""What the mixtures ask of their parameters, weights and starts, in scikit-learn's words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_array

from mixtura.em.acceleration import ACCELERATIONS
from mixtura.em.stopping import STOPPING
from mixtura.errors import InputError
from mixtura.estimators.mixture_starts import METHODS, SHORT_RUNS
from mixtura.estimators.validation import in_one_line

Array = NDArray[np.float64]
# Sums of squares times larger weights may leave float64.
_LARGEST = 1e100


@dataclass(frozen=True)
class Constraint:
    """What a parameter must be: a test, and the same in words."""

    holds: Callable[[Any], bool]
    words: str


def whole(least: int) -> Constraint:
    """Return the constraint to whole numbers from ``least`` on, of which truth values are none."""
    return Constraint(
        lambda value: isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= least,
        f"an int in the range [{least}, inf)",
    )


def real(least: float) -> Constraint:
    """Return the constraint to finite numbers from ``least`` on."""
    return Constraint(
        lambda value: isinstance(value, Real) and least <= float(value) < np.inf,
        f"a float in the range [{least}, inf)",
    )


def one_of(*values: str) -> Constraint:
    """Return the constraint to some words."""
    words = "a str among {" + ", ".join(repr(value) for value in values) + "}"
    return Constraint(lambda value: isinstance(value, str) and value in values, words)


def optional(constraint: Constraint) -> Constraint:
    """Return the constraint with None allowed."""
    return Constraint(lambda value: value is None or constraint.holds(value), f"{constraint.words} or None")


TRUTH = Constraint(lambda value: isinstance(value, (bool, np.bool_)), "a bool")

COMMON: dict[str, Constraint] = {
    "n_components": whole(1),
    "tol": real(0.0),
    "max_iter": whole(0),
    "n_init": whole(1),
    "init_params": one_of(*METHODS, SHORT_RUNS),
    "acceleration": optional(one_of(*ACCELERATIONS)),
    "n_threads": optional(whole(1)),
    "stopping": one_of(*STOPPING),
    "weight_concentration": real(1.0),
    "warm_start": TRUTH,
    "verbose": Constraint(
        lambda value: isinstance(value, Integral) and int(value) >= 0,
        "an int in the range [0, inf) or a bool",
    ),
    "verbose_interval": whole(1),
}


def check_parameters(estimator: BaseEstimator, constraints: Mapping[str, Constraint]) -> None:
    """Refuse the first parameter that is not what it must be.

    Raises
    ------
    InputError
        In scikit-learn's words.
    """
    for name, constraint in constraints.items():
        value = getattr(estimator, name)
        if not constraint.holds(value):
            raise InputError(
                f"The {name!r} parameter of {type(estimator).__name__} must be {constraint.words}. "
                f"Got {value!r} instead."
            )


def checked_weights(sample_weight: Any, n_rows: int) -> Array | None:
    """Return the observations' weights in float64, or None where there are none.

    Raises
    ------
    InputError
        If they are not one number for each row, if one is negative or not finite, or if all are zero.

    Examples
    --------
    >>> checked_weights([1, 0, 2], 3).tolist()
    [1.0, 0.0, 2.0]
    """
    if sample_weight is None:
        return None
    if isinstance(sample_weight, Real):
        sample_weight = np.full(n_rows, float(sample_weight))
    with in_one_line():
        weights: Array = check_array(
            sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight", ensure_min_samples=0
        )
    if weights.shape != (n_rows,):
        raise InputError(
            f"sample_weight.shape == {weights.shape}, expected {(n_rows,)}; give one for each row"
        )
    if (weights < 0).any():
        at = int(np.argmin(weights))
        raise InputError(
            f"Negative values in data passed to sample_weight: {weights[at]:g} for row {at}; give 0 or more"
        )
    if not 0 < weights.sum() < _LARGEST:
        raise InputError(
            f"sample_weight must not be all zero, nor so large: it sums to {weights.sum():g}; scale it"
        )
    return weights


def checked_start(value: Any, shape: tuple[int, ...], name: str) -> Array:
    """Return a part of a start in float64, of the shape that is asked for.

    Raises
    ------
    InputError
        If the shape is another one.
    """
    with in_one_line():
        array: Array = check_array(
            value, dtype=[np.float64, np.float32], ensure_2d=False, allow_nd=True, input_name=name
        )
    if array.shape != shape:
        raise InputError(f"The parameter '{name}' should have the shape of {shape}, but got {array.shape}")
    return array.astype(np.float64)


def checked_mixture_weights(value: Any, n_components: int) -> Array:
    """Return weights of components that lie in [0, 1] and sum to one.

    Raises
    ------
    InputError
        If they do not.
    """
    single = getattr(value, "dtype", None) == np.float32
    weights = checked_start(value, (n_components,), "weights")
    if (weights < 0).any() or (weights > 1).any():
        raise InputError(
            "The parameter 'weights' should be in the range [0, 1], but got max value "
            f"{weights.max():.5f}, min value {weights.min():.5f}"
        )
    if abs(1 - weights.sum()) > (1e-6 if single else 1e-8):
        raise InputError(
            f"The parameter 'weights' should be normalized, but got sum(weights) = {weights.sum():.5f}"
        )
    return weights


def checked_precisions(value: Any, shape: tuple[int, ...], covariance_type: str) -> Array:
    """Return precisions that are positive, or symmetric and positive definite.

    Raises
    ------
    InputError
        If they are not.
    """
    precisions = checked_start(value, shape, f"{covariance_type} precision")
    if covariance_type not in ("full", "tied"):
        if not (precisions > 0).all():
            raise InputError(f"'{covariance_type} precision' should be positive")
        return precisions
    matrices = precisions.reshape(-1, *shape[-2:])
    symmetric = np.allclose(matrices, matrices.transpose(0, 2, 1))
    if not symmetric or not (np.linalg.eigvalsh(matrices) > 0).all():
        raise InputError(f"'{covariance_type} precision' should be symmetric, positive-definite")
    return precisions
