"""KL between Gaussians that are given as arrays of means and covariances."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from mixtura.divergence.arrays import as_tensors
from mixtura.divergence.blocks import block_length, fill_blocks
from mixtura.divergence.checks import first_entry
from mixtura.divergence.covariances import NotSoundError, lower, lower_if_sound, sound
from mixtura.divergence.factors import Lower
from mixtura.divergence.gaussian import kl_of_gaussians
from mixtura.divergence.parametrisation import Gaussian
from mixtura.divergence.working import widen
from mixtura.errors import InputError

Factorise = Callable[[Tensor], Lower]

_NAMES = ("mu0", "Sigma0", "mu1", "Sigma1")


def gaussian_kl(
    mu0: ArrayLike | Tensor, Sigma0: ArrayLike | Tensor, mu1: ArrayLike | Tensor, Sigma1: ArrayLike | Tensor
) -> Any:
    r"""Return KL(N(mu0, Sigma0) || N(mu1, Sigma1)), in nats.

    .. math::
        \mathrm{KL} = \tfrac12 \left[ \operatorname{tr}(\Sigma_1^{-1} \Sigma_0) - d
        + \log\frac{\det \Sigma_1}{\det \Sigma_0} + (\mu_1 - \mu_0)^T \Sigma_1^{-1} (\mu_1 - \mu_0) \right],

    computed from Cholesky factors as a sum of terms that are not negative, in float64.

    Parameters
    ----------
    mu0, mu1 : array-like of shape (*B, d)
        Means, d > 0.
    Sigma0, Sigma1 : array-like of shape (*B, d, d)
        Covariances. All four batch shapes broadcast. Asymmetry up to the square root of machine epsilon,
        relative to the standard deviations, is taken for rounding and averaged away.

    Returns
    -------
    ndarray or Tensor of shape (*B)
        Nats: a tensor that can be differentiated where one argument is a tensor, NumPy otherwise; of the type
        to which those of the arguments promote. Never negative, exactly 0 for equal arguments, and +inf where
        Sigma0 is singular (positive semi-definite within rounding): it lives on a plane that has no mass
        under the other. The relative error in float64 is at most 100 machine epsilons times the condition
        number of the covariances, for nearly equal ones too. In float32 the work is done in float64 and
        rounded back, so that only the last place of the value, 6e-8 of it, is lost.

    Raises
    ------
    InputError
        If shapes do not match, a number is not finite, a covariance is not symmetric, or one is not positive
        definite: the message names the batch entry and its smallest eigenvalue.

    Examples
    --------
    >>> float(gaussian_kl([0.0, 0.0], np.eye(2), [1.0, 1.0], np.eye(2)))
    1.0
    >>> gaussian_kl(np.zeros((3, 1)), [[1.0]], [0.0], [[4.0]]).round(4)
    array([0.3181, 0.3181, 0.3181])
    """
    tensors, dtype, is_torch = as_tensors(dict(zip(_NAMES, (mu0, Sigma0, mu1, Sigma1), strict=True)))
    batch = _check_shapes(tensors)
    for name, mean in ((_NAMES[0], tensors[0]), (_NAMES[2], tensors[2])):
        _check_mean(mean, name)
    m0, S0, m1, S1 = tensors
    try:
        value = _kl(m0, S0, m1, S1, batch, lower_if_sound)
    except NotSoundError:
        S0, singular = sound(S0, _NAMES[1], may_be_singular=True)
        S1, _ = sound(S1, _NAMES[3], may_be_singular=False)
        value = torch.where(singular, torch.inf, _kl(m0, S0, m1, S1, batch, lower))
    value = value.to(dtype)
    return value if is_torch else _numpy(value)


def _kl(
    mu0: Tensor, Sigma0: Tensor, mu1: Tensor, Sigma1: Tensor, batch: torch.Size, factorise: Factorise
) -> Tensor:
    """Return KL of the broadcast batch."""
    if Sigma0.shape[:-2] != batch or Sigma1.shape[:-2] != batch or not fill_blocks(Sigma0):
        return _kl_of_block(mu0, Sigma0, mu1, Sigma1, factorise).expand(batch)
    size = block_length(mu0.shape[-1])
    flat = [
        part.expand(*batch, *part.shape[-own:]).reshape(-1, *part.shape[-own:]).split(size)
        for part, own in ((mu0, 1), (Sigma0, 2), (mu1, 1), (Sigma1, 2))
    ]
    values = [_kl_of_block(m0, S0, m1, S1, factorise) for m0, S0, m1, S1 in zip(*flat, strict=True)]
    return torch.cat(values).reshape(batch)


def _kl_of_block(mu0: Tensor, Sigma0: Tensor, mu1: Tensor, Sigma1: Tensor, factorise: Factorise) -> Tensor:
    p, q = Gaussian(widen(mu0), factorise(Sigma0)), Gaussian(widen(mu1), factorise(Sigma1))
    return kl_of_gaussians(p, q)


def _check_shapes(tensors: tuple[Tensor, ...]) -> torch.Size:
    """Return the broadcast batch shape."""
    mu0 = tensors[0]
    if mu0.ndim == 0:
        raise InputError("mu0 is a single number; give a vector of shape (d,), in one dimension (1,)")
    d = mu0.shape[-1]
    if d == 0:
        raise InputError(f"mu0 has shape {tuple(mu0.shape)}; a Gaussian has at least one dimension")
    for name, tensor, wanted in zip(_NAMES, tensors, ((d,), (d, d)) * 2, strict=True):
        if tensor.shape[-len(wanted) :] != wanted:
            shape = ", ".join(map(str, wanted))
            raise InputError(
                f"{name} has shape {tuple(tensor.shape)}; with mu0 of shape {tuple(mu0.shape)} "
                f"it must be (..., {shape})"
            )
    batches = [tensor.shape[:-own] for tensor, own in zip(tensors, (1, 2, 1, 2), strict=True)]
    try:
        return torch.broadcast_shapes(*batches)
    except RuntimeError:
        shown = ", ".join(f"{name} {tuple(batch)}" for name, batch in zip(_NAMES, batches, strict=True))
        raise InputError(
            f"the batch shapes do not broadcast: {shown}; give them equal axes, or axes of length one"
        ) from None


def _check_mean(mean: Tensor, name: str) -> None:
    wrong = ~torch.isfinite(mean.detach())
    if bool(wrong.any()):
        value = float(mean.detach()[wrong][0])
        raise InputError(f"{name} is {value}{first_entry(wrong)}; every entry must be a finite number")


def _numpy(value: Tensor) -> NDArray[np.floating]:
    array: NDArray[np.floating] = value.numpy()[()]
    return array
