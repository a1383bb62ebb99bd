"""Codes of the rows, and the mixture that starts from groups of them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from mixtura.vae.model import GaussianMixtureVAE
from mixtura.vae.posterior import AmortisedResponsibilities

_LEAST_SCALE = 1e-3
_BLOCK_ROWS = 4096


@torch.no_grad()
def mean_codes(
    model: GaussianMixtureVAE,
    x: Tensor,
    view: Callable[[Tensor], Tensor] | None = None,
    n_views: int = 1,
) -> tuple[Tensor, Tensor]:
    """Return the means of q(w|view of x) averaged over views, and the mean variances: (n, d) each.

    Parameters
    ----------
    model : GaussianMixtureVAE
        The model.
    x : Tensor of shape (n, n_encoded)
        Encoded rows.
    view : callable, optional
        What the encoder is shown of a block of rows, such as a random transform; the rows unless given.
        Views are made and dropped block by block.
    n_views : int
        How often each block is shown.
    """
    loc = torch.zeros(len(x), model.latent_dim, device=x.device, dtype=x.dtype)
    variance = torch.zeros_like(loc)
    for first in range(0, len(x), _BLOCK_ROWS):
        rows = slice(first, first + _BLOCK_ROWS)
        for _ in range(n_views):
            q = model.posterior(x[rows] if view is None else view(x[rows])).base_dist
            loc[rows] += q.loc / n_views
            variance[rows] += q.scale.square() / n_views
    return loc, variance


@torch.no_grad()
def mean_features(
    responsibilities: AmortisedResponsibilities,
    x: Tensor,
    view: Callable[[Tensor], Tensor] | None = None,
    n_views: int = 1,
) -> Tensor:
    """Return the features by which q_phi(z|x) tells the components apart, averaged over views.

    Parameters
    ----------
    responsibilities : AmortisedResponsibilities
        q_phi.
    x, view, n_views
        As in `mean_codes`.
    """
    blocks = []
    for block in x.split(_BLOCK_ROWS):
        shown = (block if view is None else view(block) for _ in range(n_views))
        blocks.append(torch.stack([responsibilities.features(rows) for rows in shown]).mean(dim=0))
    return torch.cat(blocks)


@torch.no_grad()
def set_prior_from_groups(model: GaussianMixtureVAE, loc: Tensor, variance: Tensor, labels: Tensor) -> None:
    """Set mu_k and sigma_k to the moments of q(w|x) over each group: the M-step for fixed q(z).

    mu_k = mean of m(x), sigma_k^2 = mean of s^2(x) + (m(x) - mu_k)^2, over the rows of group k, over all rows
    for a group that has none; where pi is learned, pi_k = their share of all rows.
    """
    # On the CPU, because sums by index are not the same bits twice on a GPU.
    loc, variance, labels = loc.double().cpu(), variance.double().cpu(), labels.cpu()
    n_components = model.n_components
    held = torch.bincount(labels, minlength=n_components).unsqueeze(1)
    counts = held.clamp(min=1)
    zeros = torch.zeros(n_components, loc.shape[1], dtype=torch.float64)
    index = labels.unsqueeze(1).expand_as(loc)
    means = zeros.scatter_add(0, index, loc) / counts
    spread = variance + (loc - means[labels]).square()
    variances = zeros.scatter_add(0, index, spread) / counts
    # No rows have no moments: a component at the least scale would cost hundreds of nats.
    everyone = loc.mean(dim=0)
    means = torch.where(held > 0, means, everyone)
    variances = torch.where(held > 0, variances, (variance + (loc - everyone).square()).mean(dim=0))
    scales = variances.sqrt()
    model.prior.set_components(means, scales.clamp(min=_LEAST_SCALE))
    model.prior.set_weights(counts.squeeze(1))
