"""The mean and the covariance of a distribution that tells them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, VonMises

from mixtura.divergence.mixtures import as_float64
from mixtura.errors import InputError
from mixtura.projection.target import GaussianMixtureForm


@dataclass(frozen=True, eq=False)
class Moments:
    """The first two moments of a density.

    Parameters
    ----------
    mean : Tensor of shape (d,)
        The mean.
    covariance : Tensor of shape (d, d)
        The covariance.
    """

    mean: Tensor
    covariance: Tensor


def mixture_moments(log_weights: Tensor, means: Tensor, covariances: Tensor) -> Moments:
    """Return the moments of a mixture, from sums of non-negative terms around a component's mean.

    Parameters
    ----------
    log_weights : Tensor of shape (K,)
        Logarithms of the weights.
    means : Tensor of shape (K, d)
        The means of the components.
    covariances : Tensor of shape (K, d, d)
        Their covariances.

    Returns
    -------
    Moments

    Examples
    --------
    >>> weights = torch.tensor([1.0, 2.0], dtype=torch.float64) / 3
    >>> means = torch.tensor([[-3.0], [3.0]], dtype=torch.float64)
    >>> found = mixture_moments(weights.log(), means, torch.ones(2, 1, 1, dtype=torch.float64))
    >>> round(float(found.mean), 12), round(float(found.covariance), 12)
    (1.0, 9.0)
    """
    present = log_weights > -torch.inf
    weights, means, covariances = torch.softmax(log_weights[present], 0), means[present], covariances[present]
    origin = means[weights.argmax()]
    shift = weights @ (means - origin)
    apart = means - origin - shift
    spread = torch.einsum("k,ki,kj->ij", weights, apart, apart)
    return Moments(origin + shift, torch.einsum("k,kij->ij", weights, covariances) + spread)


def factor_of(covariance: Tensor) -> Tensor:
    """Return Cholesky factors (..., d, d), of the diagonal alone where one is singular to rounding."""
    factor, failed = torch.linalg.cholesky_ex(covariance)
    scale = covariance.diagonal(dim1=-2, dim2=-1).clamp_min(torch.finfo(covariance.dtype).tiny).sqrt()
    return torch.where((failed > 0)[..., None, None], torch.diag_embed(scale), factor)


def form_moments(form: GaussianMixtureForm) -> Moments:
    """Return the moments of a Gaussian mixture."""
    return mixture_moments(form.log_weights, form.means, form.scale_trils @ form.scale_trils.mT)


def known_moments(distribution: Distribution) -> Moments | None:
    """Return the moments that a distribution knows of itself, None where it does not know them.

    Parameters
    ----------
    distribution : torch.distributions.Distribution
        Without batch shape, of event shape () or (d,).

    Raises
    ------
    InputError
        If they are infinite or do not exist.

    Examples
    --------
    >>> from torch.distributions import Laplace
    >>> float(known_moments(Laplace(0.0, 1.0)).covariance)
    2.0
    """
    parts = as_float64(distribution)
    present = (parts.log_weights > -torch.inf).nonzero()[:, 0].tolist()
    found = [_of_component(parts.components[k]) for k in present]
    every = [moments for moments in found if moments is not None]
    if len(every) < len(present):
        return None
    means = torch.stack([moments.mean for moments in every])
    covariances = torch.stack([moments.covariance for moments in every])
    return mixture_moments(parts.log_weights.detach()[present], means, covariances)


def _of_component(distribution: Distribution) -> Moments | None:
    if isinstance(distribution, VonMises):  # its variance in torch is that of a direction
        return None
    try:
        mean, variance = distribution.mean.detach(), distribution.variance.detach()
    except NotImplementedError:
        return None
    mean, variance = (value.to(torch.float64).reshape(-1) for value in (mean, variance))
    if not bool(torch.isfinite(mean).all() and torch.isfinite(variance).all()):
        raise InputError(
            f"{type(distribution).__name__} has mean {_text(mean)} and variance {_text(variance)}: "
            "without second moments there is no inclusive projection; ask for the exclusive one"
        )
    matrix = getattr(distribution, "covariance_matrix", None)
    if matrix is not None:
        return Moments(mean, torch.as_tensor(matrix).detach().to(torch.float64))
    independent = isinstance(distribution, Independent) and not distribution.base_dist.event_shape
    if independent or len(mean) == 1:
        return Moments(mean, torch.diag(variance))
    return None


def _text(values: Tensor) -> str:
    return ", ".join(f"{float(value):.4g}" for value in values[:4]) + (", ..." if len(values) > 4 else "")
