from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Categorical, Gamma, MixtureSameFamily, Normal, StudentT, kl_divergence

from mixtura.divergence.approximations import product_approximation, variational_approximation
from mixtura.divergence.mixtures import gaussian_mixture
from mixtura.errors import InputError

seeds = st.integers(0, 10**6)


def _pieces(mixture):
    parts = mixture.component_distribution
    return mixture.mixture_distribution.probs, [
        Normal(m, s) for m, s in zip(parts.loc, parts.scale, strict=True)
    ]


@settings(max_examples=20)
@given(seed=seeds)
def test_each_is_its_formula(random_mixture, seed) -> None:
    p, q = random_mixture(seed), random_mixture(seed + 1)
    (a, ps), (b, qs) = _pieces(p), _pieces(q)
    variational, product = 0.0, 0.0
    for weight, one in zip(a, ps, strict=True):
        own = sum(w * torch.exp(-kl_divergence(one, other)) for w, other in zip(a, ps, strict=True))
        cross = sum(w * torch.exp(-kl_divergence(one, other)) for w, other in zip(b, qs, strict=True))
        variational += float(weight * (own / cross).log())

        def overlap(other, one=one):
            return Normal(one.loc, (one.variance + other.variance).sqrt()).log_prob(other.loc).exp()

        own = sum(w * overlap(other) for w, other in zip(a, ps, strict=True))
        cross = sum(w * overlap(other) for w, other in zip(b, qs, strict=True))
        product += float(weight * (own / cross).log())
    assert float(variational_approximation(p, q)) == pytest.approx(variational, rel=1e-9, abs=1e-9)
    assert float(product_approximation(p, q)) == pytest.approx(product, rel=1e-9, abs=1e-9)


@settings(max_examples=10)
@given(seed=seeds, d=st.integers(0, 3))
def test_equal_arguments_give_zero(random_mixture, seed, d) -> None:
    p = random_mixture(seed, d)
    assert float(variational_approximation(p, p)) == 0.0
    assert float(product_approximation(p, p)) == 0.0


def test_the_variational_one_is_exact_for_single_components_the_product_is_not() -> None:
    p, q = Normal(torch.zeros(2), 1.0), Normal(torch.ones(2), torch.tensor([1.0, 2.0]))
    torch.testing.assert_close(variational_approximation(p, q), kl_divergence(p, q))
    assert not torch.allclose(product_approximation(p, q), kl_divergence(p, q))
    gammas = Gamma(2.0, 1.0), Gamma(3.0, 1.0)
    torch.testing.assert_close(variational_approximation(*gammas), kl_divergence(*gammas))


def test_neither_is_a_bound() -> None:
    # Two equal components against their sum: KL is 0 and both say so; apart, both can be wrong either way.
    p = gaussian_mixture([0.5, 0.5], [0.0, 1.0], [1.0, 1.0])
    q = gaussian_mixture([1.0], [0.5], [1.25])
    assert float(product_approximation(p, q)) < 0 or float(variational_approximation(p, q)) < 0


def test_weights_of_zero_batches_and_gradients() -> None:
    weights = torch.tensor([[1.0, 0.0], [0.5, 0.5]])
    means = torch.tensor([[0.0, 9.0], [1.0, 2.0]], requires_grad=True)
    p = MixtureSameFamily(Categorical(weights), Normal(means, 1.0))
    for approximate in (product_approximation, variational_approximation):
        value = approximate(p, Normal(0.0, 1.0))
        assert value.shape == (2,) and value.dtype == torch.float32 and float(value[0].detach()) == 0.0
        (gradient,) = torch.autograd.grad(value.sum(), means)
        assert torch.isfinite(gradient).all()


def test_what_they_need_is_said() -> None:
    students = StudentT(3.0), StudentT(4.0)
    with pytest.raises(InputError, match="needs Gaussian components"):
        product_approximation(*students)
    with pytest.raises(InputError, match="no KL in closed form"):
        variational_approximation(*students)
