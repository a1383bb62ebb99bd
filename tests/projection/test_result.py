from __future__ import annotations

import pytest
import torch
from torch.distributions import Independent, MultivariateNormal, Normal

from mixtura.projection.result import StationaryPoint, covariance_of, describe_gaussian

COVARIANCE = torch.tensor([[4.0, 1.0], [1.0, 9.0]], dtype=torch.float64)


@pytest.mark.parametrize(
    ("distribution", "expected"),
    [
        (Normal(torch.tensor(1.0), torch.tensor(3.0)), [[9.0]]),
        (Independent(Normal(torch.zeros(2), torch.tensor([2.0, 3.0])), 1), [[4.0, 0.0], [0.0, 9.0]]),
        (MultivariateNormal(torch.zeros(2).double(), COVARIANCE), [[4.0, 1.0], [1.0, 9.0]]),
    ],
)
def test_covariances_are_matrices(distribution, expected) -> None:
    assert torch.allclose(covariance_of(distribution).double(), torch.tensor(expected, dtype=torch.float64))


def test_a_gaussian_in_words() -> None:
    assert describe_gaussian(Normal(torch.tensor(1.0), torch.tensor(3.0))) == "mean=1, sd=3"
    words = describe_gaussian(MultivariateNormal(torch.tensor([1.0, 2.0]).double(), COVARIANCE))
    assert words == "mean=[1, 2], sd=[2, 3]"
    many = describe_gaussian(Independent(Normal(torch.zeros(9), torch.ones(9)), 1))
    assert many == "mean=[0, 0, 0, 0, ...], sd=[1, 1, 1, 1, ...]"


def test_a_point_on_one_line() -> None:
    point = StationaryPoint(Normal(torch.tensor(1.0), torch.tensor(3.0)), 0.25, "saddle")
    assert repr(point) == "StationaryPoint(saddle, kl=0.25, mean=1, sd=3)"
