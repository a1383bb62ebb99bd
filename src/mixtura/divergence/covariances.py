"""Whether matrices are covariances: the check that costs little, and the look that finds what is wrong."""

from __future__ import annotations

import torch
from torch import Tensor

from mixtura.divergence.checks import first_entry
from mixtura.divergence.factors import Lower
from mixtura.divergence.working import widen
from mixtura.errors import InputError


class NotSoundError(InputError):
    """A matrix needs a closer look, which says what is wrong with it if anything is."""


def lower_if_sound(matrices: Tensor) -> Lower:
    """Return the Cholesky factors of covariances if all are sound.

    Sound means finite, symmetric within rounding, and positive definite beyond rounding: of no variable's
    variance do those before it leave less than d eps unexplained.

    Parameters
    ----------
    matrices : Tensor of shape (*B, d, d)
        Of any floating type, d > 0.

    Returns
    -------
    Lower
        In float64, with the covariances as its source; differentiable.

    Raises
    ------
    NotSoundError
        If one is not.

    Examples
    --------
    >>> lower_if_sound(4 * torch.eye(2)).tril.tolist()
    [[2.0, 0.0], [0.0, 2.0]]
    """
    wide = widen(matrices)
    numbers = wide.detach()
    # What is left of the transpose is antisymmetric: its maximum tells of both signs. NaN and inf become NaN.
    gap = float((numbers - numbers.mT).amax()) if numbers.numel() else 0.0
    if gap != 0:
        if not gap < torch.inf or bool(_asymmetric(numbers, torch.finfo(matrices.dtype).eps).any()):
            raise NotSoundError
        wide = (wide + wide.mT) / 2
    factors, failed = _cholesky(wide)
    if bool(failed.any()) or bool(_nearly_singular(factors, wide.detach()).any()):
        raise NotSoundError
    return Lower(factors, wide)


def lower(matrices: Tensor) -> Lower:
    """Return the Cholesky factors of matrices that ``sound`` has returned."""
    return Lower(_cholesky(matrices)[0], matrices)


def sound(matrices: Tensor, name: str, *, may_be_singular: bool) -> tuple[Tensor, Tensor]:
    """Return matrices without the asymmetry of rounding, and which of them are singular.

    Parameters
    ----------
    matrices : Tensor of shape (*B, d, d)
        Of any floating type.
    name : str
        What they are called in the message.
    may_be_singular : bool
        Whether a positive semi-definite matrix is returned, as the identity, or is an error.

    Returns
    -------
    matrices : Tensor of shape (*B, d, d)
        In float64, with each singular one replaced by the identity.
    singular : Tensor of bool of shape (*B)
        Those whose smallest eigenvalue is zero within the rounding of the type they were given in.

    Raises
    ------
    InputError
        If an entry is not finite, or a matrix is not symmetric or not positive definite: the message names
        the batch entry, and how large the asymmetry or how small the smallest eigenvalue is.

    Examples
    --------
    >>> sound(torch.tensor([[1.0, 2.0], [2.0, 1.0]]), "Sigma1", may_be_singular=False)
    Traceback (most recent call last):
    mixtura.errors.InputError: Sigma1 is not positive definite: its smallest eigenvalue is -1; ...
    """
    eps = torch.finfo(matrices.dtype).eps
    wide = widen(matrices)
    _check_finite(wide.detach(), name)
    _check_symmetric(wide.detach(), name, eps)
    wide = (wide + wide.mT) / 2
    numbers = wide.detach()
    factors, failed = _cholesky(numbers)
    suspect = failed | _nearly_singular(factors, numbers)
    singular = torch.zeros_like(suspect)
    if bool(suspect.any()):
        singular[suspect] = _semidefinite(numbers[suspect], eps)
        wrong = suspect & ~singular if may_be_singular else suspect
        if bool(wrong.any()):
            least = float(torch.linalg.eigvalsh(numbers[wrong][0])[0])
            raise InputError(
                f"{name}{first_entry(wrong)} is not positive definite: its smallest eigenvalue is "
                f"{least:.6g}; every eigenvalue must be above 0 by more than rounding"
            )
    identity = torch.eye(wide.shape[-1], dtype=wide.dtype, device=wide.device)
    return torch.where(singular[..., None, None], identity, wide), singular


def _cholesky(matrices: Tensor) -> tuple[Tensor, Tensor]:
    """Return factors of symmetric matrices, and where they failed."""
    # The transpose, which is the same matrix, lies in memory as LAPACK wants it: a copy less.
    factors, failed = torch.linalg.cholesky_ex(matrices.mT)
    return factors, failed > 0


def _nearly_singular(factors: Tensor, matrices: Tensor) -> Tensor:
    """Return for which matrices a squared pivot is no more than what rounding leaves of the variance."""
    pivots = factors.detach().diagonal(dim1=-2, dim2=-1).square()
    variances = matrices.diagonal(dim1=-2, dim2=-1)
    rounding = matrices.shape[-1] * torch.finfo(matrices.dtype).eps
    return (pivots <= rounding * variances).any(dim=-1)


def _semidefinite(matrices: Tensor, eps: float) -> Tensor:
    """Return which matrices are positive semi-definite within rounding, judged as correlations."""
    variances = matrices.diagonal(dim1=-2, dim2=-1)
    scale = torch.where(variances > 0, variances, 1.0).sqrt()
    correlations = matrices / (scale.unsqueeze(-1) * scale.unsqueeze(-2))
    least = torch.linalg.eigvalsh(correlations)[..., 0]
    return least >= -8 * matrices.shape[-1] * eps


def _check_finite(matrices: Tensor, name: str) -> None:
    wrong = ~torch.isfinite(matrices)
    if bool(wrong.any()):
        value = float(matrices[wrong][0])
        raise InputError(f"{name} is {value}{first_entry(wrong)}; every entry must be a finite number")


def _asymmetric(matrices: Tensor, eps: float) -> Tensor:
    """Return which matrices differ from their transpose by more than what is taken for rounding."""
    scale = matrices.diagonal(dim1=-2, dim2=-1).abs().sqrt()
    allowed = eps**0.5 * scale.unsqueeze(-1) * scale.unsqueeze(-2)
    return ((matrices - matrices.mT).abs() > allowed).any(dim=-1).any(dim=-1)


def _check_symmetric(matrices: Tensor, name: str, eps: float) -> None:
    wrong = _asymmetric(matrices, eps)
    if bool(wrong.any()):
        first = matrices[wrong][0]
        largest = float((first - first.mT).abs().max())
        raise InputError(
            f"{name}{first_entry(wrong)} is not symmetric: two entries that should be equal differ by "
            f"{largest:.6g}; give (Sigma + Sigma^T) / 2 if that is meant"
        )
