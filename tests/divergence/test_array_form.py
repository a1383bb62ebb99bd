from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.distributions import MultivariateNormal, kl_divergence

from mixtura.divergence.array_form import gaussian_kl
from mixtura.errors import InputError

FEW = [(1, 1.0), (2, 1e8), (10, 1.0), (10, 1e4), (10, 1e8)]
eye, zero = np.eye(2), np.zeros(2)


@pytest.mark.parametrize(("d", "condition"), FEW)
def test_against_sixty_digits(exact, rng, random_covariance, d, condition) -> None:
    eps = np.finfo(float).eps
    first, second = (random_covariance(rng, d, condition) for _ in range(2))
    mu0, mu1 = rng.normal(size=(2, d))
    for arguments in [
        (mu0, first, mu1, second),
        (mu0, first, mu1, 1.001 * first),
        (mu0, first, mu0, 1.001 * first),
        (mu0, first, mu0, first * (1 + 1e-9)),
    ]:
        wanted = exact.from_covariances(*arguments)
        assert exact.relative_error(float(gaussian_kl(*arguments)), wanted) <= 100 * eps * condition


def test_float32_to_its_last_place(exact, rng, random_covariance) -> None:
    for condition in (1.0, 1e2, 1e4):
        S0 = random_covariance(rng, 6, condition).astype(np.float32)
        S0 = (S0 + S0.T) / np.float32(2)
        S1 = (np.float32(1.001) * S0).astype(np.float32)
        mu = rng.normal(size=6).astype(np.float32)
        found = gaussian_kl(mu, S0, mu, S1)
        assert found.dtype == np.float32
        assert exact.relative_error(float(found), exact.from_covariances(mu, S0, mu, S1)) < 1e-7


def covariances(rng, *batch, d=3) -> np.ndarray:
    A = rng.normal(size=(*batch, d, 2 * d))
    return A @ np.swapaxes(A, -1, -2)


@pytest.mark.parametrize(
    "shapes",
    [((), (), (), ()), ((5,),) * 4, ((4, 1), (3,), (), (4, 3)), ((1000,),) * 4, ((), (7,), (7,), ())],
)
def test_every_batch_shape_agrees_with_torch(rng, shapes) -> None:
    b0, c0, b1, c1 = shapes
    arguments = (
        rng.normal(size=(*b0, 3)),
        covariances(rng, *c0),
        rng.normal(size=(*b1, 3)),
        covariances(rng, *c1),
    )
    m0, S0, m1, S1 = map(torch.from_numpy, arguments)
    wanted = kl_divergence(MultivariateNormal(m0, S0), MultivariateNormal(m1, S1))
    found = gaussian_kl(*arguments)
    np.testing.assert_allclose(found, wanted.numpy(), rtol=1e-11)
    assert found.shape == tuple(torch.broadcast_shapes(*shapes))
    again = gaussian_kl(m0, S0, m1, S1)
    assert isinstance(again, torch.Tensor)
    assert again.numpy().tolist() == found.tolist()


def test_blocks_are_the_loop(rng) -> None:
    d, n = 64, 150  # several blocks
    arguments = (
        rng.normal(size=(n, d)),
        covariances(rng, n, d=d),
        rng.normal(size=(n, d)),
        covariances(rng, n, d=d),
    )
    together = gaussian_kl(*arguments)
    alone = [float(gaussian_kl(*(part[i] for part in arguments))) for i in range(0, n, 30)]
    np.testing.assert_allclose(together[::30], alone, rtol=1e-13)


def test_numpy_in_numpy_out() -> None:
    assert isinstance(gaussian_kl(zero, eye, zero, eye), np.float64)
    assert isinstance(gaussian_kl(zero[None], eye, zero, eye), np.ndarray)
    assert isinstance(gaussian_kl([0.0], [[1.0]], [0.0], [[1.0]]), np.float64)
    assert isinstance(gaussian_kl(zero, eye, zero, torch.eye(2)), torch.Tensor)
    small = np.float32
    assert gaussian_kl(zero.astype(small), eye.astype(small), [1, 0], eye.astype(small)).dtype == small


def test_gradients(rng) -> None:
    m0, S0, m1, S1 = map(
        torch.from_numpy,
        (rng.normal(size=(2, 3)), covariances(rng, 2), rng.normal(size=(2, 3)), covariances(rng, 2)),
    )
    leaves = [leaf.requires_grad_() for leaf in (m0, S0, m1, S1)]

    def build(m0, S0, m1, S1):
        return gaussian_kl(m0, (S0 + S0.mT) / 2, m1, (S1 + S1.mT) / 2)

    assert torch.autograd.gradcheck(build, leaves)
    assert torch.autograd.gradgradcheck(build, leaves)
    near = [m0, S0, m0.detach(), (1.001 * S0).detach().requires_grad_()]
    assert torch.autograd.gradcheck(build, near)


def test_a_singular_first_covariance_is_infinitely_far() -> None:
    S0 = torch.tensor(
        [[[1.0, 1.0], [1.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]], [[0.0, 0.0], [0.0, 1.0]]], requires_grad=True
    )
    found = gaussian_kl(torch.zeros(2), S0, torch.zeros(2), 2 * torch.eye(2))
    assert found.tolist()[::2] == [float("inf")] * 2
    assert float(found[1].detach()) == pytest.approx(np.log(2) - 0.5, rel=1e-6)
    (gradient,) = torch.autograd.grad(found[1], S0)
    assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 5)])
def test_empty_batches(shape) -> None:
    full = np.zeros((*shape, 2)), np.zeros((*shape, 2, 2)), np.zeros((*shape, 2)), np.zeros((*shape, 2, 2))
    assert gaussian_kl(*full).shape == shape
    assert gaussian_kl(full[0], eye, zero, eye).shape == shape


TAILS = [
    (np.zeros(1), [[1e-12]], np.zeros(1), [[1e12]]),
    (np.zeros(1), [[1e12]], np.zeros(1), [[1e-12]]),
    (np.zeros(1), [[1.0]], np.full(1, 1e6), [[1.0]]),
    (zero, np.diag([1e-12, 1e12]), zero + 1e6, np.diag([1e12, 1e-12])),
]


@pytest.mark.parametrize("arguments", TAILS)
def test_tails(exact, arguments) -> None:
    arguments = tuple(np.asarray(part, dtype=float) for part in arguments)
    assert exact.relative_error(float(gaussian_kl(*arguments)), exact.from_covariances(*arguments)) < 1e-14


def test_five_hundred_dimensions(rng) -> None:
    S0, S1 = covariances(rng, 1, d=500), covariances(rng, 1, d=500)
    scale = np.geomspace(1e-6, 1e6, 500)
    mu0, mu1 = rng.normal(size=(2, 500))
    value = gaussian_kl(mu0, S0, mu1, S1)
    scaled = gaussian_kl(scale * mu0, scale[:, None] * S0 * scale, scale * mu1, scale[:, None] * S1 * scale)
    np.testing.assert_allclose(scaled, value, rtol=1e-10)


WRONG = {
    "indefinite": (
        (zero, eye, zero, np.stack([eye, [[1, 2], [2, 1]]])),
        r"Sigma1 at \[1\] .* eigenvalue is -1;",
    ),
    "singular q": (
        (zero, eye, zero, np.ones((2, 2))),
        "Sigma1 is not positive definite: its smallest eigenvalue is",
    ),
    "negative p": (
        (zero, -eye, zero, eye),
        "Sigma0 is not positive definite: its smallest eigenvalue is -1;",
    ),
    "asymmetric": ((zero, [[1, 0.5], [0.4, 1]], zero, eye), "Sigma0 is not symmetric: .* differ by 0.1;"),
    "nan": ((zero, eye, zero, [[1, np.nan], [np.nan, 1]]), r"Sigma1 is nan at \[0, 1\]"),
    "infinite mean": (([0, np.inf], eye, zero, eye), r"mu0 is inf at \[1\]"),
    "dimensions": (
        (zero, eye, np.zeros(3), np.eye(3)),
        r"mu1 has shape \(3,\); with mu0 of shape \(2,\) .* \(\.\.\., 2\)",
    ),
    "no matrix": ((zero, zero, zero, eye), r"Sigma0 has shape \(2,\); .* it must be \(\.\.\., 2, 2\)"),
    "scalars": ((0.0, 1.0, 0.0, 1.0), r"mu0 is a single number; give a vector"),
    "no dimension": ((np.zeros(0), np.zeros((0, 0))) * 2, "at least one dimension"),
    "batches": (
        (np.zeros((4, 2)), eye, np.zeros((3, 2)), eye),
        r"do not broadcast: mu0 \(4,\), .* mu1 \(3,\)",
    ),
    "text": ((zero, "abc", zero, eye), "Sigma0 holds values of type"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_on_one_line(name) -> None:
    arguments, words = WRONG[name]
    with pytest.raises(InputError, match=words) as caught:
        gaussian_kl(*arguments)
    assert "\n" not in str(caught.value)


def test_the_entry_is_named_wherever_it_is_in_the_blocks(rng) -> None:
    S = covariances(rng, 300, d=40)
    S[271] -= 1e3 * np.eye(40)
    with pytest.raises(InputError, match=r"Sigma1 at \[271\] is not positive definite"):
        gaussian_kl(np.zeros(40), covariances(rng, 300, d=40), np.zeros(40), S)
