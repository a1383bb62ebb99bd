from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import (
    Categorical,
    Gamma,
    Independent,
    Laplace,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    StudentT,
    Uniform,
    kl_divergence,
)

from mixtura.divergence.bounds import bracket
from mixtura.divergence.couplings import coupling_bound
from mixtura.divergence.mixtures import as_float64, gaussian_mixture
from mixtura.divergence.monte_carlo import divergence_by_monte_carlo
from mixtura.divergence.quadrature import divergence_by_quadrature
from mixtura.divergence.tables import pair_table

inf = math.inf
seeds = st.integers(0, 10**6)
DIVERGENCES = [
    ("kl", None),
    ("jeffreys", None),
    ("jensen_shannon", None),
    ("alpha", 0.5),
    ("alpha", 0.1),
    ("alpha", 2.0),
    ("alpha", -0.5),
    ("renyi", 0.0),
    ("renyi", 0.5),
    ("renyi", 0.9),
    ("renyi", 1.5),
]
MOST = {"jensen_shannon": math.log(2)}


@pytest.mark.parametrize(("divergence", "alpha"), DIVERGENCES)
@settings(max_examples=5)
@given(seed=seeds, spread=st.sampled_from([0.01, 0.3, 2.0, 10.0]))
def test_quadrature_lies_between(random_mixture, divergence, alpha, seed, spread) -> None:
    p, q = random_mixture(seed, spread=spread), random_mixture(seed + 1, spread=spread)
    lower, upper = (float(bound) for bound in bracket(p, q, divergence, alpha))
    value, error = (float(part) for part in divergence_by_quadrature(p, q, divergence, alpha))
    rounding = error + 1e-12 * value if math.isfinite(value) else 0.0
    assert 0 <= lower <= value + rounding
    assert value - rounding <= upper
    assert upper <= MOST.get(divergence, inf) * (1 + 1e-12)
    if divergence == "alpha" and 0 < alpha < 1:
        assert upper <= 1 / (alpha * (1 - alpha)) + 1e-12


@pytest.mark.slow
@pytest.mark.parametrize("spread", [0.01, 0.3, 1.0, 3.0, 10.0])
def test_quadrature_lies_between_for_many_more(random_mixture, spread) -> None:
    for seed in range(100):
        p, q = random_mixture(7 * seed, spread=spread), random_mixture(7 * seed + 1, spread=spread)
        for divergence, alpha in DIVERGENCES[:5]:
            lower, upper = (float(bound) for bound in bracket(p, q, divergence, alpha))
            value, error = (float(part) for part in divergence_by_quadrature(p, q, divergence, alpha))
            assert lower <= value + error + 1e-12 * value
            assert value - error - 1e-12 * value <= upper


@pytest.mark.parametrize(("divergence", "alpha"), DIVERGENCES[:5])
@settings(max_examples=3)
@given(seed=seeds, d=st.sampled_from([2, 5, 12]), spread=st.sampled_from([0.3, 2.0]))
def test_monte_carlo_lies_between_in_more_dimensions(
    random_mixture, divergence, alpha, seed, d, spread
) -> None:
    p, q = random_mixture(seed, d, spread), random_mixture(seed + 1, d, spread)
    lower, upper = (float(bound) for bound in bracket(p, q, divergence, alpha))
    value, error = (float(part) for part in divergence_by_monte_carlo(p, q, divergence, alpha, 4000))
    assert lower <= value + 5 * error + 1e-12
    assert value - 5 * error - 1e-12 <= upper


@settings(max_examples=3)
@given(seed=seeds, d=st.integers(0, 4))
def test_equal_arguments_give_exactly_zero(random_mixture, seed, d) -> None:
    p = random_mixture(seed, d)
    for divergence, alpha in DIVERGENCES:
        lower, upper = bracket(p, p, divergence, alpha)
        assert float(lower) == 0.0
        assert float(upper) <= (1e-15 if divergence in ("kl", "jeffreys", "jensen_shannon") else 1e-14)
    table = pair_table(as_float64(p), as_float64(p))
    assert float(coupling_bound(table, as_float64(p).weights, as_float64(p).weights)) == 0.0


@settings(max_examples=2)
@given(seed=seeds)
def test_the_order_of_components_changes_nothing(random_mixture, seed) -> None:
    p, q = random_mixture(seed, 2, n=3), random_mixture(seed + 1, 2)
    parts = p.component_distribution
    turned = gaussian_mixture(
        p.mixture_distribution.probs.flip(0),
        parts.loc.flip(0),
        parts.covariance_matrix.flip(0),
        normalise=True,
    )
    for divergence, alpha in DIVERGENCES[:6]:
        for one, other in zip(
            bracket(p, q, divergence, alpha), bracket(turned, q, divergence, alpha), strict=True
        ):
            assert float(one) == pytest.approx(float(other), rel=1e-4, abs=1e-10)


@settings(max_examples=4)
@given(seed=seeds)
def test_jeffreys_is_at_least_as_wide_as_its_halves_and_symmetric_ones_are(random_mixture, seed) -> None:
    p, q = random_mixture(seed), random_mixture(seed + 1)
    there, back, both = bracket(p, q), bracket(q, p), bracket(p, q, "jeffreys")
    for i in range(2):
        assert float(both[i]) == pytest.approx(float(there[i] + back[i]), rel=1e-9)
    for divergence, alpha in (("jensen_shannon", None), ("alpha", 0.5)):
        for one, other in zip(
            bracket(p, q, divergence, alpha), bracket(q, p, divergence, alpha), strict=True
        ):
            assert float(one) == pytest.approx(float(other), rel=1e-3, abs=1e-9)


def test_single_components_with_a_closed_form_have_no_width() -> None:
    p, q = Normal(torch.zeros(2), 1.0), Normal(torch.ones(2), 2.0)
    lower, upper = bracket(p, q)
    torch.testing.assert_close(lower, kl_divergence(p, q))
    torch.testing.assert_close(upper, kl_divergence(p, q))


@pytest.mark.parametrize(("divergence", "alpha"), DIVERGENCES)
def test_without_closed_forms_only_what_is_always_true(divergence, alpha) -> None:
    p = MixtureSameFamily(Categorical(torch.ones(2)), StudentT(3.0, torch.tensor([0.0, 1.0]), 1.0))
    lower, upper = bracket(p, Laplace(0.0, 1.0), divergence, alpha)
    assert float(lower) == 0.0
    most = MOST.get(divergence, inf)
    if divergence == "alpha" and 0 < alpha < 1:
        most = 1 / (alpha * (1 - alpha))
    assert float(upper) == pytest.approx(most)


def test_couplings_of_other_families() -> None:
    p = MixtureSameFamily(
        Categorical(torch.tensor([0.5, 0.5])), Gamma(torch.tensor([2.0, 5.0]), torch.tensor([1.0, 1.0]))
    )
    q = Gamma(torch.tensor(3.0), torch.tensor(1.0))
    lower, upper = bracket(p, q)
    value = float(divergence_by_quadrature(p, q)[0])
    expected = 0.5 * sum(float(kl_divergence(Gamma(a, 1.0), Gamma(3.0, 1.0))) for a in (2.0, 5.0))
    assert float(lower) <= value <= float(upper) <= expected * (1 + 1e-6)
    outside = MixtureSameFamily(Categorical(torch.ones(2)), Uniform(torch.zeros(2), torch.tensor([1.0, 3.0])))
    assert float(bracket(outside, Uniform(0.0, 2.0))[1]) == inf
    assert float(bracket(outside, Uniform(0.0, 4.0))[1]) < inf


def test_weights_of_zero_and_extremes() -> None:
    p = gaussian_mixture([1.0, 0.0], [0.0, 1e9], [1.0, 1e-12])
    q = gaussian_mixture([0.0, 0.5, 0.5], [1e9, 1.0, 1.0], [1.0, 1.0, 1.0])
    lower, upper = (float(bound) for bound in bracket(p, q))
    assert lower == pytest.approx(0.5, rel=1e-3) and upper == pytest.approx(0.5, rel=1e-6)
    far = gaussian_mixture([0.5, 0.5], [-1e6, 1e6], [1e-12, 1e-12])
    for divergence, alpha in DIVERGENCES:
        lower, upper = bracket(far, p, divergence, alpha)
        assert 0 <= float(lower) <= float(upper)


def test_batches_and_smaller_types() -> None:
    means = torch.randn(3, 2, generator=torch.Generator().manual_seed(0))
    p = MixtureSameFamily(Categorical(torch.ones(3, 2)), Normal(means, 1.0))
    q = Normal(torch.zeros(2, 1), torch.tensor([[1.0], [2.0]]))
    for divergence, alpha in DIVERGENCES:
        lower, upper = bracket(p, q, divergence, alpha)
        value, error = divergence_by_quadrature(p, q, divergence, alpha)
        assert lower.shape == upper.shape == (2, 3) and lower.dtype == upper.dtype == torch.float32
        assert bool((lower <= value + error + 1e-6).all() and (value - error - 1e-6 <= upper).all())
    assert bracket(Normal(torch.zeros(0), 1.0), p.expand((3,)) if False else Normal(0.0, 1.0))[0].shape == (
        0,
    )


def test_high_dimensions() -> None:
    d = 200
    parts = Independent(Normal(torch.stack([torch.zeros(d), torch.ones(d)]), 1.0), 1)
    p = MixtureSameFamily(Categorical(torch.ones(2)), parts)
    q = MultivariateNormal(0.5 * torch.ones(d), torch.eye(d))
    lower, upper = bracket(p, q)
    value, error = divergence_by_monte_carlo(p, q, n_samples=2000)
    assert float(lower) <= float(value) + 5 * float(error)
    assert float(value) - 5 * float(error) <= float(upper)
    assert float(upper - lower) < 25


def test_gradients_flow_through_both_bounds() -> None:
    leaves = [torch.tensor(x).double().requires_grad_() for x in ([0.2, 0.1], [-2.0, 3.0], 0.3)]
    logits, means, mean = leaves
    for divergence, alpha in DIVERGENCES[:6]:
        p = MixtureSameFamily(Categorical(logits=logits), Normal(means, 1.0))
        for bound in bracket(p, Normal(mean, 2.0), divergence, alpha):
            for gradient in torch.autograd.grad(bound, leaves, retain_graph=True):
                assert torch.isfinite(gradient).all()


def test_the_gradient_of_the_upper_bound_is_that_of_finite_differences() -> None:
    def upper(means, mean):
        p = MixtureSameFamily(Categorical(torch.tensor([0.25, 0.75]).double()), Normal(means, 1.0))
        q = MixtureSameFamily(Categorical(torch.tensor([0.5, 0.5]).double()), Normal(mean, 2.0))
        return bracket(p, q)[1]

    leaves = tuple(torch.tensor(x).double().requires_grad_() for x in ([-2.0, 3.0], [-1.0, 2.0]))
    assert torch.autograd.gradcheck(upper, leaves, eps=1e-5, atol=2e-3, rtol=2e-3)
