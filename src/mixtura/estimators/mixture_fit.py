"""EM from checked rows: a whole fit from several starts, or one batch after the other."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from mixtura.em.acceleration import ACCELERATIONS
from mixtura.em.family import Array
from mixtura.em.mixture import Climb, fit_mixture
from mixtura.em.source import ArraySource
from mixtura.em.stepwise import Running, learn
from mixtura.em.stopping import STOPPING, Criterion
from mixtura.errors import InputError
from mixtura.estimators.file_rows import positive, rows_from
from mixtura.estimators.mixture_log import PrintedLog
from mixtura.estimators.mixture_problem import Problem
from mixtura.estimators.validation import in_one_line


def fit_rows(mixture: Any, rows: Any, weights: Array | None, random_state: np.random.RandomState) -> None:
    """Fit a mixture to checked rows from all its starts, and set its attributes.

    Parameters
    ----------
    mixture : MixtureBase
        Its parameters are checked.
    rows : ndarray or FileRows
        The rows.
    weights : ndarray of shape (n,) or None
        Their weights.
    random_state : RandomState
        For the starts.

    Raises
    ------
    InputError, ConvergenceError
        As of ``MixtureBase.fit``.
    """
    problem = _posed(mixture, rows, weights)
    before, starts = -np.inf, [lambda: mixture._start(problem, random_state)] * mixture.n_init
    if mixture.warm_start and hasattr(mixture, "converged_"):
        before, starts = mixture.lower_bound_, [lambda: mixture._continued(problem)]
    result = fit_mixture(
        problem.family,
        problem.source,
        starts,
        Climb(
            _continuing(STOPPING[mixture.stopping](mixture.tol), before),
            mixture.max_iter,
            mixture.weight_concentration,
            problem.exact,
            None if mixture.acceleration is None else ACCELERATIONS[mixture.acceleration],
        ),
        PrintedLog(int(mixture.verbose), mixture.verbose_interval, before),
    )
    if not result.converged and mixture.max_iter > 0:
        warnings.warn(
            "Best performing initialization did not converge. Try different init parameters, or increase "
            "max_iter, tol, or check for degenerate data.",
            ConvergenceWarning,
            stacklevel=4,
        )
    mixture._publish(result.theta, problem)
    mixture._stepwise = None
    mixture.converged_ = result.converged
    mixture.n_iter_ = result.n_iter
    mixture.lower_bound_ = result.lower_bound
    mixture.free_energy_path_ = result.free_energy_path
    mixture.lower_bounds_ = result.free_energy_path[::2].tolist()
    mixture.stopped_by_ = result.reason
    mixture.findings_ = (*mixture._noticed(problem), *result.findings)


def learn_batch(mixture: Any, rows: Any, weights: Array | None) -> None:
    """Let a mixture learn from one more batch of checked rows, and set its attributes.

    Parameters
    ----------
    mixture : MixtureBase
        Its parameters are checked.
    rows : ndarray
        The batch, of positive weights.
    weights : ndarray of shape (n,) or None
        Its weights.

    Raises
    ------
    InputError, ConvergenceError
        As of ``MixtureBase.partial_fit``.
    """
    first = mixture._stepwise is None
    problem, running = _begun(mixture, rows, weights) if first else mixture._stepwise
    running = learn(
        problem.family,
        running,
        rows_from(rows, weights, problem.origin, mixture._block_size(rows.shape[1]), mixture._threads(rows)),
        concentration=mixture.weight_concentration,
        surprises=mixture.learns_surprises,
    )
    mixture._publish(running.theta, problem)
    mixture._stepwise = problem, running
    mixture.converged_, mixture.n_iter_, mixture.stopped_by_ = False, running.n_batches, "partial_fit"
    mixture.lower_bound_ = running.lower_bound
    mixture.lower_bounds_ = [*([] if first else mixture.lower_bounds_), running.lower_bound]
    mixture.free_energy_path_, mixture.findings_ = np.array(mixture.lower_bounds_), problem.findings


def _posed(mixture: Any, rows: Any, weights: Array | None) -> Problem[Any]:
    """Return the problem of the rows of positive weight, of which there must be enough."""
    kept, weights = positive(rows, weights)
    n_kept = len(kept) if weights is None else int(np.count_nonzero(weights))
    if n_kept < mixture.n_components:
        raise InputError(
            f"Expected n_samples >= n_components but got n_components = {mixture.n_components}, "
            f"n_samples = {n_kept}; decrease n_components or give more rows"
        )
    problem: Problem[Any] = mixture._problem(kept, weights)
    return problem


def _begun(mixture: Any, rows: Any, weights: Array | None) -> tuple[Problem[Any], Running]:
    """Return where stepwise EM begins."""
    posed = _posed(mixture, rows, weights)
    if hasattr(mixture, "converged_"):
        theta = mixture._continued(posed)
    else:
        with in_one_line():
            random_state = check_random_state(mixture.random_state)
        theta = mixture._settled(posed, mixture._start(posed, random_state))
    # Of the first batch only the columns are kept: a view would hold all of it.
    nothing = np.array(rows[:0])
    problem = replace(
        posed,
        family=mixture._streamed(posed.family),
        source=ArraySource(nothing),
        rows=nothing,
        weights=None,
        findings=mixture._noticed(posed),
    )
    return problem, Running(theta)


def _continuing(criterion: Criterion, before: float) -> Callable[[list[float]], str | None]:
    """Return a criterion that knows F before the first iteration, where there was one."""
    return criterion if before == -np.inf else lambda bounds: criterion([before, *bounds])
