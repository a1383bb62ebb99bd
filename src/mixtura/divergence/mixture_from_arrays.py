"""Mixtures of Gaussians from arrays of weights, means and covariances, every number checked."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torch.distributions import Categorical, Distribution, MixtureSameFamily, MultivariateNormal, Normal

from mixtura.divergence.covariances import lower, sound
from mixtura.errors import InputError

_SUM_TOLERANCE = 1e-8


def gaussian_mixture(
    weights: ArrayLike | Tensor,
    means: ArrayLike | Tensor,
    covariances: ArrayLike | Tensor,
    *,
    normalise: bool = False,
) -> MixtureSameFamily:
    """Return sum_k w_k N(mu_k, Sigma_k) as a torch distribution in float64, every number checked.

    Parameters
    ----------
    weights : array-like of shape (K,)
        Not negative, with sum one; a component of weight zero has no mass.
    means : array-like of shape (K,) or (K, d)
        With shape (K,) the mixture is over real numbers and its events are scalars; with (K, d) over vectors.
    covariances : array-like of shape (K,), (K, d) or (K, d, d)
        Variances of spherical components (or of real numbers), variances along the axes, or covariances.
    normalise : bool
        Whether weights of another sum are divided by it.

    Returns
    -------
    torch.distributions.MixtureSameFamily
        Of Normal components for real numbers, of MultivariateNormal ones for vectors. Tensors keep their
        gradients.

    Raises
    ------
    InputError
        If a weight is negative or NaN or their sum is not one, lengths differ, or a covariance is not
        symmetric and positive definite; the message names the component.

    Examples
    --------
    >>> target = gaussian_mixture([1 / 3, 2 / 3], [-3.0, 3.0], [1.0, 1.0])
    >>> round(float(target.mean), 12), round(float(target.variance), 12)
    (1.0, 9.0)
    >>> gaussian_mixture([1, 2], [[0, 0], [3, 3]], [1, 4], normalise=True).event_shape
    torch.Size([2])
    """
    w, mu, spread = (
        _tensor(value, name)
        for value, name in ((weights, "weights"), (means, "means"), (covariances, "covariances"))
    )
    log_weights = _checked_log_weights(w, normalise)
    n = len(w)
    if mu.ndim not in (1, 2) or len(mu) != n:
        raise InputError(
            f"means have shape {tuple(mu.shape)}; with {n} weights give ({n},) for real numbers, "
            f"({n}, d) for vectors"
        )
    if not bool(torch.isfinite(mu).all()):
        at = int((~torch.isfinite(mu)).reshape(n, -1).any(dim=1).nonzero()[0, 0])
        raise InputError(f"the mean of component {at} is {mu[at].tolist()}; it must be finite")
    choice = Categorical(logits=log_weights, validate_args=False)
    if mu.ndim == 1:
        if spread.shape != (n,):
            raise InputError(
                f"covariances have shape {tuple(spread.shape)}; with means of shape ({n},) give {n} variances"
            )
        family: Distribution = Normal(mu, _checked_variances(spread).sqrt(), validate_args=False)
    else:
        family = MultivariateNormal(mu, scale_tril=_factors(spread, n, mu.shape[1]), validate_args=False)
    return MixtureSameFamily(choice, family, validate_args=False)


def log_of_weights(weights: Tensor) -> Tensor:
    """Return logarithms of weights; those of zero are -inf and get no gradient.

    Examples
    --------
    >>> log_of_weights(torch.tensor([0.0, 1.0]))
    tensor([-inf, 0.])
    """
    positive = weights > 0
    return torch.where(positive, torch.where(positive, weights, 1.0).log(), -torch.inf)


def _tensor(value: Any, name: str) -> Tensor:
    """Return an array, nested lists, or a list of tensors, as a tensor in float64."""
    try:
        if isinstance(value, Tensor):
            return value.to(torch.float64)
        if isinstance(value, (list, tuple)) and any(isinstance(part, Tensor) for part in value):
            return torch.stack([_tensor(part, name) for part in value])
        return torch.from_numpy(np.array(value, dtype=np.float64))
    except (TypeError, ValueError, RuntimeError):
        raise InputError(f"{name} are no array of numbers; give lists, an array or a tensor") from None


def _checked_log_weights(weights: Tensor, normalise: bool) -> Tensor:
    if weights.ndim != 1 or len(weights) == 0:
        raise InputError(f"weights have shape {tuple(weights.shape)}; give one number for each component")
    numbers = weights.detach()
    wrong = ~(numbers >= 0) | (numbers == torch.inf)
    if bool(wrong.any()):
        at = int(wrong.nonzero()[0, 0])
        raise InputError(
            f"the weight of component {at} is {float(numbers[at]):g}; weights are numbers from 0 up"
        )
    total = float(numbers.sum())
    if total == 0.0:
        raise InputError("all weights are zero; at least one component must have mass")
    if not normalise and abs(total - 1.0) > _SUM_TOLERANCE:
        raise InputError(f"the weights sum to {total:.10g} and not to 1; normalise=True divides them by it")
    return log_of_weights(weights) - weights.sum().log()


def _checked_variances(variances: Tensor) -> Tensor:
    wrong = ~((variances > 0) & (variances < torch.inf))
    if bool(wrong.any()):
        at = int(wrong.reshape(len(variances), -1).any(dim=1).nonzero()[0, 0])
        value = variances.detach().reshape(len(variances), -1)[at].min()
        raise InputError(
            f"the variance of component {at} is {float(value):g}; variances are above zero and finite"
        )
    return variances


def _factors(spread: Tensor, n: int, d: int) -> Tensor:
    """Return lower Cholesky factors (K, d, d) of covariances in any of their three forms."""
    if spread.shape == (n,):
        scale = _checked_variances(spread).sqrt()
        return scale[:, None, None] * torch.eye(d, dtype=scale.dtype, device=scale.device)
    if spread.shape == (n, d):
        return torch.diag_embed(_checked_variances(spread).sqrt())
    if spread.shape != (n, d, d):
        raise InputError(
            f"covariances have shape {tuple(spread.shape)}; with means of shape ({n}, {d}) "
            f"give ({n}, {d}, {d}), ({n}, {d}) or ({n},)"
        )
    named = [(matrix, f"the covariance of component {k}") for k, matrix in enumerate(spread)]
    return lower(torch.stack([sound(*pair, may_be_singular=False)[0] for pair in named])).dense()
