"""Mixtures whose components are all Gaussians: their parameters, overlaps and moments."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from mixtura.divergence.mixtures import Mixture
from mixtura.divergence.parametrisation import as_gaussian

_MOST_AT_ONCE = 2**24  # numbers in one block: 128 MB


@dataclass(frozen=True, eq=False)
class GaussianParts:
    """A mixture of Gaussians over d dimensions, in float64.

    Parameters
    ----------
    log_weights : Tensor of shape (*B, K)
        Logarithms of the weights, perhaps -inf.
    mean : Tensor of shape (*B, K, d)
        The means.
    tril : Tensor of shape (*B, K, d, d)
        Lower Cholesky factors of the covariances.
    """

    log_weights: Tensor
    mean: Tensor
    tril: Tensor

    @property
    def dimension(self) -> int:
        """The number d of dimensions."""
        return self.mean.shape[-1]

    @property
    def log_scale(self) -> Tensor:
        """Half the log-determinants of the covariances, of shape (*B, K)."""
        return self.tril.diagonal(dim1=-2, dim2=-1).log().sum(dim=-1)

    @property
    def entropy(self) -> Tensor:
        """The entropies of the components, of shape (*B, K), in nats."""
        return self.log_scale + 0.5 * self.dimension * (1 + math.log(2 * math.pi))

    def joined(self, other: GaussianParts, share: float) -> GaussianParts:
        """Return share times this mixture plus (1 - share) times another."""
        logs = [self.log_weights + math.log(share), other.log_weights + math.log1p(-share)]
        return GaussianParts(
            torch.cat(logs, dim=-1),
            torch.cat([self.mean, other.mean], dim=-2),
            torch.cat([self.tril, other.tril], dim=-3),
        )

    def moments(self) -> tuple[Tensor, Tensor]:
        """Return the mean (*B, d) and the covariance (*B, d, d) of the mixture."""
        root = (0.5 * self.log_weights).exp().unsqueeze(-1)  # (*B, K, 1)
        mean = (root.square() * self.mean).sum(dim=-2)
        centred = root * (self.mean - mean.unsqueeze(-2))  # (*B, K, d)
        scaled = root.unsqueeze(-1) * self.tril  # (*B, K, d, d)
        # Scatter and covariances as one product A A^T with A = [centred means, scaled factors].
        columns = torch.cat([centred.mT, scaled.transpose(-3, -2).flatten(-2)], dim=-1)  # (*B, d, K + K d)
        return mean, columns @ columns.mT


def gaussian_parts(mixture: Mixture) -> GaussianParts | None:
    """Return a mixture of Gaussians by its parameters, None for any other.

    Examples
    --------
    >>> from torch.distributions import Normal
    >>> from mixtura.divergence.mixtures import as_float64
    >>> gaussian_parts(as_float64(Normal(torch.zeros(3), 2.0))).tril.shape
    torch.Size([3, 1, 1, 1])
    """
    gaussian = as_gaussian(mixture.family)
    if gaussian is None:
        return None
    mean, tril = gaussian.dense()
    return GaussianParts(mixture.log_weights, mean, tril)


def log_overlap(p: GaussianParts, q: GaussianParts, power: float = 1.0) -> Tensor:
    """Return log int p_i q_j^power for all components: a Gaussian's density at the distance of their means.

    q^g is, up to a factor, the Gaussian with covariance Sigma / g, so that int p q^g is

        (2 pi)^(d (1 - g) / 2) |Sigma_q|^((1 - g) / 2) g^(-d / 2) N(mu_p - mu_q; 0, Sigma_p + Sigma_q / g).

    Parameters
    ----------
    p, q : GaussianParts
        With K and J components.
    power : float
        Above zero.

    Returns
    -------
    Tensor of shape (*B, K, J)
        Nats; +inf, which bounds it, where the sum of the covariances has no Cholesky factor in float64.

    Examples
    --------
    >>> from torch.distributions import Normal
    >>> from mixtura.divergence.mixtures import as_float64
    >>> unit = gaussian_parts(as_float64(Normal(0.0, 1.0)))
    >>> round(float(log_overlap(unit, unit).exp()) * 2 * math.pi**0.5, 12)
    1.0
    """
    size = max(1, p.log_weights[..., 0].numel() * q.mean.shape[-2] * p.dimension**2)
    rows = range(0, p.mean.shape[-2], max(1, _MOST_AT_ONCE // size))
    blocks = [slice(start, start + rows.step) for start in rows]
    return torch.cat([_overlap(p.mean[..., at, :], p.tril[..., at, :, :], q, power) for at in blocks], dim=-2)


def _overlap(mean: Tensor, tril: Tensor, q: GaussianParts, power: float) -> Tensor:
    """Return the overlaps of the components of some means and factors."""
    d = mean.shape[-1]
    of_p, of_q = tril.unsqueeze(-3), (q.tril / math.sqrt(power)).unsqueeze(-4)
    root, failed = torch.linalg.cholesky_ex(of_p @ of_p.mT + of_q @ of_q.mT)  # (*B, K, J, d, d)
    identity = torch.eye(d, dtype=root.dtype, device=root.device)
    root = torch.where((failed > 0)[..., None, None], identity, root)
    delta = (mean.unsqueeze(-2) - q.mean.unsqueeze(-3)).unsqueeze(-1)  # (*B, K, J, d, 1)
    distance = torch.linalg.solve_triangular(root, delta, upper=False).square().sum(dim=(-2, -1))
    log_volume = root.diagonal(dim1=-2, dim2=-1).log().sum(dim=-1)
    log_density = -0.5 * (d * math.log(2 * math.pi) + distance) - log_volume
    factor = (1 - power) * (0.5 * d * math.log(2 * math.pi) + q.log_scale) - 0.5 * d * math.log(power)
    return torch.where(failed > 0, torch.inf, factor.unsqueeze(-2) + log_density)
