from __future__ import annotations

import numpy as np
import pytest
import torch

from mixtura.theory.forward_kl import CORRELATED, DIAGONAL, TWO_MODES
from mixtura.theory.known_posterior import (
    OBJECTIVES,
    exact_posterior,
    fit_posterior,
    inference_error,
    known_model,
)


def made(kind, seed=0):
    return known_model(**kind, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("kind", [DIAGONAL, CORRELATED, TWO_MODES], ids=["diagonal", "correlated", "modes"])
def test_the_posterior_is_that_of_the_models_own_densities(kind):
    """By importance weights from the prior, which know p(w) and p(x|w) and no formula."""
    model = made(kind)
    x = torch.tensor([[0.5, -0.3, 0.2][: len(kind["matrix"])]], dtype=torch.float64)
    p = exact_posterior(model, x)
    prior = model.prior()
    draws = torch.Generator().manual_seed(1)
    z = torch.randint(len(prior.log_weights), (400_000,), generator=draws)
    noise = torch.randn((len(z), model.latent_dim), generator=draws, dtype=torch.float64)
    w = prior.means[z] + prior.scales[z] * noise
    share = torch.softmax(model.likelihood(w).log_prob(x), dim=0)
    mean = share @ w
    variance = share @ (w - mean).square()
    torch.testing.assert_close(p.mean[0], mean, atol=0.02, rtol=0.02)
    torch.testing.assert_close(p.variance[0], variance, atol=0.02, rtol=0.03)
    weights = torch.stack([share[z == k].sum() for k in range(len(prior.log_weights))])
    torch.testing.assert_close(p.weights[0], weights, atol=0.01, rtol=0.02)


def test_a_q_that_is_the_posterior_has_no_error():
    model = made(DIAGONAL)
    x = torch.randn((50, 3), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    p = exact_posterior(model, x)
    layer = model.posterior.network[0]
    with torch.no_grad():
        layer.weight.zero_()
        basis = torch.eye(3, dtype=torch.float64)
        layer.weight[:2] = exact_posterior(model, basis).mean.T
        layer.bias[:2] = 0.0
        layer.bias[2:] = p.variance[0].log()
    found = inference_error(model, x)
    assert found.mean == pytest.approx(0, abs=1e-9) and found.variance == pytest.approx(1)
    assert np.isnan(found.least_mode)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_comes_closer_to_the_posterior(name):
    model = made(DIAGONAL)
    x = torch.randn((50, 3), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    before = inference_error(model, x)
    fit_posterior(model, name, 4, torch.Generator().manual_seed(2), 120)
    after = inference_error(model, x)
    assert after.mean < 0.5 * before.mean
    assert abs(np.log(after.variance)) < abs(np.log(before.variance))
