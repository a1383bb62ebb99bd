"""The one entry: the Gaussian closest to a target, in either direction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import torch
from torch import Generator
from torch.distributions import Distribution

from mixtura.errors import InputError
from mixtura.projection.covariances import as_distribution
from mixtura.projection.exclusive import exclusive
from mixtura.projection.function import LogDensity
from mixtura.projection.inclusive import inclusive
from mixtura.projection.line import exclusive_on_line
from mixtura.projection.line_density import line_density
from mixtura.projection.result import CovarianceType, Projection, StationaryPoint
from mixtura.projection.target import Target, as_target


def project(
    target: Distribution | LogDensity | str | Target,
    direction: Literal["inclusive", "exclusive"] = "inclusive",
    covariance: CovarianceType = "full",
    *,
    gradient: LogDensity | None = None,
    dimension: int | None = None,
    n_starts: int | None = None,
    n_samples: int | None = None,
    generator: Generator | None = None,
) -> Projection:
    r"""Return the Gaussian q that is closest to a target density p.

    .. math::

        \text{inclusive: } \min_q \mathrm{KL}(p \| q), \qquad \text{exclusive: } \min_q \mathrm{KL}(q \| p).

    The inclusive one matches the mean and the covariance of p, so it covers all of p. The exclusive one
    avoids places where p is small, so it settles on a part of p, and there may be several local optima. On
    the line all stationary points of the exclusive problem are found: each lies on the curve of a mode of p
    as p's log-density is smoothed by a Gaussian of growing width. In more dimensions local optima are
    searched for from many starts, by Newton's method on a fixed quadrature.

    Parameters
    ----------
    target : torch.distributions.Distribution, str, callable or Target
        The density p: a continuous distribution whose events are scalars or vectors; a text such as ``"1/3
        N(-3,1) + 2/3 N(3,1)"``, the second argument a variance; or a function that returns log p, perhaps up
        to a constant, at points of shape (n, d), or (n,) on the line, as a torch tensor or a NumPy array.
    direction : {"inclusive", "exclusive"}
        Which divergence is made smallest.
    covariance : {"full", "diag", "spherical"}
        The family of Gaussians that q is taken from.
    gradient : callable, optional
        The gradient of a log-density function, of the shape of its points. Without it, automatic
        differentiation is used where the function is made of torch operations, differences otherwise.
    dimension : int, optional
        The number of dimensions of a log-density function; 1 unless given.
    n_starts : int, optional
        How many starts the exclusive search makes in more than one dimension.
    n_samples : int, optional
        How many points stand for an expectation that has no closed form, in more than one dimension.
    generator : torch.Generator, optional
        Where random numbers come from; one seeded with 0 unless given.

    Returns
    -------
    Projection
        With ``distribution``, ``kl`` in nats, ``stationary_points`` and ``plot()``. For a log-density in more
        than one dimension ``kl`` includes an estimate of the normalising constant, with an error of its own
        in ``kl_error``: compare families of Gaussians with more ``n_samples``.

    Raises
    ------
    InputError
        If the target is discrete, is a batch, is not integrable, is NaN somewhere, has no second moments
        (inclusive) or vanishes somewhere (exclusive).
    ConvergenceError
        If no answer to be trusted was reached.

    References
    ----------
    .. [1] C. Bishop, Pattern Recognition and Machine Learning, Springer, 2006, section 10.1.2.

    Examples
    --------
    >>> import mixtura
    >>> target = "1/3 N(-3,1) + 2/3 N(3,1)"
    >>> closest = mixtura.project(target, "inclusive")
    >>> round(float(closest.mean), 12), round(float(closest.covariance_matrix), 12)
    (1.0, 9.0)
    >>> for point in mixtura.project(target, "exclusive").stationary_points:
    ...     print(point)
    StationaryPoint(minimum, kl=0.40257, mean=2.98964, sd=1.01595)
    StationaryPoint(minimum, kl=1.09197, mean=-2.97588, sd=1.03465)
    StationaryPoint(saddle, kl=1.26159, mean=-2.13416, sd=1.87822)
    """
    if covariance not in get_args(CovarianceType):
        raise InputError(f"covariance={covariance!r} is not one of {', '.join(get_args(CovarianceType))}")
    if direction not in _DIRECTIONS:
        raise InputError(f"direction={direction!r} is not one of {', '.join(_DIRECTIONS)}")
    for name, number in (("n_starts", n_starts), ("n_samples", n_samples)):
        if number is not None and (isinstance(number, bool) or not isinstance(number, int) or number < 1):
            raise InputError(f"{name}={number!r} is not a number to work with; give a whole number from 1")
    ready = as_target(target, gradient=gradient, dimension=dimension)
    return _DIRECTIONS[direction](ready, covariance, n_starts, n_samples, generator)


def _inclusive(
    target: Target,
    covariance: CovarianceType,
    n_starts: int | None,
    n_samples: int | None,
    generator: Generator | None,
) -> Projection:
    answer = inclusive(target, covariance, n_samples=n_samples, generator=generator)
    distribution = as_distribution(
        answer.mean, torch.linalg.cholesky(answer.covariance), covariance, target.scalar
    )
    # KL(p || q) is convex in the natural parameters of q: its one stationary point is its minimum.
    return Projection(
        distribution=distribution,
        kl=answer.kl,
        kl_error=answer.kl_error,
        direction="inclusive",
        alpha=1.0,
        covariance=covariance,
        stationary_points=(StationaryPoint(distribution, answer.kl, "minimum"),),
        method=answer.method,
        findings=answer.findings,
        target=target,
    )


def _exclusive(
    target: Target,
    covariance: CovarianceType,
    n_starts: int | None,
    n_samples: int | None,
    generator: Generator | None,
) -> Projection:
    if target.dimension == 1:
        return _exclusive_on_line(target, covariance)
    answer = exclusive(target, covariance, n_starts=n_starts, n_samples=n_samples, generator=generator)
    points = tuple(
        StationaryPoint(
            as_distribution(point.mean, point.scale_tril, covariance, target.scalar), point.kl, point.kind
        )
        for point in answer.optima
    )
    return Projection(
        distribution=points[0].distribution,
        kl=points[0].kl,
        kl_error=answer.optima[0].kl_error,
        direction="exclusive",
        alpha=0.0,
        covariance=covariance,
        stationary_points=points,
        method=answer.method,
        findings=answer.findings,
        target=target,
    )


def _exclusive_on_line(target: Target, covariance: CovarianceType) -> Projection:
    density = line_density(target)
    found = exclusive_on_line(density)
    points = tuple(
        StationaryPoint(
            as_distribution(
                torch.tensor([point.mu], dtype=torch.float64),
                torch.tensor([[point.sigma]], dtype=torch.float64),
                covariance,
                target.scalar,
            ),
            point.divergence,
            point.kind,
        )
        for point in found
    )
    return Projection(
        distribution=points[0].distribution,
        kl=points[0].kl,
        kl_error=found[0].error,
        direction="exclusive",
        alpha=0.0,
        covariance=covariance,
        stationary_points=points,
        method="modes of the smoothed log-density, quadrature",
        findings=density.findings,
        target=target,
    )


_Solver = Callable[[Target, CovarianceType, int | None, int | None, Generator | None], Projection]
_DIRECTIONS: dict[str, _Solver] = {"inclusive": _inclusive, "exclusive": _exclusive}
