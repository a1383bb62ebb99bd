from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import (
    AffineTransform,
    Beta,
    Exponential,
    Independent,
    TransformedDistribution,
    Uniform,
    VonMises,
)

from mixtura.divergence.sampling import draw
from mixtura.divergence.support import inside, supported_log_prob


def test_draws_lie_inside_and_have_their_density(families, family) -> None:
    distribution = families(family, (2,))
    points = draw(distribution, 50)
    within = inside(distribution, points)
    assert within is None or bool(within.all())
    torch.testing.assert_close(supported_log_prob(distribution, points), distribution.log_prob(points))


def test_no_point_raises(families, family) -> None:
    distribution = families(family, (2,))
    shape = (3, 2, *distribution.event_shape)
    for value in (-7.5, 0.25, 7.5):
        found = supported_log_prob(distribution, torch.full(shape, value))
        assert found.shape == (3, 2)
        assert not found.isnan().any()


@pytest.mark.parametrize(
    ("distribution", "outside"),
    [
        (Exponential(torch.tensor(1.0)), -1e-6),
        (Uniform(torch.tensor(1.0), torch.tensor(2.0)), 2.5),
        (Beta(torch.tensor(2.0), torch.tensor(2.0)), 1.5),
        (VonMises(torch.tensor(3.0), torch.tensor(1.0)), 3.2),
        (TransformedDistribution(Exponential(torch.tensor(1.0)), [AffineTransform(5.0, 2.0)]), 4.9),
        (TransformedDistribution(Uniform(0.0, 1.0), [AffineTransform(0.0, -1.0)]), 0.5),
    ],
)
def test_outside_the_density_is_zero_and_its_gradient_too(distribution, outside) -> None:
    point = torch.tensor(outside, requires_grad=True)
    value = supported_log_prob(distribution, point)
    assert value.item() == -math.inf
    # A uniform density does not depend on the point at all.
    gradients = torch.autograd.grad(value, point, allow_unused=True) if value.requires_grad else (None,)
    assert all(gradient is None or gradient.item() == 0.0 for gradient in gradients)


def test_a_vector_with_one_entry_outside_is_outside() -> None:
    pair = Independent(Exponential(torch.ones(2)), 1)
    points = torch.tensor([[1.0, 1.0], [1.0, -1.0]])
    assert supported_log_prob(pair, points).tolist() == [-2.0, -math.inf]
    assert inside(pair, points).tolist() == [True, False]
