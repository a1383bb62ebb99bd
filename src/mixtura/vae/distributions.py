"""The distributions that the modules of a model return: torch's, plus what a bound needs of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Independent, NegativeBinomial, Normal, Poisson
from torch.nn import functional


class DiagonalGaussian(Independent):  # type: ignore[type-arg]  # generic in new versions of torch only
    """N(loc, diag(scale^2)) over the last axis, sampled with noise that is handed in.

    Parameters
    ----------
    loc, scale : Tensor of shape (..., d)
        Mean and standard deviation.

    Examples
    --------
    >>> q = DiagonalGaussian(torch.zeros(2), torch.ones(2))
    >>> round(float(q.log_prob(torch.zeros(2))), 4)
    -1.8379
    """

    def __init__(self, loc: Tensor, scale: Tensor) -> None:
        super().__init__(Normal(loc, scale, validate_args=False), 1, validate_args=False)

    def reparameterise(self, noise: Tensor) -> Tensor:
        """Return loc + scale * noise, through which gradients reach loc and scale.

        torch's own ``rsample`` draws from the global generator, which mixtura never touches.
        """
        return self.base_dist.loc + self.base_dist.scale * noise

    def draw(self, generator: torch.Generator) -> Tensor:
        """Return one draw."""
        return self.reparameterise(_like(torch.randn, self.mean, generator))

    def fixed(self) -> DiagonalGaussian:
        """Return the same distribution as a constant, through which no gradient goes."""
        return DiagonalGaussian(self.base_dist.loc.detach(), self.base_dist.scale.detach())


class IndependentBernoulli(Independent):  # type: ignore[type-arg]
    """Independent Bernoulli variables over the last axis, given their logits (..., d)."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__(Bernoulli(logits=logits, validate_args=False), 1, validate_args=False)

    def draw(self, generator: torch.Generator) -> Tensor:
        """Return one draw, in the type of the logits."""
        return (_like(torch.rand, self.mean, generator) < self.mean).to(self.mean.dtype)


class IndependentCounts(Independent):  # type: ignore[type-arg]
    """Independent counts over the last axis: Poisson, or negative binomial where a size is given.

    Parameters
    ----------
    log_mean : Tensor of shape (..., d)
        Logarithm of the means.
    log_size : Tensor of shape (d,), optional
        log r of negative binomials, of variance m + m^2 / r; Poisson without it.

    Examples
    --------
    >>> poisson = IndependentCounts(torch.zeros(1))
    >>> round(float(poisson.log_prob(torch.tensor([2.0]))), 4)  # log(exp(-1) / 2)
    -1.6931
    """

    def __init__(self, log_mean: Tensor, log_size: Tensor | None = None) -> None:
        counts: Poisson | NegativeBinomial
        if log_size is None:
            counts = Poisson(log_mean.exp(), validate_args=False)
        else:
            logits = log_mean - log_size
            counts = NegativeBinomial(log_size.exp().expand_as(logits), logits=logits, validate_args=False)
        super().__init__(counts, 1, validate_args=False)

    def draw(self, generator: torch.Generator) -> Tensor:
        """Return one draw, in the type of the means."""
        rate = self.mean
        if isinstance(self.base_dist, NegativeBinomial):
            size = self.base_dist.total_count
            rate = rate / size * torch._standard_gamma(size.contiguous(), generator=generator)
        return torch.poisson(rate, generator=generator)


class IndependentCategories:
    """Independent categories, side by side as indicators: 1 in the column of the category, else 0.

    Parameters
    ----------
    logits : Tensor of shape (..., C_1 + C_2 + ...)
        Of the categories of the first column, then those of the second, and so on; normalised here.
    sizes : sequence of int
        C_1, C_2, ...

    Examples
    --------
    >>> pair = IndependentCategories(torch.tensor([0.0, 0.0, 0.0, 0.0, 0.0]), (2, 3))
    >>> round(float(pair.log_prob(torch.tensor([1.0, 0.0, 0.0, 0.0, 1.0]))), 4)  # log(1/2) + log(1/3)
    -1.7918
    """

    def __init__(self, logits: Tensor, sizes: Sequence[int]) -> None:
        self._sizes = list(sizes)
        parts = logits.split(self._sizes, dim=-1)
        self._log_probabilities = torch.cat([part.log_softmax(-1) for part in parts], dim=-1)

    @property
    def mean(self) -> Tensor:
        """The probabilities of the categories."""
        return self._log_probabilities.exp()

    def log_prob(self, x: Tensor) -> Tensor:
        """Return the log-probability of indicators, summed over the columns."""
        return (x * self._log_probabilities).sum(-1)

    def draw(self, generator: torch.Generator) -> Tensor:
        """Return one draw, as indicators."""
        # The largest of log-probabilities with Gumbel noise is a draw (Gumbel 1954).
        uniform = _like(torch.rand, self.mean, generator).clamp(min=_least(self.mean))
        noisy = (self._log_probabilities - uniform.log().neg().log()).split(self._sizes, dim=-1)
        return torch.cat(
            [functional.one_hot(part.argmax(-1), part.shape[-1]).to(part.dtype) for part in noisy], dim=-1
        )


class Product:
    """Independent groups of columns, each of a family of its own.

    Parameters
    ----------
    parts : sequence of distributions
        With ``mean``, ``log_prob`` and ``draw``.
    widths : sequence of int
        Columns of each.
    """

    def __init__(self, parts: Sequence[Any], widths: Sequence[int]) -> None:
        self.parts, self._widths = list(parts), list(widths)

    @property
    def mean(self) -> Tensor:
        """The means of the parts, side by side."""
        return torch.cat([part.mean for part in self.parts], dim=-1)

    def log_prob(self, x: Tensor) -> Tensor:
        """Return the sum of the parts' log-densities."""
        columns = x.split(self._widths, dim=-1)
        terms = [part.log_prob(own) for part, own in zip(self.parts, columns, strict=True)]
        return torch.stack(terms).sum(0)

    def draw(self, generator: torch.Generator) -> Tensor:
        """Return one draw of each part, side by side."""
        return torch.cat([part.draw(generator) for part in self.parts], dim=-1)


@dataclass(frozen=True)
class GaussianMixture:
    """The mixture sum_k pi_k N(w; mu_k, diag(sigma_k^2)) with K components in d dimensions.

    Parameters
    ----------
    log_weights : Tensor of shape (K,)
        log pi_k; they are normalised.
    means, scales : Tensor of shape (K, d)
        Means and standard deviations; spherical components repeat theirs along d.

    Examples
    --------
    >>> p = GaussianMixture(torch.tensor([0.0]), torch.zeros(1, 2), torch.ones(1, 2))
    >>> round(float(p.log_prob(torch.zeros(2))), 4)
    -1.8379
    """

    log_weights: Tensor
    means: Tensor
    scales: Tensor

    def component_log_prob(self, w: Tensor) -> Tensor:
        """Return log N(w; mu_k, diag(sigma_k^2)) for every k: shape (..., K) from (..., d)."""
        # Differences first, then squares: the expanded square cancels where components lie far apart.
        standardised = (w.unsqueeze(-2) - self.means) / self.scales  # (..., K, d)
        constant = self.scales.log().sum(-1) + 0.5 * self.means.shape[-1] * math.log(2 * math.pi)
        return -0.5 * standardised.square().sum(-1) - constant

    def log_prob(self, w: Tensor) -> Tensor:
        """Return log p(w) with z summed out: shape (...) from (..., d)."""
        return torch.logsumexp(self.log_weights + self.component_log_prob(w), dim=-1)

    def log_responsibilities(self, w: Tensor) -> Tensor:
        """Return log p(z = k | w): shape (..., K) from (..., d)."""
        return torch.log_softmax(self.log_weights + self.component_log_prob(w), dim=-1)


def _like(source: Callable[..., Tensor], values: Tensor, generator: torch.Generator) -> Tensor:
    """Return random numbers of the shape, type and device of some values."""
    return source(values.shape, generator=generator, device=values.device, dtype=values.dtype)


def _least(values: Tensor) -> float:
    """Return the least normal number of the type of some values."""
    return float(torch.finfo(values.dtype).tiny)


def full_precision(values: Tensor) -> Tensor:
    """Return values in at least float32: products may run in bfloat16, densities never."""
    return values.float() if values.dtype in (torch.bfloat16, torch.float16) else values
