from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import special

from mixtura.numerics import (
    effective_sample_size,
    jackknife_standard_error,
    leave_one_out_log_mean_exp,
    log_mean_exp,
)

logs = arrays(np.float64, (5, 3), elements=st.floats(-1e4, 1e4) | st.just(-np.inf))


@given(logs, st.sampled_from([0, 1, -1]))
def test_log_mean_exp_agrees_with_scipy(values, axis) -> None:
    expected = special.logsumexp(values, axis=axis) - np.log(values.shape[axis])
    np.testing.assert_allclose(log_mean_exp(values, axis=axis), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([-np.inf, -np.inf], -np.inf),
        ([np.inf, 1000.0], np.inf),
        ([np.nan, 1000.0], np.nan),
        ([1e300, 1e300], 1e300),
        ([-1e300, -1e300], -1e300),
        ([0.0], 0.0),
        ([0.0, -np.inf], -np.log(2)),
    ],
)
def test_log_mean_exp_at_the_extremes(values, expected) -> None:
    np.testing.assert_allclose(log_mean_exp(values), expected)


def test_log_mean_exp_of_one_number_has_no_axis_left() -> None:
    assert log_mean_exp([1.0, 1.0]).shape == ()
    assert log_mean_exp(np.zeros((2, 3, 4)), axis=1).shape == (2, 4)


@given(logs)
def test_leave_one_out_agrees_with_leaving_one_out(values) -> None:
    expected = [log_mean_exp(np.delete(values, s, axis=0), axis=0) for s in range(len(values))]
    np.testing.assert_allclose(leave_one_out_log_mean_exp(values), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("gap", [0.0, 30.0, 40.0, 800.0, 1e300])
def test_leave_one_out_does_not_cancel(gap) -> None:
    found = leave_one_out_log_mean_exp([gap, 1.0, 1.0])
    assert found[0] == pytest.approx(1.0, rel=1e-15)
    np.testing.assert_allclose(found[1:], np.logaddexp(gap, 1.0) - np.log(2), rtol=1e-15)


@given(arrays(np.float64, (6, 4), elements=st.floats(-700, 700)))
def test_effective_sample_size_is_between_one_and_all(log_weights) -> None:
    sizes = effective_sample_size(log_weights, axis=0)
    assert sizes.shape == (4,)
    assert ((sizes >= 1 - 1e-12) & (sizes <= 6 + 1e-12)).all()


def test_effective_sample_size_is_kish_s() -> None:
    weights = np.array([1.0, 2.0, 5.0])
    expected = weights.sum() ** 2 / (weights**2).sum()
    assert effective_sample_size(np.log(weights)) == pytest.approx(expected)
    assert effective_sample_size(np.log(weights) + 1e4) == pytest.approx(expected)  # no unit
    assert effective_sample_size([0.0, -1e300]) == 1
    assert effective_sample_size([0.0, 0.0, -np.inf]) == 2
    assert effective_sample_size([-np.inf, -np.inf]) == 0


def test_jackknife_of_a_mean_is_its_standard_error(rng) -> None:
    draws = rng.normal(size=20)
    leave_one_out = (draws.sum() - draws) / 19
    assert jackknife_standard_error(leave_one_out) == pytest.approx(draws.std(ddof=1) / 20**0.5)


def test_jackknife_at_the_extremes() -> None:
    assert np.isnan(jackknife_standard_error([1.0]))
    assert np.isnan(jackknife_standard_error([]))
    assert np.isnan(jackknife_standard_error([-np.inf, 1.0]))
    assert jackknife_standard_error([3.0, 3.0]) == 0
    assert jackknife_standard_error([1e9, 1e9 + 1]) == pytest.approx(0.5)
