from __future__ import annotations

import numpy as np
import pytest

from mixtura.projection.alpha_branch import as_branch, kind_of, stationary_near, trace, with_folds
from mixtura.projection.line import exclusive_on_line
from mixtura.projection.tilted import tilted


@pytest.fixture(scope="module")
def density(as_line):
    return as_line([1 / 3, 2 / 3], [-3.0, 3.0], [1.0, 1.0])


@pytest.fixture(scope="module")
def starts(density):
    return [tilted(density, 0.0, point.mu, point.sigma) for point in exclusive_on_line(density)]


def test_kinds_agree_with_the_exclusive_problem(density, starts) -> None:
    assert [kind_of(start) for start in starts] == [point.kind for point in exclusive_on_line(density)]


def test_a_branch_from_a_saddle_returns_to_a_minimum(density, starts) -> None:
    saddle = starts[-1]
    points = trace(density, saddle, 1.0)
    assert points[0] is saddle and points[-1].alpha == 0.0
    assert points[-1].mu == pytest.approx(starts[1].mu, abs=1e-9)
    longer, [fold] = with_folds(density, points)
    assert len(longer) == len(points) + 1
    assert fold.alpha == pytest.approx(max(point.alpha for point in points), abs=1e-3)
    assert fold.alpha >= max(point.alpha for point in points) - 1e-12


def test_the_same_branch_backwards_has_the_same_folds(density, starts) -> None:
    forward = with_folds(density, trace(density, starts[0], 1.0))[1]
    backward = with_folds(density, trace(density, tilted(density, 1.0, 1.0, 3.0), -1.0))[1]
    for first, second in zip(forward, backward[::-1], strict=True):
        assert (first.alpha, first.mean, first.scale) == pytest.approx(
            (second.alpha, second.mean, second.scale), abs=1e-8
        )


def test_arrays_rise_from_the_lower_end(density, starts) -> None:
    points = trace(density, tilted(density, 1.0, 1.0, 3.0), -1.0)
    branch = as_branch(points)
    assert branch.alpha[0] == 0.0 and branch.alpha[-1] == 1.0
    assert len(branch) == len(points)
    assert branch.meets(starts[0]) and not branch.meets(starts[1])


def test_newton_finds_the_nearest_and_nothing_from_nowhere(density) -> None:
    near = stationary_near(density, 1.0, 1.3, 2.5)
    assert near is not None
    assert (near.mu, near.sigma) == pytest.approx((1.0, 3.0), abs=1e-9)
    nowhere = stationary_near(density, 0.0, 1e3, 1e-3)
    assert nowhere is None or np.abs(nowhere.residual).max() < 1e-8
