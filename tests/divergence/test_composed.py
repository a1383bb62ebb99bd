from __future__ import annotations

import pytest
import torch
from torch.distributions import (
    Bernoulli,
    Exponential,
    Gamma,
    HalfNormal,
    Independent,
    LogNormal,
    MultivariateNormal,
    Normal,
    TransformedDistribution,
    kl_divergence,
    transforms,
)

from mixtura.divergence.closed_form import closed_form

ALL = [("kl", None), ("jeffreys", None), ("alpha", 0.3), ("renyi", 2.0)]


def rows(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64) + 0.2


@pytest.mark.parametrize("inner", [1, 2])
def test_independent_parts_of_any_kind_add_up(inner) -> None:
    for kind in (lambda x: Gamma(x, 1 + x), lambda x: Bernoulli(x / 2), lambda x: Normal(x, x), Exponential):
        p, q = kind(rows(4, 3, 2)), kind(rows(4, 3, 2).flip(0))
        wanted = closed_form(p, q).sum(dim=tuple(range(-inner, 0)))
        found = closed_form(Independent(p, inner), Independent(q, inner))
        torch.testing.assert_close(found, wanted, rtol=1e-13, atol=0)


def test_log_integrals_of_independent_parts_add_up() -> None:
    p, q = Bernoulli(rows(4, 30) / 2), Bernoulli(rows(4, 30).flip(0) / 2)
    wanted = closed_form(p, q, "renyi", 0.4).sum(dim=-1)
    found = closed_form(Independent(p, 1), Independent(q, 1), "renyi", 0.4)
    torch.testing.assert_close(found, wanted, rtol=1e-13, atol=0)
    # Beyond an enumeration, and so without a closed form.
    assert closed_form(Independent(p, 1), Independent(q, 1), "jensen_shannon") is None


def test_parts_are_matched_from_the_outside() -> None:
    inner = MultivariateNormal(rows(4, 3, 2), torch.eye(2, dtype=torch.float64))
    p, q = Independent(inner, 1), Independent(Normal(rows(4, 3, 2), 1.0), 2)
    flat = Independent(Independent(Normal(rows(4, 3, 2), 1.0), 1), 1)
    assert (closed_form(p, q) == 0).all()
    assert (closed_form(q, flat) == 0).all()
    assert closed_form(p, q).shape == (4,)


def test_parts_that_broadcast_count_as_often_as_they_occur() -> None:
    p, q = Independent(Normal(torch.zeros(5), 1.0), 1), Independent(Normal(torch.ones(5), 1.0), 1)
    assert float(closed_form(p, q)) == 2.5
    repeated = Independent(Normal(0.0, 1.0).expand((5,)), 1)
    assert float(closed_form(repeated, q)) == 2.5


@pytest.mark.parametrize(("divergence", "alpha"), ALL)
def test_one_bijection_of_both_changes_nothing(divergence, alpha) -> None:
    p, q = Normal(rows(3), rows(3)), Normal(rows(3).flip(0), rows(3).flip(0))
    bijection = [transforms.AffineTransform(1.0, -2.0), transforms.ExpTransform()]
    wanted = closed_form(p, q, divergence, alpha)
    found = closed_form(
        TransformedDistribution(p, bijection), TransformedDistribution(q, bijection), divergence, alpha
    )
    torch.testing.assert_close(found, wanted, rtol=0, atol=0)


def test_log_normals() -> None:
    p, q = LogNormal(rows(3), rows(3)), LogNormal(rows(3).flip(0), rows(3).flip(0))
    torch.testing.assert_close(closed_form(p, q), kl_divergence(p, q), rtol=1e-10, atol=0)


def test_what_is_no_bijection_of_both_is_left_to_others() -> None:
    p, q = HalfNormal(rows(3)), HalfNormal(rows(3).flip(0))
    torch.testing.assert_close(closed_form(p, q), kl_divergence(p, q), rtol=1e-12, atol=0)
    assert closed_form(p, q, "alpha", 0.5) is None
    stretched = TransformedDistribution(Normal(0.0, 1.0), transforms.AffineTransform(0.0, 2.0))
    shifted = TransformedDistribution(Normal(0.0, 1.0), transforms.AffineTransform(1.0, 2.0))
    assert closed_form(stretched, shifted) is None
