from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate as scipy_integrate
from scipy import stats

from mixtura.divergence.integration import integrate
from mixtura.errors import InputError

inf = np.inf

# function, ends, points, integral
KNOWN = {
    "normal": (stats.norm.pdf, (-inf, inf), (), 1.0),
    "normal far away": (lambda x: stats.norm.pdf(x, 1e6, 1.0), (-inf, inf), (1e6 - 5, 1e6, 1e6 + 5), 1.0),
    "half normal": (stats.halfnorm.pdf, (0, inf), (), 1.0),
    "cauchy": (stats.cauchy.pdf, (-inf, inf), (), 1.0),
    "cauchy times log": (lambda x: stats.cauchy.pdf(x) * np.log1p(x * x), (-inf, inf), (), 2 * np.log(2)),
    "student 0.2": (lambda x: stats.t.pdf(x, 0.2), (-inf, inf), (), 1.0),
    "student 0.05": (lambda x: stats.t.pdf(x, 0.05), (-inf, inf), (), 1.0),
    "beta 0.1 1": (lambda x: stats.beta.pdf(x, 0.1, 1), (0, 1), (), 1.0),
    "arcsine": (lambda x: stats.beta.pdf(x, 0.5, 0.5), (0, 1), (), 1.0),
    "gamma 0.05": (lambda x: stats.gamma.pdf(x, 0.05), (0, inf), (), 1.0),
    "constant": (np.ones_like, (3, 5), (), 2.0),
    "log": (np.log, (0, 1), (), -1.0),
    "kink": (lambda x: np.exp(-np.abs(x - 0.3)), (-inf, inf), (), 2.0),
    "kink at a point": (lambda x: np.exp(-np.abs(x - 0.3)), (-inf, inf), (0.3,), 2.0),
    "jump": (lambda x: 1.0 * (np.abs(x) < np.pi), (-inf, inf), (), 2 * np.pi),
    "wave": (
        lambda x: np.cos(9 * x) * np.exp(-x * x / 2),
        (-inf, inf),
        (),
        np.sqrt(2 * np.pi) * np.exp(-40.5),
    ),
    "slow tail": (lambda x: x**-1.05, (1, inf), (), 20.0),
    "two spikes": (
        lambda x: stats.norm.pdf(x, -1e3, 1e-3) + stats.norm.pdf(x, 1e3, 1e-3),
        (-inf, inf),
        np.concatenate([c + 1e-3 * np.array([-20, -6, -2, 0, 2, 6, 20]) for c in (-1e3, 1e3)]),
        2.0,
    ),
}
NOTHING = np.zeros_like


@pytest.mark.parametrize("name", KNOWN)
def test_the_error_is_no_smaller_than_it_is(name) -> None:
    function, ends, points, exact = KNOWN[name]
    with np.errstate(over="ignore"):
        found = integrate(function, *ends, points)
    assert abs(found.value - exact) <= 2 * found.error + 1e-14
    assert found.converged == (found.error <= 1e-9 * abs(found.value))
    assert found.value == pytest.approx(exact, rel=1e-2, abs=1e-12)


@pytest.mark.parametrize(
    "name", [name for name in KNOWN if name not in ("slow tail", "student 0.05", "arcsine")]
)
def test_what_asks_for_nothing_special_is_found_to_nine_digits(name) -> None:
    function, ends, points, exact = KNOWN[name]
    with np.errstate(over="ignore"):
        assert integrate(function, *ends, points).value == pytest.approx(exact, rel=2e-9, abs=1e-12)


@pytest.mark.parametrize("name", KNOWN)
def test_the_rule_gives_the_value(name) -> None:
    function, ends, points, _ = KNOWN[name]
    with np.errstate(over="ignore"):
        found = integrate(function, *ends, points)
        assert (found.weights * function(found.nodes)).sum() == pytest.approx(found.value, rel=1e-12)
    assert (found.weights > 0).all()


@pytest.mark.parametrize(
    ("function", "ends", "value"),
    [
        (lambda x: 1 / x, (0, 1), inf),
        (lambda x: -1 / x, (1, inf), -inf),
        (lambda x: 1 / (1 - x), (0, 1), inf),
        (lambda x: np.ones_like(x), (-inf, inf), inf),
        (lambda x: 1 / np.sqrt(1 + x * x), (-inf, inf), inf),
        (lambda x: np.where(x > 0.5, inf, 1.0), (0, 1), inf),
    ],
)
def test_a_divergent_integral_is_infinite(function, ends, value) -> None:
    assert integrate(function, *ends).value == value


def test_agrees_with_quadpack_and_with_thirty_digits() -> None:
    def function(x):
        with np.errstate(over="ignore"):
            return np.exp(-(x**4) + x) * np.cos(3 * x)

    found = integrate(function)
    assert found.value == pytest.approx(scipy_integrate.quad(function, -np.inf, np.inf)[0], rel=1e-8)
    with mpmath.workdps(30):
        exact = mpmath.quad(lambda x: mpmath.exp(-(x**4) + x) * mpmath.cos(3 * x), [-4, -1, 0, 1, 4])
    assert found.value == pytest.approx(float(exact), rel=1e-12)


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(0.1, 10))
def test_moments_of_a_normal(a, mean, scale) -> None:
    points = mean + scale * np.array([-4.0, 0.0, 4.0])
    found = integrate(lambda x: stats.norm.pdf(x, mean, scale) * (x - a) ** 2, points=points)
    assert found.value == pytest.approx(scale**2 + (mean - a) ** 2, rel=1e-9)


def test_a_smaller_tolerance_takes_more_nodes_and_errs_less() -> None:
    def function(x):
        return np.exp(-np.abs(x - 0.3))

    rough, fine = (integrate(function, rtol=rtol) for rtol in (1e-3, 1e-11))
    assert len(rough.weights) < len(fine.weights)
    assert abs(fine.value - 2) <= 1e-11 < rough.error


def test_bad_input() -> None:
    with pytest.raises(InputError, match="from 1 to 1 has no length"):
        integrate(NOTHING, 1, 1)
    with pytest.raises(InputError, match="NaN at"):
        integrate(lambda x: np.full_like(x, np.nan))
    assert integrate(NOTHING).value == 0
