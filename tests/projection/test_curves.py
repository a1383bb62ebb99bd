from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from mixtura.projection.curves import all_curves


def test_a_curve_ends_in_a_fold_or_goes_on(as_line) -> None:
    density = as_line([1 / 3, 2 / 3], [-3, 3], [1, 1])
    ends = [curve[-1] for curve in all_curves(density)[0]]
    assert ends[0].a2 >= 0 and ends[0].sigma < density.widest
    assert ends[1].a2 < 0 and ends[1].sigma > density.widest


def test_every_place_of_a_curve_is_a_maximum(as_line) -> None:
    density = as_line([0.2, 0.5, 0.3], [-4.0, 0.0, 3.0], [0.5, 1.0, 0.7])
    for curve in all_curves(density)[0]:
        assert all(abs(place.a1) < 1e-8 and place.a2 < 0 for place in curve[:-1])
        steps = [np.hypot((b.mu - a.mu) / a.sigma, np.log(b.sigma / a.sigma)) for a, b in pairwise(curve)]
        assert max(steps) < 0.25


@pytest.mark.parametrize("seed", range(30))
def test_one_curve_goes_on_for_ever(as_line, random_line_mixture, seed: int) -> None:
    density = as_line(*random_line_mixture(seed))
    curves, _ = all_curves(density)
    assert sum(max(place.sigma for place in curve) > density.widest for curve in curves) == 1


def test_of_a_symmetric_target_the_curves_meet(as_line) -> None:
    density = as_line([0.5, 0.5], [-3.0, 3.0], [1.0, 1.0])
    curves, [meeting] = all_curves(density)
    assert len(curves) == 3
    assert density.centre + meeting.mu == pytest.approx(0, abs=1e-6)
    assert all(curve[-1].sigma == pytest.approx(meeting.sigma, rel=1e-5) for curve in curves[:2])
