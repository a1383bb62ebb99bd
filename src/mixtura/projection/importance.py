"""Weighted points of a density that is known up to a factor, drawn from a mixture that adapts to it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.distributions import Chi2

from mixtura.divergence.sampling import draw
from mixtura.errors import ConvergenceError
from mixtura.findings import Finding
from mixtura.numerics import effective_sample_size
from mixtura.projection.climb import look
from mixtura.projection.moments import Moments, factor_of, mixture_moments
from mixtura.projection.tails import slowest_tail
from mixtura.projection.target import Target
from mixtura.projection.trust_region import Descent

_MOST_ROUNDS = 10
_ENOUGH = 0.7  # of the points, their effective number: no need to adapt further
_GAIN = 1.05  # of that share, for another round
_BROAD_WEIGHT, _BROAD_SCALE, _BROAD_DEGREES = (
    0.1,
    3.0,
    3.0,
)  # of a part that does not adapt, for what is missed
_LEAST_DEGREES, _MOST_DEGREES = 1.0, 30.0
_POOR = 0.3  # share, below which the mixture is given more parts
_GROWTH, _NARROW = 8, 0.5  # how many, and how wide beside the density
_MOST_PARTS = 32
_DOMINANT = 0.05  # share of one point, beyond which no error can be told
_FEW, _SCARCE = 1000, 100  # effective numbers of points, below which that is said


@dataclass(frozen=True, eq=False)
class StudentMixture:
    """A mixture of K multivariate Student-t distributions.

    Parameters
    ----------
    log_weights : Tensor of shape (K,)
        Logarithms of weights that sum to one.
    means : Tensor of shape (K, d)
        Their centres.
    factors : Tensor of shape (K, d, d)
        Lower Cholesky factors of their scale matrices.
    degrees : Tensor of shape (K,)
        Their degrees of freedom.
    """

    log_weights: Tensor
    means: Tensor
    factors: Tensor
    degrees: Tensor

    def draw(self, n: int, generator: Generator) -> Tensor:
        """Return n points (n, d), as near to every weight's share as whole numbers allow."""
        ends = self.log_weights.exp().cumsum(0)
        start = torch.rand((), generator=generator, dtype=torch.float64)
        chosen = torch.searchsorted(ends, (torch.arange(n) + start) / n).clamp_max(len(ends) - 1)
        noise = torch.randn(n, self.means.shape[1], generator=generator, dtype=torch.float64)
        degrees = self.degrees[chosen]
        noise *= (degrees / draw(Chi2(degrees), 1, generator)[0]).sqrt()[:, None]
        return self.means[chosen] + (self.factors[chosen] @ noise[..., None])[..., 0]

    def distances(self, points: Tensor) -> Tensor:
        """Return the squared Mahalanobis distances (K, n) of points (n, d)."""
        apart = (points - self.means[:, None]).mT  # (K, d, n)
        return torch.linalg.solve_triangular(self.factors, apart, upper=False).square().sum(dim=1)

    def log_joint(self, distances: Tensor) -> Tensor:
        """Return log of weight times density (K, n) at such distances."""
        d, nu = self.means.shape[1], self.degrees
        log_scale = self.factors.diagonal(dim1=1, dim2=2).log().sum(dim=1)
        constant = (
            torch.lgamma((nu + d) / 2) - torch.lgamma(nu / 2) - 0.5 * d * torch.log(nu * math.pi) - log_scale
        )
        power = 0.5 * (nu + d)
        return (self.log_weights + constant)[:, None] - power[:, None] * torch.log1p(distances / nu[:, None])


@dataclass(frozen=True, eq=False)
class WeightedPoints:
    """Points of a density with importance weights.

    Parameters
    ----------
    points : Tensor of shape (n, d)
        Where.
    log_density : Tensor of shape (n,)
        The logarithm of the density there, up to its factor.
    log_weights : Tensor of shape (n,)
        Logarithms of density over proposal, not normalised.
    """

    points: Tensor
    log_density: Tensor
    log_weights: Tensor

    @property
    def weights(self) -> Tensor:
        """The weights (n,), normalised to a sum of one."""
        return torch.softmax(self.log_weights, dim=0)

    @property
    def effective_size(self) -> float:
        """Kish's number of equally weighted points worth as much."""
        return float(effective_sample_size(self.log_weights.numpy()))

    @property
    def log_normaliser(self) -> float:
        """The logarithm of the integral of the density."""
        return float(torch.logsumexp(self.log_weights, dim=0)) - math.log(len(self.log_weights))

    @property
    def log_normaliser_error(self) -> float:
        """Its standard error, by the delta method."""
        return math.sqrt(max(1 / max(self.effective_size, 1.0) - 1 / len(self.weights), 0.0))

    def moments(self) -> Moments:
        """Return the self-normalised estimates of mean and covariance."""
        weights = self.weights
        origin = self.points[weights.argmax()]
        shift = weights @ (self.points - origin)
        apart = self.points - origin - shift
        return Moments(origin + shift, (weights[:, None] * apart).mT @ apart)

    def entropy(self) -> tuple[float, float]:
        """Return the entropy of the normalised density and its standard error, by the delta method."""
        weights = self.weights
        weighed = torch.where(weights > 0, self.log_density, 0.0)
        mean = weights @ weighed
        influence = weights * (weighed - mean) - (weights - 1 / len(weights))
        return self.log_normaliser - float(mean), float(influence.norm())

    def finding(self) -> Finding:
        """Return how far the points can be trusted."""
        size, largest, n = self.effective_size, float(self.weights.max()), len(self.weights)
        seen = f"the integral rests on {n} importance-weighted points that are worth {size:.0f}"
        if largest > _DOMINANT or size < _SCARCE:
            seen += f", one of which has {largest:.1%} of the weight"
            return Finding("importance-weights", "problem", seen, "no error can be told: raise n_samples")
        if size < _FEW:
            return Finding("importance-weights", "warning", seen, "raise n_samples")
        return Finding("importance-weights", "note", seen)


def points_near(
    target: Target,
    found: Descent,
    n_samples: int,
    generator: Generator,
) -> WeightedPoints:
    """Return weighted points of a target, from a mixture that begins at some Gaussians and adapts.

    Its parts are Student-t distributions, with tails like the target's. A tenth of it is broad and never
    adapts. The rest adapts by steps of EM on weighted points, which lower KL(p || proposal) (Cappe, Douc,
    Guillin, Marin and Robert 2008); the points that are returned are drawn after.

    Parameters
    ----------
    target : Target
        The density.
    found : Descent
        Optima of the exclusive problem; minus a divergence is about the log of the mass that it covers.
    n_samples : int
        How many points to return.
    generator : torch.Generator
        Where randomness comes from.

    Returns
    -------
    WeightedPoints

    Raises
    ------
    ConvergenceError
        If the density is zero at all of them.
    """
    best = found.take(found.value.argsort()[:_MOST_PARTS])
    tail = slowest_tail(target, best.mean[0], best.scale_tril[0], generator)
    proposal = _begin(best, min(max(tail.degrees_of_freedom(), _LEAST_DEGREES), _MOST_DEGREES))
    share = 0.0
    for _ in range(_MOST_ROUNDS):
        sample, distances = _weigh(target, proposal, max(n_samples // 4, 64), generator)
        size = sample.effective_size / len(sample.points)
        if size == 0:
            continue
        if size > _ENOUGH or (size < _GAIN * share and share > _POOR):
            break
        share = max(size, share)
        proposal = _adapt(proposal, sample, distances)
        if size < _POOR and len(proposal.means) <= _MOST_PARTS:
            proposal = _grow(proposal, sample, generator)
    points = _weigh(target, proposal, n_samples, generator)[0]
    if points.effective_size < 1:
        raise ConvergenceError(
            f"the density of {target.name} vanishes at all of {n_samples} points drawn near it; "
            "raise n_samples"
        )
    return points


def _begin(found: Descent, degrees: float) -> StudentMixture:
    """Return a proposal of a part for each Gaussian and, last, a broad one over all of them."""
    log_weights = torch.log_softmax(-found.value, dim=0)
    whole = mixture_moments(log_weights, found.mean, found.scale_tril @ found.scale_tril.mT)
    broad = _BROAD_SCALE * factor_of(whole.covariance)
    rest = log_weights.new_tensor([math.log(_BROAD_WEIGHT)])
    return StudentMixture(
        torch.cat([log_weights + math.log1p(-_BROAD_WEIGHT), rest]),
        torch.cat([found.mean, whole.mean[None]]),
        torch.cat([found.scale_tril, broad[None]]),
        torch.tensor([degrees] * len(found.mean) + [_BROAD_DEGREES], dtype=torch.float64),
    )


def _weigh(
    target: Target, proposal: StudentMixture, n: int, generator: Generator
) -> tuple[WeightedPoints, Tensor]:
    """Return points drawn from a proposal and weighted, and their distances (K, n) from its parts."""
    points = proposal.draw(n, generator)
    log_density = look(target, points)
    distances = proposal.distances(points)
    log_proposal = torch.logsumexp(proposal.log_joint(distances), dim=0)
    return WeightedPoints(points, log_density, log_density - log_proposal), distances


def _grow(proposal: StudentMixture, sample: WeightedPoints, generator: Generator) -> StudentMixture:
    """Return a proposal with more parts, narrow ones at weighted points: a bent density needs many."""
    rows = torch.multinomial(sample.weights, _GROWTH, replacement=True, generator=generator)
    factor = factor_of(sample.moments().covariance)
    fresh = torch.full((_GROWTH,), -math.log(2 * _GROWTH), dtype=torch.float64)
    weights = torch.cat([proposal.log_weights[:-1] - math.log(2.0), fresh + math.log1p(-_BROAD_WEIGHT)])
    return StudentMixture(
        torch.cat([weights, proposal.log_weights[-1:]]),
        torch.cat([proposal.means[:-1], sample.points[rows], proposal.means[-1:]]),
        torch.cat([proposal.factors[:-1], (_NARROW * factor).expand(_GROWTH, -1, -1), proposal.factors[-1:]]),
        torch.cat([proposal.degrees[:1].expand(_GROWTH), proposal.degrees]),
    )


def _adapt(proposal: StudentMixture, found: WeightedPoints, distances: Tensor) -> StudentMixture:
    """Return the proposal after a step of EM; the fewer points stand for a part, the less it moves."""
    d = proposal.means.shape[1]
    size = found.effective_size
    joint = proposal.log_joint(distances)
    shares = found.weights * torch.softmax(joint, dim=0)[:-1]  # (K - 1, n)
    mass = shares.sum(dim=1)  # (K - 1,)
    nu = proposal.degrees[:-1, None]
    drawn = shares * (nu + d) / (nu + distances[:-1])
    trust = (size * mass / (size * mass + d + 2))[:, None]
    old = proposal.means[:-1]
    means = drawn @ found.points / drawn.sum(dim=1, keepdim=True).clamp_min(1e-300)
    means = old + trust * (means - old)
    apart = found.points - means[:, None]  # (K - 1, n, d)
    spread = (drawn[:, :, None] * apart).mT @ apart / mass.clamp_min(1e-300)[:, None, None]
    scales = proposal.factors[:-1] @ proposal.factors[:-1].mT
    scales = scales + trust[..., None] * (spread - scales)
    weights = (size * mass + 1) / (size * mass + 1).sum()
    return StudentMixture(
        torch.cat([weights.log() + math.log1p(-_BROAD_WEIGHT), proposal.log_weights[-1:]]),
        torch.cat([means, proposal.means[-1:]]),
        torch.cat([factor_of(scales), proposal.factors[-1:]]),
        proposal.degrees,
    )
