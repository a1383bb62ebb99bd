"""Which line of the table each criterion picks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Evidence:
    """What criteria look at, one entry for each candidate; NaN where there is none.

    Parameters
    ----------
    held_out : ndarray of shape (m,)
        Mean held-out log p(x), in nats per observation.
    behind, behind_se : ndarray of shape (m,)
        The best of these less each, and its standard error by rows.
    bic, icl : ndarray of shape (m,)
        Less is better.
    n_parameters : ndarray of int, shape (m,)
        Free parameters; of equals the one with fewer is picked.
    """

    held_out: Array
    behind: Array
    behind_se: Array
    bic: Array
    icl: Array
    n_parameters: NDArray[np.int64]


@dataclass(frozen=True)
class Criterion:
    """What picks a candidate.

    Parameters
    ----------
    loss : callable
        From the evidence to what is to be least, of shape (m,); what is not finite is never picked.
    words : str
        What is picked.
    """

    loss: Callable[[Evidence], Array]
    words: str


def _near(evidence: Evidence) -> Array:
    """Return the numbers of parameters of the candidates within one standard error of the best."""
    with np.errstate(invalid="ignore"):
        near = (evidence.behind <= evidence.behind_se) | (evidence.behind == 0)
    return np.where(near, evidence.n_parameters, np.nan)


CRITERIA: dict[str, Criterion] = {
    "held_out": Criterion(lambda evidence: -evidence.held_out, "the greatest held-out log p(x)"),
    "one_se": Criterion(_near, "the fewest parameters no more than one se behind the greatest"),
    "bic": Criterion(lambda evidence: evidence.bic, "the least BIC"),
    "icl": Criterion(lambda evidence: evidence.icl, "the least ICL"),
}


def choose(evidence: Evidence) -> dict[str, int]:
    """Return the number of the candidate that each criterion picks, for those that can pick one.

    Examples
    --------
    >>> none = np.zeros(3)
    >>> held_out, behind = np.array([-3.0, -2.0, -1.9]), np.array([1.1, 0.1, 0.0])
    >>> bic = np.array([9.0, 7.0, 8.0])
    >>> choose(Evidence(held_out, behind, np.full(3, 0.2), bic, bic, np.array([2, 4, 6])))
    {'held_out': 2, 'one_se': 1, 'bic': 1, 'icl': 1}
    """
    chosen = {}
    for name, criterion in CRITERIA.items():
        loss = criterion.loss(evidence)
        if np.isfinite(loss).any():
            chosen[name] = int(
                np.lexsort((evidence.n_parameters, np.where(np.isfinite(loss), loss, np.inf)))[0]
            )
    return chosen
