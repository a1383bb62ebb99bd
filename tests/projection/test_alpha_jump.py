from __future__ import annotations

import numpy as np
import pytest

from mixtura.projection.alpha import alpha_path
from mixtura.projection.alpha_branch import AlphaBranch
from mixtura.projection.alpha_jump import jumps_between


def test_equal_halves_jump_by_symmetry(as_line) -> None:
    # Of a symmetric target the exclusive Gaussian sits on either half, the inclusive one between them.
    path = alpha_path("1/2 N(-3, 1) + 1/2 N(3, 1)")
    [jump] = path.jumps
    assert abs(jump.from_mean) > 2.5
    assert jump.to_mean == pytest.approx(0, abs=1e-8)


def test_no_jump_where_one_branch_is_always_best(as_line) -> None:
    density = as_line([1.0], [0.0], [1.0])
    alpha = np.linspace(0, 1, 5)

    def flat(height: float) -> AlphaBranch:
        return AlphaBranch(alpha, 0 * alpha, 1 + 0 * alpha, height + 0 * alpha, np.ones(5, dtype=bool))

    assert jumps_between(density, (flat(0.0), flat(1.0))) == ()
