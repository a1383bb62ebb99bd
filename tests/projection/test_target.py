from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import distributions as dist

from mixtura.divergence.mixtures import gaussian_mixture
from mixtura.errors import InputError
from mixtura.projection.target import as_target

POINTS = torch.linspace(-4, 5, 37, dtype=torch.float64)
COVARIANCE = torch.tensor([[2.0, 0.7], [0.7, 1.0]], dtype=torch.float64)

GAUSSIANS = {
    "normal": dist.Normal(torch.tensor(1.0, dtype=torch.float64), torch.tensor(2.0, dtype=torch.float64)),
    "independent": dist.Independent(
        dist.Normal(torch.zeros(2).double(), torch.tensor([1.0, 3.0]).double()), 1
    ),
    "covariance": dist.MultivariateNormal(torch.ones(2).double(), covariance_matrix=COVARIANCE),
    "precision": dist.MultivariateNormal(torch.ones(2).double(), precision_matrix=COVARIANCE),
    "low rank": dist.LowRankMultivariateNormal(
        torch.ones(3).double(), torch.ones(3, 1).double(), torch.tensor([1.0, 2.0, 3.0]).double()
    ),
    "mixture on the line": gaussian_mixture(
        np.array([0.2, 0.8]), np.array([-1.0, 2.0]), np.array([1.0, 0.1])
    ),
    "mixture": gaussian_mixture(
        np.array([0.2, 0.8]), np.array([[-1.0, 2.0], [0.0, 1.0]]), np.stack([np.eye(2), COVARIANCE.numpy()])
    ),
}


@pytest.mark.parametrize("name", GAUSSIANS)
def test_gaussians_and_their_mixtures_are_taken_apart(name: str) -> None:
    target = as_target(GAUSSIANS[name])
    assert target.mixture is not None and target.normalised
    x = torch.randn(20, target.dimension, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    parts = dist.MultivariateNormal(target.mixture.means, scale_tril=target.mixture.scale_trils)
    joint = target.mixture.log_weights + parts.log_prob(x[:, None, :])
    assert torch.allclose(target.log_prob(x), joint.logsumexp(dim=1))
    assert torch.allclose(target.log_prob(x), GAUSSIANS[name].log_prob(x[:, 0] if target.scalar else x))


@pytest.mark.parametrize("name", GAUSSIANS)
def test_the_gradient_of_a_mixture_is_that_of_autograd(name: str) -> None:
    target = as_target(GAUSSIANS[name])
    x = torch.randn(20, target.dimension, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    leaf = x.clone().requires_grad_()
    (expected,) = torch.autograd.grad(target.log_prob(leaf).sum(), leaf)
    assert torch.allclose(target.gradient(x), expected)


@pytest.mark.parametrize(
    ("distribution", "support"),
    [
        (dist.Gamma(2.0, 3.0), (0.0, np.inf)),
        (dist.Uniform(-1.0, 2.0), (-1.0, 2.0)),
        (dist.Beta(2.0, 2.0), (0.0, 1.0)),
        (dist.StudentT(3.0), (-np.inf, np.inf)),
        (dist.Laplace(0.0, 1.0), (-np.inf, np.inf)),
    ],
)
def test_other_distributions_keep_to_their_support(distribution, support) -> None:
    target = as_target(distribution)
    assert target.mixture is None and target.support == support
    values = target.log_prob(POINTS[:, None])
    inside = (support[0] <= POINTS) & (support[1] >= POINTS)
    inside &= ~torch.isneginf(values)
    assert torch.allclose(values[inside], distribution.log_prob(POINTS[inside]).double())
    assert torch.isneginf(values[(support[0] > POINTS) | (support[1] < POINTS)]).all()


FUNCTIONS = {
    "torch": (lambda x: -(x**4).sum(dim=-1), None),
    "numpy": (lambda x: -np.sum(np.asarray(x) ** 4, axis=-1), None),
    "given": (lambda x: -np.sum(np.asarray(x) ** 4, axis=-1), lambda x: -4 * np.asarray(x) ** 3),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_log_densities_with_and_without_gradient(name: str) -> None:
    function, gradient = FUNCTIONS[name]
    target = as_target(function, gradient=gradient, dimension=3)
    x = torch.randn(11, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    assert not target.normalised and target.dimension == 3
    assert torch.allclose(target.log_prob(x), -(x**4).sum(dim=1))
    assert torch.allclose(target.gradient(x), -4 * x**3, rtol=1e-8, atol=1e-8)


def test_on_the_line_a_function_gets_a_vector() -> None:
    shapes = []

    def log_density(x):
        shapes.append(tuple(x.shape))
        return -(x**2)

    as_target(log_density).log_prob(torch.zeros(5, 1, dtype=torch.float64))
    assert shapes[-1] == (5,)


def test_a_target_stays_what_it_is() -> None:
    target = as_target(lambda x: -(x**2))
    assert as_target(target) is target
    assert as_target("N(1, 4)").mixture is not None


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_that_is_no_number_is_refused_with_the_point(value: float) -> None:
    target = as_target(lambda x: torch.where(x > 2, value, -(x**2)))
    with pytest.raises(InputError, match=r"is (nan|inf) at x = 2\.5"):
        target.log_prob(torch.tensor([[0.0], [2.5], [3.0]], dtype=torch.float64))


def test_a_gradient_that_is_no_number_is_refused_with_the_point() -> None:
    target = as_target(lambda x: -(x**2), gradient=lambda x: x * float("nan"))
    with pytest.raises(InputError, match=r"gradient .* not finite at x = 1"):
        target.gradient(torch.ones(1, 1, dtype=torch.float64))


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: as_target(3.0), "type float cannot be projected"),
        (lambda: as_target(dist.Normal(torch.zeros(2), 1.0)), r"batch shape \(2,\)"),
        (lambda: as_target(dist.Poisson(1.0)), "is discrete"),
        (lambda: as_target(dist.Wishart(3.0, torch.eye(2))), r"events of Wishart have shape \(2, 2\)"),
        (lambda: as_target(dist.Normal(0.0, 1.0), dimension=2), "belong to a log-density function"),
        (lambda: as_target(lambda x: x, dimension=0), "dimension=0"),
        (lambda: as_target(lambda x: x.sum(), dimension=2), "one number each"),
        (lambda: as_target(lambda x: x[:, 0]), "failed on 2 points"),
        (
            lambda: as_target(lambda x: -(x**2), gradient=lambda x: x[:1]).gradient(
                torch.ones(3, 1).double()
            ),
            "one number each",
        ),
    ],
)
def test_bad_targets_are_refused(make, match: str) -> None:
    with pytest.raises(InputError, match=match):
        make()
