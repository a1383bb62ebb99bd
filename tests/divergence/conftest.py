from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import mpmath
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import distributions as td

from mixtura.divergence.mixtures import gaussian_mixture

Array = NDArray[np.float64]
Rows = list[list[Any]]


class Exact:
    """KL between Gaussians to sixty digits, on the numbers as they are rounded."""

    def from_factors(self, mu0: Array, L0: Array, mu1: Array, L1: Array) -> Any:
        with mpmath.workdps(60):
            return _kl(mu0, _rows(L0), mu1, _rows(L1))

    def from_covariances(self, mu0: Array, S0: Array, mu1: Array, S1: Array) -> Any:
        with mpmath.workdps(60):
            return _kl(mu0, _cholesky(_rows(S0)), mu1, _cholesky(_rows(S1)))

    def relative_error(self, value: float, exact: Any) -> float:
        with mpmath.workdps(60):
            return float(abs(value - exact) / exact) if exact else abs(value)


@pytest.fixture(scope="session")
def exact() -> Exact:
    return Exact()


@pytest.fixture(scope="session")
def random_covariance() -> Callable[[np.random.Generator, int, float], Array]:
    """A covariance of a condition number, in directions drawn at random."""

    def draw(rng: np.random.Generator, d: int, condition: float) -> Array:
        directions, _ = np.linalg.qr(rng.normal(size=(d, d)))
        spectrum = np.geomspace(1, 1 / condition, d) if d > 1 else np.ones(1)
        covariance = (directions * spectrum) @ directions.T
        return (covariance + covariance.T) / 2

    return draw


@pytest.fixture(scope="session")
def random_mixture() -> Callable[..., td.MixtureSameFamily]:
    """A mixture of Gaussians, of up to four components, for a seed."""

    def draw(seed: int, d: int = 0, spread: float = 2.0, n: int | None = None) -> td.MixtureSameFamily:
        rng = np.random.default_rng(seed)
        k = int(rng.integers(1, 5)) if n is None else n
        means = spread * rng.normal(size=(k, d) if d else k)
        if not d:
            return gaussian_mixture(
                rng.dirichlet(np.ones(k)), means, rng.gamma(2, 0.5, k) + 0.05, normalise=True
            )
        roots = rng.normal(size=(k, d, d))
        covariances = roots @ roots.transpose(0, 2, 1) / d + 0.05 * np.eye(d)
        return gaussian_mixture(rng.dirichlet(np.ones(k)), means, covariances, normalise=True)

    return draw


class Families:
    """Distributions of every kind that torch has, of a batch shape, with parameters drawn at random."""

    def __init__(self) -> None:
        self.generator = torch.Generator()
        r = self._positive
        logistic = [td.SigmoidTransform().inv, td.AffineTransform(torch.tensor(1.0), torch.tensor(2.0))]
        self.makers: dict[str, Callable[[tuple[int, ...]], td.Distribution]] = {
            "normal": lambda b: td.Normal(r(b), r(b)),
            "laplace": lambda b: td.Laplace(r(b), r(b)),
            "cauchy": lambda b: td.Cauchy(r(b), r(b)),
            "student": lambda b: td.StudentT(r(b) + 2, r(b), r(b)),
            "gumbel": lambda b: td.Gumbel(r(b), r(b)),
            "logistic": lambda b: td.TransformedDistribution(td.Uniform(0 * r(b), 1 + 0 * r(b)), logistic),
            "exponential": lambda b: td.Exponential(r(b)),
            "moved exponential": lambda b: td.TransformedDistribution(
                td.Exponential(r(b)), [td.AffineTransform(r(b), r(b))]
            ),
            "power of gamma": lambda b: td.TransformedDistribution(
                td.Gamma(r(b) + 1, r(b)), [td.PowerTransform(1 + 0 * r(b))]
            ),
            "gamma": lambda b: td.Gamma(r(b), r(b)),
            "chi2": lambda b: td.Chi2(r(b)),
            "inverse gamma": lambda b: td.InverseGamma(r(b) + 2, r(b)),
            "half normal": lambda b: td.HalfNormal(r(b)),
            "half cauchy": lambda b: td.HalfCauchy(r(b)),
            "log normal": lambda b: td.LogNormal(r(b), r(b)),
            "weibull": lambda b: td.Weibull(r(b), r(b)),
            "pareto": lambda b: td.Pareto(r(b), r(b) + 2),
            "fisher": lambda b: td.FisherSnedecor(r(b) + 2, r(b) + 4),
            "beta": lambda b: td.Beta(r(b) + 1, r(b) + 1),
            "kumaraswamy": lambda b: td.Kumaraswamy(r(b) + 1, r(b) + 1),
            "continuous bernoulli": lambda b: td.ContinuousBernoulli(r(b) / 4),
            "uniform": lambda b: td.Uniform(-r(b), r(b)),
            "von mises": lambda b: td.VonMises(r(b), r(b)),
            "relaxed bernoulli": lambda b: td.RelaxedBernoulli(torch.tensor(0.5), probs=r(b) / 2),
            "multivariate by factor": lambda b: td.MultivariateNormal(
                r((*b, 3)), scale_tril=torch.eye(3) * r((*b, 1, 1))
            ),
            "multivariate by covariance": lambda b: td.MultivariateNormal(r((*b, 3)), 2 * torch.eye(3)),
            "multivariate by precision": lambda b: td.MultivariateNormal(
                r((*b, 3)), precision_matrix=torch.eye(3) * r((*b, 1, 1))
            ),
            "low rank": lambda b: td.LowRankMultivariateNormal(r((*b, 3)), r((*b, 3, 2)), r((*b, 3))),
            "independent normals": lambda b: td.Independent(td.Normal(r((*b, 3)), r((*b, 3))), 1),
            "independent gammas": lambda b: td.Independent(td.Gamma(r((*b, 3, 2)), r((*b, 3, 2))), 2),
            "dirichlet": lambda b: td.Dirichlet(r((*b, 3))),
            "logistic normal": lambda b: td.LogisticNormal(r((*b, 2)), r((*b, 2))),
            "poisson": lambda b: td.Poisson(r(b)),
            "bernoulli": lambda b: td.Bernoulli(r(b) / 4),
            "bernoulli by logits": lambda b: td.Bernoulli(logits=r(b)),
            "binomial": lambda b: td.Binomial(5, r(b) / 4),
            "geometric": lambda b: td.Geometric(r(b) / 4),
            "negative binomial": lambda b: td.NegativeBinomial(r(b), r(b) / 4),
            "categorical": lambda b: td.Categorical(r((*b, 4))),
            "one-hot": lambda b: td.OneHotCategorical(r((*b, 4))),
            "multinomial": lambda b: td.Multinomial(5, r((*b, 4))),
            "mixture": lambda b: td.MixtureSameFamily(
                td.Categorical(r((*b, 2))), td.Normal(r((*b, 2)), r((*b, 2)))
            ),
        }

    def __call__(self, name: str, batch: tuple[int, ...] = (), seed: int = 0) -> td.Distribution:
        self.generator.manual_seed(seed)
        return self.makers[name](batch)

    def _positive(self, shape: tuple[int, ...]) -> torch.Tensor:
        return 0.5 + torch.rand(shape, generator=self.generator)


FAMILIES = Families()


@pytest.fixture(scope="session")
def families() -> Families:
    return FAMILIES


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "family" in metafunc.fixturenames:
        metafunc.parametrize("family", FAMILIES.makers)


def _rows(matrix: Array) -> Rows:
    return [[mpmath.mpf(float(entry)) for entry in row] for row in matrix]


def _cholesky(matrix: Rows) -> Rows:
    n = len(matrix)
    factor: Rows = [[mpmath.mpf(0)] * n for _ in range(n)]
    for j in range(n):
        factor[j][j] = mpmath.sqrt(matrix[j][j] - mpmath.fsum(x * x for x in factor[j][:j]))
        for i in range(j + 1, n):
            inner = mpmath.fdot(factor[i][:j], factor[j][:j])
            factor[i][j] = (matrix[i][j] - inner) / factor[j][j]
    return factor


def _kl(mu0: Sequence[float], L0: Rows, mu1: Sequence[float], L1: Rows) -> Any:
    """Return (|L1^-1 [L0, mu1 - mu0]|^2 - d) / 2 + log det L1 - log det L0, cancellation and all."""
    n = len(L0)
    columns = [[L0[i][j] for i in range(n)] for j in range(n)]
    columns.append([mpmath.mpf(float(b)) - mpmath.mpf(float(a)) for a, b in zip(mu0, mu1, strict=True)])
    total = mpmath.mpf(0)
    for j, column in enumerate(columns):
        solved = [mpmath.mpf(0)] * n
        for i in range(j if j < n else 0, n):
            solved[i] = (column[i] - mpmath.fdot(L1[i][:i], solved[:i])) / L1[i][i]
        total += mpmath.fsum(x * x for x in solved)
    logs = mpmath.fsum(mpmath.log(L1[i][i] / L0[i][i]) for i in range(n))
    return (total - n) / 2 + logs
