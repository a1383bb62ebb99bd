"""Where EM of a Gaussian mixture begins: parameters that are given, responsibilities for the rest."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from mixtura.em.family import Array
from mixtura.em.gaussian import GaussianFamily, GaussianParameters
from mixtura.em.imputation import fill
from mixtura.em.missing import MissingFamily
from mixtura.em.mixture import log_weights_from, statistics_from
from mixtura.em.precision import centred_at, covariances_from
from mixtura.em.scoring import block_size
from mixtura.em.source import BLOCK, ArraySource
from mixtura.em.starts import short_runs
from mixtura.em.steps import MixtureParameters
from mixtura.estimators.gaussian_shape import unit_gaussians
from mixtura.estimators.mixture_checks import checked_mixture_weights, checked_precisions, checked_start
from mixtura.estimators.mixture_problem import Problem, in_memory
from mixtura.estimators.mixture_starts import POINTS, SHORT_RUNS, assigned, nearest

AnyGaussians = GaussianFamily | MissingFamily[Any]


class GivenStart(NamedTuple):
    """The parts of a start that the user gave, in raw units."""

    weights: ArrayLike | None
    means: ArrayLike | None
    precisions: ArrayLike | None


def gaussian_start(
    problem: Problem[AnyGaussians],
    covariance_type: str,
    method: str,
    given: GivenStart,
    random_state: np.random.RandomState,
) -> MixtureParameters:
    """Return parameters to start from, in the coordinates of the problem.

    Parameters
    ----------
    problem : Problem
        The data.
    covariance_type : {"full", "tied", "diag", "spherical"}
        The type.
    method : str
        How responsibilities are found for what is not given.
    given : GivenStart
        What is given.
    random_state : RandomState
        Consumed as by scikit-learn.

    Raises
    ------
    InputError
        If what is given is of another shape, or no weights or precisions.
    """
    k, d = problem.family.n_components, problem.family.n_features
    shapes = {"full": (k, d, d), "tied": (d, d), "diag": (k, d), "spherical": (k,)}
    weights = None if given.weights is None else checked_mixture_weights(given.weights, k)
    means = None if given.means is None else checked_start(given.means, (k, d), "means")
    covariances = None
    if given.precisions is not None:
        precisions = checked_precisions(given.precisions, shapes[covariance_type], covariance_type)
        covariances = covariances_from(precisions, covariance_type)
    if weights is None or means is None or covariances is None:
        found, components = _from_responsibilities(problem, method, random_state)
        weights = found if weights is None else weights
        means = components.means + problem.origin if means is None else means
        covariances = components.covariances if covariances is None else covariances
    components = GaussianParameters(means - problem.origin, covariances)
    return MixtureParameters(log_weights_from(weights), components)


def _from_responsibilities(
    problem: Problem[AnyGaussians], method: str, random_state: np.random.RandomState
) -> tuple[Array, GaussianParameters]:
    """Return weights, and means and covariances, of one M-step."""
    if method == SHORT_RUNS:
        return _short_runs(problem, np.random.default_rng(random_state.randint(2**31 - 1)))
    problem = in_memory(problem, random_state, BLOCK)
    family, rows, weights, origin = problem.family, problem.rows, problem.weights, problem.origin
    if isinstance(family, MissingFamily):
        family, rows, origin = family.gaussians, _complete(rows, weights, origin), np.zeros_like(origin)
    k, size = family.n_components, block_size(family.layout.rows(family.n_features))
    source = ArraySource(rows, weights, origin, size)
    blocks = assigned(method, rows, k, weights, random_state, size)
    if method in POINTS and family.reg_covar == 0 and family.prior is None:
        blocks = nearest(blocks, rows, size)
    # Sums about the means that a first pass finds lose no digits, however far apart the components are.
    about = centred_at(family, np.zeros((k, family.n_features)))
    rough = family.maximise(statistics_from(family, source, about, blocks()))
    statistics = statistics_from(family, source, centred_at(family, rough.means), blocks())
    return family.counts(statistics), family.maximise(statistics)


def _short_runs(
    problem: Problem[AnyGaussians], generator: np.random.Generator
) -> tuple[Array, GaussianParameters]:
    """Return weights, means and covariances of the best of many short runs."""
    family = problem.family
    gaussians = family.gaussians if isinstance(family, MissingFamily) else family
    reference = unit_gaussians(gaussians)
    theta = short_runs(family, problem.source, generator, reference=reference, exact=problem.exact)
    return np.exp(theta.log_weights), theta.components


def _complete(rows: Array, weights: Array | None, origin: Array) -> Array:
    """Return rows less the origin, with what a Gaussian expects for what is missing."""
    return fill(rows, weights, origin) if np.isnan(rows).any() else rows - origin
