"""The prior p(w, z) of the GM-VAE: a mixture of K Gaussians in the latent space."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from mixtura.vae.distributions import GaussianMixture

_LOG_SCALE_BOUND = 6.0
_LEAST_WEIGHT = 1e-3  # of an equal share


class GaussianMixturePrior(nn.Module):
    """z ~ Categorical(pi), w | z = k ~ N(mu_k, sigma_k^2 I), with trainable mu_k and sigma_k.

    Parameters
    ----------
    n_components : int
        K.
    latent_dim : int
        d, the dimension of w.
    covariance_type : {"spherical", "diag"}
        One sigma_k for all dimensions, or one for each.
    weights : {"uniform", "learned"}
        pi: 1/K and fixed, or trained too.

    Notes
    -----
    Means start at 0, scales at 1 and weights at 1/K, so that a new prior is the standard normal.
    """

    log_weights: Tensor

    def __init__(
        self,
        n_components: int,
        latent_dim: int,
        covariance_type: Literal["spherical", "diag"] = "spherical",
        weights: Literal["uniform", "learned"] = "uniform",
    ) -> None:
        super().__init__()
        self.means = nn.Parameter(torch.zeros(n_components, latent_dim))
        n_scales = 1 if covariance_type == "spherical" else latent_dim
        self.log_scales = nn.Parameter(torch.zeros(n_components, n_scales))
        log_weights = torch.full((n_components,), -math.log(n_components))
        if weights == "learned":
            self.log_weights = nn.Parameter(log_weights)
        else:
            self.register_buffer("log_weights", log_weights)

    @torch.no_grad()
    def reset(self) -> None:
        """Make the prior the standard normal: K equal components."""
        self.means.zero_()
        self.log_scales.zero_()
        self.log_weights.fill_(-math.log(len(self.log_weights)))

    @torch.no_grad()
    def set_components(self, means: Tensor, scales: Tensor) -> None:
        """Set mu_k (K, d) and sigma_k (K, d); spherical components take the root mean square over d.

        Scales are brought within the bounds, outside of which they would have no gradient.
        """
        self.means.copy_(means)
        if self.log_scales.shape[1] == 1:
            scales = scales.square().mean(dim=1, keepdim=True).sqrt()
        self.log_scales.copy_(scales.log().clamp(-_LOG_SCALE_BOUND, _LOG_SCALE_BOUND))

    @torch.no_grad()
    def set_weights(self, weights: Tensor) -> None:
        """Set pi (K,), where it is learned; none is below 1e-3/K, since zero would have no gradient."""
        if isinstance(self.log_weights, nn.Parameter):
            floored = (weights / weights.sum()).clamp(min=_LEAST_WEIGHT / len(weights))
            self.log_weights.copy_((floored / floored.sum()).log())

    @torch.no_grad()
    def permute(self, order: Tensor) -> None:
        """Renumber the components: the new k-th is the old ``order[k]``-th."""
        for tensor in (self.means, self.log_scales, self.log_weights):
            tensor.copy_(tensor[order].clone())

    def forward(self) -> GaussianMixture:
        """Return p(w, z) as a mixture that knows its components."""
        scales = self.log_scales.clamp(-_LOG_SCALE_BOUND, _LOG_SCALE_BOUND).exp()
        log_weights = self.log_weights
        if isinstance(log_weights, nn.Parameter):
            log_weights = torch.log_softmax(log_weights, dim=0)
        return GaussianMixture(log_weights, self.means, scales.expand_as(self.means))
