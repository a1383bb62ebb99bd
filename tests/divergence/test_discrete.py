from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import (
    Bernoulli,
    Binomial,
    Categorical,
    Geometric,
    Independent,
    MixtureSameFamily,
    Normal,
    OneHotCategorical,
    Poisson,
    kl_divergence,
)

from mixtura.divergence.closed_form import closed_form
from mixtura.divergence.discrete import (
    comparable,
    discrete_jensen_shannon,
    discrete_kl,
    discrete_power,
)
from mixtura.errors import InputError

INF = float("inf")
ORDERS = [1e-12, 1e-3, 0.3, 0.5, 0.7, 1 - 1e-9, 1.5, 2.0, -0.5]


def logs(values) -> torch.Tensor:
    return torch.as_tensor(values, dtype=torch.float64).log()


def normalised(logits: np.ndarray) -> torch.Tensor:
    return torch.log_softmax(torch.from_numpy(logits), dim=-1)


def exact_kl(log_p, log_q):
    return mpmath.fsum(mpmath.exp(a) * (a - b) for a, b in zip(log_p, log_q, strict=True))


def exact_power(log_p, log_q, alpha):
    a = mpmath.mpf(alpha)
    return mpmath.log(mpmath.fsum(mpmath.exp(a * x + (1 - a) * y) for x, y in zip(log_p, log_q, strict=True)))


def exact_middle(log_p, log_q):
    middle = [mpmath.log((mpmath.exp(x) + mpmath.exp(y)) / 2) for x, y in zip(log_p, log_q, strict=True)]
    return (exact_kl(log_p, middle) + exact_kl(log_q, middle)) / 2


def digits(log_probs: torch.Tensor):
    """The logarithms with sixty digits, normalised to as many."""
    values = [mpmath.mpf(x) for x in log_probs.tolist()]
    total = mpmath.log(mpmath.fsum(mpmath.exp(x) for x in values))
    return [x - total for x in values]


@pytest.mark.parametrize(
    ("spread", "apart", "rtol"), [(1, 1, 2e-15), (30, 30, 2e-14), (500, 500, 1e-12), (1, 1e-3, 1e-12)]
)
def test_against_sixty_digits(rng, spread, apart, rtol) -> None:
    base = spread * rng.normal(size=7)
    log_p, log_q = normalised(base), normalised(base + apart * rng.normal(size=7))
    with mpmath.workdps(60):
        p, q = digits(log_p), digits(log_q)
        wanted = {
            "kl": (discrete_kl(log_p, log_q), exact_kl(p, q)),
            "middle": (discrete_jensen_shannon(log_p, log_q), exact_middle(p, q)),
        }
        for alpha in ORDERS:
            wanted[f"power {alpha}"] = (discrete_power(log_p, log_q, alpha), exact_power(p, q, alpha))
        for name, (found, value) in wanted.items():
            assert float(found) == pytest.approx(float(value), rel=rtol), name


def test_nearly_equal_ones_keep_their_digits() -> None:
    p = torch.tensor([0.25, 0.25, 0.5], dtype=torch.float64)
    q = p + 1e-9 * torch.tensor([1.0, -1.0, 0.0], dtype=torch.float64)
    second_order = 0.5 * float(((q - p) ** 2 / p).sum())
    assert float(discrete_kl(p.log(), q.log())) == pytest.approx(second_order, rel=1e-6)
    assert float(discrete_jensen_shannon(p.log(), q.log())) == pytest.approx(second_order / 4, rel=1e-6)
    # The plain sum has no digit left.
    assert abs(float((p * (p.log() - q.log())).sum()) - second_order) > 0.5 * second_order


half, third = logs([0.5, 0.5, 0.0]), logs([1 / 3, 1 / 3, 1 / 3])
left, right = logs([1.0, 0.0]), logs([0.0, 1.0])


def test_zeros_of_kl() -> None:
    assert float(discrete_kl(half, third)) == pytest.approx(math.log(1.5))
    assert float(discrete_kl(third, half)) == INF
    assert float(discrete_kl(half, half)) == 0
    assert float(discrete_kl(left, right)) == INF


def test_zeros_of_jensen_shannon() -> None:
    assert float(discrete_jensen_shannon(left, right)) == pytest.approx(math.log(2))
    mixed = 0.5 * math.log(1.2) + 0.5 * (2 / 3 * math.log(0.8) + 1 / 3 * math.log(2))
    assert float(discrete_jensen_shannon(half, third)) == pytest.approx(mixed)


@pytest.mark.parametrize("alpha", [0.2, 0.5, 0.8, 2.0, -1.0])
def test_zeros_of_powers(alpha) -> None:
    assert float(discrete_power(left, right, alpha)) == (-INF if 0 < alpha < 1 else INF)
    common = 2 * 0.5**alpha * (1 / 3) ** (1 - alpha) if alpha > 0 else INF
    assert float(discrete_power(half, third, alpha)) == pytest.approx(math.log(common) if alpha > 0 else INF)


def test_the_power_zero_is_the_mass_of_the_support() -> None:
    assert float(discrete_power(half, third, 0.0)) == pytest.approx(math.log(2 / 3))
    assert float(discrete_power(third, half, 0.0)) == 0
    assert float(discrete_power(left, right, 0.0)) == -INF


def test_large_powers_overflow_only_where_the_value_does() -> None:
    p, q = Categorical(logits=torch.tensor([0.0, -1000.0])), Categorical(logits=torch.tensor([-1000.0, 0.0]))
    assert float(closed_form(p, q, "renyi", 2.0)) == pytest.approx(1000.0)
    assert float(closed_form(p, q, "alpha", 2.0)) == INF


seeds = st.integers(0, 2**20)


def simplex(rng: np.random.Generator, n: int) -> torch.Tensor:
    """Probabilities, some of them tiny and some zero."""
    values = rng.gamma(rng.choice([0.05, 1.0, 20.0]), size=n) + 1e-300
    values[rng.random(n) < 0.1] = 0.0
    values[rng.integers(n)] += 1e-3
    return torch.from_numpy(values / values.sum())


@given(seeds, st.integers(1, 12))
def test_never_negative_and_zero_only_for_equal_ones(seed, n) -> None:
    rng = np.random.default_rng(seed)
    p, q = simplex(rng, n), simplex(rng, n)
    for value in (discrete_kl(p.log(), q.log()), discrete_jensen_shannon(p.log(), q.log())):
        assert value >= 0
        assert (value == 0) == bool((p == q).all())
    assert discrete_kl(p.log(), p.log()) == 0


@given(seeds, st.integers(2, 8), st.floats(0, 1))
def test_joint_convexity(seed, n, weight) -> None:
    rng = np.random.default_rng(seed)
    p1, p2, q1, q2 = (simplex(rng, n) for _ in range(4))
    mixed = discrete_kl((weight * p1 + (1 - weight) * p2).log(), (weight * q1 + (1 - weight) * q2).log())
    ends = [(weight, discrete_kl(p1.log(), q1.log())), (1 - weight, discrete_kl(p2.log(), q2.log()))]
    chord = sum(float(share * value) for share, value in ends if share > 0)
    assert float(mixed) <= chord * (1 + 1e-12) + 1e-14


@given(seeds, st.integers(2, 8), st.sampled_from([0.0, 1.0]))
def test_joint_convexity_is_an_equality_at_the_ends(seed, n, weight) -> None:
    rng = np.random.default_rng(seed)
    p1, p2, q1, q2 = (simplex(rng, n) for _ in range(4))
    mixed = discrete_kl((weight * p1 + (1 - weight) * p2).log(), (weight * q1 + (1 - weight) * q2).log())
    assert mixed == (discrete_kl(p1.log(), q1.log()) if weight else discrete_kl(p2.log(), q2.log()))


@given(seeds, st.integers(2, 8), st.floats(0.01, 0.99))
def test_joint_convexity_is_an_equality_where_the_ratios_agree(seed, n, weight) -> None:
    rng = np.random.default_rng(seed)
    q1, q2 = (torch.from_numpy(rng.dirichlet(np.ones(n))) for _ in range(2))
    # A ratio r > 0 that both q1 and q2 average to one: 1 plus what is orthogonal to both.
    basis = np.linalg.svd(np.stack([q1.numpy(), q2.numpy()]))[2][2:]
    if not len(basis):
        return
    direction = basis.T @ rng.normal(size=len(basis))
    ratio = torch.from_numpy(1 + 0.9 * direction / np.abs(direction).max())
    p1, p2 = ratio * q1, ratio * q2
    mixed = discrete_kl((weight * p1 + (1 - weight) * p2).log(), (weight * q1 + (1 - weight) * q2).log())
    chord = weight * discrete_kl(p1.log(), q1.log()) + (1 - weight) * discrete_kl(p2.log(), q2.log())
    assert float(mixed) == pytest.approx(float(chord), rel=1e-12)
    # Elsewhere it is strict.
    other = torch.from_numpy(rng.dirichlet(np.ones(n)))
    mixed = discrete_kl((weight * other + (1 - weight) * p2).log(), (weight * q1 + (1 - weight) * q2).log())
    chord = weight * discrete_kl(other.log(), q1.log()) + (1 - weight) * discrete_kl(p2.log(), q2.log())
    assert mixed < chord


@given(seeds, st.integers(2, 8), st.integers(2, 5))
def test_processing_both_alike_loses(seed, n, m) -> None:
    rng = np.random.default_rng(seed)
    p, q = simplex(rng, n), simplex(rng, n)
    channel = torch.from_numpy(rng.dirichlet(np.ones(m), size=n))
    for divergence in (discrete_kl, discrete_jensen_shannon):
        before = float(divergence(p.log(), q.log()))
        after = float(divergence((p @ channel).log(), (q @ channel).log()))
        assert after <= before * (1 + 1e-12) + 1e-15


ORDERED = [(divergence, alpha) for divergence in ("alpha", "renyi") for alpha in (0.3, 2.0)]


@pytest.mark.parametrize(
    ("divergence", "alpha"), [("kl", None), ("jeffreys", None), ("jensen_shannon", None), *ORDERED]
)
def test_gradients_against_finite_differences(rng, divergence, alpha) -> None:
    leaves = [torch.from_numpy(rng.normal(size=4)).requires_grad_() for _ in range(2)]

    def build(first, second):
        return closed_form(Categorical(logits=first), Categorical(logits=second), divergence, alpha)

    assert torch.autograd.gradcheck(build, leaves)
    assert torch.autograd.gradgradcheck(build, leaves)


@pytest.mark.parametrize("divergence", ["kl", "jensen_shannon", "alpha"])
def test_gradients_are_finite_where_probabilities_are_zero(divergence) -> None:
    probs = [torch.tensor(values, requires_grad=True) for values in ([0.5, 0.5, 0.0], [0.25, 0.75, 0.0])]
    bernoulli = torch.tensor([0.0, 1.0], requires_grad=True)
    order = 0.5 if divergence == "alpha" else None
    value = closed_form(*(Categorical(probs=p) for p in probs), divergence, order)
    value = (
        value
        + closed_form(Bernoulli(bernoulli), Bernoulli(torch.tensor([0.5, 0.5])), divergence, order).sum()
    )
    for gradient in torch.autograd.grad(value, [*probs, bernoulli]):
        assert torch.isfinite(gradient).all()


def test_torch_is_wrong_where_we_are_right() -> None:
    p, q = Categorical(torch.tensor([0.5, 0.5])), Categorical(torch.tensor([1.0, 0.0]))
    assert float(closed_form(p, q)) == INF
    # Logits so far out that a probability rounds to 1.
    p, q = Bernoulli(logits=torch.tensor(60.0)), Bernoulli(logits=torch.tensor(-60.0))
    assert float(closed_form(p, q)) == pytest.approx(60.0)


def families() -> dict[str, tuple]:
    u = torch.linspace(0.1, 0.8, 6, dtype=torch.float64)
    weights = torch.stack([u[:3], u[3:]])
    one_hot = OneHotCategorical(weights)
    return {
        "categorical": (Categorical(weights), Categorical(weights.flip(-1))),
        "one-hot": (one_hot, OneHotCategorical(weights.flip(-1))),
        "bernoulli": (Bernoulli(u), Bernoulli(u.flip(0))),
        "bits": (Independent(Bernoulli(weights), 1), Independent(Bernoulli(weights.flip(0)), 1)),
        "binomial": (Binomial(7, u), Binomial(7, u.flip(0))),
    }


@pytest.mark.parametrize("name", families())
def test_families_agree_with_torch(name) -> None:
    p, q = families()[name]
    torch.testing.assert_close(closed_form(p, q), kl_divergence(p, q), rtol=1e-12, atol=1e-14)
    assert (closed_form(p, p) == 0).all()


@pytest.mark.parametrize("name", families())
@pytest.mark.parametrize(("divergence", "alpha"), [("jensen_shannon", None), ("alpha", 0.3), ("renyi", 2.0)])
def test_families_agree_with_enumeration(name, divergence, alpha) -> None:
    p, q = families()[name]
    if name == "bits":
        values = torch.cartesian_prod(*[torch.tensor([0.0, 1.0], dtype=torch.float64)] * 3).unsqueeze(1)
    else:
        values = p.enumerate_support()
    a, b = p.log_prob(values).exp(), q.log_prob(values).exp()
    if divergence == "jensen_shannon":
        m = (a + b) / 2
        wanted = 0.5 * (a * (a / m).log() + b * (b / m).log()).sum(dim=0)
    else:
        c = (a**alpha * b ** (1 - alpha)).sum(dim=0)
        wanted = (1 - c) / (alpha * (1 - alpha)) if divergence == "alpha" else c.log() / (alpha - 1)
    torch.testing.assert_close(closed_form(p, q, divergence, alpha), wanted, rtol=1e-12, atol=1e-14)


def test_mixtures_of_discrete_components_are_sums() -> None:
    generator = torch.Generator().manual_seed(0)
    probs = torch.rand(2, 3, 4, generator=generator, dtype=torch.float64)
    weights = torch.rand(2, 3, generator=generator, dtype=torch.float64)
    p = MixtureSameFamily(Categorical(weights[0]), Independent(Bernoulli(probs[0]), 1))
    q = MixtureSameFamily(Categorical(weights[1]), Independent(Bernoulli(probs[1]), 1))
    bits = torch.cartesian_prod(*[torch.tensor([0.0, 1.0], dtype=torch.float64)] * 4)
    log_p, log_q = p.log_prob(bits), q.log_prob(bits)
    wanted = (log_p.exp() * (log_p - log_q)).sum()
    torch.testing.assert_close(closed_form(p, q), wanted, rtol=1e-12, atol=0)
    middle = torch.logaddexp(log_p, log_q) - math.log(2)
    wanted = 0.5 * (log_p.exp() * (log_p - middle) + log_q.exp() * (log_q - middle)).sum()
    torch.testing.assert_close(closed_form(p, q, "jensen_shannon"), wanted, rtol=1e-12, atol=0)


def test_counts_of_different_length() -> None:
    few, many = Binomial(3, torch.tensor(0.3)), Binomial(5, torch.tensor(0.4))
    assert float(closed_form(many, few)) == INF
    k = torch.arange(4.0)
    wanted = (few.log_prob(k).exp() * (few.log_prob(k) - many.log_prob(k))).sum()
    torch.testing.assert_close(closed_form(few, many), wanted)


@pytest.mark.parametrize(("divergence", "alpha"), [("kl", None), ("alpha", 0.3), ("renyi", 2.0)])
def test_many_trials_are_a_sum_over_one(divergence, alpha) -> None:
    probs = torch.tensor([0.3, 0.0, 1.0, 0.5], dtype=torch.float64)
    other = torch.tensor([0.4, 0.5, 1.0, 0.0], dtype=torch.float64)
    seven = closed_form(Binomial(7, probs), Binomial(7, other), divergence, alpha)
    if divergence != "alpha":
        many = closed_form(Binomial(10**6, probs), Binomial(10**6, other), divergence, alpha)
        torch.testing.assert_close(many, seven * 10**6 / 7, rtol=1e-13, atol=0)
    # Beside trials that are unequal in another entry, the same are enumerated.
    longer = Binomial(
        torch.tensor([7.0, 7.0, 7.0, 7.0, 8.0], dtype=torch.float64), torch.cat([probs, probs[:1]])
    )
    mixed = closed_form(longer, Binomial(7, torch.cat([other, other[:1]])), divergence, alpha)
    torch.testing.assert_close(mixed[:4], seven, rtol=1e-11, atol=1e-14)
    assert (closed_form(Binomial(0, probs), Binomial(0, other), divergence, alpha) == 0).all()


def test_numbers_of_categories_that_differ() -> None:
    with pytest.raises(InputError, match="p has 2 categories and q 3; give both the same"):
        closed_form(Categorical(torch.ones(2)), Categorical(torch.ones(3)))


def test_what_is_not_finite_is_left_to_others() -> None:
    assert comparable(Poisson(1.0), Poisson(2.0)) is None
    assert comparable(Normal(0.0, 1.0), Categorical(torch.ones(2))) is None
    assert comparable(OneHotCategorical(torch.ones(3)), Independent(Bernoulli(torch.ones(3) / 2), 1)) is None
    assert closed_form(Geometric(0.3), Geometric(0.4), "jensen_shannon") is None


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_smaller_types_are_computed_in_float64(dtype) -> None:
    probs = torch.tensor([[0.25, 0.75], [0.5, 0.5]], dtype=dtype)
    near = probs + torch.tensor([[1.0, -1.0], [1.0, -1.0]], dtype=dtype) * 2**-9
    found = discrete_kl(probs.double().log(), near.double().log())
    assert (
        closed_form(Categorical(probs, validate_args=False), Categorical(near, validate_args=False)).dtype
        == dtype
    )
    torch.testing.assert_close(
        closed_form(Categorical(probs), Categorical(near)), found.to(dtype), rtol=2e-3, atol=1e-9
    )
