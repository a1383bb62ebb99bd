from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from mixtura.divergence.gaussian_parts import gaussian_parts
from mixtura.divergence.kl_lower import jensen_bound, kl_lower_bound, moment_bound
from mixtura.divergence.mixtures import as_float64, gaussian_mixture
from mixtura.divergence.quadrature import divergence_by_quadrature
from mixtura.divergence.tables import pair_table

seeds = st.integers(0, 10**6)


def _bounds(p, q):
    parts = [gaussian_parts(as_float64(one)) for one in (p, q)]
    own = pair_table(as_float64(p), as_float64(p))
    return jensen_bound(*parts, own), moment_bound(*parts), kl_lower_bound(*parts, own)


@settings(max_examples=12)
@given(seed=seeds, spread=st.sampled_from([0.01, 0.3, 2.0, 10.0]))
def test_neither_is_above_the_divergence(random_mixture, seed, spread) -> None:
    p, q = random_mixture(seed, spread=spread), random_mixture(seed + 1, spread=spread)
    value, error = divergence_by_quadrature(p, q)
    jensen, moment, best = (float(bound) for bound in _bounds(p, q))
    assert max(jensen, moment, 0.0) == best
    assert best <= float(value) + float(error)


@settings(max_examples=8)
@given(seed=seeds, d=st.integers(1, 4))
def test_for_a_single_gaussian_q_it_is_that_of_the_moments(random_mixture, seed, d) -> None:
    p = random_mixture(seed, d)
    covariance = gaussian_parts(as_float64(p)).moments()[1]
    q = MultivariateNormal(torch.ones(d).double(), 2 * torch.eye(d).double())
    exact = float(kl_divergence(MultivariateNormal(p.mean, covariance), q)) if d > 1 else None
    _, moment, _ = _bounds(p if d > 1 else gaussian_mixture([1.0], [[0.5]], [2.0]), q)
    if exact is not None:
        assert float(moment) == pytest.approx(exact, rel=1e-9, abs=1e-9)


def test_for_single_gaussians_both_are_close_to_the_value() -> None:
    p, q = Normal(0.0, 1.0), Normal(3.0, 1.0)
    jensen, moment, _ = _bounds(p, q)
    assert float(moment) == pytest.approx(4.5, rel=1e-6)
    assert 4.2 < float(jensen) <= 4.5


@settings(max_examples=8)
@given(seed=seeds, d=st.integers(1, 5))
def test_nothing_is_claimed_of_equal_mixtures(random_mixture, seed, d) -> None:
    p = random_mixture(seed, d)
    assert float(_bounds(p, p)[2]) == 0.0


def test_components_far_apart_are_seen_by_jensen_overlapping_ones_by_the_moments() -> None:
    far = [gaussian_mixture([0.5, 0.5], [-50, 50], [1, 1]), gaussian_mixture([0.5, 0.5], [-50, 50], [4, 4])]
    near = [
        gaussian_mixture([0.5, 0.5], [-0.1, 0.1], [1, 1]),
        gaussian_mixture([0.5, 0.5], [0.4, 0.6], [1, 1]),
    ]
    jensen, moment, _ = (float(bound) for bound in _bounds(*far))
    assert moment < jensen == pytest.approx(float(divergence_by_quadrature(*far)[0]), rel=0.1)
    jensen, moment, _ = (float(bound) for bound in _bounds(*near))
    assert jensen < moment == pytest.approx(float(divergence_by_quadrature(*near)[0]), rel=0.01)


def test_extremes_are_no_nan() -> None:
    pairs = [
        (gaussian_mixture([0.5, 0.5], [-1e6, 1e6], [1e-12, 1e12]), Normal(0.0, 1.0)),
        (Normal(0.0, 1.0), gaussian_mixture([0.5, 0.5], [-1e6, 1e6], [1e-12, 1e12])),
        (
            gaussian_mixture([1.0, 0.0], [0.0, 1.0], [1.0, 1.0]),
            gaussian_mixture([0.0, 1.0], [0.0, 1.0], [1.0, 1.0]),
        ),
    ]
    for p, q in pairs:
        value, error = divergence_by_quadrature(p, q)
        found = float(_bounds(p, q)[2])
        assert 0 <= found <= float(value) * (1 + 1e-9) + float(error)


def test_batches_are_their_entries(random_mixture) -> None:
    singles = [(random_mixture(seed, n=2), random_mixture(seed + 9, n=2)) for seed in range(3)]
    expected = [float(_bounds(*pair)[2]) for pair in singles]
    stacked = []
    for side in range(2):
        choices = torch.stack([pair[side].mixture_distribution.logits for pair in singles])
        means = torch.stack([pair[side].component_distribution.loc for pair in singles])
        scales = torch.stack([pair[side].component_distribution.scale for pair in singles])
        choice = torch.distributions.Categorical(logits=choices)
        stacked.append(torch.distributions.MixtureSameFamily(choice, Normal(means, scales)))
    assert _bounds(*stacked)[2].tolist() == pytest.approx(expected, rel=1e-9)


def test_jensen_has_the_gradient_of_finite_differences_and_the_other_a_finite_one() -> None:
    def build(means):
        weights = torch.tensor([0.3, 0.7]).double().log()
        mixture = torch.distributions.MixtureSameFamily(
            torch.distributions.Categorical(logits=weights), Normal(means, torch.tensor([1.0, 0.5]).double())
        )
        return _bounds(mixture, Normal(torch.tensor(0.0).double(), 2.0))

    means = torch.tensor([-4.0, 5.0]).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda m: build(m)[0], (means,), eps=1e-6, atol=1e-5)
    (gradient,) = torch.autograd.grad(build(means)[1], means)
    assert torch.isfinite(gradient).all() and float(gradient.abs().sum()) > 0
    assert math.isfinite(float(build(means.detach())[1]))
