"""The exclusive projection in d dimensions: the Gaussians at which KL(q || p) is smallest nearby."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor

from mixtura.errors import InputError
from mixtura.findings import Finding
from mixtura.projection.covariances import family_of
from mixtura.projection.expectation import entropy, mean_log_density
from mixtura.projection.explore import explore, require_positive, weigh
from mixtura.projection.function_landscape import FunctionLandscape, has_slope
from mixtura.projection.importance import WeightedPoints
from mixtura.projection.landscape import Landscape
from mixtura.projection.mixture_landscape import MixtureLandscape
from mixtura.projection.nodes import whitened_nodes
from mixtura.projection.objective import Objective
from mixtura.projection.result import Kind
from mixtura.projection.search import (
    COARSE_NODES,
    FINE_APART,
    distinct,
    finish,
    search_coarsely,
)
from mixtura.projection.spectrum import extreme_curvatures, kind_of
from mixtura.projection.starts import mixture_starts
from mixtura.projection.target import GaussianMixtureForm, Target
from mixtura.projection.trust_region import Descent

_HOPELESS = 5.0  # nats above the worst component: what starts so high falls into an optimum that others find
_MOST_FINISHED = 48
_PUSH = 0.3  # how far a saddle is left, in its own units
_FINE_NODES, _FINE_NODES_BY_DIFFERENCES = 4096, 1024


@dataclass(frozen=True, eq=False)
class Optimum:
    """One stationary point of the exclusive problem.

    Parameters
    ----------
    mean : Tensor of shape (d,)
        The mean.
    scale_tril : Tensor of shape (d, d)
        The lower Cholesky factor of the covariance.
    kl : float
        KL(q || p), in nats, on nodes of its own.
    kl_error : float
        Its standard error.
    kind : {"minimum", "saddle", "maximum"}
        By the signs of the eigenvalues of the second derivatives.
    """

    mean: Tensor
    scale_tril: Tensor
    kl: float
    kl_error: float
    kind: Kind


@dataclass(frozen=True, eq=False)
class ExclusiveAnswer:
    """What a search found.

    Parameters
    ----------
    optima : tuple of Optimum
        Every distinct one, best first.
    method : str
        How they were found.
    findings : tuple of Finding
        What a person should know before trusting them.
    """

    optima: tuple[Optimum, ...]
    method: str
    findings: tuple[Finding, ...]


@torch.no_grad()
@np.errstate(all="ignore")  # a person's function may overflow to -inf on the way
def exclusive(
    target: Target,
    covariance: str = "full",
    *,
    n_starts: int | None = None,
    n_samples: int | None = None,
    generator: Generator | None = None,
) -> ExclusiveAnswer:
    r"""Return the local optima of the exclusive projection onto a family of Gaussians.

    .. math::

        \min_q \mathrm{KL}(q \| p) = -H(q) - \mathbb{E}_q[\log p]

    The expectation is a mean over fixed quasi-random nodes that integrate every quadratic exactly. So the
    answer is exact for a Gaussian target, and for a mixture only what departs from its dominating component
    is sampled. Newton's method within a trust region runs from many starts at once on few nodes; what it
    finds is finished on many, and judged on others. Steps are measured in the Gaussian's own units, so that
    the units of the target do not matter.

    Parameters
    ----------
    target : Target
        The density p.
    covariance : {"full", "diag", "spherical"}
        The family of q.
    n_starts : int, optional
        How many starts; by default some for each component of a mixture, else 30.
    n_samples : int, optional
        How many nodes the optima are finished on; 4096 unless given, or 1024 where the gradient must be told
        by differences.
    generator : torch.Generator, optional
        Where random numbers come from; one seeded with 0 unless given.

    Returns
    -------
    ExclusiveAnswer

    Raises
    ------
    InputError
        If the support is bounded or the density vanishes somewhere, so that the divergence is infinite; or if
        it is not integrable, so that the divergence has no lower bound.
    ConvergenceError
        If no start arrives at a stationary point.

    Examples
    --------
    >>> from torch.distributions import MultivariateNormal
    >>> from mixtura.projection.target import as_target
    >>> correlated = MultivariateNormal(torch.zeros(2), torch.tensor([[1.0, 0.6], [0.6, 1.0]]))
    >>> (best,) = exclusive(as_target(correlated), "diag").optima
    >>> best.scale_tril.square()  # 1 / P_ii, of the precision P
    tensor([[0.6400, 0.0000],
            [0.0000, 0.6400]], dtype=torch.float64)
    """
    lower, upper = target.support
    if math.isfinite(lower) or math.isfinite(upper):
        raise InputError(
            f"the support of {target.name} is bounded, from {lower:g} to {upper:g}: KL(q || p) is infinite "
            "for every Gaussian q; ask for the inclusive direction, or map the support to the whole space"
        )
    source = torch.Generator().manual_seed(0) if generator is None else generator
    family = family_of(covariance, target.dimension)
    samples = n_samples or (_FINE_NODES if has_slope(target) else _FINE_NODES_BY_DIFFERENCES)
    many = whitened_nodes(target.dimension, samples, source)
    few = whitened_nodes(target.dimension, COARSE_NODES, source)
    landscape = _landscape(target)
    coarse, fine = Objective(landscape, family, few), Objective(landscape, family, many)
    points: WeightedPoints | None = None
    if target.mixture is not None:
        mean, scale_tril = mixture_starts(target.mixture, family, n_starts, source)
        if n_starts is None:
            hopeful = _hopeful(coarse, target.mixture, mean, scale_tril)
            mean, scale_tril = mean[hopeful], scale_tril[hopeful]
        found, _ = search_coarsely(coarse, mean, scale_tril)
    else:
        found = explore(target, coarse, n_starts, source)
        if not target.normalised:
            found, points = weigh(target, coarse, found, 4 * samples, source)
        require_positive(target, fine, found.mean[0], found.scale_tril[0])
    number = len(found.value)
    found, kinds = _classified(coarse, fine, finish(fine, found.take(slice(_MOST_FINISHED))), source)
    twist = coarse.at(found.mean, found.scale_tril).twist
    value, error = mean_log_density(landscape, found.mean, found.scale_tril, twist, 2 * samples, source)
    kl = -entropy(found.scale_tril) - value
    if points is not None:
        kl, error = kl + points.log_normaliser, error.hypot(torch.tensor(points.log_normaliser_error))
    return ExclusiveAnswer(
        optima=tuple(
            Optimum(
                found.mean[at], found.scale_tril[at], max(float(kl[at]), 0.0), float(error[at]), kinds[at]
            )
            for at in kl.argsort(stable=True).tolist()
        ),
        method="trust-region Newton from many starts, quasi-random nodes",
        findings=tuple(_findings(number, points)),
    )


def _hopeful(coarse: Objective, form: GaussianMixtureForm, mean: Tensor, scale_tril: Tensor) -> Tensor:
    """Return which starts (S,) are not far worse than every component, which come first among them."""
    value = coarse.at(mean, scale_tril).value
    n_components = int((form.log_weights > -torch.inf).sum())
    return value <= value[:n_components].max() + _HOPELESS


def _classified(
    coarse: Objective, fine: Objective, found: Descent, generator: Generator
) -> tuple[Descent, list[Kind]]:
    """Return what was found and its kinds, with the minima beside every saddle."""
    lowest, highest, down = extreme_curvatures(coarse, fine, found.mean, found.scale_tril, generator)
    kinds = [kind_of(float(low), float(high)) for low, high in zip(lowest, highest, strict=True)]
    saddles = torch.tensor([at for at, kind in enumerate(kinds) if kind != "minimum"])
    if len(saddles) == 0:
        return found, kinds
    left = [
        coarse.family.move(found.mean[saddles], found.scale_tril[saddles], side * _PUSH * down[saddles])
        for side in (-1, 1)
    ]
    mean, scale_tril = (torch.cat(parts) for parts in zip(*left, strict=True))
    minima, _ = search_coarsely(coarse, mean, scale_tril)
    if len(minima.value) == 0:
        return found, kinds
    minima = finish(fine, minima)
    lowest, highest, _ = extreme_curvatures(coarse, fine, minima.mean, minima.scale_tril, generator)
    kinds += [kind_of(float(low), float(high)) for low, high in zip(lowest, highest, strict=True)]
    both = found.join(minima)
    kept = distinct(both, FINE_APART)
    return both.take(kept), [kinds[at] for at in kept.tolist()]


def _findings(number: int, points: WeightedPoints | None) -> Iterator[Finding]:
    if number > _MOST_FINISHED:
        seen = f"{number} local optima were found; the best {_MOST_FINISHED} of them were finished"
        yield Finding("many-optima", "note", seen)
    if points is not None:
        yield points.finding()


def _landscape(target: Target) -> Landscape:
    return FunctionLandscape(target) if target.mixture is None else MixtureLandscape(target.mixture)
