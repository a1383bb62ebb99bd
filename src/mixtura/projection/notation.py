"""A Gaussian mixture as text, both ways: ``1/3 N(-3,1) + 2/3 N(3,1)``, N(mean, variance)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution

from mixtura.divergence.mixtures import as_mixture, gaussian_mixture
from mixtura.divergence.parametrisation import as_gaussian
from mixtura.errors import InputError
from mixtura.projection.grammar import Component, read_components
from mixtura.projection.notation_error import NotationError
from mixtura.projection.wording import format_number

__all__ = ["NotationError", "format_mixture", "parse_mixture"]

_SUM_TOLERANCE = 1e-8


def parse_mixture(text: str, *, normalise: bool = False) -> Distribution:
    """Return the Gaussian mixture that a text describes.

    The second argument of N is the **variance**, as in N(mean, variance). A weight is a decimal or a
    fraction, perhaps followed by ``*``, and 1 where it is left out. In d dimensions a mean is ``[0, 1]`` and
    a covariance ``[[1, 0.5], [0.5, 2]]``, ``[1, 2]`` (variances along the axes) or ``2`` (the same along
    all). The minus, dash and multiplication signs of print are read like those of a keyboard.

    Parameters
    ----------
    text : str
        Such as ``1/3 N(-3,1) + 2/3 N(3,1)``.
    normalise : bool
        Whether weights that do not sum to one are divided by their sum.

    Returns
    -------
    torch.distributions.Distribution
        In float64. One component is a Normal or, with a mean in brackets, a MultivariateNormal; several are a
        MixtureSameFamily of these.

    Raises
    ------
    NotationError
        If the text cannot be read; the message and ``position`` say at which character.
    InputError
        If the weights do not sum to one.

    Examples
    --------
    >>> round(float(parse_mixture("1/3 N(-3,1) + 2/3 N(3,1)").variance), 12)
    9.0
    >>> parse_mixture("N([0, 1], [[1, 0.5], [0.5, 2]])").event_shape
    torch.Size([2])
    >>> parse_mixture("1/3 N(-3;1)")
    Traceback (most recent call last):
    ...
    mixtura.projection.notation_error.NotationError: character 9 (';'): expected ',' between mean and variance
    """
    if not isinstance(text, str):
        raise InputError(f"a mixture as text is a str, and this is of type {type(text).__name__}")
    components = read_components(text)
    weights = _weights([component.weight for component in components], normalise)
    means = [component.mean for component in components]
    if isinstance(means[0], list):
        covariances: Any = torch.stack([_covariance(component, text) for component in components])
    else:
        covariances = [component.variance for component in components]
    mixture = gaussian_mixture(weights, means, covariances, normalise=True)
    return mixture if len(components) > 1 else as_mixture(mixture).components[0]


def format_mixture(distribution: Distribution) -> str:
    """Return a Gaussian or a mixture of Gaussians as the text that `parse_mixture` reads.

    Parameters
    ----------
    distribution : torch.distributions.Distribution
        Without batch shape, over scalars or vectors.

    Returns
    -------
    str
        Each number the shortest that is within a few units of its last binary place, since distributions keep
        standard deviations and logarithms of weights.

    Raises
    ------
    InputError
        If it is something else.

    Examples
    --------
    >>> format_mixture(parse_mixture("0.25N(-3,1)+0.75N(3,2)"))
    '0.25 N(-3, 1) + 0.75 N(3, 2)'
    """
    if not isinstance(distribution, Distribution):
        raise InputError(f"an object of type {type(distribution).__name__} is no distribution")
    shape = tuple(distribution.event_shape)
    if distribution.batch_shape or len(shape) > 1:
        raise InputError(
            f"a distribution of batch shape {tuple(distribution.batch_shape)} and event shape {shape} cannot "
            "be written as N(mean, variance); give one over scalars or vectors"
        )
    parts = as_mixture(distribution)
    terms = []
    for log_weight, component in zip(parts.log_weights.tolist(), parts.components, strict=True):
        gaussian = as_gaussian(component)
        if gaussian is None:
            raise InputError(
                f"a {type(component).__name__} is no Gaussian and cannot be written as N(mean, variance)"
            )
        mean, factor = gaussian.dense()
        term = _term(mean.reshape(-1), factor, vector=shape != ())
        weight = format_number(math.exp(log_weight), places=4 - max(log_weight, -1e3))
        terms.append(term if weight == "1" else f"{weight} {term}")
    return " + ".join(terms)


def _term(mean: Tensor, factor: Tensor, *, vector: bool) -> str:
    """Return N(mean, variance) in the shortest of its forms."""
    covariance = factor @ factor.mT
    variances = covariance.diagonal().tolist()
    if not vector:
        return f"N({format_number(mean.item())}, {format_number(variances[0])})"
    if int(torch.count_nonzero(covariance)) > len(variances):
        spread = f"[{', '.join(_row(row) for row in covariance.tolist())}]"
    elif all(variance == variances[0] for variance in variances):
        spread = format_number(variances[0])
    else:
        spread = _row(variances)
    return f"N({_row(mean.tolist())}, {spread})"


def _row(values: Sequence[float]) -> str:
    return f"[{', '.join(map(format_number, values))}]"


def _weights(weights: list[float], normalise: bool) -> list[float]:
    """Return weights whose sum is one, up to rounding."""
    largest = max(weights)
    if largest == 0:
        raise InputError("all weights of the mixture are zero; give at least one component weight")
    total = sum(weights)
    if not normalise and not abs(total - 1) <= _SUM_TOLERANCE:
        raise InputError(
            f"the weights of the mixture sum to {total:.10g} and not to 1; change them, or divide them by "
            "their sum with --normalise (normalise=True)"
        )
    return weights if math.isfinite(total) else [weight / largest for weight in weights]


def _covariance(component: Component, text: str) -> Tensor:
    """Return the covariance matrix of a component, symmetric and positive definite."""
    assert isinstance(component.mean, list)
    given = torch.tensor(component.variance, dtype=torch.float64)
    if given.ndim < 2:
        return torch.diag(given.expand(len(component.mean)))
    matrix = 0.5 * (given + given.mT)
    if int(torch.linalg.cholesky_ex(matrix).info):
        least = float(torch.linalg.eigvalsh(matrix)[0])
        raise NotationError(
            f"the covariance is not positive definite: its smallest eigenvalue is {least:.6g}",
            text,
            component.variance_at,
        )
    return matrix
