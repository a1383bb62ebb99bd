"""A mixture from several starts: EM from each, the one of the greatest F kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from mixtura import runtime
from mixtura.em.acceleration import Acceleration
from mixtura.em.engine import Criterion, EMResult, run_em
from mixtura.em.family import Array, Family
from mixtura.em.source import Source
from mixtura.em.steps import MixtureParameters, e_step, log_prior
from mixtura.errors import ConvergenceError, InputError
from mixtura.findings import Finding


class Watch(Protocol):
    """What wants to hear how EM goes, such as a log."""

    def begin(self, start: int) -> None:
        """Hear that EM begins from the start of this number."""

    def step(self, iteration: int, free_energy: float) -> None:
        """Hear of F after the E-step of an iteration."""

    def end(self, free_energy: float, converged: bool) -> None:
        """Hear that EM has ended."""


@dataclass(frozen=True)
class Climb:
    """How EM climbs from each start.

    Parameters
    ----------
    criterion : callable
        From F after every E-step so far to the reason to stop, or None.
    max_iter : int
        The most iterations; with 0 the start itself is the result.
    concentration : float or ndarray of shape (K,)
        Of a Dirichlet prior on the weights; 1 is none.
    exact : bool
        Whether both steps are exact ascents.
    acceleration : callable, optional
        Makes of the family what proposes leaps.
    """

    criterion: Criterion
    max_iter: int
    concentration: float | Array = 1.0
    exact: bool = True
    acceleration: Callable[[Family[Any, Any]], Acceleration] | None = None


def fit_mixture(
    family: Family[Any, Any],
    source: Source,
    starts: Iterable[Callable[[], MixtureParameters]],
    climb: Climb,
    watch: Watch,
) -> EMResult:
    """Run EM from every start, and return the run of the greatest F.

    A start from which a component collapses is passed over as long as another one is left.

    Parameters
    ----------
    family : Family
        The component densities.
    source : Source
        The observations.
    starts : iterable of callable
        Each gives the parameters to begin with.
    climb : Climb
        How to go on from there.
    watch : Watch
        Hears of every start and step.

    Returns
    -------
    EMResult
        With a finding where starts were passed over. With ``max_iter=0`` its lower bound is -inf.

    Raises
    ------
    InputError, ConvergenceError
        That of the last start, if none led anywhere.
    """
    best: EMResult | None = None
    refused: list[Exception] = []
    for number, start in enumerate(starts):
        watch.begin(number)
        try:
            with runtime.one_blas_thread():
                result = _climbed(family, source, start(), climb, watch)
        except (InputError, ConvergenceError) as error:
            refused.append(error)
            continue
        if climb.max_iter:
            watch.end(result.lower_bound, result.converged)
        if best is None or result.lower_bound > best.lower_bound or climb.max_iter == 0:
            best = result
    if best is None:
        raise refused[-1]
    if not refused:
        return best
    return _with_finding(best, refused)


def _climbed(
    family: Family[Any, Any], source: Source, start: MixtureParameters, climb: Climb, watch: Watch
) -> EMResult:
    if climb.max_iter == 0:
        return EMResult(start, np.empty(0), -np.inf, False, "max_iter", 0, ())
    result = run_em(
        family,
        source,
        start,
        criterion=climb.criterion,
        max_iter=climb.max_iter,
        concentration=climb.concentration,
        exact=climb.exact,
        watch=watch.step,
        acceleration=climb.acceleration,
    )
    if len(result.free_energy_path):
        return result
    # The last iteration moved a component, after which nothing was recorded.
    bound = e_step(family, source, result.theta).log_likelihood + log_prior(
        family, result.theta, climb.concentration
    )
    bound /= source.total_weight
    return EMResult(
        result.theta, np.array([bound]), bound, False, result.reason, result.n_iter, result.findings
    )


def _with_finding(result: EMResult, refused: list[Exception]) -> EMResult:
    came = "1 start came" if len(refused) == 1 else f"{len(refused)} starts came"
    finding = Finding(
        "starts-refused",
        "warning",
        f"{came} to nothing, the last because {refused[-1]}",
        "fewer components, a larger reg_covar or a prior may do",
    )
    return EMResult(
        result.theta,
        result.free_energy_path,
        result.lower_bound,
        result.converged,
        result.reason,
        result.n_iter,
        (*result.findings, finding),
    )


def statistics_from(
    family: Family[Any, Any], source: Source, prepared: Any, responsibilities: Iterator[Array]
) -> Any:
    """Return the sufficient statistics of responsibilities that are given.

    Parameters
    ----------
    family : Family
        The component densities.
    source : Source
        The observations.
    prepared : object
        What ``family.prepare`` gave for any parameters; about them the sums are taken.
    responsibilities : iterator of ndarray of shape (K, B)
        For each block of the source; not times the observations' weights.
    """
    accumulator = family.zero(prepared)
    for (block, weights), given in zip(source.blocks(), responsibilities, strict=True):
        # Writes the features that ``add`` uses again.
        family.log_density(prepared, block, np.empty((family.n_components, block.shape[1])))
        family.add(accumulator, prepared, block, given if weights is None else given * weights)
    return family.collect(accumulator, prepared)


def log_weights_from(counts: Array) -> Array:
    """Return logarithms of the counts over their sum, -inf for none."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(counts) - np.log(counts.sum()))
