from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import special
from torch import nn

from mixtura.vae.distributions import GaussianMixture
from mixtura.vae.networks import mlp
from mixtura.vae.posterior import (
    LEAK,
    LOG_VARIANCE_BOUNDS,
    AmortisedResponsibilities,
    ExactResponsibilities,
    GaussianPosterior,
    bounded,
)

PRIOR = GaussianMixture(
    torch.tensor([0.6, 0.3, 0.1], dtype=torch.float64).log(),
    torch.tensor([[0.0, 0.0], [1.0, 0.5], [-1.0, 2.0]], dtype=torch.float64),
    torch.tensor([[0.5, 0.5], [2.0, 2.0], [0.1, 0.1]], dtype=torch.float64),
)


def amortised() -> AmortisedResponsibilities:
    torch_generator = torch.Generator().manual_seed(0)
    head = AmortisedResponsibilities(mlp((4, 6, 5)), latent_dim=2, n_features=5, n_components=3).double()
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=torch_generator))
    return head


def test_gaussian_posterior_splits_means_from_log_variances() -> None:
    q = GaussianPosterior(nn.Identity())(torch.tensor([[1.0, -2.0, math.log(4.0), math.log(0.25)]]))
    torch.testing.assert_close(q.base_dist.loc, torch.tensor([[1.0, -2.0]]))
    torch.testing.assert_close(q.base_dist.scale, torch.tensor([[2.0, 0.5]]))  # not the variance


@pytest.mark.parametrize("log_variance", [-1e30, -100.0, 100.0, 1e30])
def test_gaussian_posterior_is_bounded_and_its_gradient_finite(log_variance) -> None:
    output = torch.tensor([[0.0, log_variance]], requires_grad=True)
    q = GaussianPosterior(nn.Identity())(output)
    w = q.reparameterise(torch.ones(1, 1))
    assert math.exp(-6.5) * (1 - 1e-6) <= float(w.detach()) <= math.exp(2.5) * (1 + 1e-6)
    (gradient,) = torch.autograd.grad(q.log_prob(w).sum() + w.sum(), output)
    assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("make", [ExactResponsibilities, amortised])
def test_responsibilities_are_normalised_and_share_x_between_draws(make, rng) -> None:
    w, x = torch.from_numpy(rng.normal(size=(6, 5, 2))), torch.from_numpy(rng.normal(size=(5, 4)))
    q = make()
    log_r = q(w, x, PRIOR)
    assert log_r.shape == (6, 5, 3)
    torch.testing.assert_close(log_r.exp().sum(-1), torch.ones(6, 5, dtype=torch.float64))
    for s in range(6):
        torch.testing.assert_close(q(w[s], x, PRIOR), log_r[s])


def test_exact_responsibilities_are_the_softmax_of_weight_and_density(rng) -> None:
    w = rng.normal(size=(8, 2))
    expected = PRIOR.log_weights.numpy() + PRIOR.component_log_prob(torch.from_numpy(w)).numpy()
    found = ExactResponsibilities()(torch.from_numpy(w), torch.zeros(8, 4), PRIOR)
    np.testing.assert_allclose(found, special.log_softmax(expected, axis=-1), atol=1e-12)


def test_amortised_responsibilities_depend_on_both_and_on_no_prior(rng) -> None:
    head = amortised()
    w, x = torch.from_numpy(rng.normal(size=(5, 2))), torch.from_numpy(rng.normal(size=(5, 4)))
    first, _, second = head.network
    features = torch.relu(x @ first.weight.T + first.bias) @ second.weight.T + second.bias
    hidden = torch.relu(w @ head.from_w.weight.T + features)
    expected = torch.log_softmax(hidden @ head.to_logits.weight.T + head.to_logits.bias, dim=-1)
    torch.testing.assert_close(head(w, x, PRIOR), expected)
    other = GaussianMixture(PRIOR.log_weights, PRIOR.means + 1, PRIOR.scales)
    assert torch.equal(head(w, x, PRIOR), head(w, x, other))


def test_amortised_responsibilities_permute_with_their_components(rng) -> None:
    head, order = amortised(), torch.tensor([1, 2, 0])
    w, x = torch.from_numpy(rng.normal(size=(5, 2))), torch.from_numpy(rng.normal(size=(5, 4)))
    before = head(w, x, PRIOR).detach()
    head.permute(order)
    torch.testing.assert_close(head(w, x, PRIOR), before[:, order])


@pytest.mark.parametrize("make", [ExactResponsibilities, amortised])
@pytest.mark.parametrize("far", [1e6, -1e30])
def test_responsibilities_are_finite_far_away(make, far) -> None:
    w = torch.full((1, 2), far, dtype=torch.float64)
    assert torch.isfinite(make()(w, torch.full((1, 4), far, dtype=torch.float64), PRIOR)).all()


@pytest.mark.parametrize("raw", [-50.0, -12.5, 4.5, 60.0])
def test_a_code_beyond_the_bounds_has_a_way_back(raw) -> None:
    at = torch.tensor(raw, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(bounded(at), at)
    assert slope == LEAK
    low, high = LOG_VARIANCE_BOUNDS
    assert low - 1 <= bounded(at).item() <= high + 1
