"""The variational posterior q(w, z|x) = q_psi(w|x) q_phi(z|w, x)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from mixtura.vae.distributions import DiagonalGaussian, GaussianMixture, full_precision

LOG_VARIANCE_BOUNDS = (-12.0, 4.0)
LEAK, LEAK_WIDTH = 0.01, 100.0
"""Beyond the bounds log s^2 goes on at so small a slope, for so far: a code that gets there comes back."""


def bounded(values: Tensor) -> Tensor:
    """Return values within the bounds as they are, and others hardly beyond them, with a gradient back.

    Examples
    --------
    >>> bounded(torch.tensor([-22.0, 1.0, 5.0, 1e9])).tolist()
    [-12.100000381469727, 1.0, 4.010000228881836, 5.0]
    """
    low, high = LOG_VARIANCE_BOUNDS
    inside = values.clamp(low, high)
    return inside + LEAK * (values.clamp(low - LEAK_WIDTH, high + LEAK_WIDTH) - inside)


class GaussianPosterior(nn.Module):
    """q_psi(w|x) = N(m(x), diag(s^2(x))), with log s^2 kept to [-12, 4] and hardly beyond.

    Parameters
    ----------
    network : nn.Module
        Encoded rows (..., n_features) to (..., 2 d): the mean's part first.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> DiagonalGaussian:
        """Return q(w|x) for encoded rows."""
        loc, log_variance = full_precision(self.network(x)).chunk(2, dim=-1)
        return DiagonalGaussian(loc, (0.5 * bounded(log_variance)).exp())


class ExactResponsibilities(nn.Module):
    """q(z|w, x) = p(z|w), the optimum of the bound over all q(z|w, x): it does not depend on x."""

    def forward(self, w: Tensor, x: Tensor, prior: GaussianMixture) -> Tensor:
        """Return log q(z = k|w, x) of shape (..., K)."""
        return prior.log_responsibilities(w)


class AmortisedResponsibilities(nn.Module):
    """q_phi(z|w, x) = softmax of a network of w and x, as in the source of the model.

    Features of x and a linear map of w are added before the last rectifier, so that many draws of w share
    the work on x.

    Parameters
    ----------
    network : nn.Module
        Encoded rows (..., n_encoded) to features (..., n_features).
    latent_dim, n_features, n_components : int
        Sizes of w, of the features and of the output.
    """

    def __init__(self, network: nn.Module, latent_dim: int, n_features: int, n_components: int) -> None:
        super().__init__()
        self.network = network
        self.from_w = nn.Linear(latent_dim, n_features, bias=False)
        self.to_logits = nn.Linear(n_features, n_components)

    def forward(self, w: Tensor, x: Tensor, prior: GaussianMixture) -> Tensor:
        """Return log q_phi(z = k|w, x) of shape (..., K)."""
        return self.given(x)(w)

    def given(self, x: Tensor) -> Callable[[Tensor], Tensor]:
        """Return w to log q_phi(z = k|w, x), for rows whose features are then found once."""
        features = self.network(x)

        def at(w: Tensor) -> Tensor:
            logits = self.to_logits(torch.relu(self.from_w(w) + features))
            return torch.log_softmax(full_precision(logits), dim=-1)

        return at

    @property
    def reads_codes(self) -> bool:
        """Whether q_phi depends on w at all."""
        return bool(self.from_w.weight.detach().any())

    def features(self, x: Tensor) -> Tensor:
        """Return what q_phi tells the components apart by where it is shown no code, (..., n_features)."""
        return torch.relu(self.network(x))

    @torch.no_grad()
    def forget_codes(self) -> None:
        """Make it a function of x alone, which a lesson that shows it no codes leaves it."""
        self.from_w.weight.zero_()

    @torch.no_grad()
    def permute(self, order: Tensor) -> None:
        """Renumber the components: the new k-th is the old ``order[k]``-th."""
        for tensor in (self.to_logits.weight, self.to_logits.bias):
            tensor.copy_(tensor[order].clone())
