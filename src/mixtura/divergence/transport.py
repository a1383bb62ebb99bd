"""The cheapest way to carry the weights of one mixture to those of another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

Array = NDArray[np.float64]

_UNPLACED = 1e-12  # of the mass: what rounding may leave over


@dataclass(frozen=True, eq=False)
class Plan:
    """A coupling of two sets of weights, and what its cost would change by with the weights.

    Parameters
    ----------
    coupling : ndarray of shape (K, J)
        Not negative, with the weights as its sums along either axis.
    of_rows, of_columns : ndarray of shape (K,), (J,)
        The dual solution: derivatives of the least cost by the weights, up to a constant.
    """

    coupling: Array
    of_rows: Array
    of_columns: Array


def cheapest(cost: Array, rows: Array, columns: Array) -> Plan | None:
    """Return the coupling c of two sets of weights with the least sum_ij c_ij cost_ij.

    Parameters
    ----------
    cost : ndarray of shape (K, J)
        Cost of a unit of weight, perhaps +inf for what is forbidden.
    rows, columns : ndarray of shape (K,), (J,)
        Weights, each with sum one; zeros are allowed.

    Returns
    -------
    Plan or None
        None where every coupling has an infinite cost.

    References
    ----------
    A linear programme, solved by the simplex method of HiGHS (Huangfu and Hall 2018); rounding is mended, so
    that the coupling is one to the last digits.

    Examples
    --------
    >>> cheapest(np.array([[0.0, 5.0], [5.0, 0.0]]), np.array([0.5, 0.5]), np.array([0.25, 0.75])).coupling
    array([[0.25, 0.25],
           [0.  , 0.5 ]])
    """
    n_rows, n_columns = cost.shape
    allowed = np.isfinite(cost)
    if n_rows == 1 or n_columns == 1:
        coupling = np.outer(rows, columns)
        if (coupling[~allowed] > 0).any():
            return None
        priced = np.where(allowed, cost, 0.0)
        return Plan(coupling, priced @ columns, rows @ priced)
    scale = cost[allowed].max(initial=0.0) or 1.0
    equal_rows = np.kron(np.eye(n_rows), np.ones(n_columns))
    equal_columns = np.kron(np.ones(n_rows), np.eye(n_columns))
    bounds = np.where(allowed.reshape(-1), np.inf, 0.0)
    found = linprog(
        np.where(allowed, cost / scale, 0.0).reshape(-1),
        A_eq=np.vstack([equal_rows, equal_columns]),
        b_eq=np.concatenate([rows, columns]),
        bounds=np.stack([np.zeros_like(bounds), bounds], axis=1),
        method="highs-ds",
    )
    if found.x is None:
        return None
    mended = _mended(found.x.reshape(cost.shape), rows, columns, allowed)
    if mended is None:
        return None
    duals = found.eqlin.marginals * scale
    return Plan(mended, duals[:n_rows], duals[n_rows:])


def _mended(plan: Array, rows: Array, columns: Array, allowed: NDArray[np.bool_]) -> Array | None:
    """Return a plan whose sums are the weights: cut where it is too much, filled where it may be."""
    plan = np.where(allowed, np.maximum(plan, 0.0), 0.0)
    for axis, wanted in ((1, rows), (0, columns)):
        total = plan.sum(axis=axis)
        cut = np.where(total > wanted, wanted / np.where(total > 0, total, 1.0), 1.0)
        plan = plan * np.expand_dims(cut, axis)
    short = rows - plan.sum(axis=1), columns - plan.sum(axis=0)
    for i, j in np.argwhere(allowed & np.logical_and.outer(short[0] > 0, short[1] > 0)):
        missing = min(rows[i] - plan[i].sum(), columns[j] - plan[:, j].sum())
        plan[i, j] += max(missing, 0.0)
    unplaced = np.abs(rows - plan.sum(axis=1)).max()
    return plan if unplaced <= _UNPLACED else None
