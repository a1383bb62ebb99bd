"""The two coordinate ascents on F: the E-step over q, the M-step over theta."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from mixtura.em.family import Array, Family
from mixtura.em.posterior import Posterior
from mixtura.em.source import Source


@dataclass(frozen=True, eq=False)
class MixtureParameters:
    """The parameters of a mixture.

    Parameters
    ----------
    log_weights : ndarray of shape (K,)
        Logarithms of weights that sum to one.
    components : object
        The parameters of the family.
    """

    log_weights: Array
    components: Any


@dataclass(frozen=True, eq=False)
class Expectation:
    """What an E-step leaves of the data.

    Parameters
    ----------
    statistics : object
        Of the family.
    counts : ndarray of shape (K,)
        Sums of responsibilities times weights.
    log_likelihood : float
        The weighted sum of log p(x_i), in nats. It is F(theta, q) at the posterior q.
    entropy : float
        The weighted sum of the entropies of q(z_i), in nats.
    farthest : ndarray of shape (d,)
        The observation of the smallest density.
    """

    statistics: Any
    counts: Array
    log_likelihood: float
    entropy: float
    farthest: Array


def e_step(family: Family[Any, Any], source: Source, theta: MixtureParameters) -> Expectation:
    r"""Maximise F over q: :math:`q(z_i) = p(z_i \mid x_i)`, kept only as sufficient statistics.

    Parameters
    ----------
    family : Family
        The component densities.
    source : Source
        The observations.
    theta : MixtureParameters
        The parameters.

    Returns
    -------
    Expectation
    """
    sums = _summed(family, source, theta)
    points = family.nearer(sums.statistics)
    if points is not None:
        sums = _summed(family, source, theta, points)
    counts = family.counts(sums.statistics)
    entropy = sums.log_likelihood - _expected_log_joint(family, sums.statistics, counts, theta)
    return Expectation(sums.statistics, counts, sums.log_likelihood, entropy, sums.farthest)


@dataclass(frozen=True, eq=False)
class _Sums:
    """What one pass through observations adds up."""

    statistics: Any
    log_likelihood: float
    lowest: float
    farthest: Array


def _summed(family: Family[Any, Any], source: Source, theta: MixtureParameters, points: Any = None) -> _Sums:
    parts = source.parts()
    if len(parts) == 1:
        return _gone_through(family, source, theta, points)
    with ThreadPoolExecutor(len(parts)) as pool:
        each = pool.map(lambda part: _gone_through(family, part, theta, points), parts)
        # In the order of the parts, whichever is ready first, so that the same parts give the same bits.
        return reduce(lambda first, second: _together(family, first, second), each)


# Each thread has its own: beyond the largest number a density is zero.
@np.errstate(over="ignore", invalid="ignore")
def _gone_through(family: Family[Any, Any], source: Source, theta: MixtureParameters, points: Any) -> _Sums:
    prepared = family.prepare(theta.components)
    if points is not None:
        prepared = family.about(prepared, points)
    weighed = family.weigh(prepared, theta.log_weights)
    accumulator = family.zero(prepared)
    total = 0.0
    lowest, farthest = np.inf, np.zeros(source.n_features)
    room, posterior = np.empty(0), Posterior()
    for block, weights in source.blocks():
        shape = (family.n_components, block.shape[1])
        if room.size < shape[0] * shape[1]:
            room = np.empty(shape[0] * shape[1])
        q = room[: shape[0] * shape[1]].reshape(shape)
        family.log_density(prepared, block, q)
        if not weighed:
            q += theta.log_weights[:, None]
        q, log_likelihood, low, at = posterior(q, weights)
        total += log_likelihood
        family.add(accumulator, prepared, block, q)
        if low < lowest:
            lowest, farthest = low, block[:, at].copy()
    return _Sums(family.collect(accumulator, prepared), total, lowest, farthest)


def _together(family: Family[Any, Any], first: _Sums, second: _Sums) -> _Sums:
    farther = min(first, second, key=lambda sums: sums.lowest)
    return _Sums(
        family.combine(first.statistics, second.statistics, (1.0, 1.0)),
        first.log_likelihood + second.log_likelihood,
        farther.lowest,
        farther.farthest,
    )


def m_step(
    family: Family[Any, Any], expectation: Expectation, concentration: float | Array = 1.0
) -> MixtureParameters:
    r"""Maximise F, plus log p(theta), over theta.

    Parameters
    ----------
    family : Family
        The component densities.
    expectation : Expectation
        What the E-step left.
    concentration : float or ndarray of shape (K,)
        Of a Dirichlet prior on the weights; 1 is none.

    Returns
    -------
    MixtureParameters
    """
    pseudo = np.maximum(expectation.counts + (np.asarray(concentration) - 1.0), 0.0)
    with np.errstate(divide="ignore"):
        log_weights = np.log(pseudo) - np.log(pseudo.sum())
    return MixtureParameters(log_weights, family.maximise(expectation.statistics))


def free_energy(family: Family[Any, Any], expectation: Expectation, theta: MixtureParameters) -> float:
    r"""Return :math:`F(\theta, q) = E_q[\log p_\theta(x, z)] + H(q)` for the q of an E-step and any theta.

    Parameters
    ----------
    family : Family
        The component densities.
    expectation : Expectation
        What stands for q.
    theta : MixtureParameters
        The parameters.

    Returns
    -------
    float
        Nats, summed over observations with their weights.
    """
    return expectation.entropy + _expected_log_joint(
        family, expectation.statistics, expectation.counts, theta
    )


def log_prior(
    family: Family[Any, Any], theta: MixtureParameters, concentration: float | Array = 1.0
) -> float:
    """Return log p(theta) up to a constant, in nats."""
    if isinstance(concentration, float) and concentration == 1.0:
        return family.log_prior(theta.components)
    powers = np.broadcast_to(np.asarray(concentration) - 1.0, theta.log_weights.shape)
    used = powers != 0
    return float(powers[used] @ theta.log_weights[used]) + family.log_prior(theta.components)


def _expected_log_joint(
    family: Family[Any, Any], statistics: Any, counts: Array, theta: MixtureParameters
) -> float:
    present = counts > 0
    weights = float(counts[present] @ theta.log_weights[present])
    return weights + family.expected_log_density(statistics, theta.components)
