from __future__ import annotations

import pytest
import torch

from mixtura.errors import InputError
from mixtura.projection.tails import (
    require_decay,
    require_integrable,
    require_second_moments,
    slowest_tail,
    tail_along,
)
from mixtura.projection.target import Target, as_target

ORIGIN, AXES = torch.zeros(2, dtype=torch.float64), torch.eye(2, dtype=torch.float64)


def student(df: float) -> Target:
    return as_target(lambda x: -0.5 * (df + 2) * torch.log1p(x.square().sum(dim=1) / df), dimension=2)


def tail_of(target: Target):
    return slowest_tail(target, ORIGIN, AXES, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("df", [0.1, 1.0, 3.0, 30.0])
def test_the_exponent_of_a_student_distribution(df) -> None:
    tail = tail_of(student(df))
    assert tail.exponent == pytest.approx(-2 - df, rel=1e-6)
    assert tail.degrees_of_freedom() == pytest.approx(df, rel=1e-5)
    assert float(tail.direction.norm()) == pytest.approx(1.0)


def test_short_tails() -> None:
    assert tail_of(as_target(lambda x: -0.5 * x.square().sum(dim=1), dimension=2)).exponent < -1e9
    box = as_target(lambda x: torch.where((x.abs() < 1).all(dim=1), 0.0, -torch.inf), dimension=2)
    assert tail_of(box).exponent == -torch.inf


def test_what_has_an_integral_and_what_has_not() -> None:
    require_integrable(student(0.1), tail_of(student(0.1)), 2)
    power = as_target(lambda x: -torch.log1p(x.square().sum(dim=1)), dimension=2)
    with pytest.raises(
        InputError, match=r"not integrable: along \(.*\) it falls as \|x\|\^-2, and it must fall faster"
    ):
        require_integrable(power, tail_of(power), 2)


def test_what_has_second_moments_and_what_has_not() -> None:
    require_second_moments(student(2.1), tail_of(student(2.1)))
    with pytest.raises(InputError, match="has no second moments"):
        require_second_moments(student(2.0), tail_of(student(2.0)))


@pytest.mark.parametrize(
    "function", [lambda x: 0 * x.sum(dim=1), lambda x: x.sum(dim=1), lambda x: x.square().sum(dim=1)]
)
def test_what_does_not_fall_far_out(function) -> None:
    with pytest.raises(InputError, match="is not integrable"):
        require_decay(as_target(function, dimension=2), torch.Generator().manual_seed(0))


def test_a_target_far_from_the_origin_is_no_growing_one() -> None:
    far = as_target(lambda x: -0.5 * (x - 1e12).square().sum(dim=1), dimension=2)
    require_decay(far, torch.Generator().manual_seed(0))


def test_a_flat_direction_is_found_by_looking_along_it() -> None:
    ridge = as_target(lambda x: -0.5 * x[:, 0].square() + 0 * x[:, 1], dimension=2)
    assert tail_of(ridge).exponent < -2  # in almost all directions it falls
    assert tail_along(ridge, ORIGIN, torch.tensor([0.0, 2.0], dtype=torch.float64)).exponent == 0
