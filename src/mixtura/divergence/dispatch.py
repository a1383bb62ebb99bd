"""One function for every divergence between any two distributions."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from numbers import Real
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torch.distributions import Categorical, Distribution

from mixtura.divergence.approximations import product_approximation, variational_approximation
from mixtura.divergence.arrays import as_tensors
from mixtura.divergence.bounds import bracket
from mixtura.divergence.checks import check_pair, check_probabilities
from mixtura.divergence.closed_form import closed_form
from mixtura.divergence.monte_carlo import divergence_by_monte_carlo
from mixtura.divergence.quadrature import can_integrate, divergence_by_quadrature
from mixtura.divergence.result import Divergence
from mixtura.divergence.working import result_dtype
from mixtura.errors import InputError

_DIVERGENCES = ("kl", "jeffreys", "jensen_shannon", "alpha", "renyi")
_ORDERED = ("alpha", "renyi")


def kl(
    p: Distribution | ArrayLike | Tensor,
    q: Distribution | ArrayLike | Tensor,
    method: str = "auto",
    *,
    divergence: str = "kl",
    alpha: float | None = None,
    n_samples: int = 65536,
    rtol: float = 1e-9,
    generator: torch.Generator | None = None,
) -> Divergence:
    r"""Return a divergence between two distributions, how it was found, and what brackets it.

    .. math::
        \mathrm{KL}(p \,\|\, q) = \mathbb{E}_p[\log p - \log q]

    and, by the same function, Jeffreys' :math:`\mathrm{KL}(p\|q) + \mathrm{KL}(q\|p)`, the Jensen-Shannon
    divergence :math:`\frac12 \mathrm{KL}(p\|m) + \frac12 \mathrm{KL}(q\|m)` with
    :math:`m = \frac12 (p + q)`, Amari's
    :math:`D_\alpha = (1 - \int p^\alpha q^{1 - \alpha}) / (\alpha (1 - \alpha))`, which is KL(p||q) at
    :math:`\alpha = 1` and KL(q||p) at 0, and Renyi's
    :math:`R_\alpha = \log \int p^\alpha q^{1 - \alpha} / (\alpha - 1)`, which is KL(p||q) at 1 and
    :math:`-\log q(\operatorname{supp} p)` at 0.

    Parameters
    ----------
    p, q : torch.distributions.Distribution or array-like of shape (*B, n)
        Over the same space, with batch shapes that broadcast to B. An array holds the probabilities of n
        categories, which sum to one along its last axis.
    method : str
        "auto" takes the first that there is of "closed_form" (a formula or a finite sum, those of torch
        included), "quadrature" (continuous, over one real number) and "monte_carlo". "upper_bound" and
        "lower_bound" are bounds that really bound; "product_approximation" and "variational_approximation"
        (of KL, between mixtures) are neither bounds nor exact, and never taken unless named.
    divergence : {"kl", "jeffreys", "jensen_shannon", "alpha", "renyi"}
        Which one.
    alpha : float, optional
        The order of the last two, needed there and nowhere else: any finite number, from 0 up for "renyi".
    n_samples : int
        Draws of Monte Carlo, for each entry of the batch.
    rtol : float
        Relative error wanted of quadrature.
    generator : torch.Generator, optional
        The source of Monte Carlo's randomness; one that starts at seed 0 unless given, so that a result is
        the same whenever it is asked for. torch's global state is neither used nor changed.

    Returns
    -------
    Divergence
        ``value`` in nats, of shape B, through which gradients flow; ``method``; ``error``, 0 of a closed
        form; and ``lower`` and ``upper``, between which the true value lies. Never negative, +inf where q
        has no mass where p has some (a Gaussian p with a singular covariance included).

    Raises
    ------
    InputError
        If p and q cannot be compared (other event shapes, batch shapes that do not broadcast, discrete
        against continuous, numbers of categories that differ), a parameter is NaN, probabilities do not
        sum to one, or there is no such divergence, method or order.
    ConvergenceError
        If quadrature reaches no answer to be trusted.

    References
    ----------
    Amari (2009), alpha-divergence is unique, IEEE Trans. Inf. Theory 55; van Erven and Harremoes (2014),
    Renyi divergence and Kullback-Leibler divergence, IEEE Trans. Inf. Theory 60; Hershey and Olsen (2007),
    Approximating the Kullback Leibler divergence between Gaussian mixture models, ICASSP.

    Examples
    --------
    >>> from torch.distributions import Normal
    >>> kl(Normal(0.0, 1.0), Normal(1.0, 2.0))
    Divergence(kl=0.443147, method='closed_form')
    >>> kl(Normal(0.0, 1.0), Normal(1.0, 2.0), divergence="renyi", alpha=0.5)
    Divergence(renyi(0.5)=0.323144, method='closed_form')
    >>> kl([0.5, 0.5], [0.9, 0.1]).value
    tensor(0.5108, dtype=torch.float64)
    """
    order = _check_order(divergence, alpha)
    if method != "auto" and method not in _METHODS:
        raise InputError(f"there is no method {method!r}; take one of auto, {', '.join(_METHODS)}")
    if not rtol > 0:
        raise InputError(f"rtol={rtol!r} is no relative error; give a number above 0")
    p, q = _as_distributions(p, q)
    check_pair(p, q)
    question = _Question(p, q, divergence, order, n_samples, rtol, generator)
    for name in _AUTO if method == "auto" else (method,):
        found = _METHODS[name](question)
        if found is not None:
            return question.answer(name, *found)
    raise InputError(
        f"there is no {_WORDS[method]} {divergence} of {_kind(p)} and {_kind(q)}; "
        "method='auto' finds another way"
    )


@dataclass(frozen=True, eq=False)
class _Question:
    """What is asked."""

    p: Distribution
    q: Distribution
    divergence: str
    alpha: float | None
    n_samples: int
    rtol: float
    generator: torch.Generator | None

    @cached_property
    def batch_shape(self) -> torch.Size:
        return torch.broadcast_shapes(self.p.batch_shape, self.q.batch_shape)

    def bracket(self) -> tuple[Tensor, Tensor]:
        """Return bounds below and above, as numbers."""
        if self.batch_shape.numel() == 0:
            return torch.zeros(self.batch_shape), torch.zeros(self.batch_shape)
        lower, upper = bracket(self.p, self.q, self.divergence, self.alpha)
        return lower.detach(), upper.detach()

    def answer(self, method: str, value: Tensor, error: Tensor, lower: Tensor, upper: Tensor) -> Divergence:
        """Return the result, all of one shape and type."""
        dtype = result_dtype(self.p, self.q)
        parts = (part.to(dtype).expand(self.batch_shape) for part in (value, error, lower, upper))
        value, error, lower, upper = parts
        return Divergence(
            value, method, error.detach(), lower.detach(), upper.detach(), self.divergence, self.alpha
        )


# Value, error, lower and upper bound; None where the method cannot answer the question.
_Answer = tuple[Tensor, Tensor, Tensor, Tensor] | None


def _closed_form(question: _Question) -> _Answer:
    value = closed_form(question.p, question.q, question.divergence, question.alpha)
    return None if value is None else (value, torch.zeros_like(value), value, value)


def _quadrature(question: _Question) -> _Answer:
    if not can_integrate(question.p, question.q):
        return None
    if question.batch_shape.numel() == 0:
        return _nothing(question)
    return (
        *divergence_by_quadrature(question.p, question.q, question.divergence, question.alpha, question.rtol),
        *question.bracket(),
    )


def _monte_carlo(question: _Question) -> _Answer:
    if question.batch_shape.numel() == 0:
        return _nothing(question)
    value, error = divergence_by_monte_carlo(
        question.p, question.q, question.divergence, question.alpha, question.n_samples, question.generator
    )
    return (value, error, *question.bracket())


def _upper_bound(question: _Question) -> _Answer:
    lower, upper = question.bracket()
    return upper, _reach(upper, lower, upper), lower, upper


def _lower_bound(question: _Question) -> _Answer:
    lower, upper = question.bracket()
    return lower, _reach(lower, lower, upper), lower, upper


def _approximation(
    approximate: Callable[[Distribution, Distribution], Tensor],
) -> Callable[[_Question], _Answer]:
    def method(question: _Question) -> _Answer:
        if question.divergence != "kl":
            return None
        value = approximate(question.p, question.q)
        lower, upper = question.bracket()
        return value, _reach(value, lower, upper), lower, upper

    return method


_METHODS: dict[str, Callable[[_Question], _Answer]] = {
    "closed_form": _closed_form,
    "quadrature": _quadrature,
    "monte_carlo": _monte_carlo,
    "upper_bound": _upper_bound,
    "lower_bound": _lower_bound,
    "product_approximation": _approximation(product_approximation),
    "variational_approximation": _approximation(variational_approximation),
}
_AUTO = ("closed_form", "quadrature", "monte_carlo")
_WORDS = {
    "closed_form": "closed form of the",
    "quadrature": "quadrature over the line for the",
    "product_approximation": "product approximation of the",
    "variational_approximation": "variational approximation of the",
}


def _reach(value: Tensor, lower: Tensor, upper: Tensor) -> Tensor:
    """Return how far the true value, between two bounds, may be from a value; 0 where all are infinite."""
    far = torch.maximum(upper - value, value - lower)
    return torch.where(far.isnan(), 0.0, far).clamp_min(0)


def _nothing(question: _Question) -> _Answer:
    empty = torch.zeros(question.batch_shape)
    return empty, empty, empty, empty


def _check_order(divergence: str, alpha: Any) -> float | None:
    """Return alpha as a number, where it is wanted."""
    if divergence not in _DIVERGENCES:
        raise InputError(f"there is no divergence {divergence!r}; take one of {', '.join(_DIVERGENCES)}")
    if divergence not in _ORDERED:
        if alpha is not None:
            raise InputError(
                f"alpha={alpha!r} is no part of {divergence!r}; leave it out, or ask for 'alpha' or 'renyi'"
            )
        return None
    if alpha is None:
        raise InputError(f"the divergence {divergence!r} has an order; give alpha, as in alpha=0.5")
    if isinstance(alpha, (Tensor, np.ndarray)) and alpha.ndim == 0:
        alpha = alpha.item()
    if isinstance(alpha, bool) or not isinstance(alpha, Real) or not math.isfinite(alpha):
        raise InputError(f"alpha={alpha!r} is no order; give one finite number")
    if divergence == "renyi" and alpha < 0:
        raise InputError(f"alpha={alpha!r} is no order of Renyi's divergence; give a number from 0 up")
    return float(alpha)


def _as_distributions(p: Any, q: Any) -> tuple[Distribution, Distribution]:
    """Return p and q with arrays of probabilities read as categorical distributions."""
    given = {"p": p, "q": q}
    arrays = {name: value for name, value in given.items() if _is_array(value)}
    tensors, dtype, _ = as_tensors(arrays)
    for name, tensor in zip(arrays, tensors, strict=True):
        check_probabilities(tensor, name)
        given[name] = Categorical(probs=tensor.to(dtype), validate_args=False)
    return given["p"], given["q"]


def _is_array(value: Any) -> bool:
    return isinstance(value, (Tensor, np.ndarray, list, tuple)) or hasattr(value, "__array__")


def _kind(distribution: Distribution) -> str:
    return type(distribution).__name__
