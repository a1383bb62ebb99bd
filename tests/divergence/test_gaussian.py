from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import (
    Distribution,
    Independent,
    LowRankMultivariateNormal,
    MultivariateNormal,
    Normal,
    kl_divergence,
)

from mixtura.divergence.closed_form import closed_form
from mixtura.divergence.gaussian import kl_from_cholesky
from mixtura.errors import InputError

GRID = [(d, condition) for d in (1, 2, 10, 50) for condition in (1.0, 1e2, 1e4, 1e6, 1e8)]
FEW = [(1, 1.0), (2, 1e8), (10, 1.0), (10, 1e4), (10, 1e8)]


def pairs(rng, random_covariance, d, condition):
    """Unrelated covariances, and nearly equal ones with and without a common mean."""
    first, second = (random_covariance(rng, d, condition) for _ in range(2))
    mu0, mu1 = rng.normal(size=(2, d))
    yield "unrelated", mu0, first, mu1, second
    yield "nearly equal", mu0, first, mu1, 1.001 * first
    yield "nearly equal, one mean", mu0, first, mu0, 1.001 * first


def assert_accurate_from_factors(exact, rng, random_covariance, d, condition) -> None:
    for name, mu0, S0, mu1, S1 in pairs(rng, random_covariance, d, condition):
        numbers = mu0, np.linalg.cholesky(S0), mu1, np.linalg.cholesky(S1)
        value = float(kl_from_cholesky(*map(torch.from_numpy, numbers)))
        assert exact.relative_error(value, exact.from_factors(*numbers)) <= 1e-11, name


def assert_accurate_from_covariances(exact, rng, random_covariance, d, condition, kind) -> None:
    eps = np.finfo(float).eps
    for name, mu0, S0, mu1, S1 in pairs(rng, random_covariance, d, condition):
        p, q = (
            MultivariateNormal(torch.from_numpy(mu), **{kind: torch.from_numpy(S)})
            for mu, S in ((mu0, S0), (mu1, S1))
        )
        if kind == "precision_matrix":
            # Of centred Gaussians, KL by the precisions is KL of the covariances the other way round.
            if mu0 is not mu1:
                continue
            wanted = exact.from_covariances(mu0, S1, mu0, S0)
        else:
            wanted = exact.from_covariances(mu0, S0, mu1, S1)
        found = closed_form(p, q)
        assert exact.relative_error(float(found), wanted) <= 100 * eps * condition, name


@pytest.mark.parametrize(("d", "condition"), FEW)
def test_from_factors_against_sixty_digits(exact, rng, random_covariance, d, condition) -> None:
    assert_accurate_from_factors(exact, rng, random_covariance, d, condition)


@pytest.mark.slow
@pytest.mark.parametrize(("d", "condition"), GRID)
@pytest.mark.parametrize("seed", range(3))
def test_from_factors_over_the_whole_grid(exact, random_covariance, d, condition, seed) -> None:
    assert_accurate_from_factors(exact, np.random.default_rng(seed), random_covariance, d, condition)


@pytest.mark.parametrize(("d", "condition"), FEW)
@pytest.mark.parametrize("kind", ["covariance_matrix", "precision_matrix"])
def test_from_covariances_against_sixty_digits(exact, rng, random_covariance, d, condition, kind) -> None:
    assert_accurate_from_covariances(exact, rng, random_covariance, d, condition, kind)


@pytest.mark.slow
@pytest.mark.parametrize(("d", "condition"), GRID)
@pytest.mark.parametrize("kind", ["covariance_matrix", "precision_matrix"])
@pytest.mark.parametrize("seed", range(2))
def test_from_covariances_over_the_whole_grid(exact, random_covariance, d, condition, kind, seed) -> None:
    assert_accurate_from_covariances(
        exact, np.random.default_rng(seed), random_covariance, d, condition, kind
    )


def test_float32_keeps_what_torch_loses(exact, rng, random_covariance) -> None:
    S0 = random_covariance(rng, 10, 100.0).astype(np.float32)
    S1 = (1.001 * S0).astype(np.float32)
    mean = np.zeros(10, dtype=np.float32)
    p, q = (MultivariateNormal(torch.from_numpy(mean), torch.from_numpy(S)) for S in (S0, S1))
    wanted = exact.from_covariances(mean, S0, mean, S1)
    found = closed_form(p, q)
    assert found.dtype == torch.float32
    assert exact.relative_error(float(found), wanted) < 1e-7
    assert exact.relative_error(float(kl_divergence(p, q)), wanted) > 0.1


@pytest.mark.parametrize("kind", ["scale_tril", "covariance_matrix", "precision_matrix"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("d", [1, 7, 40])
def test_zero_exactly_for_equal_ones_and_never_below(rng, random_covariance, kind, dtype, d) -> None:
    S = torch.from_numpy(np.stack([random_covariance(rng, d, 1e3) for _ in range(20)])).to(dtype)
    matrix = torch.linalg.cholesky(S) if kind == "scale_tril" else S
    mean = torch.from_numpy(rng.normal(size=(20, d))).to(dtype)
    p, again = (MultivariateNormal(mean, **{kind: matrix.clone()}) for _ in range(2))
    assert (closed_form(p, again) == 0).all()
    noise = torch.from_numpy(1e-6 * rng.normal(size=(20, 1, 1))).to(dtype)
    near = MultivariateNormal(mean, **{kind: matrix * (1 + noise)})
    assert (closed_form(p, near) >= 0).all()


def gaussians(d: int, batch: tuple[int, ...] = ()) -> dict[str, Distribution]:
    generator = torch.Generator().manual_seed(d)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*batch, *shape, generator=generator, dtype=torch.float64)

    tril = draw(d, d).tril(-1) + torch.diag_embed(draw(d).abs() + 0.5)
    other = draw(d, d)
    positive = other @ other.mT + torch.eye(d, dtype=torch.float64)
    made: dict[str, Distribution] = {
        "factor": MultivariateNormal(draw(d), scale_tril=tril),
        "covariance": MultivariateNormal(draw(d), covariance_matrix=positive),
        "precision": MultivariateNormal(draw(d), precision_matrix=positive),
        "diagonal": Independent(Normal(draw(d), draw(d).abs() + 0.5), 1),
        "spherical": Independent(Normal(draw(d), (draw(1).abs() + 0.5).expand(*batch, d)), 1),
        "low rank": LowRankMultivariateNormal(draw(d), draw(d, 2), draw(d).abs() + 0.5),
    }
    if d == 1:
        made["low rank"] = LowRankMultivariateNormal(draw(1), draw(1, 1), draw(1).abs() + 0.5)
    return made


NAMES = list(gaussians(1))


def dense(distribution: Distribution) -> MultivariateNormal:
    if isinstance(distribution, Independent):
        return MultivariateNormal(distribution.mean, torch.diag_embed(distribution.variance))
    return MultivariateNormal(distribution.mean, distribution.covariance_matrix)


@pytest.mark.parametrize("first", NAMES)
@pytest.mark.parametrize("second", NAMES)
@pytest.mark.parametrize("d", [1, 4])
def test_every_pair_of_parametrisations_agrees_with_torch(first, second, d) -> None:
    p, q = gaussians(d, (3, 1))[first], gaussians(d, (1, 2))[second]
    torch.testing.assert_close(closed_form(p, q), kl_divergence(dense(p), dense(q)), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("first", NAMES)
@pytest.mark.parametrize("second", NAMES)
def test_a_batch_is_the_loop_over_its_entries(first, second) -> None:
    p, q = gaussians(3, (2, 3))[first], gaussians(3, (3,))[second]
    together = closed_form(p, q)
    assert together.shape == (2, 3)
    for i in range(2):
        for j in range(3):
            one, other = (gaussian.expand((2, 3)) for gaussian in (p, q))
            entry = closed_form(pick(one, (i, j)), pick(other, (i, j)))
            torch.testing.assert_close(together[i, j], entry, rtol=1e-13, atol=0)


def pick(gaussian: Distribution, at: tuple[int, int]) -> Distribution:
    if isinstance(gaussian, Independent):
        return Independent(Normal(gaussian.base_dist.loc[at], gaussian.base_dist.scale[at]), 1)
    if isinstance(gaussian, LowRankMultivariateNormal):
        return LowRankMultivariateNormal(gaussian.loc[at], gaussian.cov_factor[at], gaussian.cov_diag[at])
    given = next(
        name for name in ("scale_tril", "covariance_matrix", "precision_matrix") if name in vars(gaussian)
    )
    return MultivariateNormal(gaussian.loc[at], **{given: getattr(gaussian, given)[at]})


seeds = st.integers(0, 2**20)


@given(seeds, st.integers(1, 6), st.floats(-6, 6), st.floats(0, 4))
def test_invariant_under_affine_maps(seed, d, log_scale, log_shift) -> None:
    rng = np.random.default_rng(seed)
    mu0, mu1 = rng.normal(size=(2, d))
    L0, L1 = (np.tril(rng.normal(size=(d, d)), -1) + np.diag(rng.uniform(0.3, 2, d)) for _ in range(2))
    # A lower triangular map of a lower triangular factor is one.
    A = 10**log_scale * (np.tril(rng.normal(size=(d, d)), -1) + np.diag(rng.uniform(0.5, 2, d)))
    shift = 10 ** (log_scale + log_shift) * rng.normal(size=d)
    value = kl_from_cholesky(*map(torch.from_numpy, (mu0, L0, mu1, L1)))
    moved = kl_from_cholesky(*map(torch.from_numpy, (A @ mu0 + shift, A @ L0, A @ mu1 + shift, A @ L1)))
    # A shift much larger than the scale costs the means that many digits.
    rounding = 1e-13 * 10**log_shift * np.linalg.cond(A) * np.linalg.cond(L1)
    assert float(moved) == pytest.approx(float(value), rel=rounding)


@given(seeds, st.integers(1, 4), st.integers(1, 4))
def test_additive_over_independent_parts(seed, d, e) -> None:
    rng = np.random.default_rng(seed)
    parts = []
    for n in (d, e):
        L = [np.tril(rng.normal(size=(n, n)), -1) + np.diag(rng.uniform(0.3, 2, n)) for _ in range(2)]
        parts.append((rng.normal(size=n), L[0], rng.normal(size=n), L[1]))
    (a0, A0, a1, A1), (b0, B0, b1, B1) = parts
    joined = (np.append(a0, b0), block(A0, B0), np.append(a1, b1), block(A1, B1))
    total = kl_from_cholesky(*map(torch.from_numpy, joined))
    separate = [kl_from_cholesky(*map(torch.from_numpy, part)) for part in parts]
    assert float(total) == pytest.approx(float(sum(separate)), rel=1e-13)


def block(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    d, e = len(first), len(second)
    return np.block([[first, np.zeros((d, e))], [np.zeros((e, d)), second]])


def test_tails(exact) -> None:
    one = np.ones((1, 1))
    for variance0, variance1, distance in [
        (1e-12, 1e12, 0.0),
        (1e12, 1e-12, 0.0),
        (1.0, 1.0, 1e6),
        (1e-12, 1e-12, 1e6),
        (1e12, 1.0, 1e6),
    ]:
        numbers = np.zeros(1), one * variance0**0.5, np.array([distance]), one * variance1**0.5
        value = float(kl_from_cholesky(*map(torch.from_numpy, numbers)))
        assert exact.relative_error(value, exact.from_factors(*numbers)) < 1e-14


def test_variances_that_span_24_orders_in_500_dimensions(rng) -> None:
    scale = np.geomspace(1e-6, 1e6, 500)
    L0 = np.tril(rng.normal(size=(500, 500)), -1) / 500 + np.eye(500)
    L1 = np.tril(rng.normal(size=(500, 500)), -1) / 500 + 2 * np.eye(500)
    mu0, mu1 = rng.normal(size=(2, 500))
    plain = kl_from_cholesky(*map(torch.from_numpy, (mu0, L0, mu1, L1)))
    rows = scale[:, None]
    wide = kl_from_cholesky(*map(torch.from_numpy, (scale * mu0, rows * L0, scale * mu1, rows * L1)))
    assert float(wide) == pytest.approx(float(plain), rel=1e-12)


def test_a_singular_p_is_infinitely_far() -> None:
    L0 = torch.tensor([[1.0, 0.0], [1.0, 0.0]], dtype=torch.float64, requires_grad=True)
    L1 = torch.eye(2, dtype=torch.float64, requires_grad=True)
    mu = torch.zeros(2, dtype=torch.float64)
    assert kl_from_cholesky(mu, L0, mu, L1).item() == float("inf")
    p = Normal(torch.zeros(2), torch.tensor([0.0, 1.0]), validate_args=False)
    assert closed_form(p, Normal(0.0, 1.0)).tolist() == [float("inf"), 0.0]


@pytest.mark.parametrize(
    ("p", "q", "words"),
    [
        (Normal(0.0, 1.0), Normal(0.0, torch.tensor([1.0, 0.0]), validate_args=False), "of q .* is 0 at "),
        (Normal(0.0, torch.tensor([1.0, -2.0]), validate_args=False), Normal(0.0, 1.0), "of p .* is -2 at "),
        (Normal(torch.inf, 1.0), Normal(0.0, 1.0), "the mean of p is infinite"),
    ],
)
def test_a_gaussian_that_is_none_is_named(p, q, words) -> None:
    with pytest.raises(InputError, match=words):
        closed_form(p, q)


@pytest.mark.parametrize("first", NAMES)
@pytest.mark.parametrize("second", NAMES)
def test_gradients_against_finite_differences(first, second) -> None:
    p, q = gaussians(2)[first], gaussians(2)[second]
    leaves, build = rebuild(p, q)
    assert torch.autograd.gradcheck(build, leaves)
    assert torch.autograd.gradgradcheck(build, leaves)


def rebuild(p, q):
    """Return the parameters of both, and KL as a function of them."""
    makers, leaves, sizes = [], [], []
    for gaussian in (p, q):
        if isinstance(gaussian, Independent):
            base = gaussian.base_dist
            parameters = [base.loc, base.scale]
            makers.append(lambda loc, scale: Independent(Normal(loc, scale), 1))
        elif isinstance(gaussian, LowRankMultivariateNormal):
            parameters = [gaussian.loc, gaussian.cov_factor, gaussian.cov_diag]
            makers.append(LowRankMultivariateNormal)
        else:
            given = next(
                n for n in ("scale_tril", "covariance_matrix", "precision_matrix") if n in vars(gaussian)
            )
            parameters = [gaussian.loc, getattr(gaussian, given)]
            makers.append(
                lambda loc, matrix, given=given: MultivariateNormal(loc, **{given: shaped(matrix, given)})
            )
        leaves += [value.detach().clone().requires_grad_() for value in parameters]
        sizes.append(len(parameters))

    def build(*values):
        return closed_form(makers[0](*values[: sizes[0]]), makers[1](*values[sizes[0] :]))

    return leaves, build


def shaped(matrix, given):
    # Finite differences move one entry at a time; the parameter has a shape to keep.
    return matrix.tril() if given == "scale_tril" else (matrix + matrix.mT) / 2


def test_gradients_near_equality_and_of_the_refined_form() -> None:
    generator = torch.Generator().manual_seed(0)
    A = torch.randn(3, 3, generator=generator, dtype=torch.float64)
    S0 = (A @ A.mT + torch.eye(3, dtype=torch.float64)).requires_grad_()
    S1 = (1.001 * S0.detach()).requires_grad_()
    mean = torch.zeros(3, dtype=torch.float64)

    def symmetric(first, second):
        p, q = (MultivariateNormal(mean, (S + S.mT) / 2) for S in (first, second))
        return closed_form(p, q)

    assert torch.autograd.gradcheck(symmetric, (S0, S1))
    assert torch.autograd.gradgradcheck(symmetric, (S0, S1))
    gradients = torch.autograd.grad(symmetric(S0, S0.detach()), S0)
    assert gradients[0].abs().max() == 0


@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")
def test_functional_transforms() -> None:
    generator = torch.Generator().manual_seed(0)
    L0, L1 = (
        torch.randn(5, 3, 3, generator=generator, dtype=torch.float64).tril(-1)
        + torch.eye(3, dtype=torch.float64)
        for _ in range(2)
    )
    mu0, mu1 = torch.randn(2, 5, 3, generator=generator, dtype=torch.float64)
    batched = torch.func.vmap(kl_from_cholesky)(mu0, L0, mu1, L1)
    torch.testing.assert_close(batched, kl_from_cholesky(mu0, L0, mu1, L1), rtol=1e-14, atol=0)
    second = torch.func.hessian(kl_from_cholesky, argnums=0)(mu0[0], L0[0], mu1[0], L1[0])
    torch.testing.assert_close(second, torch.cholesky_inverse(L1[0]), rtol=1e-12, atol=1e-12)
