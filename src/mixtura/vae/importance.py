"""log p(x) by importance weighting, with z summed out and its Monte Carlo error."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mixtura.numerics import (
    effective_sample_size,
    jackknife_standard_error,
    leave_one_out_log_mean_exp,
    log_mean_exp,
)
from mixtura.vae.model import GaussianMixtureVAE

# Decoded values in flight: 4 MB in float64. Larger pieces are kept by the allocator and not used again: 200
# draws for each of 2,000 images took 5 GB.
_BLOCK_VALUES = 2**19


@dataclass(frozen=True)
class LikelihoodEstimate:
    """An importance-weighted estimate of log p(x).

    Parameters
    ----------
    per_row : ndarray of shape (n,)
        Estimate for each row, in nats.
    mean : float
        Their mean, in nats per observation.
    standard_error : float
        Monte Carlo standard error of that mean, by the jackknife over the draws: the draws are shared
        by all rows, so the rows' errors are not independent and must not be averaged as if they were.
    effective_sample_size : float
        Mean over rows of Kish's effective number of draws, between 1 and ``n_samples``.
    n_samples : int
        Draws of w for each row.
    """

    per_row: NDArray[np.float64]
    mean: float
    standard_error: float
    effective_sample_size: float
    n_samples: int


@torch.no_grad()
def log_importance_weights(model: GaussianMixtureVAE, x: Tensor, noise: Tensor) -> Tensor:
    """Return log [ p(x|w_s) p(w_s) / q(w_s|x) ] for draws w_s of q(w|x), with z summed out of p(w).

    Parameters
    ----------
    model : GaussianMixtureVAE
        The model.
    x : Tensor of shape (n, n_encoded)
        Encoded rows.
    noise : Tensor of shape (S, d) or (S, n, d)
        Standard normal draws, shared by all rows or each row's own.

    Returns
    -------
    Tensor of shape (S, n)
        In nats, the log-determinant of the scaling included. The log of their mean over s is an
        estimate of log p(x) from below (Burda, Grosse and Salakhutdinov 2016, eq. 8).
    """
    posterior = model.posterior(x)
    w = posterior.reparameterise(noise.unsqueeze(1) if noise.dim() == 2 else noise)  # (S, n, d)
    log_joint = model.likelihood(w).log_prob(x) + model.prior().log_prob(w)
    return log_joint + model.log_determinant - posterior.log_prob(w)


def estimate_log_likelihood(
    model: GaussianMixtureVAE, x: Tensor | Iterable[Tensor], noise: Tensor
) -> LikelihoodEstimate:
    """Return log p(x) of every row by importance weighting.

    log p(x) is estimated by log 1/S sum_s p(x|w_s) p(w_s) / q(w_s|x), w_s from q(w|x).

    Parameters
    ----------
    model : GaussianMixtureVAE
        The model, in the precision that is wanted.
    x : Tensor of shape (n, n_encoded), or an iterable of such
        Encoded rows, all at once or block by block.
    noise : Tensor of shape (S, d)
        Standard normal draws shared by all rows, so that a row's score does not depend on its company.
    """
    n_samples = len(noise)
    pieces = noise.split(max(1, _BLOCK_VALUES // max(1, model.values_per_row)))
    scores: list[NDArray[np.float64]] = []
    sizes: list[NDArray[np.float64]] = []
    leave_one_out = np.zeros(n_samples)
    for block in (x,) if isinstance(x, Tensor) else x:
        for rows in row_blocks(len(block), n_samples * model.values_per_row):
            own = [log_importance_weights(model, block[rows], piece) for piece in pieces]
            log_weights = torch.cat(own).double().cpu().numpy()  # (S, n)
            scores.append(log_mean_exp(log_weights, axis=0))
            sizes.append(effective_sample_size(log_weights, axis=0))
            if n_samples > 1:
                leave_one_out += leave_one_out_log_mean_exp(log_weights).sum(axis=1)
    per_row = np.concatenate(scores)
    return LikelihoodEstimate(
        per_row=per_row,
        mean=float(per_row.mean()),
        standard_error=jackknife_standard_error(leave_one_out / len(per_row))
        if n_samples > 1
        else float("nan"),
        effective_sample_size=float(np.concatenate(sizes).mean()),
        n_samples=n_samples,
    )


def row_blocks(n_rows: int, values_per_row: int) -> Iterator[slice]:
    """Yield slices over the rows, so that each block holds about half a million values."""
    step = max(1, _BLOCK_VALUES // max(1, values_per_row))
    for first in range(0, n_rows, step):
        yield slice(first, min(first + step, n_rows))
