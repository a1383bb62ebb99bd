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

    nodes: list[int] = []
    for d in range(1, _MOST_DIMENSIONS + 1):
        nodes.append(_nodes_needed(d, nodes[-1] if nodes else 2, generator))
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


def _nodes_needed(d: int, least: int, generator: np.random.Generator) -> int:
    """Return the nodes for each dimension from which on a product rule has p(x) to 1%.

    x is Q f(w) and noise, f(w)_j = w_j + sin(2 w_j) / 2 and Q a rotation, so that the truth is a product of
    integrals on the line, which the rule does not know.
    """
    rotation = np.eye(1) if d == 1 else ortho_group.rvs(d, random_state=generator.integers(2**31))
    x = rotation @ (_curve(np.full(d, 0.4)) + _NOISE * np.full(d, 0.3))
    line = np.linspace(-8, 8, 4001)
    single = norm.logpdf((rotation.T @ x)[:, None], _curve(line), _NOISE) + norm.logpdf(line)
    truth = float((logsumexp(single, axis=1) + np.log(line[1] - line[0])).sum())
    for n in range(least, 40):
        if abs(np.expm1(_product_rule(n, x, rotation) - truth)) < _TOLERANCE:
            return n
    return 40


def _product_rule(n: int, x: Array, rotation: Array) -> float:
    """Return log p(x) by n nodes in each dimension."""
    d, axis = len(x), np.linspace(-_RANGE, _RANGE, n)
    parts = []
    head = np.stack(np.meshgrid(*[axis] * min(d, 3), indexing="ij"), -1).reshape(-1, min(d, 3))
    head_prior = norm.logpdf(head).sum(1)
    tails = (
        np.stack(np.meshgrid(*[axis] * (d - 3), indexing="ij"), -1).reshape(-1, d - 3)
        if d > 3
        else np.empty((1, 0))
    )
    for tail in tails:
        w = np.hstack([head, np.tile(tail, (len(head), 1))])
        residual = x - _curve(w) @ rotation.T
        log_joint = -0.5 * (residual / _NOISE) ** 2
        own = log_joint.sum(1) + head_prior + float(norm.logpdf(tail).sum())
        parts.append(logsumexp(own))
    constant = -d * np.log(_NOISE * np.sqrt(2 * np.pi)) + d * np.log(axis[1] - axis[0])
    return float(logsumexp(parts) + constant)


def _curve(w: Array) -> Array:
    curved: Array = w + 0.5 * np.sin(2 * w)
    return curved


def _exponent(nodes: list[int]) -> float:
    """Return the slope of log cost in the dimension, over the logarithm of the nodes on the line."""
    dimensions = np.arange(1, len(nodes) + 1)
    slope = np.polyfit(dimensions, dimensions * np.log(nodes), 1)[0]
    return float(slope / np.log(nodes[0]))
