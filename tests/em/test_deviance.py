from __future__ import annotations

import mpmath
import numpy as np
import pytest
from scipy import stats

from mixtura.em.deviance import deviance, log_factorial, log_ratio, saturated


@pytest.mark.parametrize("x", [0, 0.25, 1, 2.5, 7, 31, 31.75, 32, 33, 1023, 1023.5, 1e5 + 3, 1e8 + 1.5, 1e12])
@pytest.mark.parametrize("apart", [0.5, 0.999, 1.0, 1.0001, 1.4, 1.6, 1e3, 1e-300])
def test_the_log_density_agrees_with_forty_digits(x: float, apart: float) -> None:
    rate = max(x, 1.0) * apart
    with mpmath.workdps(40):
        exact = mpmath.mpf(x) * mpmath.log(rate) - mpmath.mpf(rate) - mpmath.loggamma(mpmath.mpf(x) + 1)
    found = float(saturated(np.array([x]))[0] - deviance(x, rate))
    # A deviance D of a rate next to x has the digits of x - rate.
    allowed = 1e-14 * (1 + abs(float(exact)) + abs(x - rate))
    assert abs(found - float(exact)) < allowed


def test_small_counts_agree_with_scipy() -> None:
    x, rate = np.arange(2000.0), 300.0
    np.testing.assert_allclose(saturated(x) - deviance(x, rate), stats.poisson(rate).logpmf(x), rtol=1e-11)
    np.testing.assert_allclose(log_factorial(x[:5]), np.log([1, 1, 2, 6, 24]), atol=1e-15)
    np.testing.assert_allclose(np.exp(log_factorial(np.array([0.5, 1.0]))), [np.sqrt(np.pi) / 2, 1.0])
    np.testing.assert_allclose(np.diff(log_factorial(x)), np.log(x[1:]), rtol=1e-10, atol=1e-12)


def test_a_rate_of_zero_explains_zeros_only() -> None:
    assert deviance([0.0, 3.0], 0.0).tolist() == [0.0, np.inf]


def test_the_logarithm_of_a_ratio_is_odd_and_exact_next_to_one() -> None:
    for a, b in [(3.0, 3.0), (1e8, 1e8 + 1), (5.0, 1e-300), (0.4, 1.0)]:
        with mpmath.workdps(40):
            exact = float(mpmath.log(mpmath.mpf(a) / mpmath.mpf(b)))
        assert float(log_ratio(a, b)) == pytest.approx(exact, rel=1e-14)
        assert float(log_ratio(b, a)) == pytest.approx(-exact, rel=1e-14)
