from __future__ import annotations

import pytest
import torch
from torch.distributions import (
    AffineTransform,
    Bernoulli,
    Categorical,
    Independent,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    TransformedDistribution,
)

from mixtura.divergence.working import parameters, result_dtype, widen


def test_parts_and_transforms_are_looked_into() -> None:
    components = Independent(Normal(torch.zeros(2, 3), torch.ones(2, 3)), 1)
    found = dict(parameters(MixtureSameFamily(Categorical(torch.ones(2)), components)))
    assert {"probs", "loc", "scale"} <= set(found)
    moved = TransformedDistribution(Normal(0.0, 1.0), [AffineTransform(torch.tensor(2.0), torch.tensor(3.0))])
    assert sorted(float(value) for _, value in parameters(moved)) == [0.0, 1.0, 2.0, 3.0]


def test_nothing_is_computed_by_looking() -> None:
    normal = MultivariateNormal(torch.zeros(2), scale_tril=torch.eye(2))
    bernoulli = Bernoulli(torch.tensor(0.5))
    list(parameters(normal)), list(parameters(bernoulli))
    assert "covariance_matrix" not in vars(normal)
    assert "logits" not in vars(bernoulli)


@pytest.mark.parametrize(
    ("first", "second", "wanted"),
    [
        (torch.float32, torch.float32, torch.float32),
        (torch.float32, torch.float64, torch.float64),
        (torch.float16, torch.float32, torch.float32),
        (torch.bfloat16, torch.float16, torch.float32),
    ],
)
def test_types_promote(first, second, wanted) -> None:
    p, q = (Normal(torch.zeros(2, dtype=dtype), torch.ones(2, dtype=dtype)) for dtype in (first, second))
    assert result_dtype(p, q) == wanted


def test_widening() -> None:
    assert widen(torch.zeros(2, dtype=torch.float16)).dtype == torch.float64
    assert widen(torch.zeros(2, dtype=torch.int32)).dtype == torch.float64
    leaf = torch.zeros(2, requires_grad=True)
    (gradient,) = torch.autograd.grad(widen(leaf).sum(), leaf)
    assert gradient.dtype == torch.float32
