"""The likelihood p_theta(x|w): a module whose forward returns a distribution over encoded rows."""

from __future__ import annotations

import math
from typing import TypeAlias

import torch
from torch import Tensor, nn

from mixtura.data.layout import ColumnLayout
from mixtura.vae.distributions import (
    DiagonalGaussian,
    IndependentBernoulli,
    IndependentCategories,
    IndependentCounts,
    Product,
    full_precision,
)


class GaussianLikelihood(nn.Module):
    """x | w ~ N(mu_theta(w), diag(sigma_theta^2(w))), mean and variance both learned and both bounded.

    sigma^2 = std_floor^2 + span * sigmoid(.), so that it can neither vanish nor blow up. On the unit domain
    the mean is a sigmoid and span is 1/4, the largest variance that data on [0, 1] can have; on standardised
    columns the mean is free and span is 25, that of values five standard deviations away.

    Parameters
    ----------
    network : nn.Module
        Codes (..., d) to (..., 2 n_features): the mean's part first.
    domain : {"unit", "real"}
        What the encoded data are.
    std_floor : float
        Least standard deviation, in encoded units.
    """

    std_floor: Tensor

    def __init__(self, network: nn.Module, domain: str, std_floor: float) -> None:
        super().__init__()
        self.network = network
        self.domain = domain
        self.span = 0.25 if domain == "unit" else 25.0
        # The output 0 stands for a variance of 1/8 (unit) or 1 (standardised), the scale of the data.
        self.offset = 0.0 if domain == "unit" else -math.log(self.span - 1.0)
        self.register_buffer("std_floor", torch.tensor(std_floor))

    def forward(self, w: Tensor) -> DiagonalGaussian:
        """Return p(x|w) for codes of shape (..., d)."""
        mean, raw = full_precision(self.network(w)).chunk(2, dim=-1)
        if self.domain == "unit":
            mean = torch.sigmoid(mean)
        variance = self.std_floor.square() + self.span * torch.sigmoid(raw + self.offset)
        return DiagonalGaussian(mean, variance.sqrt())


class BernoulliLikelihood(nn.Module):
    """x_j | w ~ Bernoulli(sigmoid(f_j(w))) for data in {0, 1}.

    Parameters
    ----------
    network : nn.Module
        Codes (..., d) to logits (..., n_features).
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, w: Tensor) -> IndependentBernoulli:
        """Return p(x|w) for codes of shape (..., d)."""
        # Logits beyond +-15 say no more about {0, 1} data and their gradients vanish.
        return IndependentBernoulli(full_precision(self.network(w)).clamp(-15.0, 15.0))


class CountLikelihood(nn.Module):
    """Counts x_j | w, Poisson or negative binomial, with means exp(s_j f_j(w) + c_j), s_j and c_j fixed.

    A Poisson of mean m asks for log m to within 1 / sqrt(m): the scale s_j, which `start_at` sets, keeps the
    steps of training in that proportion.

    Parameters
    ----------
    network : nn.Module
        Codes (..., d) to f (..., n_features).
    n_features : int
        Columns.
    dispersed : bool
        Negative binomial, of variance m + m^2 / r_j, with an r_j trained for each column; else Poisson.
    """

    offset: Tensor
    scale: Tensor

    def __init__(self, network: nn.Module, n_features: int, *, dispersed: bool) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("offset", torch.zeros(n_features))
        self.register_buffer("scale", torch.ones(n_features))
        # In units in which Adam's small steps reach a Poisson, r without end, in a short run.
        self.size = (
            nn.Parameter(torch.full((n_features,), _FIRST_LOG_SIZE / _SIZE_UNIT)) if dispersed else None
        )

    @torch.no_grad()
    def start_at(self, means: Tensor, variances: Tensor) -> None:
        """Make f = 0 stand for the means of the columns, (n_features,), and f = 1 for a spread as theirs.

        Where the columns vary hardly more than a Poisson does, sizes start at those of their moments.
        """
        means = means.clamp(min=_LEAST_MEAN)
        self.offset.copy_(means.log())
        self.scale.copy_((variances.sqrt() / means).clamp(_LEAST_SCALE, 1.0))
        if self.size is not None:
            excess = (variances - means).clamp(min=1e-6 * means)
            of_moments = (means.square() / excess).log().clamp(_FIRST_LOG_SIZE, _MOST_LOG_SIZE)
            self.size.copy_(of_moments / _SIZE_UNIT)

    def forward(self, w: Tensor) -> IndependentCounts:
        """Return p(x|w) for codes of shape (..., d)."""
        # Beyond e^15 times the mean of a column lies no count that is allowed.
        log_mean = (self.scale * full_precision(self.network(w))).clamp(-15.0, 15.0) + self.offset
        log_size = None if self.size is None else (_SIZE_UNIT * self.size).clamp(-10.0, _MOST_LOG_SIZE)
        return IndependentCounts(log_mean, log_size)


class CategoricalLikelihood(nn.Module):
    """Categories x_j | w, as indicators, with probabilities softmax(f_j(w)).

    Parameters
    ----------
    network : nn.Module
        Codes (..., d) to logits, of all categories of all columns side by side.
    sizes : tuple of int
        Categories of each column.
    """

    def __init__(self, network: nn.Module, sizes: tuple[int, ...]) -> None:
        super().__init__()
        self.network = network
        self.sizes = sizes

    def forward(self, w: Tensor) -> IndependentCategories:
        """Return p(x|w) for codes of shape (..., d)."""
        return IndependentCategories(full_precision(self.network(w)).clamp(-15.0, 15.0), self.sizes)


class ProductLikelihood(nn.Module):
    """p(x|w) = prod_f p_f(x_f|w), the columns of a mixed table by family, from one network.

    Parameters
    ----------
    network : nn.Module
        Codes (..., d) to (..., ``layout.n_outputs``): what describes each family, one after the other.
    layout : ColumnLayout
        How the columns lie in encoded rows.
    std_floor : float
        Least standard deviation of the Gaussian columns, in encoded units.
    """

    def __init__(self, network: nn.Module, layout: ColumnLayout, std_floor: float) -> None:
        super().__init__()
        self.network = network
        self.layout = layout
        given = nn.Identity()  # a part is handed its share of the network's outputs
        parts: list[tuple[nn.Module, int, int]] = []
        gaussian, bernoulli, poisson, dispersed, categories = layout.widths
        if gaussian:
            parts.append((GaussianLikelihood(given, "real", std_floor), gaussian, 2 * gaussian))
        if bernoulli:
            parts.append((BernoulliLikelihood(given), bernoulli, bernoulli))
        for width, own in ((poisson, False), (dispersed, True)):
            if width:
                parts.append((CountLikelihood(given, width, dispersed=own), width, width))
        if categories:
            parts.append((CategoricalLikelihood(given, layout.categories), categories, categories))
        self.parts = nn.ModuleList(part for part, _, _ in parts)
        self._widths = [width for _, width, _ in parts]
        self._outputs = [n_outputs for _, _, n_outputs in parts]

    @torch.no_grad()
    def start_at(self, means: Tensor, variances: Tensor) -> None:
        """Make outputs of 0 stand for the means of the columns, where those are counts."""
        moments = (means.split(self._widths), variances.split(self._widths))
        for part, mean, variance in zip(self.parts, *moments, strict=True):
            if isinstance(part, CountLikelihood):
                part.start_at(mean, variance)

    def forward(self, w: Tensor) -> Product:
        """Return p(x|w) for codes of shape (..., d)."""
        outputs = self.network(w).split(self._outputs, dim=-1)
        return Product([part(own) for part, own in zip(self.parts, outputs, strict=True)], self._widths)


Likelihood: TypeAlias = GaussianLikelihood | BernoulliLikelihood | CountLikelihood | ProductLikelihood


def gaussian_part(likelihood: nn.Module) -> GaussianLikelihood | None:
    """Return what models the Gaussian columns, which has a least standard deviation, if there are any."""
    parts = likelihood.parts if isinstance(likelihood, ProductLikelihood) else [likelihood]
    return next((part for part in parts if isinstance(part, GaussianLikelihood)), None)


_SIZE_UNIT = 5.0  # of log r
_FIRST_LOG_SIZE, _MOST_LOG_SIZE = 2.0, 10.0
_LEAST_SCALE = 1e-3  # the spread of a Poisson of the largest count allowed, over its mean
_LEAST_MEAN = 1e-3  # of a column that is hardly ever other than 0
