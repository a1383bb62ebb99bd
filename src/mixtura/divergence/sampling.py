"""Draws that come from a generator alone: the global random state is neither consumed nor changed."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import (
    Distribution,
    Independent,
    LowRankMultivariateNormal,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
)

from mixtura.divergence.parameters import device_of
from mixtura.divergence.views import entry


def draw(distribution: Distribution, n: int, generator: torch.Generator | None = None) -> Tensor:
    """Return independent draws from a distribution.

    Parameters
    ----------
    distribution : torch.distributions.Distribution
        Of batch shape B.
    n : int
        How many.
    generator : torch.Generator, optional
        The source of all randomness; one that starts at seed 0 unless given.

    Returns
    -------
    Tensor of shape (n, *B, *event)
        Reparametrised, so that gradients flow to the parameters, where the distribution can
        (``has_rsample``); plain numbers where it cannot, as for a mixture.

    Examples
    --------
    >>> draw(Normal(torch.zeros(3), 1.0), 5).shape
    torch.Size([5, 3])
    """
    source = torch.Generator().manual_seed(0) if generator is None else generator
    if n == 0:
        return draw(distribution, 1, source)[:0]
    if isinstance(distribution, Independent):
        return draw(distribution.base_dist, n, source)
    if isinstance(distribution, MixtureSameFamily):
        return _draw_mixture(distribution, n, source)
    if type(distribution) is Normal:
        return distribution.loc + distribution.scale * _noise(
            (n, *distribution.loc.shape), distribution.loc, source
        )
    if type(distribution) is MultivariateNormal:
        loc = distribution.loc
        noise = _noise((n, *loc.shape), loc, source)
        return loc + (distribution._unbroadcasted_scale_tril @ noise.unsqueeze(-1)).squeeze(-1)
    if type(distribution) is LowRankMultivariateNormal:
        loc, factor = distribution.loc, distribution._unbroadcasted_cov_factor
        common = _noise((n, *loc.shape[:-1], factor.shape[-1]), loc, source)
        own = _noise((n, *loc.shape), loc, source)
        shared = (factor @ common.unsqueeze(-1)).squeeze(-1)
        return loc + shared + distribution._unbroadcasted_cov_diag.sqrt() * own
    return _draw_by_torch(distribution, n, source)


def _noise(shape: tuple[int, ...], like: Tensor, generator: torch.Generator) -> Tensor:
    """Return standard normal numbers; drawn where the generator lives."""
    return torch.randn(shape, generator=generator, dtype=like.dtype, device=generator.device).to(like.device)


def _draw_mixture(distribution: MixtureSameFamily, n: int, generator: torch.Generator) -> Tensor:
    """Return draws from a mixture: a component by its weight, then a point of that component."""
    with torch.no_grad():
        shape, event = distribution.batch_shape, distribution.event_shape
        probabilities = distribution.mixture_distribution.probs.expand(*shape, -1).to(torch.float64)
        flat = probabilities.reshape(-1, probabilities.shape[-1]).to(generator.device)
        if len(flat) == 0:
            return draw(entry(distribution.component_distribution, 0), n, generator)
        chosen = torch.multinomial(flat, n, replacement=True, generator=generator)  # (batch, n)
        chosen = chosen.T.reshape(n, *shape).to(probabilities.device)
        points: Tensor | None = None
        for k in range(probabilities.shape[-1]):
            taken = chosen == k
            most = int(taken.sum(dim=0).max())
            if most == 0:
                continue
            own = draw(entry(distribution.component_distribution, k), most, generator)
            # Entry b of the batch uses the first of them, in turn.
            turn = (taken.cumsum(dim=0) - 1).clamp_min(0).clamp_max(most - 1)
            spread = turn.reshape(*turn.shape, *(1,) * len(event)).expand(*turn.shape, *event)
            own = own.gather(0, spread)
            wide = taken.reshape(*taken.shape, *(1,) * len(event))
            points = own if points is None else torch.where(wide, own, points)
        assert points is not None
        return points


def _draw_by_torch(distribution: Distribution, n: int, generator: torch.Generator) -> Tensor:
    """Return draws of a kind that knows only the global state, which is lent a seed and put back."""
    seed = int(torch.randint(2**63 - 1, (), generator=generator, device=generator.device))
    device = device_of(distribution)
    devices = [device.index or 0] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        # Not torch.manual_seed, which would reach devices whose state is not put back.
        torch.default_generator.manual_seed(seed)
        for index in devices:
            torch.cuda.default_generators[index].manual_seed(seed)
        size = torch.Size((n,))
        if distribution.has_rsample:
            return distribution.rsample(size)
        with torch.no_grad():
            return distribution.sample(size)
