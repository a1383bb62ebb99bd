"""How much of the spread of the codes comes from the rows, and how much from the width of q(w|x)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mixtura.vae.model import GaussianMixtureVAE

_ACTIVE_SHARE = 0.05  # of a latent dimension's variance that must come from the rows, not from q's own width


@dataclass(frozen=True)
class CodeSpread:
    """Sums over some rows from which the spread of their codes follows.

    Parameters
    ----------
    n : int
        Rows.
    total, squares, widths : ndarray of shape (d,)
        Sums of the means of q(w|x), of their squares, and of the variances of q(w|x).
    """

    n: int
    total: NDArray[np.float64]
    squares: NDArray[np.float64]
    widths: NDArray[np.float64]


@torch.no_grad()
def code_spread(model: GaussianMixtureVAE, x: Tensor) -> CodeSpread:
    """Return the sums for a block of encoded rows."""
    q = model.posterior(x).base_dist
    return CodeSpread(
        len(x), q.loc.sum(0).numpy(), q.loc.square().sum(0).numpy(), q.scale.square().sum(0).numpy()
    )


def active_units(spreads: list[CodeSpread]) -> int:
    """Return how many latent dimensions depend on the data.

    A dimension is active where the variance of the mean codes over the rows is more than a twentieth of the
    whole, itself and q's own: the scale of a latent dimension is free in this model, so that a threshold on
    the variance alone (Burda, Grosse and Salakhutdinov 2016) would not do.
    """
    n = sum(spread.n for spread in spreads)
    mean = np.sum([spread.total for spread in spreads], axis=0) / n
    between = np.sum([spread.squares for spread in spreads], axis=0) / n - mean**2
    within = np.sum([spread.widths for spread in spreads], axis=0) / n
    return int(np.count_nonzero(between > _ACTIVE_SHARE * (between + within)))
