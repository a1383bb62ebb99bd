"""What is projected: a density with what is known of it, whatever it was given as."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from mixtura.divergence.mixtures import as_mixture
from mixtura.divergence.parametrisation import as_gaussian
from mixtura.errors import InputError
from mixtura.projection.function import LogDensity, VectorisedFunction
from mixtura.projection.notation import parse_mixture


@dataclass(frozen=True, eq=False)
class GaussianMixtureForm:
    """The parameters of a target that is a mixture of Gaussians, in float64.

    Parameters
    ----------
    log_weights : Tensor of shape (K,)
        Logarithms of weights that sum to one.
    means : Tensor of shape (K, d)
        The means.
    scale_trils : Tensor of shape (K, d, d)
        Lower Cholesky factors of the covariances.
    """

    log_weights: Tensor
    means: Tensor
    scale_trils: Tensor


@dataclass(frozen=True, eq=False)
class Target:
    """A density over d dimensions, perhaps known only up to a constant factor.

    Parameters
    ----------
    name : str
        What it is called in messages and legends.
    dimension : int
        The number d of its dimensions.
    scalar : bool
        Whether its events are scalars, of shape (), and not vectors of shape (1,).
    normalised : bool
        Whether ``log_prob`` integrates to one.
    distribution : torch.distributions.Distribution or None
        The distribution that it was given as.
    mixture : GaussianMixtureForm or None
        Its parameters, where it is a mixture of Gaussians.
    support : (float, float)
        In one dimension, the ends of the support; infinite in more.
    """

    name: str
    dimension: int
    scalar: bool
    normalised: bool
    distribution: Distribution | None
    mixture: GaussianMixtureForm | None
    support: tuple[float, float]
    has_gradient: bool
    _log_prob: Callable[[Tensor], Tensor]
    _gradient: Callable[[Tensor], Tensor] | None

    def log_prob(self, x: Tensor) -> Tensor:
        """Return the log-density, or the log-density plus a constant, at points.

        Parameters
        ----------
        x : Tensor of shape (n, d)
            Points, in float64.

        Returns
        -------
        Tensor of shape (n,)
            Nats; -inf outside the support.

        Raises
        ------
        InputError
            If it is NaN or plus infinity somewhere: the message names the point.
        """
        values = self._log_prob(x)
        wrong = torch.isnan(values) | (values == torch.inf)
        if bool(wrong.any()):
            at = int(wrong.nonzero()[0, 0])
            raise InputError(
                f"the log-density of {self.name} is {float(values[at])} at {_point(x[at])}; "
                "it must be a number, or -inf, everywhere"
            )
        return values

    def gradient(self, x: Tensor) -> Tensor:
        """Return the gradient of ``log_prob``: given, by automatic or, lacking both, by central differences.

        Parameters
        ----------
        x : Tensor of shape (n, d)
            Points inside the support, in float64.

        Returns
        -------
        Tensor of shape (n, d)
            Nats per unit of x.

        Raises
        ------
        InputError
            If it is not finite somewhere: the message names the point.
        """
        if self._gradient is not None:
            values = self._gradient(x)
        elif self.has_gradient:
            with torch.enable_grad():
                leaf = x.detach().clone().requires_grad_()
                (values,) = torch.autograd.grad(self.log_prob(leaf).sum(), leaf)
        else:
            values = self._central_differences(x)
        wrong = ~torch.isfinite(values).all(dim=-1)
        if bool(wrong.any()):
            at = int(wrong.nonzero()[0, 0])
            raise InputError(
                f"the gradient of the log-density of {self.name} is not finite at {_point(x[at])}; "
                "it must be a number wherever the density is positive"
            )
        return values

    def _central_differences(self, x: Tensor) -> Tensor:
        """Return differences of fourth order, whose error is about 1e-11 of the scale of the function."""
        n, d = x.shape
        step = 1e-3 * (1 + x.abs().amax(dim=0))  # (d,)
        shifts = torch.diag_embed(step)  # (d, d)
        offsets = torch.tensor([-2.0, -1.0, 1.0, 2.0], dtype=x.dtype)
        points = x[:, None, None, :] + offsets[:, None, None] * shifts  # (n, 4, d, d)
        values = self.log_prob(points.reshape(-1, d)).reshape(n, 4, d)
        return (values[:, 0] - 8 * values[:, 1] + 8 * values[:, 2] - values[:, 3]) / (12 * step)


def as_target(
    target: Distribution | LogDensity | str | Target,
    *,
    gradient: LogDensity | None = None,
    dimension: int | None = None,
) -> Target:
    """Return a target for whatever a person gives as one.

    Parameters
    ----------
    target : torch.distributions.Distribution, str, callable or Target
        A text in the notation of :func:`~mixtura.projection.notation.parse_mixture`; a continuous
        distribution without batch shape, whose events are scalars or vectors; or the logarithm of a density,
        perhaps not normalised. Such a function gets points of shape (n, d), or (n,) in one dimension, as a
        float64 torch tensor or, where it cannot take one, as a NumPy array, and returns n numbers.
    gradient : callable, optional
        The gradient of a log-density function, of the shape of its points. Without it, automatic
        differentiation is used where the function is made of torch operations, differences otherwise.
    dimension : int, optional
        The number of dimensions of a log-density function; one unless given.

    Returns
    -------
    Target

    Raises
    ------
    InputError
        If the target is none of these, is discrete, is a batch, or does not return n real numbers.

    Examples
    --------
    >>> as_target(lambda x: -0.5 * x**2).dimension
    1
    """
    if isinstance(target, Target):
        return target
    if isinstance(target, str):
        target = parse_mixture(target)
    if isinstance(target, Distribution):
        if gradient is not None or dimension is not None:
            raise InputError(
                "gradient= and dimension= belong to a log-density function; a distribution knows both"
            )
        return _from_distribution(target)
    if callable(target):
        return _from_function(target, gradient, 1 if dimension is None else dimension)
    raise InputError(
        f"a target of type {type(target).__name__} cannot be projected; give a torch distribution, "
        "a text such as '1/3 N(-3,1) + 2/3 N(3,1)', or a log-density function"
    )


def _from_distribution(distribution: Distribution) -> Target:
    name = type(distribution).__name__
    if distribution.batch_shape:
        raise InputError(
            f"{name} has batch shape {tuple(distribution.batch_shape)}; project one distribution at a time"
        )
    event = tuple(distribution.event_shape)
    if len(event) > 1 or event == (0,):
        raise InputError(f"events of {name} have shape {event}; only scalars and vectors can be projected")
    support = distribution.support
    if support is None or support.is_discrete:
        raise InputError(f"{name} is discrete; only a continuous density has a closest Gaussian")
    scalar = event == ()
    mixture = _gaussian_mixture_form(distribution)

    def log_prob(x: Tensor) -> Tensor:
        points = x[:, 0] if scalar else x
        if mixture is not None:
            return distribution.log_prob(points).to(torch.float64)
        inside = support.check(points)
        inside = inside if inside.ndim == 1 else inside.all(dim=-1)
        # A distribution that checks its arguments raises outside its support: only points inside are shown.
        values = torch.full((len(x),), -torch.inf, dtype=torch.float64)
        return values.masked_scatter(inside, distribution.log_prob(points[inside]).to(torch.float64))

    return Target(
        name=name,
        dimension=1 if scalar else event[0],
        scalar=scalar,
        normalised=True,
        distribution=distribution,
        mixture=mixture,
        support=_ends(support) if scalar or event == (1,) else _vector_ends(support),
        has_gradient=True,
        _log_prob=log_prob,
        _gradient=None if mixture is None else _mixture_gradient(mixture),
    )


def _gaussian_mixture_form(distribution: Distribution) -> GaussianMixtureForm | None:
    """Return the parameters of a Gaussian or a mixture of Gaussians, None for anything else."""
    parts = as_mixture(distribution)
    gaussians = [as_gaussian(component) for component in parts.components]
    if any(gaussian is None for gaussian in gaussians):
        return None
    factors = [gaussian.dense() for gaussian in gaussians if gaussian is not None]
    return GaussianMixtureForm(
        log_weights=parts.log_weights.detach().to(torch.float64).reshape(-1),
        means=torch.stack([mean.detach().to(torch.float64).reshape(-1) for mean, _ in factors]),
        scale_trils=torch.stack([factor.detach().to(torch.float64) for _, factor in factors]),
    )


def _mixture_gradient(mixture: GaussianMixtureForm) -> Callable[[Tensor], Tensor]:
    """Return the score of a Gaussian mixture: the responsibilities' mean of Sigma_k^-1 (m_k - x)."""
    log_scale = mixture.scale_trils.diagonal(dim1=-2, dim2=-1).log().sum(dim=-1)  # (K,)

    def gradient(x: Tensor) -> Tensor:
        difference = (mixture.means[:, None, :] - x).transpose(-1, -2)  # (K, d, n)
        white = torch.linalg.solve_triangular(mixture.scale_trils, difference, upper=False)
        log_joint = (mixture.log_weights - log_scale)[:, None] - 0.5 * white.square().sum(dim=1)  # (K, n)
        responsibilities = torch.softmax(log_joint, dim=0)
        pull = torch.linalg.solve_triangular(mixture.scale_trils.mT, white, upper=True)  # (K, d, n)
        return torch.einsum("kn,kdn->nd", responsibilities, pull)

    return gradient


def _ends(support: Any) -> tuple[float, float]:
    """Return the ends of an interval of real numbers."""
    lower = float(getattr(support, "lower_bound", -torch.inf))
    upper = float(getattr(support, "upper_bound", torch.inf))
    return lower, upper


def _vector_ends(support: Any) -> tuple[float, float]:
    """Return the ends where a vector's entries are bounded alike, infinite ones otherwise."""
    base = support
    while isinstance(base, constraints.independent):
        base = base.base_constraint
    return _ends(base) if base is not constraints.real_vector else (-torch.inf, torch.inf)


def _from_function(function: LogDensity, gradient: LogDensity | None, dimension: int) -> Target:
    if isinstance(dimension, bool) or not isinstance(dimension, int) or dimension < 1:
        raise InputError(f"dimension={dimension!r} is not a number of dimensions; give a whole number from 1")
    name = getattr(function, "__name__", type(function).__name__)
    name = "the target" if name == "<lambda>" else name
    log_density = VectorisedFunction(function, dimension, f"the log-density {name}", vector=False)
    slope = None
    if gradient is not None:
        slope = VectorisedFunction(gradient, dimension, f"the gradient of {name}", vector=True)
    return Target(
        name=name,
        dimension=dimension,
        scalar=dimension == 1,
        normalised=False,
        distribution=None,
        mixture=None,
        support=(-torch.inf, torch.inf),
        has_gradient=log_density.differentiable,
        _log_prob=log_density,
        _gradient=slope,
    )


def _point(x: Tensor) -> str:
    """Return a point as text, shortened where it has many coordinates."""
    shown = ", ".join(f"{float(value):.6g}" for value in x[:4])
    if len(x) == 1:
        return f"x = {shown}"
    return f"x = ({shown}{', ...' if len(x) > 4 else ''})"
