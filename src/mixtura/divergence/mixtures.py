"""A mixture as what it is made of, a plain distribution being a mixture of one; Gaussian ones from arrays."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torch.distributions import (
    Categorical,
    Distribution,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
)

from mixtura.divergence.covariances import lower, sound
from mixtura.divergence.parameters import detached, in_float64, parameters_of, remake
from mixtura.divergence.support import supported_log_prob
from mixtura.divergence.views import entry, single
from mixtura.errors import InputError

_SUM_TOLERANCE = 1e-8


@dataclass(frozen=True, eq=False)
class Mixture:
    """What a mixture is made of: sum_k exp(log_weights_k) family_k.

    Parameters
    ----------
    log_weights : Tensor of shape (*B, K)
        Logarithms of weights that sum to one; -inf for a component without mass.
    family : torch.distributions.Distribution
        The components as one distribution of batch shape (*B, K).
    """

    log_weights: Tensor
    family: Distribution

    @property
    def n_components(self) -> int:
        """The number K of components."""
        return self.log_weights.shape[-1]

    @property
    def batch_shape(self) -> torch.Size:
        """The shape B."""
        return self.log_weights.shape[:-1]

    @property
    def event_shape(self) -> torch.Size:
        """The shape of one point."""
        return self.family.event_shape

    @cached_property
    def components(self) -> list[Distribution]:
        """The K components, each of batch shape B, of the parametrisation that they were given in."""
        return [entry(self.family, k) for k in range(self.n_components)]

    @property
    def weights(self) -> Tensor:
        """The weights, of shape (*B, K)."""
        return self.log_weights.exp()

    def log_prob(self, points: Tensor) -> Tensor:
        """Return the log-density at points, -inf outside the support; nothing is ever raised for a point.

        Parameters
        ----------
        points : Tensor of shape (*S, *B, *event)
            Or one that broadcasts to it.

        Returns
        -------
        Tensor of shape (*S, *B)
            Nats. A component of weight zero has no part in it or in its gradient.
        """
        beside = points.unsqueeze(points.ndim - len(self.event_shape))  # (*S, *B, 1, *event)
        return log_sum_exp(self.log_weights + supported_log_prob(self.family, beside))

    def expand(self, batch_shape: tuple[int, ...]) -> Mixture:
        """Return the mixture repeated over a larger batch shape."""
        if self.batch_shape == torch.Size(batch_shape):
            return self
        shape = (*batch_shape, self.n_components)
        return Mixture(self.log_weights.expand(shape), self.family.expand(torch.Size(shape)))

    def entry(self, index: tuple[int, ...]) -> Mixture:
        """Return the one mixture at an index of the batch."""
        family = self.family
        for axis, at in enumerate(index):
            family = entry(family, at, after=len(index) - axis)
        return Mixture(self.log_weights[index], family)

    def detach(self) -> Mixture:
        """Return the mixture as numbers, through which no gradient flows."""
        return Mixture(self.log_weights.detach(), detached(self.family))


def as_mixture(distribution: Distribution) -> Mixture:
    """Return what a distribution is a mixture of; a plain one is a mixture of one.

    Parameters
    ----------
    distribution : torch.distributions.Distribution
        A MixtureSameFamily, perhaps of mixtures, or any other.

    Returns
    -------
    Mixture
        Its components keep their parametrisation, dtype and gradients.

    Examples
    --------
    >>> mixture = MixtureSameFamily(Categorical(torch.tensor([0.25, 0.75])), Normal(torch.zeros(2), 1.0))
    >>> as_mixture(mixture).weights
    tensor([0.2500, 0.7500])
    >>> as_mixture(Normal(0.0, 1.0)).components
    [Normal(loc: 0.0, scale: 1.0)]
    """
    if not isinstance(distribution, MixtureSameFamily):
        return Mixture(_zeros(distribution), single(distribution))
    choice, family = distribution.mixture_distribution, distribution.component_distribution
    shape = torch.broadcast_shapes(choice.batch_shape, family.batch_shape[:-1])
    log_weights = _log_probabilities(choice)
    log_weights = log_weights.expand(*shape, log_weights.shape[-1])
    if family.batch_shape != log_weights.shape:
        family = family.expand(log_weights.shape)
    outer = Mixture(log_weights, family)
    return _flattened(outer) if isinstance(family, MixtureSameFamily) else outer


def as_float64(distribution: Distribution) -> Mixture:
    """Return the mixture that a distribution is, all numbers in float64 and nothing validated anew."""
    parts = as_mixture(distribution)
    return Mixture(parts.log_weights.to(torch.float64), in_float64(parts.family))


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


def log_sum_exp(values: Tensor) -> Tensor:
    """Return log sum exp along the last axis; -inf where all are, with a gradient of zero and never NaN."""
    empty = (values == -torch.inf).all(dim=-1, keepdim=True)
    filled = torch.logsumexp(torch.where(empty, 0.0, values), dim=-1)
    return torch.where(empty.squeeze(-1), -torch.inf, filled)


def _zeros(distribution: Distribution) -> Tensor:
    """Return the logarithm of the one weight of a plain distribution, of its dtype and device."""
    floating = [value for value in parameters_of(distribution) or [] if value.is_floating_point()]
    kind: dict[str, Any] = {"dtype": floating[0].dtype, "device": floating[0].device} if floating else {}
    return torch.zeros(*distribution.batch_shape, 1, **kind)


def _log_probabilities(choice: Categorical) -> Tensor:
    """Return the logarithms of the weights; those of zero are -inf and get no gradient."""
    given = choice.__dict__
    if "logits" in given and next(name for name in given if name in ("probs", "logits")) == "logits":
        return torch.log_softmax(choice.logits, dim=-1)
    return _log(choice.probs)


def _log(weights: Tensor) -> Tensor:
    positive = weights > 0
    return torch.where(positive, torch.where(positive, weights, 1.0).log(), -torch.inf)


def _flattened(outer: Mixture) -> Mixture:
    """Return a mixture of mixtures as one, its components in the order of the outer, then the inner index."""
    inner = as_mixture(outer.family)  # weights (*B, K, J)
    n_batch = len(outer.batch_shape)

    def join(value: Tensor, own: int = 0) -> Tensor:
        return value.flatten(n_batch, n_batch + 1)

    family = remake(inner.family, join)
    if family is None:
        return outer
    return Mixture(join(outer.log_weights.unsqueeze(-1) + inner.log_weights), family)


def _tensor(value: ArrayLike | Tensor, name: str) -> Tensor:
    try:
        return torch.as_tensor(value, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError):
        try:
            return torch.stack([torch.as_tensor(part, dtype=torch.float64) for part in value])  # type: ignore[union-attr]
        except (TypeError, ValueError, RuntimeError):
            raise InputError(f"{name} are no array of numbers; give lists, an array or a tensor") from None


def _checked_log_weights(weights: Tensor, normalise: bool) -> Tensor:
    if weights.ndim != 1 or len(weights) == 0:
        raise InputError(f"weights have shape {tuple(weights.shape)}; give one number for each component")
    wrong = ~(weights >= 0) | (weights == torch.inf)
    if bool(wrong.any()):
        at = int(wrong.nonzero()[0, 0])
        raise InputError(
            f"the weight of component {at} is {float(weights[at]):g}; weights are numbers from 0 up"
        )
    total = weights.sum()
    if float(total) == 0.0:
        raise InputError("all weights are zero; at least one component must have mass")
    if not normalise and abs(float(total) - 1.0) > _SUM_TOLERANCE:
        raise InputError(
            f"the weights sum to {float(total):.10g} and not to 1; normalise=True divides them by it"
        )
    return _log(weights) - total.log()


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
