"""How many matrices are taken at a time, so that they stay in the cache from one step to the next."""

from __future__ import annotations

from torch import Tensor

_BLOCK = 2**18  # entries of float64, 2 MiB


def block_length(dimension: int) -> int:
    """Return how many matrices of d x d make a block.

    Examples
    --------
    >>> block_length(32), block_length(1000)
    (256, 1)
    """
    return max(1, _BLOCK // dimension**2)


def fill_blocks(matrices: Tensor) -> bool:
    """Return whether a batch of matrices (*B, d, d) lies in a cached memory and is more than a block of it.

    Examples
    --------
    >>> import torch
    >>> fill_blocks(torch.ones(8, 1, 1)), fill_blocks(torch.ones(1000, 32, 32))
    (False, True)
    """
    return matrices.device.type == "cpu" and matrices.shape[:-2].numel() > block_length(matrices.shape[-1])
