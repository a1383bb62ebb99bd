"""The two coordinate ascents on F: the E-step over q, the M-step over theta."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mixtura.em.family import Array, Family
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


def responsibilities(log_joint: Array) -> Array:
    """Turn log p(x_i, k) of shape (K, B) into responsibilities in place, and return log p(x_i) of shape (B,).

    Where p(x_i) is zero the responsibilities are equal.
    """
    peak = log_joint.max(axis=0)
    possible = np.isfinite(peak)
    if not possible.all():
        log_joint[:, ~possible] = 0.0
        shift = np.where(possible, peak, 0.0)
    else:
        shift = peak
    log_joint -= shift
    np.exp(log_joint, out=log_joint)
    total = log_joint.sum(axis=0)
    log_joint /= total
    log_density = shift + np.log(total)
    if not possible.all():
        log_density[~possible] = -np.inf
    return np.asarray(log_density)


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
    prepared = family.prepare(theta.components)
    accumulator = family.zero(prepared)
    total = 0.0
    lowest, farthest = np.inf, np.zeros(source.n_features)
    room = np.empty((family.n_components, 0))
    for block, weights in source.blocks():
        columns = block.shape[1]
        if room.shape[1] < columns:
            room = np.empty((family.n_components, columns))
        q = room[:, :columns]
        family.log_density(prepared, block, q)
        q += theta.log_weights[:, None]
        log_density = responsibilities(q)
        if weights is None:
            total += float(log_density.sum())
        else:
            q *= weights
            # A weight of zero drops an observation, even one of density zero.
            total += float(log_density[weights > 0] @ weights[weights > 0])
        family.add(accumulator, prepared, block, q)
        at = int(log_density.argmin())
        if log_density[at] < lowest:
            lowest, farthest = float(log_density[at]), block[:, at].copy()
    statistics = family.collect(accumulator, prepared)
    counts = family.counts(statistics)
    entropy = total - _expected_log_joint(family, statistics, counts, theta)
    return Expectation(statistics, counts, total, entropy, farthest)


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
    powers = np.broadcast_to(np.asarray(concentration) - 1.0, theta.log_weights.shape)
    used = powers != 0
    return float(powers[used] @ theta.log_weights[used]) + family.log_prior(theta.components)


def _expected_log_joint(
    family: Family[Any, Any], statistics: Any, counts: Array, theta: MixtureParameters
) -> float:
    present = counts > 0
    weights = float(counts[present] @ theta.log_weights[present])
    return weights + family.expected_log_density(statistics, theta.components)
