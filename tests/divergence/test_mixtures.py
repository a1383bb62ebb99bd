from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import special
from torch.distributions import (
    Categorical,
    Independent,
    LowRankMultivariateNormal,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    Uniform,
)

from mixtura.divergence.mixtures import as_float64, as_mixture, log_sum_exp
from mixtura.divergence.sampling import draw

inf = math.inf


def test_every_family_of_components_is_taken_apart(families, family) -> None:
    weights = torch.tensor([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]])
    parts = families(family, (2, 3))
    mixture = MixtureSameFamily(Categorical(probs=weights), parts, validate_args=False)
    found = as_mixture(mixture)
    points = draw(mixture, 20)
    if family != "mixture":
        torch.testing.assert_close(found.weights, weights)
        assert found.n_components == len(found.components) == 3
    assert all(component.batch_shape == (2,) for component in found.components)
    by_hand = torch.stack([as_mixture(part).log_prob(points) for part in found.components], dim=-1)
    expected = torch.logsumexp(by_hand + found.log_weights, dim=-1)
    torch.testing.assert_close(found.log_prob(points), expected, rtol=1e-4, atol=1e-4)
    one = found.entry((1,))
    torch.testing.assert_close(one.log_prob(points[:, 1]), expected[:, 1], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(
        found.expand((4, 2)).log_prob(points[:, None])[:, 3], expected, rtol=1e-4, atol=1e-4
    )


def test_a_plain_distribution_is_a_mixture_of_one(families, family) -> None:
    distribution = families(family, (2,))
    found = as_mixture(distribution)
    points = draw(distribution, 20)
    if family != "mixture":
        assert found.n_components == 1
    assert found.batch_shape == (2,)
    torch.testing.assert_close(found.log_prob(points), distribution.log_prob(points))


@pytest.mark.parametrize(
    "parts",
    [
        Normal(torch.zeros(3), torch.ones(3)),
        MultivariateNormal(torch.zeros(3, 2), scale_tril=torch.eye(2)),
        MultivariateNormal(torch.zeros(3, 2), precision_matrix=torch.eye(2)),
        Independent(Normal(torch.zeros(3, 2), 1.0), 1),
        LowRankMultivariateNormal(torch.zeros(3, 2), torch.ones(3, 2, 1), torch.ones(3, 2)),
    ],
)
def test_components_keep_their_kind_and_parametrisation(parts) -> None:
    mixture = MixtureSameFamily(Categorical(torch.ones(3)), parts)
    for component in as_mixture(mixture).components:
        assert type(component) is type(parts)
        given = {"scale_tril", "precision_matrix", "covariance_matrix"} & set(parts.__dict__)
        assert given == {"scale_tril", "precision_matrix", "covariance_matrix"} & set(component.__dict__)


def test_a_mixture_of_mixtures_is_one_mixture() -> None:
    inner = MixtureSameFamily(Categorical(torch.ones(3, 2)), Normal(torch.arange(6.0).reshape(3, 2), 1.0))
    outer = MixtureSameFamily(Categorical(torch.tensor([0.5, 0.25, 0.25])), inner)
    found = as_mixture(outer)
    assert found.weights.tolist() == [0.25, 0.25, 0.125, 0.125, 0.125, 0.125]
    assert [float(component.mean) for component in found.components] == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]


def test_weights_without_a_batch_are_shared_by_the_batch() -> None:
    mixture = MixtureSameFamily(Categorical(torch.tensor([0.25, 0.75])), Normal(torch.zeros(3, 2), 1.0))
    assert as_mixture(mixture).weights.tolist() == [[0.25, 0.75]] * 3


def test_gradients_flow_to_weights_and_parameters() -> None:
    logits = torch.zeros(2, requires_grad=True)
    means = torch.tensor([0.0, 1.0], requires_grad=True)
    mixture = MixtureSameFamily(Categorical(logits=logits), Normal(means, 1.0))
    value = as_mixture(mixture).log_prob(torch.tensor(0.5))
    expected = torch.autograd.grad(mixture.log_prob(torch.tensor(0.5)), (logits, means), retain_graph=True)
    torch.testing.assert_close(torch.autograd.grad(value, (logits, means)), expected)


@pytest.mark.parametrize("given", ["probs", "logits"])
def test_a_weight_of_zero_is_zero_and_not_the_least_number(given) -> None:
    probs = torch.tensor([0.0, 1.0])
    choice = Categorical(probs=probs) if given == "probs" else Categorical(logits=probs.log())
    assert choice.logits is not None and choice.probs is not None  # both are there now
    found = as_mixture(MixtureSameFamily(choice, Uniform(torch.zeros(2), torch.tensor([1.0, 2.0]))))
    assert found.log_weights.tolist() == [-inf, 0.0]
    assert float(found.log_prob(torch.tensor(0.5)).exp()) == pytest.approx(0.5)


def test_points_outside_every_support_have_no_density_and_raise_nothing() -> None:
    uniforms = Uniform(torch.tensor([0.0, 2.0]), torch.tensor([1.0, 3.0]))
    found = as_float64(MixtureSameFamily(Categorical(torch.ones(2)), uniforms))
    assert found.log_prob(torch.tensor([-1.0, 0.5, 1.5, 2.5]).double()).exp().tolist() == [0.0, 0.5, 0.0, 0.5]


@given(st.lists(st.floats(-1e3, 1e3) | st.just(-inf), min_size=1, max_size=5))
def test_log_sum_exp_agrees_with_scipy_and_has_no_nan_in_its_gradient(values) -> None:
    leaf = torch.tensor(values, dtype=torch.float64, requires_grad=True)
    found = log_sum_exp(leaf)
    assert found.item() == pytest.approx(special.logsumexp(values), rel=1e-12, abs=1e-12)
    (gradient,) = torch.autograd.grad(found, leaf)
    np.testing.assert_allclose(gradient.sum(), 0.0 if max(values) == -inf else 1.0, atol=1e-12)
