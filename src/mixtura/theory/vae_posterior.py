"""Problem 3: the posterior of a VAE by quadrature, what q leaves of it, and what quadrature costs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import logsumexp
from scipy.stats import norm, ortho_group
from torch import Tensor

from mixtura.estimators import VAE
from mixtura.theory.check import Figure, above, below, near, shown
from mixtura.theory.digit_images import digit_images
from mixtura.vae.distributions import DiagonalGaussian
from mixtura.vae.model import GaussianMixtureVAE

Array = NDArray[np.float64]
_ROWS, _NODES, _HALF_WIDTH = 60, 3001, 8.0
_MOST_DIMENSIONS, _TOLERANCE, _RANGE, _NOISE = 6, 0.01, 5.0, 1.0
_MOST_NODES = 60


def check(generator: np.random.Generator) -> Iterator[Figure]:
    """Yield the gap of q in a VAE with one latent dimension, and nodes for 1% in one to six."""
    seed = int(generator.integers(2**31))
    vae = VAE(1, hidden=(32,), max_epochs=30, std_floor=0.2, image_shape=(8, 8), random_state=seed)
    vae.fit(digit_images())
    x = torch.from_numpy(vae.encoding_.encode(digit_images()[:_ROWS], np.float64))
    log_p, evidence, width = _posterior(vae.model_, x)
    q = vae.model_.posterior(x)
    elbo = _elbo(vae.model_, x, q)
    gap = _divergence(q.base_dist.loc[:, 0], q.base_dist.scale[:, 0], log_p)
    yield below(
        "log p(x) - ELBO - KL(q||p), largest of 60 images, nats",
        float((evidence - elbo - gap).abs().max()),
        1e-4,
    )
    yield above("mean KL(q||p) that the encoder leaves, nats", float(gap.mean()), 0.01)
    best = _best_gaussians(q, log_p)
    yield above("mean KL(q||p) of the best Gaussian for each image, nats", float(best.mean()), 1e-3)
    yield above("largest of them, nats", float(best.max()), 0.005)
    yield shown("standard deviation of the posterior, mean of images", float(width.mean()))

    nodes = [_nodes_needed(d) for d in range(1, _MOST_DIMENSIONS + 1)]
    yield near(
        "log p(x) in a rotated model of 3 dimensions, less that of 3 lines",
        _rotated_error(generator),
        0.0,
        1e-9,
    )
    for d, n in enumerate(nodes, 1):
        yield shown(f"evaluations of the decoder to 1% of p(x), {d} dimensions", float(n) ** d)
    growth = (nodes[-1] ** _MOST_DIMENSIONS / nodes[0]) ** (1 / (_MOST_DIMENSIONS - 1))
    yield above("factor for each dimension more", growth, 5.0)
    yield near("exponent of the cost in the dimension, over that of n^d", _exponent(nodes), 1.0, 0.2)


def _grid() -> Tensor:
    return torch.linspace(-_HALF_WIDTH, _HALF_WIDTH, _NODES, dtype=torch.float64)


@torch.no_grad()
def _posterior(model: GaussianMixtureVAE, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return log p(w|x) on the grid, (n, grid), log p(x) and the posterior's standard deviation, (n,)."""
    w = _grid()[:, None, None]
    log_joint = (model.likelihood(w).log_prob(x) + model.prior().log_prob(w)).T + model.log_determinant
    step = 2 * _HALF_WIDTH / (_NODES - 1)
    evidence = torch.logsumexp(log_joint, dim=1) + np.log(step)
    log_p = log_joint - evidence[:, None]
    mass = log_p.exp() * step
    mean = mass @ _grid()
    return log_p, evidence, ((mass @ _grid().square()) - mean.square()).sqrt()


@torch.no_grad()
def _elbo(model: GaussianMixtureVAE, x: Tensor, q: DiagonalGaussian) -> Tensor:
    """Return the bound of each row, its expectation by nodes of q itself."""
    noise = torch.linspace(-8, 8, _NODES, dtype=torch.float64)
    mass = torch.exp(-0.5 * noise.square())
    w = q.reparameterise(noise[:, None, None])
    ratio = (
        model.likelihood(w).log_prob(x) + model.prior().log_prob(w) - q.log_prob(w) + model.log_determinant
    )
    return (mass / mass.sum()) @ ratio


def _divergence(loc: Tensor, scale: Tensor, log_p: Tensor) -> Tensor:
    """Return KL(N(loc, scale^2) || p) of each row, on the grid."""
    w, step = _grid(), 2 * _HALF_WIDTH / (_NODES - 1)
    log_q = (
        -0.5 * ((w - loc[:, None]) / scale[:, None]).square() - scale.log()[:, None] - 0.5 * np.log(2 * np.pi)
    )
    return (log_q.exp() * (log_q - log_p)).sum(1) * step


def _best_gaussians(q: DiagonalGaussian, log_p: Tensor) -> Tensor:
    """Return the least KL(q || p) of each row over all Gaussians q, from that of the encoder on."""
    free = torch.stack([q.base_dist.loc[:, 0], q.base_dist.scale[:, 0].log()]).requires_grad_()
    optimiser = torch.optim.Adam([free], lr=0.02)
    least = torch.full((len(log_p),), torch.inf, dtype=torch.float64)
    for _ in range(250):
        value = _divergence(free[0], free[1].exp(), log_p)
        least = torch.minimum(least, value.detach())
        optimiser.zero_grad()
        value.sum().backward()
        optimiser.step()
    return least


def _nodes_needed(d: int) -> int:
    """Return the nodes for each dimension from which on a product rule has p(x) to 1%.

    x is Q f(w) and noise, f(w)_j = w_j + sin(2 w_j) / 2 and Q a rotation. The noise is the same in all
    directions, so that p(x) is a product of integrals on the line, and what a rule with the same nodes in
    every dimension makes of it is one too: its error is d times that on the line, in logarithms.
    """
    counts = np.arange(2, _MOST_NODES + 1)
    errors = np.array([abs(np.expm1(d * _line_error(int(n)))) for n in counts])
    wrong = np.flatnonzero(errors >= _TOLERANCE)
    # An error changes its sign: the first count that is right by luck is not where the rule gets there.
    return int(counts[wrong[-1]]) + 1


def _line_error(n: int) -> float:
    """Return log p(x) on the line by n nodes, less the truth."""
    x = _curve(np.full(1, 0.4)) + _NOISE * 0.3
    line = np.linspace(-8, 8, 4001)
    dense = norm.logpdf(x[0], _curve(line), _NOISE) + norm.logpdf(line) + np.log(line[1] - line[0])
    return _product_rule(n, x, np.eye(1)) - float(logsumexp(dense))


def _rotated_error(generator: np.random.Generator) -> float:
    """Return log p(x) by 7 nodes in each dimension of a rotated model of three, less that of the lines."""
    rotation = ortho_group.rvs(3, random_state=generator.integers(2**31))
    x = _curve(np.full(1, 0.4)) + _NOISE * 0.3
    return _product_rule(7, rotation @ np.repeat(x, 3), rotation) - 3 * _product_rule(7, x, np.eye(1))


def _product_rule(n: int, x: Array, rotation: Array) -> float:
    """Return log p(x) by n nodes in each dimension."""
    d, axis = len(x), np.linspace(-_RANGE, _RANGE, n)
    w = np.stack(np.meshgrid(*[axis] * d, indexing="ij"), -1).reshape(-1, d)
    residual = x - _curve(w) @ rotation.T
    log_joint = -0.5 * (residual / _NOISE) ** 2 + norm.logpdf(w)
    constant = -d * np.log(_NOISE * np.sqrt(2 * np.pi)) + d * np.log(axis[1] - axis[0])
    return float(logsumexp(log_joint.sum(1)) + constant)


def _curve(w: Array) -> Array:
    curved: Array = w + 0.5 * np.sin(2 * w)
    return curved


def _exponent(nodes: list[int]) -> float:
    """Return the slope of log cost in the dimension, over the logarithm of the nodes on the line."""
    dimensions = np.arange(1, len(nodes) + 1)
    slope = np.polyfit(dimensions, dimensions * np.log(nodes), 1)[0]
    return float(slope / np.log(nodes[0]))
