"""Where a one-dimensional distribution ends, and where it changes: what an integral must be led to."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.distributions import (
    Cauchy,
    Distribution,
    Gumbel,
    Independent,
    Laplace,
    Normal,
    StudentT,
    TransformedDistribution,
)

from mixtura.divergence.parametrisation import as_gaussian
from mixtura.divergence.sampling import draw
from mixtura.divergence.support import support_of
from mixtura.divergence.views import entry

# Kinds that are a standard one moved by ``loc`` and stretched by ``scale``.
_LOCATION_AND_SCALE = (Normal, Laplace, Cauchy, StudentT, Gumbel)
_STEPS = torch.tensor([-20.0, -6.0, -2.0, 0.0, 2.0, 6.0, 20.0], dtype=torch.float64)
_N_DRAWS = 33


def scalar_form(distribution: Distribution) -> Distribution | None:
    """Return a continuous distribution over one real number as one with scalar events.

    Parameters
    ----------
    distribution : torch.distributions.Distribution
        Of event shape () or (1,).

    Returns
    -------
    torch.distributions.Distribution or None
        A Normal for every Gaussian; events of shape () where that can be had, else as it was. None where
        the distribution is over something else.
    """
    if tuple(distribution.event_shape) not in ((), (1,)) or _is_discrete(distribution):
        return None
    gaussian = as_gaussian(distribution)
    if gaussian is not None:
        mean, factor = gaussian.dense()
        return Normal(mean[..., 0], factor[..., 0, 0], validate_args=False)
    if isinstance(distribution, Independent):
        base = distribution.base_dist
        return scalar_form(entry(base, 0) if distribution.event_shape and not base.event_shape else base)
    return distribution


def ends(distribution: Distribution) -> tuple[Tensor, Tensor]:
    """Return the ends of the support, each of the batch shape, infinite where there is none.

    Examples
    --------
    >>> from torch.distributions import Exponential
    >>> ends(Exponential(torch.ones(2)))
    (tensor([0., 0.], dtype=torch.float64), tensor([inf, inf], dtype=torch.float64))
    """
    if type(distribution) is TransformedDistribution and not distribution.base_dist.event_shape:
        both = torch.stack(ends(distribution.base_dist))
        for transform in distribution.transforms:
            both = transform(both)
        return both.amin(dim=0), both.amax(dim=0)
    support = support_of(distribution)
    low = getattr(support, "lower_bound", -math.inf)
    high = getattr(support, "upper_bound", math.inf)
    shape = distribution.batch_shape
    values = (torch.as_tensor(end, dtype=torch.float64).detach() for end in (low, high))
    lower, upper = (
        value.expand(shape) if value.ndim <= len(shape) else value.reshape(shape) for value in values
    )
    return lower, upper


def landmarks(distribution: Distribution) -> Tensor:
    """Return places around which a distribution has its mass, of shape (m, *B); some may be infinite.

    Parameters
    ----------
    distribution : torch.distributions.Distribution
        Continuous, over one real number, of batch shape B.

    Examples
    --------
    >>> landmarks(Normal(torch.tensor(5.0), 1.0)).tolist()
    [-15.0, -1.0, 3.0, 5.0, 7.0, 11.0, 25.0]
    """
    if type(distribution) is TransformedDistribution and not distribution.base_dist.event_shape:
        marks = landmarks(distribution.base_dist)
        for transform in distribution.transforms:
            marks = transform(marks)
        return marks
    if type(distribution) in _LOCATION_AND_SCALE:
        return _around(distribution.loc, distribution.scale)  # type: ignore[attr-defined]
    try:
        marks = _around(distribution.mean, distribution.stddev)
    except NotImplementedError:
        marks = torch.full((len(_STEPS), *distribution.batch_shape), math.nan, dtype=torch.float64)
    if not bool(torch.isfinite(marks).all()):
        with torch.no_grad():
            points = draw(distribution, _N_DRAWS, torch.Generator().manual_seed(0))
        points = points.reshape(_N_DRAWS, *distribution.batch_shape).to(torch.float64).sort(dim=0).values
        marks = torch.cat([marks, points[:: _N_DRAWS // 8]])
    return marks


def translate(distribution: Distribution, by: Tensor) -> Distribution | None:
    """Return the distribution of x - by, None where that is of another kind.

    Near ``by`` a density is then told by offsets, which are exact where x itself is rounded.
    """
    if type(distribution) not in _LOCATION_AND_SCALE:
        return None
    names: dict[str, Tensor] = {name: getattr(distribution, name) for name in distribution.arg_constraints}
    names["loc"] = names["loc"] - by
    return type(distribution)(**names, validate_args=False)  # type: ignore[arg-type]


def _around(centre: Tensor, spread: Tensor) -> Tensor:
    centre, spread = centre.detach().to(torch.float64), spread.detach().to(torch.float64)
    steps = _STEPS.to(centre.device).reshape(-1, *(1,) * max(centre.ndim, spread.ndim))
    return centre + steps * spread


def _is_discrete(distribution: Distribution) -> bool:
    try:
        return bool(distribution.support.is_discrete)  # type: ignore[union-attr]
    except (NotImplementedError, AttributeError):
        return False
