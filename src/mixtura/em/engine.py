"""Expectation-maximisation: E-step and M-step in turn, F recorded after each half step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from mixtura.em.family import Array, Family
from mixtura.em.source import Source
from mixtura.em.steps import Expectation, MixtureParameters, e_step, free_energy, log_prior, m_step
from mixtura.errors import ConvergenceError, InputError
from mixtura.findings import Finding

if TYPE_CHECKING:
    from mixtura.em.acceleration import Acceleration

# A component with less of the data than this has lost it.
_LOST = 1e-8
# So often one is moved; one that loses its points again each time may belong there, under a prior.
_MOVES = 5
# What rounding may take from F, relative to it.
_ROUNDING = 1e-9
# Steps after a leap until rises of F are a series again, of which a criterion reads three.
_SETTLED = 3


@dataclass(frozen=True, eq=False)
class EMResult:
    """What EM ends with.

    Parameters
    ----------
    theta : MixtureParameters
        The parameters after the last M-step.
    free_energy_path : ndarray of shape (n_half_steps,)
        F after every half step, E then M, in nats per observation; plus log p(theta) per observation where
        there is a prior. It begins anew after a component was moved, and leaves out leaps that were refused;
        without either there are two values an iteration.
    lower_bound : float
        F after the last E-step, in nats per observation.
    converged : bool
        Whether the criterion was met.
    reason : str
        Why it stopped.
    n_iter : int
        The number of iterations.
    findings : tuple of Finding
        What should be known: falls of F, components that were moved.
    """

    theta: MixtureParameters
    free_energy_path: Array
    lower_bound: float
    converged: bool
    reason: str
    n_iter: int
    findings: tuple[Finding, ...]


Criterion = Callable[[list[float]], str | None]


@dataclass
class _Run:
    """The state of one run: the path, and what was noticed."""

    exact: bool
    scale: float
    iteration: int = 0
    path: list[float] = field(default_factory=list)
    falls: list[tuple[int, float]] = field(default_factory=list)
    moved: list[int] = field(default_factory=list)

    def record(self, value: float, after: str, rounding: Callable[[], float]) -> None:
        """Add F after a half step; a fall beyond rounding is an error where the ascent is exact."""
        value /= self.scale
        if not np.isfinite(value):
            raise ConvergenceError(
                f"the free energy became {value} after an {after} of iteration {self.iteration}: an "
                "observation has no density under any component; start from other parameters"
            )
        if self.path and value < self.path[-1] - _ROUNDING * (1 + abs(self.path[-1])):
            fall = self.path[-1] - value
            if self.exact and fall > rounding() * (1 + abs(self.path[-1])):
                raise ConvergenceError(
                    f"the free energy fell by {fall:.3g} nats per observation in an {after} of iteration "
                    f"{self.iteration}, which an exact ascent cannot; are the data badly scaled?"
                )
            self.falls.append((self.iteration, fall))
        self.path.append(value)


# Beyond the largest number a density is zero, and what has no value at all ends in an error.
@np.errstate(over="ignore", invalid="ignore")
def run_em(
    family: Family[Any, Any],
    source: Source,
    start: MixtureParameters,
    *,
    criterion: Criterion,
    max_iter: int,
    concentration: float | Array = 1.0,
    exact: bool = True,
    watch: Callable[[int, float], None] | None = None,
    acceleration: Callable[[Family[Any, Any]], Acceleration] | None = None,
) -> EMResult:
    r"""Climb F(theta, q) by turns.

    .. math::

        q \leftarrow \operatorname{argmax}_q F(\theta, q) = p_\theta(z \mid x), \qquad
        \theta \leftarrow \operatorname{argmax}_\theta F(\theta, q) + \log p(\theta).

    Parameters
    ----------
    family : Family
        The component densities.
    source : Source
        The observations.
    start : MixtureParameters
        Where to begin.
    criterion : callable
        From F after every E-step so far, in nats per observation, to the reason to stop, or None.
    max_iter : int
        The most iterations.
    concentration : float or ndarray of shape (K,)
        Of a Dirichlet prior on the weights; 1 is none.
    exact : bool
        Whether both steps are exact ascents, so that F cannot fall.
    watch : callable, optional
        Called with the iteration and F after its E-step.
    acceleration : callable, optional
        Makes of the family what proposes leaps, such as ``Squarem``. A leap that is kept is a rise
        of the path from an M-step to the next E-step; one that is not is an iteration that leaves no trace.

    Returns
    -------
    EMResult

    Raises
    ------
    ConvergenceError
        If F is not finite, or falls although the ascent is exact.
    InputError
        If a component collapses.

    References
    ----------
    .. [1] R. Neal and G. Hinton, A view of the EM algorithm that justifies incremental, sparse, and other
       variants, in Learning in Graphical Models, 1998.
    """
    state = _Run(exact=exact, scale=source.total_weight)
    theta, bounds = start, []
    converged, reason = False, "max_iter"
    accelerator = acceleration(family) if acceleration else None
    leap: MixtureParameters | None = None
    steps, settling = _SETTLED, False
    for iteration in range(1, max_iter + 1):
        state.iteration = iteration
        if accelerator is None or leap is None:
            expectation = e_step(family, source, theta)
        else:
            floor = state.path[-1] * state.scale
            reached = _reached(family, source, leap, concentration, floor)
            accelerator.judge(reached is not None)
            if reached is None:
                leap = None
                continue
            theta, expectation = leap, reached
        prior = log_prior(family, theta, concentration)
        state.record(expectation.log_likelihood + prior, "E-step", partial(family.rounding, theta.components))
        bounds.append(state.path[-1])
        before, theta = theta, m_step(family, expectation, concentration)
        lost = [
            k
            for k in np.flatnonzero(expectation.counts < _LOST * source.total_weight / family.n_components)
            if state.moved.count(int(k)) < _MOVES
        ]
        if lost:
            theta = _revived(family, theta, expectation, int(lost[0]), source.total_weight)
            state.moved.append(int(lost[0]))
            state.path.clear()
            bounds, leap = [], None
            steps, settling = _SETTLED, False
            accelerator = acceleration(family) if acceleration else None
            continue
        state.record(
            free_energy(family, expectation, theta) + log_prior(family, theta, concentration),
            "M-step",
            partial(family.rounding, theta.components),
        )
        if watch is not None:
            watch(iteration, bounds[-1])
        steps = steps + 1 if leap is None else 0
        stop = criterion(bounds)
        if stop is not None and steps >= _SETTLED:
            converged, reason = True, stop
            break
        # What a criterion makes of a leap must hold for steps too, before EM ends.
        settling = steps < _SETTLED and (settling or stop is not None)
        leap = accelerator.leap(before, theta) if accelerator else None
        if settling:
            leap = None
    return EMResult(
        theta=theta,
        free_energy_path=np.array(state.path),
        lower_bound=bounds[-1] if bounds else float("nan"),
        converged=converged,
        reason=reason,
        n_iter=iteration,
        findings=_findings(state),
    )


def _reached(
    family: Family[Any, Any],
    source: Source,
    leap: MixtureParameters,
    concentration: float | Array,
    floor: float,
) -> Expectation | None:
    """Return the E-step at the end of a leap, or None where F is below the floor or has no value."""
    try:
        with np.errstate(all="ignore"):
            expectation = e_step(family, source, leap)
            height = expectation.log_likelihood + log_prior(family, leap, concentration)
    except InputError:
        return None
    return expectation if np.isfinite(height) and height >= floor else None


def _revived(
    family: Family[Any, Any],
    theta: MixtureParameters,
    expectation: Expectation,
    component: int,
    total_weight: float,
) -> MixtureParameters:
    """Return parameters with a component that lost its points moved to the observation of least density."""
    weights = np.maximum(expectation.counts / total_weight, 0.0)
    weights[component] = 1 / family.n_components
    components = family.reseed(theta.components, component, expectation.farthest)
    with np.errstate(divide="ignore"):  # another that lost its points is moved in the next iteration
        return MixtureParameters(np.log(weights / weights.sum()), components)


def _findings(state: _Run) -> tuple[Finding, ...]:
    findings = []
    if state.falls:
        iteration, fall = max(state.falls, key=lambda item: item[1])
        fell = "once, by" if len(state.falls) == 1 else f"{len(state.falls)} times, by up to"
        findings.append(
            Finding(
                "free-energy-fell",
                "warning",
                f"F fell {fell} {fall:.3g} nats per observation in iteration {iteration}: reg_covar > 0 "
                "makes a step that is no exact ascent, or nearly collinear columns cost their digits",
                "lower reg_covar, use a prior, or drop a column",
            )
        )
    if state.moved:
        names = ", ".join(str(component) for component in sorted(set(state.moved)))
        findings.append(
            Finding(
                "component-reseeded",
                "warning",
                f"components that lost their points were moved to the least likely observation: {names}",
                "fewer components may do",
            )
        )
    return tuple(findings)
