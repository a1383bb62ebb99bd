from __future__ import annotations

import pytest
import torch
from torch.distributions import MultivariateNormal, kl_divergence

from mixtura.divergence.mixtures import gaussian_mixture
from mixtura.projection.covariances import FAMILIES, family_of
from mixtura.projection.mixture_landscape import MixtureLandscape
from mixtura.projection.nodes import whitened_nodes
from mixtura.projection.objective import Objective, basis_of
from mixtura.projection.target import as_target


def random_mixture(d: int) -> torch.distributions.Distribution:
    source = torch.Generator().manual_seed(1)
    noise = torch.randn(3, d, 2 * d, generator=source, dtype=torch.float64)
    means = 2 * torch.randn(3, d, generator=source, dtype=torch.float64)
    return gaussian_mixture([0.2, 0.5, 0.3], means, noise @ noise.mT / d)


def objective_of(name: str, d: int, count: int = 64) -> Objective:
    landscape = MixtureLandscape(as_target(random_mixture(d)).mixture)
    return Objective(
        landscape, family_of(name, d), whitened_nodes(d, count, torch.Generator().manual_seed(0))
    )


@pytest.mark.parametrize("name", sorted(FAMILIES))
@pytest.mark.parametrize("d", [1, 3])
def test_derivatives_agree_with_differences(name, d) -> None:
    objective = objective_of(name, d)
    family = objective.family
    mean = torch.ones(2, d, dtype=torch.float64) * torch.tensor([[0.3], [-1.0]])
    factor = family.tightest(
        torch.linalg.cholesky(random_mixture(d).component_distribution.covariance_matrix[:2])
    )
    local = objective.at(mean, factor)
    P = d + family.size
    unit = torch.eye(P, dtype=torch.float64)

    def value(step: torch.Tensor) -> torch.Tensor:
        return objective.at(*family.move(mean, factor, step.expand(2, P))).value

    h = 1e-4
    slopes = torch.stack([(value(h * e) - value(-h * e)) / (2 * h) for e in unit], dim=1)
    torch.testing.assert_close(local.gradient, slopes, rtol=1e-6, atol=1e-6)
    hessian = torch.stack(
        [
            torch.stack(
                [
                    (value(h * (a + b)) - value(h * (a - b)) - value(h * (b - a)) + value(-h * (a + b)))
                    / (4 * h * h)
                    for a in unit
                ],
                dim=1,
            )
            for b in unit
        ],
        dim=2,
    )
    basis = basis_of(family)
    assert basis is not None
    torch.testing.assert_close(local.hessian(basis), hessian, rtol=1e-4, atol=1e-4)
    products = torch.stack([local.curve(e.expand(2, P)) for e in unit], dim=2)
    torch.testing.assert_close(products, local.hessian(basis))


def test_the_divergence_of_a_gaussian_target_is_exact() -> None:
    d = 3
    source = torch.Generator().manual_seed(2)
    noise = torch.randn(2, d, 2 * d, generator=source, dtype=torch.float64)
    factors = torch.linalg.cholesky(noise @ noise.mT)
    target = MultivariateNormal(torch.ones(d, dtype=torch.float64), scale_tril=factors[0])
    objective = Objective(
        MixtureLandscape(as_target(target).mixture), family_of("full", d), whitened_nodes(d, 16, source)
    )
    mean = torch.zeros(1, d, dtype=torch.float64)
    local = objective.at(mean, factors[1:])
    expected = kl_divergence(MultivariateNormal(mean[0], scale_tril=factors[1]), target)
    assert float(local.value[0]) == pytest.approx(float(expected), rel=1e-12)
    assert float(objective.at(torch.ones(1, d, dtype=torch.float64), factors[:1]).gradient.norm()) < 1e-12


def test_chunks_change_nothing() -> None:
    objective = objective_of("full", 7, 4096)  # in four chunks
    assert len(objective.nodes) > 1
    whole = objective_of("full", 7, 4096)
    whole.nodes = (torch.cat(objective.nodes, dim=1),)
    mean = torch.zeros(1, 7, dtype=torch.float64)
    factor = torch.eye(7, dtype=torch.float64)[None]
    one, other = objective.at(mean, factor), whole.at(mean, factor)
    torch.testing.assert_close(one.value, other.value)
    torch.testing.assert_close(one.gradient, other.gradient)
    torch.testing.assert_close(one.curve(one.gradient), other.curve(other.gradient))
    assert basis_of(objective.family) is None
