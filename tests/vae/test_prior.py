from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import special, stats

from mixtura.vae.prior import GaussianMixturePrior

COVARIANCES = {"spherical": 1, "diag": 4}
"""How many standard deviations each type keeps for a component in four dimensions."""


@pytest.mark.parametrize("covariance_type", COVARIANCES)
def test_a_new_prior_is_the_standard_normal(covariance_type, rng) -> None:
    p = GaussianMixturePrior(5, 4, covariance_type).double()()
    w = rng.normal(size=(6, 4))
    np.testing.assert_allclose(p.log_weights.exp(), np.full(5, 0.2), rtol=1e-6)
    found = p.log_prob(torch.from_numpy(w)).detach()
    np.testing.assert_allclose(found, stats.norm.logpdf(w).sum(1), rtol=1e-6)


@pytest.mark.parametrize("covariance_type", COVARIANCES)
def test_log_prob_agrees_with_scipy_at_variances_other_than_one(covariance_type, rng) -> None:
    prior = GaussianMixturePrior(3, 4, covariance_type).double()
    log_weights = np.log([0.5, 0.3, 0.2])
    means, scales = rng.normal(size=(3, 4)), rng.uniform(0.2, 3.0, size=(3, 4))
    if covariance_type == "spherical":
        scales[:] = scales[:, :1]
    prior.set_components(torch.from_numpy(means), torch.from_numpy(scales))
    prior.log_weights.copy_(torch.from_numpy(log_weights))
    w = rng.normal(size=(20, 4))
    components = np.stack(
        [stats.multivariate_normal(m, np.diag(s**2)).logpdf(w) for m, s in zip(means, scales, strict=True)], 1
    )
    found = prior().log_prob(torch.from_numpy(w)).detach()
    np.testing.assert_allclose(found, special.logsumexp(log_weights + components, axis=1), rtol=1e-12)
    assert prior.log_scales.shape == (3, COVARIANCES[covariance_type])


def test_spherical_components_take_the_root_mean_square() -> None:
    prior = GaussianMixturePrior(1, 2)
    prior.set_components(torch.zeros(1, 2), torch.tensor([[1.0, 7.0]]))
    torch.testing.assert_close(prior().scales, torch.full((1, 2), 5.0))


@pytest.mark.parametrize("covariance_type", COVARIANCES)
def test_components_set_beyond_the_bounds_can_still_be_trained(covariance_type) -> None:
    prior = GaussianMixturePrior(2, 4, covariance_type)
    prior.set_components(torch.zeros(2, 4), torch.tensor([1e-9, 1e9]).unsqueeze(1).expand(2, 4))
    prior().scales.log().sum().backward()
    assert (prior.log_scales.grad != 0).all()


@pytest.mark.parametrize("log_scale", [-1e3, 1e3])
def test_scales_can_neither_vanish_nor_blow_up(log_scale) -> None:
    prior = GaussianMixturePrior(2, 4)
    with torch.no_grad():
        prior.log_scales.fill_(log_scale)
    p = prior()
    assert (p.scales > 1e-3).all()
    assert (p.scales < 1e3).all()
    assert torch.isfinite(p.log_responsibilities(torch.full((1, 4), 1e6))).all()


def test_reset_makes_it_new_again() -> None:
    prior = GaussianMixturePrior(3, 4)
    prior.set_components(torch.ones(3, 4), torch.full((3, 4), 2.0))
    prior.log_weights.copy_(torch.tensor([0.5, 0.3, 0.2]).log())
    prior.reset()
    for name, value in GaussianMixturePrior(3, 4).state_dict().items():
        torch.testing.assert_close(prior.state_dict()[name], value)


def test_permute_renumbers_and_keeps_the_density(rng) -> None:
    prior = GaussianMixturePrior(3, 2, "diag").double()
    prior.set_components(
        torch.from_numpy(rng.normal(size=(3, 2))), torch.from_numpy(rng.uniform(1, 2, (3, 2)))
    )
    prior.log_weights.copy_(torch.tensor([0.5, 0.3, 0.2]).log())
    w = torch.from_numpy(rng.normal(size=(5, 2)))
    density, r = prior().log_prob(w).detach(), prior().log_responsibilities(w).detach()
    order = torch.tensor([2, 0, 1])
    prior.permute(order)
    torch.testing.assert_close(prior().log_prob(w), density)
    torch.testing.assert_close(prior().log_responsibilities(w), r[:, order])
    assert float(prior.log_weights.exp()[0]) == pytest.approx(0.2)


def test_weights_are_uniform_and_not_trained() -> None:
    prior = GaussianMixturePrior(7, 2)
    assert "log_weights" not in dict(prior.named_parameters())
    torch.testing.assert_close(prior.log_weights, torch.full((7,), -math.log(7)))


def test_learned_weights_are_those_set_and_have_a_gradient() -> None:
    prior = GaussianMixturePrior(3, 4, weights="learned")
    torch.testing.assert_close(prior().log_weights.exp(), torch.full((3,), 1 / 3))
    prior.set_weights(torch.tensor([6.0, 3.0, 1.0]))
    torch.testing.assert_close(prior().log_weights.exp(), torch.tensor([0.6, 0.3, 0.1]))
    prior().log_prob(torch.zeros(1, 4) + torch.tensor([[1.0, 0.0, 0.0, 0.0]])).sum().backward()
    assert prior.log_weights.grad is not None
    prior.permute(torch.tensor([2, 0, 1]))
    torch.testing.assert_close(prior().log_weights.exp(), torch.tensor([0.1, 0.6, 0.3]))
    prior.set_weights(torch.tensor([5.0, 0.0, 5.0]))
    assert (prior().log_weights > -math.inf).all()


def test_uniform_weights_stay_so() -> None:
    prior = GaussianMixturePrior(3, 4)
    prior.set_weights(torch.tensor([6.0, 3.0, 1.0]))
    torch.testing.assert_close(prior().log_weights.exp(), torch.full((3,), 1 / 3))
    assert "log_weights" not in dict(prior.named_parameters())


def test_gradients_of_the_weights_are_responsibilities_less_weights() -> None:
    """d log p(w) / d logit_k = p(k|w) - pi_k, so that at the optimum pi is the mean responsibility."""
    prior = GaussianMixturePrior(3, 2, weights="learned").double()
    prior.set_components(torch.tensor([[0.0, 0.0], [2.0, 0.0], [0.0, 3.0]]), torch.ones(3, 2))
    prior.set_weights(torch.tensor([0.2, 0.5, 0.3]))
    w = torch.tensor([[0.5, 1.0], [2.0, 2.0]], dtype=torch.float64)
    p = prior()
    p.log_prob(w).sum().backward()
    expected = (p.log_responsibilities(w).exp() - p.log_weights.exp()).sum(0)
    torch.testing.assert_close(prior.log_weights.grad, expected.detach())
