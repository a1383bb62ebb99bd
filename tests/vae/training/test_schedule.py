from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixtura.vae.training.schedule import CosineRate, GeometricRamp, share_steps

fractions = st.floats(0, 1)


@given(st.floats(1e-6, 1), st.floats(0, 0.9), st.floats(0, 1), fractions)
def test_rate_stays_between_zero_and_its_peak(peak, warmup, end, done) -> None:
    rate = CosineRate(peak, warmup, end)
    assert 0 <= rate(done) <= peak * (1 + 1e-12)
    if done >= warmup:
        assert rate(done) >= peak * end * (1 - 1e-12)


@given(st.floats(1e-6, 1), st.floats(0.01, 0.9), st.floats(0, 1))
def test_rate_starts_at_zero_peaks_after_its_warm_up_and_reaches_its_end(peak, warmup, end) -> None:
    rate = CosineRate(peak, warmup, end)
    assert rate(0.0) == 0
    assert rate(warmup / 2) == pytest.approx(peak / 2)
    assert rate(warmup) == pytest.approx(peak)
    assert rate((1 + warmup) / 2) == pytest.approx(peak * (1 + end) / 2)
    assert rate(1.0) == pytest.approx(peak * end, abs=1e-12 * peak)


def test_rate_without_warm_up_starts_at_its_peak() -> None:
    assert CosineRate(0.5, warmup=0.0)(0.0) == 0.5


@given(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6), st.floats(0.01, 1), fractions)
def test_ramp_moves_from_start_to_end_and_holds(start, end, until, done) -> None:
    ramp = GeometricRamp(start, end, until)
    assert ramp(0.0) == pytest.approx(start)
    assert ramp(1.0) == end  # exactly: it is asserted at the end of each stage
    assert min(start, end) * (1 - 1e-9) <= ramp(done) <= max(start, end) * (1 + 1e-9)
    assert ramp(until) == pytest.approx(end)
    assert ramp(until / 2) == pytest.approx((start * end) ** 0.5)


@given(st.integers(0, 100_000), st.lists(st.floats(0.1, 50), min_size=1, max_size=10))
def test_steps_are_shared_out_and_none_is_lost(total, shares) -> None:
    steps = share_steps(total, shares)
    assert len(steps) == len(shares)
    assert sum(steps) == total
    assert min(steps) >= (total >= len(shares))
    assert all(isinstance(n, int) for n in steps)
    # Beyond the step that each has for certain, they are shared in proportion.
    if total >= 100 * len(shares):
        for n, share in zip(steps, shares, strict=True):
            assert abs(n - total * share / sum(shares)) <= 1 + len(shares)


@given(st.integers(1, 200), st.lists(st.floats(0.1, 50), min_size=2, max_size=6))
def test_a_larger_share_never_gets_fewer_steps(total, shares) -> None:
    steps = share_steps(total, shares)
    ordered = [n for _, n in sorted(zip(shares, steps, strict=True))]
    assert all(b >= a - 1 for a, b in pairwise(ordered))
