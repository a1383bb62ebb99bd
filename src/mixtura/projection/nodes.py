"""Points that stand for a standard normal distribution: quasi-random, antithetic, with exact moments."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

_MOST_SOBOL_DIMENSIONS = torch.quasirandom.SobolEngine.MAXDIM
_HALF_STEP = 2.0**-31  # Sobol points are multiples of 2^-30, zero among them


def standard_nodes(dimension: int, count: int, sets: int, generator: Generator) -> Tensor:
    """Return independent sets of points with the density of N(0, I): half of each, and their negatives.

    Every set is a Sobol sequence moved by a random vector, modulo one, and taken through the normal quantile
    function (Cranley and Patterson 1976), so that the mean of a function over it is unbiased.

    Parameters
    ----------
    dimension : int
        The number d of dimensions.
    count : int
        How many points in a set, rounded up to a power of two.
    sets : int
        How many sets.
    generator : torch.Generator
        Where the random vectors come from.

    Returns
    -------
    Tensor of shape (sets, d, n)
        A column for each point.

    Examples
    --------
    >>> standard_nodes(2, 16, 3, torch.Generator().manual_seed(0)).sum(dim=2).abs().max() < 1e-12
    tensor(True)
    """
    half = _power_of_two(count) // 2
    base = _uniform(dimension, half, generator)
    shift = torch.rand(sets, dimension, 1, generator=generator, dtype=torch.float64)
    points = torch.special.ndtri((base + shift).frac().clamp_min(_HALF_STEP))
    return torch.cat([points, -points], dim=2)


def whitened_nodes(dimension: int, count: int, generator: Generator) -> Tensor:
    """Return points that stand for N(0, I), half of them and their negatives, of covariance I to rounding.

    They are a scrambled Sobol sequence (Owen 1995) through the normal quantile function, changed linearly.
    Every coordinate of it lies in the middles of strata of equal probability, one point in each. The mean of
    a quadratic function over them is its expectation, so that of a function only what is not quadratic is
    left to sampling.

    Parameters
    ----------
    dimension : int
        The number d of dimensions.
    count : int
        How many points, rounded up to a power of two, and to 4 (d + 1).
    generator : torch.Generator
        Its next number is the seed of the scrambling.

    Returns
    -------
    Tensor of shape (d, n)
        A column for each point.

    Examples
    --------
    >>> nodes = whitened_nodes(2, 16, torch.Generator().manual_seed(0))
    >>> torch.dist(nodes @ nodes.T / 16, torch.eye(2)) < 1e-12
    tensor(True)
    """
    half = _power_of_two(max(count, 4 * (dimension + 1))) // 2
    strata = (_uniform(dimension, half, generator) * half).floor()
    points = torch.special.ndtri((strata + 0.5) / half)
    points = torch.cat([points, -points], dim=1)
    for _ in range(2):  # the second round removes the rounding of the first
        factor = torch.linalg.cholesky(points @ points.T / points.shape[1])
        points = torch.linalg.solve_triangular(factor, points, upper=False)
    return points


def _uniform(dimension: int, count: int, generator: Generator) -> Tensor:
    """Return a scrambled Sobol sequence (d, n) in the open unit cube; plain draws in very many dimensions."""
    seed = int(torch.randint(2**31 - 1, (), generator=generator, device=generator.device))
    if dimension > _MOST_SOBOL_DIMENSIONS:
        own = torch.Generator().manual_seed(seed)
        return torch.rand(dimension, count, generator=own, dtype=torch.float64).clamp_min(_HALF_STEP)
    engine = torch.quasirandom.SobolEngine(dimension, scramble=True, seed=seed)
    return engine.draw(count, dtype=torch.float64).T.contiguous() + _HALF_STEP


def _power_of_two(count: int) -> int:
    """Return the least power of two that is not less, from two on."""
    return 1 << max(count - 1, 1).bit_length()
