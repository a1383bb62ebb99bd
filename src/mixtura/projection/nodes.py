"""Points that stand for a standard normal distribution: quasi-random, antithetic, with exact moments."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

_MOST_SOBOL_DIMENSIONS = torch.quasirandom.SobolEngine.MAXDIM
_HALF_STEP = 2.0**-31  # Sobol points are multiples of 2^-30, zero among them


def standard_nodes(dimension: int, count: int, generator: Generator) -> Tensor:
    """Return points with the density of N(0, I): half of them, and their negatives.

    A scrambled Sobol sequence (Owen 1995) through the normal quantile function. Over the scrambling, the
    mean of a function over them is unbiased.

    Parameters
    ----------
    dimension : int
        The number d of dimensions.
    count : int
        How many points, rounded up to twice a power of two.
    generator : torch.Generator
        Its next number is the seed of the scrambling.

    Returns
    -------
    Tensor of shape (d, n)
        A column for each point.

    Examples
    --------
    >>> standard_nodes(2, 16, torch.Generator().manual_seed(0)).sum(dim=1).abs().max() < 1e-12
    tensor(True)
    """
    half = 1 << max(count - 1, 1).bit_length() - 1
    seed = int(torch.randint(2**31 - 1, (), generator=generator, device=generator.device))
    if dimension > _MOST_SOBOL_DIMENSIONS:
        own = torch.Generator().manual_seed(seed)
        points = torch.randn(half, dimension, generator=own, dtype=torch.float64)
    else:
        engine = torch.quasirandom.SobolEngine(dimension, scramble=True, seed=seed)
        points = torch.special.ndtri(engine.draw(half, dtype=torch.float64) + _HALF_STEP)
    return torch.cat([points, -points]).T.contiguous()


def whitened_nodes(dimension: int, count: int, generator: Generator) -> Tensor:
    """Return such points, changed linearly so that their covariance is the identity to rounding.

    The mean of a quadratic function over them is its expectation, so that of a function only what is not
    quadratic is left to sampling.

    Parameters
    ----------
    dimension : int
        The number d of dimensions.
    count : int
        How many points, rounded up to twice a power of two and to 4 (d + 1).
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
    points = standard_nodes(dimension, max(count, 4 * (dimension + 1)), generator)
    for _ in range(2):  # the second round removes the rounding of the first
        factor = torch.linalg.cholesky(points @ points.T / points.shape[1])
        points = torch.linalg.solve_triangular(factor, points, upper=False)
    return points
