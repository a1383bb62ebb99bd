from __future__ import annotations

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate
from torch.distributions import Independent, MultivariateNormal, Normal

from mixtura.divergence.closed_form import closed_form
from mixtura.divergence.gaussian_power import log_power_integral
from mixtura.divergence.parametrisation import as_gaussian

INF = float("inf")
ORDERS = [0.5, 0.3, 0.9, 1e-3, 1e-9, 1e-12, 1 - 1e-9, 1.05, -0.05]


def exact_log_integral(mu0, L0, mu1, L1, alpha):
    a = mpmath.mpf(alpha)
    b = 1 - a
    A, B = mpmath.matrix(L0.tolist()), mpmath.matrix(L1.tolist())
    S0, S1 = A * A.T, B * B.T
    middle = b * S0 + a * S1
    delta = mpmath.matrix(
        [mpmath.mpf(x) - mpmath.mpf(y) for x, y in zip(mu0.tolist(), mu1.tolist(), strict=True)]
    )
    distance = (delta.T * mpmath.lu_solve(middle, delta))[0]
    logs = mpmath.log(mpmath.det(middle)) - b * mpmath.log(mpmath.det(S0)) - a * mpmath.log(mpmath.det(S1))
    return -(logs + a * b * distance) / 2


def factor(rng, d):
    A = rng.normal(size=(d, d))
    return np.linalg.cholesky(A @ A.T + 0.3 * np.eye(d))


@pytest.mark.parametrize("alpha", ORDERS)
@pytest.mark.parametrize("kind", ["unrelated", "nearly equal", "far"])
@pytest.mark.parametrize("d", [1, 3])
def test_against_sixty_digits(rng, alpha, kind, d) -> None:
    L0 = factor(rng, d)
    L1 = {
        "unrelated": factor(rng, d),
        "nearly equal": L0 * (1 + 1e-6 * np.tril(rng.normal(size=(d, d)))),
        "far": 1e5 * factor(rng, d),
    }[kind]
    mu0 = rng.normal(size=d)
    mu1 = mu0 if kind == "nearly equal" else rng.normal(size=d)
    p, q = (
        MultivariateNormal(torch.from_numpy(m), scale_tril=torch.from_numpy(L))
        for m, L in ((mu0, L0), (mu1, L1))
    )
    if alpha < 0 and kind == "far":
        assert float(closed_form(p, q, "alpha", alpha)) == INF
        return
    with mpmath.workdps(60):
        exact = exact_log_integral(mu0, L0, mu1, L1, alpha)
        a = mpmath.mpf(alpha)
        amari, renyi = -mpmath.expm1(exact) / (a * (1 - a)), exact / (a - 1)
        assert float(closed_form(p, q, "alpha", alpha)) == pytest.approx(float(amari), rel=1e-13)
        if alpha > 0:
            assert float(closed_form(p, q, "renyi", alpha)) == pytest.approx(float(renyi), rel=1e-13)


@pytest.mark.parametrize("alpha", [0.1, 0.5, 0.9, 1.3, -0.2])
def test_against_quadrature_on_the_line(alpha) -> None:
    p, q = Normal(0.3, 1.1), Normal(-0.5, 1.0)
    p, q = (Normal(n.loc.double(), n.scale.double()) for n in (p, q))

    def integrand(x: float) -> float:
        point = torch.tensor(x, dtype=torch.float64)
        return float(torch.exp(alpha * p.log_prob(point) + (1 - alpha) * q.log_prob(point)))

    wanted, _ = integrate.quad(integrand, -40, 40, epsabs=0, epsrel=1e-11, limit=200)
    found = log_power_integral(as_gaussian(p), as_gaussian(q), alpha)
    assert float(found.exp()) == pytest.approx(wanted, rel=1e-9)


@given(st.integers(0, 2**20), st.integers(1, 4), st.floats(0.01, 0.99))
def test_between_its_limits_and_symmetric(seed, d, alpha) -> None:
    rng = np.random.default_rng(seed)
    p, q = (
        MultivariateNormal(torch.from_numpy(rng.normal(size=d)), scale_tril=torch.from_numpy(factor(rng, d)))
        for _ in range(2)
    )
    value = float(closed_form(p, q, "alpha", alpha))
    assert 0 < value <= 1 / (alpha * (1 - alpha))
    assert value == pytest.approx(float(closed_form(q, p, "alpha", 1 - alpha)), rel=1e-12)
    # Renyi's divergence does not fall with its order.
    orders = [float(closed_form(p, q, "renyi", order)) for order in (0.0, alpha / 2, alpha, 1.0)]
    assert orders == sorted(orders)
    assert float(closed_form(p, p, "alpha", alpha)) == 0


def test_the_limits_are_kl() -> None:
    p, q = Normal(0.0, 1.0), Normal(1.0, 2.0)
    p, q = (Normal(n.loc.double(), n.scale.double()) for n in (p, q))
    there, back = closed_form(p, q), closed_form(q, p)
    assert closed_form(p, q, "alpha", 1.0) == there
    assert closed_form(p, q, "alpha", 0.0) == back
    assert closed_form(p, q, "renyi", 1.0) == there
    assert closed_form(p, q, "renyi", 0.0) == 0
    for divergence, alpha, limit in [
        ("alpha", 1 - 1e-10, there),
        ("alpha", 1e-10, back),
        ("renyi", 1 - 1e-10, there),
    ]:
        assert float(closed_form(p, q, divergence, alpha)) == pytest.approx(float(limit), rel=1e-9)


@pytest.mark.parametrize("alpha", [0.3, 0.5, 0.7])
def test_diagonal_and_dense_agree(rng, alpha) -> None:
    mean, scale = (
        torch.from_numpy(rng.normal(size=(2, 5, 3))),
        torch.from_numpy(rng.uniform(0.1, 9, (2, 5, 3))),
    )
    p, q = (Independent(Normal(m, s), 1) for m, s in zip(mean, scale, strict=True))
    dense = MultivariateNormal(mean[1], scale_tril=torch.diag_embed(scale[1]))
    for divergence in ("alpha", "renyi"):
        one, other = closed_form(p, q, divergence, alpha), closed_form(p, dense, divergence, alpha)
        torch.testing.assert_close(one, other, rtol=1e-13, atol=0)


def test_a_singular_p_is_singular_to_q() -> None:
    p = Normal(torch.zeros(2), torch.tensor([0.0, 1.0]), validate_args=False)
    q = Normal(0.0, 1.0)
    assert closed_form(p, q, "alpha", 0.5).tolist() == [4.0, 0.0]
    assert closed_form(p, q, "renyi", 0.5).tolist() == [INF, 0.0]
    assert closed_form(p, q, "alpha", 2.0).tolist() == [INF, 0.0]
    alone = Normal(0.0, 0.0, validate_args=False)
    assert float(closed_form(alone, q, "jeffreys")) == INF


@pytest.mark.parametrize("alpha", [0.3, 0.7, 1.1])
@pytest.mark.parametrize("apart", [0.01, 1.0, 10.0])
def test_gradients_against_finite_differences(rng, alpha, apart) -> None:
    leaves = [
        torch.from_numpy(rng.normal(size=2)).requires_grad_(),
        torch.from_numpy(np.eye(2) + 0.1 * np.tril(rng.normal(size=(2, 2)))).requires_grad_(),
        torch.from_numpy(rng.normal(size=2)).requires_grad_(),
        torch.from_numpy((1 + apart) * np.eye(2) + 0.1 * np.tril(rng.normal(size=(2, 2)))).requires_grad_(),
    ]

    def build(mu0, L0, mu1, L1):
        p, q = MultivariateNormal(mu0, scale_tril=L0.tril()), MultivariateNormal(mu1, scale_tril=L1.tril())
        return closed_form(p, q, "alpha", alpha)

    assert torch.autograd.gradcheck(build, leaves)
    assert torch.autograd.gradgradcheck(build, leaves)


def test_second_derivatives_where_eigenvalues_coincide() -> None:
    mean = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    tril = torch.eye(2, dtype=torch.float64).requires_grad_()
    q = MultivariateNormal(torch.zeros(2, dtype=torch.float64), torch.eye(2, dtype=torch.float64))

    def build(mean, tril):
        return closed_form(MultivariateNormal(mean, scale_tril=tril.tril()), q, "alpha", 0.4)

    assert torch.autograd.gradgradcheck(build, (mean, tril))
