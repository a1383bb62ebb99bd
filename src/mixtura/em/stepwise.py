r"""Stepwise EM: one M-step for each batch, from sufficient statistics that are averaged over batches.

.. math::

    \hat s \leftarrow (1 - \eta_t) \hat s + \eta_t \bar s(\text{batch}), \qquad \eta_t = (t + t_0)^{-\kappa},

where a bar is the average over the weight of a batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mixtura.em.family import Array, Family
from mixtura.em.source import Source
from mixtura.em.steps import Expectation, MixtureParameters, e_step, m_step
from mixtura.errors import ConvergenceError, InputError


@dataclass(frozen=True, eq=False)
class Running:
    """What stepwise EM knows after some batches.

    Parameters
    ----------
    theta : MixtureParameters
        The parameters.
    statistics : object
        Of the family, for a total weight of one; None before the first batch.
    n_batches : int
        How many have been seen.
    weight : float
        Their weights' sum.
    lower_bound : float
        log p(x) of the last batch before it was learnt from, in nats per observation.
    """

    theta: MixtureParameters
    statistics: Any = None
    n_batches: int = 0
    weight: float = 0.0
    lower_bound: float = -np.inf


@dataclass(frozen=True)
class Steps:
    r"""The sizes of the steps, :math:`\eta_t = (t + t_0)^{-\kappa}` for t = 1, 2, ...

    Parameters
    ----------
    kappa : float
        Above 1/2, for the noise to average out, and at most 1, to get anywhere.
    t0 : float
        Not negative; larger makes the first batches count less each. The first batch of all has step 1.

    Raises
    ------
    InputError
        If one is out of its range.
    """

    kappa: float = 0.7
    t0: float = 2.0

    def __post_init__(self) -> None:
        """Check both."""
        if not (0.5 < self.kappa <= 1 and 0 <= self.t0 < np.inf):
            raise InputError(
                f"kappa must be in (0.5, 1] and t0 not negative, not kappa = {self.kappa}, t0 = {self.t0}"
            )

    def size(self, t: int) -> float:
        """Return the size of step t; 1 for the first, which has nothing to average with."""
        return 1.0 if t == 1 else float((t + self.t0) ** -self.kappa)


def learn(
    family: Family[Any, Any],
    running: Running,
    batch: Source,
    *,
    steps: Steps = Steps(),
    concentration: float | Array = 1.0,
    surprises: bool = False,
) -> Running:
    """Return what is known after one more batch.

    Parameters
    ----------
    family : Family
        The component densities.
    running : Running
        What is known; ``Running(start)`` before the first batch.
    batch : Source
        Observations, with the same origin as all other batches, of about the same number.
    steps : Steps
        The sizes of the steps.
    concentration : float or ndarray of shape (K,)
        Of a Dirichlet prior on the weights; 1 is none. Priors weigh as much as against all batches so far.
    surprises : bool
        Whether to learn from observations that no component can give, with equal responsibilities, as where a
        category turns up that no batch before had. The batch's log p(x) is then -inf.

    Returns
    -------
    Running

    Raises
    ------
    ConvergenceError
        If an observation has no density under any component, and there are to be no surprises.
    InputError
        If a component collapses.

    References
    ----------
    .. [1] O. Cappe and E. Moulines, On-line expectation-maximization algorithm for latent data models, 2009.
    .. [2] P. Liang and D. Klein, Online EM for unsupervised models, 2009.
    """
    weight = batch.total_weight
    if not weight > 0:
        return running
    with np.errstate(invalid="ignore"):  # of infinities, in an entropy that is not needed
        expectation = e_step(family, batch, running.theta)
    if not surprises and not np.isfinite(expectation.log_likelihood):
        raise ConvergenceError(
            f"an observation of batch {running.n_batches + 1} has no density under any component; begin with "
            "a larger batch, a prior or a larger reg_covar"
        )
    t = running.n_batches + 1
    step = steps.size(t)
    old = expectation.statistics if running.statistics is None else running.statistics
    statistics = family.combine(old, expectation.statistics, (1 - step, step / weight))
    seen = running.weight + weight
    total = family.combine(statistics, statistics, (seen, 0.0))
    everything = Expectation(total, family.counts(total), np.nan, np.nan, expectation.farthest)
    theta = m_step(family, everything, concentration)
    return Running(theta, statistics, t, seen, expectation.log_likelihood / weight)
