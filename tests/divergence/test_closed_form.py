from __future__ import annotations

import pytest
import torch
from torch.distributions import (
    Beta,
    Categorical,
    Gamma,
    Independent,
    Laplace,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    Poisson,
    Uniform,
    kl_divergence,
)
from torch.distributions.kl import _KL_REGISTRY as KL_REGISTRY

from mixtura.divergence.closed_form import closed_form, formula

mixture = MixtureSameFamily(Categorical(torch.ones(2)), Normal(torch.zeros(2), 1.0))


@pytest.mark.parametrize(
    ("p", "q"),
    [
        (Gamma(2.0, 1.0), Gamma(3.0, torch.tensor([1.0, 2.0]))),
        (Laplace(0.0, 1.0), Normal(torch.ones(3), 2.0)),
        (Poisson(3.0), Poisson(torch.tensor([1.0, 2.0]))),
        (Beta(2.0, 3.0), Uniform(0.0, 1.0)),
        (Uniform(0.0, 1.0), Uniform(0.5, 2.0)),
    ],
)
def test_torch_knows_the_rest(p, q) -> None:
    found = closed_form(p, q)
    torch.testing.assert_close(found, kl_divergence(p, q).float(), rtol=1e-5, atol=1e-6)
    assert found.dtype == torch.float32
    assert found.shape == torch.broadcast_shapes(p.batch_shape, q.batch_shape)


def test_torch_computes_in_float64() -> None:
    p, q = (Gamma(torch.tensor(shape), torch.tensor(1.0)) for shape in (1000.0, 1000.1))
    wide = [Gamma(g.concentration.double(), g.rate.double()) for g in (p, q)]
    assert float(closed_form(p, q)) == pytest.approx(float(kl_divergence(*wide)), rel=1e-6)


def test_where_there_is_none() -> None:
    assert closed_form(mixture, mixture) is None
    assert closed_form(Gamma(2.0, 1.0), Gamma(3.0, 1.0), "alpha", 0.5) is None
    assert closed_form(Gamma(2.0, 1.0), Gamma(3.0, 1.0), "jensen_shannon") is None
    assert closed_form(Normal(0.0, 1.0), Normal(1.0, 1.0), "jensen_shannon") is None
    assert closed_form(mixture, mixture, "jeffreys") is None


def test_limits_of_alpha_and_sums_come_from_torch_too() -> None:
    p, q = Gamma(2.0, 1.0), Gamma(3.0, 1.0)
    there, back = closed_form(p, q), closed_form(q, p)
    assert closed_form(p, q, "alpha", 1.0) == there
    assert closed_form(p, q, "alpha", 0.0) == back
    assert closed_form(p, q, "renyi", 1.0) == there
    torch.testing.assert_close(closed_form(p, q, "jeffreys"), there + back)


def test_nothing_is_registered_with_torch() -> None:
    before = dict(KL_REGISTRY)
    for p, q in [(Normal(0.0, 1.0), Normal(1.0, 1.0)), (mixture, mixture), (Poisson(1.0), Poisson(2.0))]:
        closed_form(p, q)
    assert before == KL_REGISTRY
    assert not any(form.__module__.startswith("mixtura") for form in KL_REGISTRY.values())


def test_the_result_is_of_the_batch_shape_and_type() -> None:
    p = MultivariateNormal(torch.zeros(4, 1, 2), torch.eye(2))
    q = Independent(Normal(torch.zeros(3, 2, dtype=torch.float64), 1.0), 1)
    found = closed_form(p, q)
    assert found.shape == (4, 3)
    assert found.dtype == torch.float64
    assert formula(p, q, "kl").dtype == torch.float64
    half = Normal(torch.zeros(2, dtype=torch.float16), torch.ones(2, dtype=torch.float16))
    assert closed_form(half, half).dtype == torch.float16


@pytest.mark.gpu
def test_the_device_is_kept() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no graphics processor")
    mean = torch.zeros(3, 2, device="cuda")
    for other in (
        MultivariateNormal(mean + 1, torch.eye(2, device="cuda")),
        MultivariateNormal(mean + 1, precision_matrix=torch.eye(2, device="cuda")),
        Independent(Normal(mean + 1, 1.0), 1),
    ):
        for divergence, alpha in [("kl", None), ("jeffreys", None), ("alpha", 0.5), ("renyi", 2.0)]:
            found = closed_form(
                MultivariateNormal(mean, torch.eye(2, device="cuda")), other, divergence, alpha
            )
            assert found.device.type == "cuda"
    probs = torch.tensor([0.5, 0.5], device="cuda")
    assert closed_form(Categorical(probs), Categorical(probs), "jensen_shannon").device.type == "cuda"
