"""The inclusive projection: the Gaussian that matches the moments of the target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor
from torch.distributions import Distribution

from mixtura.divergence.gaussian import kl_from_cholesky
from mixtura.divergence.monte_carlo import divergence_by_monte_carlo
from mixtura.divergence.quadrature import divergence_by_quadrature
from mixtura.divergence.sampling import draw
from mixtura.errors import InputError
from mixtura.findings import Finding
from mixtura.projection.covariances import CovarianceFamily, as_distribution, family_of
from mixtura.projection.expectation import entropy, mean_log_density
from mixtura.projection.explore import explore, weigh
from mixtura.projection.function_landscape import FunctionLandscape
from mixtura.projection.line_moments import line_moments
from mixtura.projection.mixture_landscape import MixtureLandscape
from mixtura.projection.moments import Moments, form_moments, known_moments
from mixtura.projection.nodes import whitened_nodes
from mixtura.projection.objective import Objective
from mixtura.projection.search import COARSE_NODES
from mixtura.projection.tails import require_second_moments, slowest_tail
from mixtura.projection.target import GaussianMixtureForm, Target

_SAMPLES = 65536
_ROUNDING = 64 * torch.finfo(torch.float64).eps
"""Share of a variance, for each coordinate, that may be no more than rounding."""
_DOMINANT = 0.05  # share of a variance that one point may have


@dataclass(frozen=True, eq=False)
class InclusiveAnswer:
    """The Gaussian of a family that is closest to a target in the inclusive direction.

    Parameters
    ----------
    mean : Tensor of shape (d,)
        The mean.
    covariance : Tensor of shape (d, d)
        The covariance, a member of the family.
    kl : float
        KL(p || q), in nats.
    kl_error : float
        Its error: of quadrature, or a standard error; 0 where it is exact.
    method : str
        How it was found.
    findings : tuple of Finding
        What a person should know before trusting it.
    """

    mean: Tensor
    covariance: Tensor
    kl: float
    kl_error: float
    method: str
    findings: tuple[Finding, ...]


@torch.no_grad()
@np.errstate(all="ignore")  # a person's function may overflow to -inf on the way
def inclusive(
    target: Target,
    covariance: str = "full",
    *,
    n_samples: int | None = None,
    generator: Generator | None = None,
) -> InclusiveAnswer:
    r"""Return the inclusive projection onto a family of Gaussians.

    .. math::

        \min_q \mathrm{KL}(p \| q) = -H(p) - \mathbb{E}_p[\log q]

    Its mean is that of p, and its covariance, by family, the covariance of p, its diagonal, or the mean of
    that. The moments are exact for mixtures of Gaussians and for distributions that know them; on the line
    they come from quadrature, else from self-normalised importance sampling.

    Parameters
    ----------
    target : Target
        The density p.
    covariance : {"full", "diag", "spherical"}
        The family of q.
    n_samples : int, optional
        How many points what cannot be computed exactly is averaged over, in more than one dimension.
    generator : torch.Generator, optional
        Where random numbers come from; one seeded with 0 unless given.

    Returns
    -------
    InclusiveAnswer

    Raises
    ------
    InputError
        If the target has no second moments, or is not integrable.

    Examples
    --------
    >>> from mixtura.projection.target import as_target
    >>> found = inclusive(as_target("1/3 N(-3,1) + 2/3 N(3,1)"))
    >>> round(float(found.mean), 12), round(float(found.covariance), 12), round(found.kl, 6)
    (1.0, 9.0, 0.46571)
    """
    family = family_of(covariance, target.dimension)
    source = torch.Generator().manual_seed(0) if generator is None else generator
    count = _SAMPLES if n_samples is None else n_samples
    if target.mixture is not None:
        return _of_mixture(target, target.mixture, family, covariance, count, source)
    known = None if target.distribution is None else known_moments(target.distribution)
    if target.dimension == 1:
        return _on_the_line(target, family, known)
    if target.distribution is not None:
        return _of_distribution(target, target.distribution, known, family, covariance, count, source)
    return _of_function(target, family, count, source)


def _of_mixture(
    target: Target,
    form: GaussianMixtureForm,
    family: CovarianceFamily,
    covariance: str,
    n_samples: int,
    generator: Generator,
) -> InclusiveAnswer:
    moments = form_moments(form)
    matched = family.matched(moments.covariance)
    factor = _factor(matched, target)
    alone = form.log_weights > -torch.inf
    error: Tensor | float = 0.0
    if int(alone.sum()) == 1:
        kl = kl_from_cholesky(form.means[alone][0], form.scale_trils[alone][0], moments.mean, factor)
    elif target.dimension == 1:
        assert target.distribution is not None
        closest = as_distribution(moments.mean, factor, covariance, target.scalar)
        kl, error = divergence_by_quadrature(target.distribution, closest)
    else:
        mean_log_p, error = _mean_log_density(form, n_samples, generator)
        kl = mean_log_p + entropy(factor)  # E_p[log q] is -H(q), as q has the moments of p
    return _answer(moments.mean, matched, kl, error, "exact moments of a mixture")


def _mean_log_density(
    form: GaussianMixtureForm, n_samples: int, generator: Generator
) -> tuple[Tensor, Tensor]:
    """Return E_p[log p] and its standard error: component by component."""
    present = form.log_weights > -torch.inf
    weights, means, factors = form.log_weights[present].exp(), form.means[present], form.scale_trils[present]
    landscape = MixtureLandscape(form)
    d = means.shape[1]
    family = family_of("spherical", d)  # of which nothing is used here but the dimension
    coarse = Objective(landscape, family, whitened_nodes(d, 256, generator))
    curvature = coarse.at(means, factors).twist
    each = max(n_samples // len(weights), 512)
    value, error = mean_log_density(landscape, means, factors, curvature, each, generator)
    return weights @ value, (weights * error).norm()


def _on_the_line(target: Target, family: CovarianceFamily, known: Moments | None) -> InclusiveAnswer:
    found = line_moments(target)
    moments = known or Moments(
        torch.tensor([found.mean], dtype=torch.float64), torch.tensor([[found.variance]], dtype=torch.float64)
    )
    matched = family.matched(moments.covariance)
    kl = entropy(_factor(matched, target)) - found.entropy
    method = "quadrature" if known is None else "the distribution's own moments, quadrature"
    return _answer(moments.mean, matched, kl, found.error, method)


def _of_distribution(
    target: Target,
    distribution: Distribution,
    known: Moments | None,
    family: CovarianceFamily,
    covariance: str,
    n_samples: int,
    generator: Generator,
) -> InclusiveAnswer:
    """Return the answer for a distribution in several dimensions; its draws tell what it does not."""
    findings: tuple[Finding, ...] = ()
    method = "the distribution's own moments, Monte Carlo"
    moments = known
    if moments is None:
        method = "Monte Carlo"
        points = draw(distribution, n_samples, generator).to(torch.float64)
        shift = points.mean(dim=0)
        apart = points - shift
        moments = Moments(shift, apart.mT @ apart / (len(points) - 1))
        findings = _dominance(
            points, torch.full((len(points),), 1 / len(points), dtype=torch.float64), moments
        )
    _factor(moments.covariance, target)  # one that is singular has no density, whatever the family
    matched = family.matched(moments.covariance)
    closest = as_distribution(moments.mean, _factor(matched, target), covariance, target.scalar)
    kl, error = divergence_by_monte_carlo(distribution, closest, n_samples=n_samples, generator=generator)
    return _answer(moments.mean, matched, kl, error, method, findings)


def _of_function(
    target: Target, family: CovarianceFamily, n_samples: int, generator: Generator
) -> InclusiveAnswer:
    """Return the answer for a log-density in several dimensions."""
    d = target.dimension
    nodes = whitened_nodes(d, COARSE_NODES, generator)
    objective = Objective(FunctionLandscape(target), family_of("full", d), nodes)
    found = explore(target, objective, None, generator, everywhere_positive=False)
    require_second_moments(target, slowest_tail(target, found.mean[0], found.scale_tril[0], generator))
    _, points = weigh(target, objective, found, n_samples, generator)
    moments = points.moments()
    matched = family.matched(moments.covariance)
    own_entropy, error = points.entropy()
    kl = entropy(_factor(matched, target)) - own_entropy
    findings = (points.finding(), *_dominance(points.points, points.weights, moments))
    return _answer(moments.mean, matched, kl, error, "self-normalised importance sampling", findings)


def _dominance(points: Tensor, weights: Tensor, moments: Moments) -> tuple[Finding, ...]:
    """Return a finding where the covariance hangs on few points: its density may have none."""
    shares = weights[:, None] * (points - moments.mean).square() / moments.covariance.diagonal()
    most = float(shares.max())
    if most <= _DOMINANT:
        return ()
    return (
        Finding(
            "second-moments",
            "problem",
            f"one of {len(points)} points makes {most:.0%} of a variance",
            "the tails may be too long for an inclusive projection; ask for the exclusive one",
        ),
    )


def _factor(covariance: Tensor, target: Target) -> Tensor:
    """Return the Cholesky factor of a covariance."""
    factor, failed = torch.linalg.cholesky_ex(covariance)
    # Whether rounding leaves a singular one a last pivot below zero or above is up to the processor.
    unexplained = factor.diagonal().square() / covariance.diagonal()
    if int(failed) or float(unexplained.min()) <= _ROUNDING * len(covariance):
        least = float(torch.linalg.eigvalsh(covariance)[0])
        raise InputError(
            f"the covariance of {target.name} is singular (smallest eigenvalue {least:.3g}): its mass lies "
            "on a surface, to rounding; leave out a coordinate, or bring all to one scale"
        )
    return factor


def _answer(
    mean: Tensor,
    covariance: Tensor,
    kl: Tensor,
    error: Tensor | float,
    method: str,
    findings: tuple[Finding, ...] = (),
) -> InclusiveAnswer:
    return InclusiveAnswer(mean, covariance, max(float(kl), 0.0), float(error), method, findings)
