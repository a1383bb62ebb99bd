from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mixtura.divergence.integrands import log_affinity, pointwise

logs = st.floats(-30, 30)
DIVERGENCES = [
    ("kl", None),
    ("jeffreys", None),
    ("jensen_shannon", None),
    *(("alpha", a) for a in (-1.0, 0.0, 0.3, 0.5, 0.9, 1.0, 2.0)),
]
inf = math.inf


def _tensor(value: float) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64)


def _exact(divergence: str, alpha: float | None, log_p: float, log_q: float) -> float:
    with mpmath.workdps(60):
        p, q = mpmath.exp(log_p), mpmath.exp(log_q)
        kl, back = p * mpmath.log(p / q) - p + q, q * mpmath.log(q / p) - q + p
        m = (p + q) / 2
        if divergence == "jensen_shannon":
            return float((p * mpmath.log(p / m) + q * mpmath.log(q / m)) / 2)
        if divergence == "alpha" and alpha not in (0.0, 1.0):
            a = mpmath.mpf(alpha)
            return float((a * p + (1 - a) * q - p**a * q ** (1 - a)) / (a * (1 - a)))
        return float(
            {"kl": kl, "jeffreys": kl + back, 1.0: kl, 0.0: back}[alpha if alpha is not None else divergence]
        )


@pytest.mark.parametrize(("divergence", "alpha"), DIVERGENCES)
@settings(max_examples=25)
@given(log_p=logs, gap=st.floats(-40, 40) | st.floats(-1e-3, 1e-3))
def test_each_agrees_with_sixty_digits_and_is_not_negative(divergence, alpha, log_p, gap) -> None:
    log_q = log_p + gap
    value = float(pointwise(divergence, alpha)(_tensor(log_p), _tensor(log_q)))
    exact = _exact(divergence, alpha, log_p, log_q)
    assert value >= 0
    # Near p = q the square of a difference of r is known to eps / r.
    size = math.exp(max(log_p, log_q))
    assert abs(value - exact) <= 1e-13 * abs(exact) + 1e-14 * size * (min(1.0, abs(gap)) + 1e-40)


@pytest.mark.parametrize(("divergence", "alpha"), DIVERGENCES)
@settings(max_examples=25)
@given(log_p=logs, log_q=logs, shift=st.floats(-20, 20))
def test_homogeneous(divergence, alpha, log_p, log_q, shift) -> None:
    integrand = pointwise(divergence, alpha)
    there = float(integrand(_tensor(log_p), _tensor(log_q)))
    moved = float(integrand(_tensor(log_p + shift), _tensor(log_q + shift)))
    assert moved == pytest.approx(
        there * math.exp(shift), rel=1e-9, abs=1e-13 * math.exp(max(log_p, log_q) + shift)
    )


@pytest.mark.parametrize(
    ("divergence", "alpha", "p_only", "q_only"),
    [
        ("kl", None, inf, 1.0),
        ("jeffreys", None, inf, inf),
        ("jensen_shannon", None, math.log(2) / 2, math.log(2) / 2),
        ("alpha", 0.25, 1 / 0.75, 4.0),
        ("alpha", 2.0, inf, 0.5),
        ("alpha", -1.0, 0.5, inf),
        ("alpha", 1.0, inf, 1.0),
        ("alpha", 0.0, 1.0, inf),
    ],
)
def test_where_one_of_them_is_zero(divergence, alpha, p_only, q_only) -> None:
    integrand = pointwise(divergence, alpha)
    log_p, log_q = torch.tensor([0.0, -inf, -inf, 0.0]), torch.tensor([-inf, 0.0, -inf, 0.0])
    expected = torch.tensor([p_only, q_only, 0.0, 0.0])
    torch.testing.assert_close(integrand(log_p, log_q), expected)


@pytest.mark.parametrize(("divergence", "alpha"), DIVERGENCES)
def test_no_gradient_is_nan_whatever_is_zero(divergence, alpha) -> None:
    extremes = torch.tensor([-inf, -1e308, -800.0, -1.0, 0.0, 5.0], dtype=torch.float64)
    log_p, log_q = torch.cartesian_prod(extremes, extremes).T.clone().requires_grad_()
    value = pointwise(divergence, alpha)(log_p, log_q)
    assert not value.isnan().any()
    for gradient in torch.autograd.grad(value[torch.isfinite(value)].sum(), (log_p, log_q)):
        assert torch.isfinite(gradient).all()


@pytest.mark.parametrize(("divergence", "alpha"), DIVERGENCES)
@settings(max_examples=25)
@given(log_p=st.floats(-3, 3), log_q=st.floats(-3, 3))
def test_gradients_are_those_of_finite_differences(divergence, alpha, log_p, log_q) -> None:
    integrand = pointwise(divergence, alpha)
    leaves = tuple(_tensor(value).requires_grad_() for value in (log_p, log_q))
    assert torch.autograd.gradcheck(integrand, leaves, eps=1e-6, atol=1e-5, rtol=1e-5)


@settings(max_examples=25)
@given(log_p=logs, log_q=logs, alpha=st.floats(-3, 4))
def test_affinity(log_p, log_q, alpha) -> None:
    found = float(log_affinity(_tensor(log_p), _tensor(log_q), alpha))
    assert found == pytest.approx(alpha * log_p + (1 - alpha) * log_q, abs=1e-12)


@pytest.mark.parametrize(
    ("alpha", "p_only", "q_only"), [(0.5, -inf, -inf), (2.0, inf, -inf), (-1.0, -inf, inf), (0.0, 0.0, -inf)]
)
def test_affinity_where_one_is_zero(alpha, p_only, q_only) -> None:
    zero, none = torch.zeros(()), torch.tensor(-inf)
    if alpha == 0.0:  # the mass of q where p has some
        assert float(log_affinity(none, zero, alpha)) == q_only
        return
    assert float(log_affinity(zero, none, alpha)) == p_only
    assert float(log_affinity(none, zero, alpha)) == q_only
    assert float(log_affinity(none, none, alpha)) == -inf


def test_jensen_shannon_lies_between_shares_of_the_squared_hellinger_distance() -> None:
    # The inequality that the bounds rest on: log 2 (sqrt p - sqrt q)^2 / 2 <= js <= (sqrt p - sqrt q)^2 / 2.
    gap = torch.linspace(0.01, 60, 20_001, dtype=torch.float64)
    zero = torch.zeros_like(gap)
    hellinger = 0.5 * (1 - torch.exp(-0.5 * gap)) ** 2
    ratio = pointwise("jensen_shannon", None)(zero, -gap) / hellinger
    assert float(ratio.max()) <= 1.0
    assert float(ratio.min()) >= np.log(2) * (1 - 1e-12)
