"""The mean of a function under a mixture, each component drawn from by itself, with its standard error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Distribution
from torch.utils.checkpoint import checkpoint

from mixtura.divergence.parameters import requires_grad
from mixtura.divergence.sampling import draw
from mixtura.divergence.support import supported_log_prob
from mixtura.errors import ConvergenceError

# Takes points (n, *B, *event), returns values (n, *B).
Function = Callable[[Tensor], Tensor]

_CHUNK = 2**21  # numbers that are held at a time: 16 MB for each intermediate result


@dataclass(frozen=True, eq=False)
class Stratum:
    """One component of the law that is drawn from.

    Parameters
    ----------
    weight : Tensor of shape (*B)
        Its weight, through which gradients flow.
    component : torch.distributions.Distribution
        Of batch shape B.
    """

    weight: Tensor
    component: Distribution


@dataclass(frozen=True, eq=False)
class Moments:
    """What the draws of one stratum came to, each of shape (*B).

    Parameters
    ----------
    mean : Tensor
        With gradients that are unbiased.
    variance : Tensor
        Of one draw, a plain number.
    largest : Tensor
        The largest value, a plain number.
    n : int
        How many draws.
    """

    mean: Tensor
    variance: Tensor
    largest: Tensor
    n: int


@dataclass(frozen=True, eq=False)
class Estimate:
    """A mean under the whole law, each of shape (*B).

    Parameters
    ----------
    mean : Tensor
        sum_i w_i mean_i, with unbiased gradients; +inf where a draw had an infinite value.
    standard_error : Tensor
        sqrt(sum_i w_i^2 s_i^2 / n_i), and what rounding adds.
    dominance : Tensor
        The share of the error's square that comes from the largest draw alone: it does not shrink with more
        draws where the variance is infinite.
    """

    mean: Tensor
    standard_error: Tensor
    dominance: Tensor


def estimate(
    strata: Sequence[Stratum],
    function: Function,
    counts: Sequence[int],
    width: int,
    generator: torch.Generator,
) -> Estimate:
    """Return the mean of a function under a mixture.

    Parameters
    ----------
    strata : sequence of Stratum
        The components.
    function : callable
        Takes points (n, *B, *event), returns values (n, *B); +inf is allowed.
    counts : sequence of int
        How many draws of each, two at least.
    width : int
        How many numbers the function holds for one point of one batch entry: bounds the memory.
    generator : torch.Generator
        The source of all randomness.

    Raises
    ------
    ConvergenceError
        If the function is NaN at a draw.
    """
    parts = [
        moments(stratum, function, n, width, generator) for stratum, n in zip(strata, counts, strict=True)
    ]
    mean = torch.zeros_like(parts[0].variance)
    square, largest, size = torch.zeros_like(mean), torch.zeros_like(mean), torch.zeros_like(mean)
    for stratum, part in zip(strata, parts, strict=True):
        weight = stratum.weight
        counted = weight.detach() > 0
        # A component without mass may have draws where nothing is defined.
        mean = mean + torch.where(counted, weight * torch.where(counted, part.mean, 0.0), 0.0)
        plain = torch.where(counted, weight.detach(), 0.0)
        square = square + torch.where(counted, plain**2 * part.variance / part.n, 0.0)
        above = plain * (part.largest - part.mean.detach()) / part.n
        largest = torch.maximum(largest, torch.where(counted, above, 0.0))
        size = size + torch.where(counted, plain * part.mean.detach().abs(), 0.0)
    infinite = mean.detach() == torch.inf
    rounding = 4 * torch.finfo(mean.dtype).eps * size
    if bool(mean.detach().isnan().any()):
        raise ConvergenceError(
            "the ratio of the densities is not a number at a draw: both may be infinite there; "
            "keep the parameters away from the edge of what the distribution allows"
        )
    return Estimate(
        mean=torch.where(infinite, torch.inf, mean),
        standard_error=torch.where(infinite, 0.0, square + rounding**2).sqrt(),
        dominance=torch.where(infinite | (square <= 1e6 * rounding**2), 0.0, largest**2 / square),
    )


def moments(stratum: Stratum, function: Function, n: int, width: int, generator: torch.Generator) -> Moments:
    """Return mean and variance of a function under one component, block by block."""
    shape = stratum.weight.shape
    block = max(2, min(n, _CHUNK // max(1, width * shape.numel())))
    sizes = _sizes(n, block)
    by_parts = torch.is_grad_enabled() and len(sizes) > 1
    if by_parts:
        # What a distribution computes only once, when first asked, belongs to no block.
        _block(stratum.component, function, 2, 0)
    total: Tensor | None = None
    seen, centre, spread = 0, torch.zeros_like(stratum.weight), torch.zeros_like(stratum.weight)
    largest = torch.full_like(stratum.weight, -torch.inf)
    for size in sizes:
        seed = int(torch.randint(2**63 - 1, (), generator=generator, device=generator.device))
        if by_parts:
            # A block is drawn anew, from its own seed, when its gradient is asked for, so that none is kept.
            values = checkpoint(
                _block, stratum.component, function, size, seed, use_reentrant=False, preserve_rng_state=False
            )
        else:
            values = _block(stratum.component, function, size, seed)
        mean, variance, peak = (part for part in values)
        total = mean * (size / n) if total is None else total + mean * (size / n)
        largest = torch.maximum(largest, peak)
        # Two sets of draws as one (Chan, Golub and LeVeque 1983).
        gap = mean.detach() - centre
        spread = spread + variance * size + gap**2 * (seen * size / (seen + size))
        centre = centre + gap * (size / (seen + size))
        seen += size
    assert total is not None
    return Moments(mean=total, variance=spread / max(n - 1, 1), largest=largest, n=n)


def _sizes(n: int, block: int) -> list[int]:
    """Return sizes of blocks that differ by one at most."""
    number = -(-n // block)
    return [n // number + (i < n % number) for i in range(number)]


def _block(component: Distribution, function: Function, n: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the mean with its gradient, the variance and the largest value of n draws."""
    points = draw(component, n, torch.Generator().manual_seed(seed))
    values = function(points)  # (n, *B)
    plain = values.detach()
    if not component.has_rsample and requires_grad(component):
        # A law that cannot be reparametrised: the gradient of log p_i times what is above the others' mean.
        log_density = supported_log_prob(component, points)
        above = plain - (plain.sum(dim=0) - plain) / (n - 1)
        values = values + torch.where(torch.isfinite(above), above, 0.0) * (
            log_density - log_density.detach()
        )
    return values.mean(dim=0), plain.var(dim=0, correction=0), plain.amax(dim=0)
