"""A GM-VAE without some of its components."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from mixtura.vae.model import GaussianMixtureVAE
from mixtura.vae.posterior import AmortisedResponsibilities


@torch.no_grad()
def without_components(model: GaussianMixtureVAE, kept: Tensor) -> GaussianMixtureVAE:
    r"""Return a copy of a model that has some of its components, weights renormalised.

    .. math:: p(w) = \sum_{k \in \text{kept}} \pi_k N(w; \mu_k, \sigma_k^2)
        \Big/ \sum_{k \in \text{kept}} \pi_k

    An amortised q(z|w, x) keeps its logits of the same components, which is q given that z is one of them.

    Parameters
    ----------
    model : GaussianMixtureVAE
        Left as it is.
    kept : Tensor of int, shape (m,)
        Components, at least one, in the order of their new numbers.
    """
    pruned = copy.deepcopy(model)
    prior = pruned.prior
    weights = torch.log_softmax(model.prior().log_weights[kept], dim=0)
    with_gradient = prior.means.requires_grad
    for name in ("means", "log_scales"):
        values = getattr(prior, name)[kept].clone()
        setattr(prior, name, nn.Parameter(values, requires_grad=with_gradient))
    if isinstance(prior.log_weights, nn.Parameter):
        prior.log_weights = nn.Parameter(weights, requires_grad=with_gradient)
    else:
        prior.log_weights = weights
    if isinstance(pruned.responsibilities, AmortisedResponsibilities):
        last = pruned.responsibilities.to_logits
        smaller = nn.Linear(last.in_features, len(kept), device=last.weight.device, dtype=last.weight.dtype)
        smaller.weight = nn.Parameter(last.weight[kept].clone(), requires_grad=with_gradient)
        smaller.bias = nn.Parameter(last.bias[kept].clone(), requires_grad=with_gradient)
        pruned.responsibilities.to_logits = smaller
    return pruned
