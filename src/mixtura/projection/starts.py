"""Where the search for the exclusive projection of a Gaussian mixture begins."""

from __future__ import annotations

from itertools import combinations

import torch
from torch import Generator, Tensor

from mixtura.projection.covariances import CovarianceFamily
from mixtura.projection.moments import factor_of, mixture_moments
from mixtura.projection.target import GaussianMixtureForm

_LEAST = 8  # starts, filled up by random ones
_PAIRS_OF_EACH = 2  # pairs of components, for each component
_MOST_PAIRED = 64  # components of which pairs are formed, the heaviest


def mixture_starts(
    form: GaussianMixtureForm, family: CovarianceFamily, n_starts: int | None, generator: Generator
) -> tuple[Tensor, Tensor]:
    """Return Gaussians near the local optima of a Gaussian mixture.

    They are, in this order: every component, the heaviest first; the Gaussian with the moments of the
    whole; those with the moments of two components, the closest first; and random ones, with the mean
    at a draw from the mixture and the mean covariance of the components. An optimum of the exclusive
    problem sits on a component, or bridges some that overlap.

    Parameters
    ----------
    form : GaussianMixtureForm
        The mixture of K components.
    family : CovarianceFamily
        The family of the starts.
    n_starts : int or None
        How many; by default K + 1, up to 2 K pairs, and random ones up to 8.
    generator : torch.Generator
        Where the random ones come from.

    Returns
    -------
    mean : Tensor of shape (S, d)
    scale_tril : Tensor of shape (S, d, d)
    """
    weights = form.log_weights.exp()
    order = weights.argsort(descending=True, stable=True)
    order = order[weights[order] > 0]
    covariances = form.scale_trils @ form.scale_trils.mT
    subsets = [order]
    pairs = list(combinations(order[:_MOST_PAIRED].tolist(), 2))
    if len(order) > 2:
        first, second = torch.tensor(pairs).T
        apart = (form.means[first] - form.means[second])[..., None]
        factor = factor_of(covariances[first] + covariances[second])
        distance = torch.linalg.solve_triangular(factor, apart, upper=False).square().sum(dim=(1, 2))
        nearest = distance.argsort(stable=True)[: _PAIRS_OF_EACH * len(order)]
        subsets += [torch.tensor(pairs[at]) for at in nearest.tolist()]
    if len(order) == 1:
        subsets = []
    matched = [
        mixture_moments(form.log_weights[rows], form.means[rows], covariances[rows]) for rows in subsets
    ]
    means = [form.means[order], *(moments.mean[None] for moments in matched)]
    factors = [form.scale_trils[order], *(factor_of(moments.covariance)[None] for moments in matched)]
    ready = len(order) + len(matched)
    wanted = max(ready, _LEAST if len(order) > 1 else 1) if n_starts is None else n_starts
    if wanted > ready:
        drawn = torch.multinomial(weights, wanted - ready, replacement=True, generator=generator)
        noise = torch.randn(wanted - ready, form.means.shape[1], 1, generator=generator, dtype=torch.float64)
        means.append(form.means[drawn] + (form.scale_trils[drawn] @ noise)[..., 0])
        within = factor_of(torch.einsum("k,kij->ij", weights, covariances))
        factors.append(within.expand(wanted - ready, -1, -1))
    mean, scale_tril = torch.cat(means)[:wanted], torch.cat(factors)[:wanted]
    return mean, family.tightest(scale_tril)
