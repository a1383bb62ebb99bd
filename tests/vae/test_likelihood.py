from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import integrate, special, stats
from torch import nn

from mixtura.data.layout import ColumnLayout
from mixtura.vae.likelihood import (
    BernoulliLikelihood,
    CategoricalLikelihood,
    CountLikelihood,
    GaussianLikelihood,
    ProductLikelihood,
    gaussian_part,
)

FLOOR = 0.125  # exact in float32, in which the floor is kept


def constant(values: list[float]) -> nn.Linear:
    """A network whose output does not depend on the code."""
    network = nn.Linear(2, len(values)).double()
    with torch.no_grad():
        network.weight.zero_()
        network.bias.copy_(torch.tensor(values, dtype=torch.float64))
    return network


W = torch.zeros(1, 2, dtype=torch.float64)


@pytest.mark.parametrize("raw", [-3.0, 0.0, 3.0])
@pytest.mark.parametrize("domain", ["unit", "real"])
def test_gaussian_agrees_with_scipy_and_integrates_to_one(domain, raw) -> None:
    p = GaussianLikelihood(constant([0.4, raw]), domain, FLOOR).double()(W)
    mean = special.expit(0.4) if domain == "unit" else 0.4
    spread = 0.25 * special.expit(raw) if domain == "unit" else 25 * special.expit(raw - math.log(24))
    x = np.linspace(-60, 60, 400_001)
    found = p.log_prob(torch.from_numpy(x).reshape(-1, 1, 1)).detach().numpy().ravel()
    np.testing.assert_allclose(found, stats.norm(mean, math.sqrt(FLOOR**2 + spread)).logpdf(x), rtol=1e-9)
    assert integrate.trapezoid(np.exp(found), x) == pytest.approx(1, abs=1e-6)


def test_gaussian_output_of_zero_stands_for_the_scale_of_the_data() -> None:
    for domain, variance in (("unit", 0.125), ("real", 1.0)):
        p = GaussianLikelihood(constant([0.0, 0.0]), domain, FLOOR).double()(W)
        assert float(p.variance.detach()) == pytest.approx(variance + FLOOR**2, rel=1e-6)


@pytest.mark.parametrize("raw", [-1e4, 1e4])
@pytest.mark.parametrize("domain", ["unit", "real"])
def test_gaussian_variance_can_neither_vanish_nor_blow_up(domain, raw) -> None:
    network = constant([raw, raw])
    p = GaussianLikelihood(network, domain, FLOOR).double()(W)
    scale = float(p.base_dist.scale.detach())
    assert (
        FLOOR * (1 - 1e-6) <= scale <= math.sqrt(FLOOR**2 + (0.25 if domain == "unit" else 25)) * (1 + 1e-6)
    )
    p.log_prob(torch.tensor([[0.5]], dtype=torch.float64)).sum().backward()
    assert torch.isfinite(network.bias.grad).all()


def test_gaussian_features_are_independent_and_means_come_first(rng) -> None:
    outputs = [1.0, -2.0, 0.5, 0.5, 1.5, -1.0]
    p = GaussianLikelihood(constant(outputs), "real", FLOOR).double()(W)
    np.testing.assert_allclose(p.mean.detach()[0], outputs[:3])
    deviations = np.sqrt(FLOOR**2 + 25 * special.expit(np.array(outputs[3:]) - math.log(24)))
    x = rng.normal(size=3)
    expected = stats.norm(outputs[:3], deviations).logpdf(x).sum()
    assert float(p.log_prob(torch.from_numpy(x)).detach()) == pytest.approx(expected, rel=1e-6)


def test_bernoulli_agrees_with_scipy() -> None:
    logits, x = [2.0, -1.0, 0.3], np.array([1.0, 1.0, 0.0])
    p = BernoulliLikelihood(constant(logits))(W)
    expected = stats.bernoulli(special.expit(logits)).logpmf(x).sum()
    assert float(p.log_prob(torch.from_numpy(x)).detach()) == pytest.approx(expected)


@pytest.mark.parametrize("logit", [-1e30, -1e4, 1e4, 1e30])
def test_bernoulli_is_finite_at_impossible_values(logit) -> None:
    network = constant([logit])
    value = BernoulliLikelihood(network)(W).log_prob(torch.tensor([[0.0], [1.0]], dtype=torch.float64))
    assert torch.isfinite(value).all()
    value.sum().backward()
    assert torch.isfinite(network.bias.grad).all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("kind", ["unit", "real", "binary"])
def test_densities_are_at_least_in_float32(kind, dtype) -> None:
    network = nn.Linear(2, 4).to(dtype)
    likelihood = (
        BernoulliLikelihood(network) if kind == "binary" else GaussianLikelihood(network, kind, FLOOR)
    )
    wanted = torch.float64 if dtype == torch.float64 else torch.float32
    x = torch.zeros(3, 4 if kind == "binary" else 2, dtype=wanted)
    assert likelihood(torch.zeros(3, 2, dtype=dtype)).log_prob(x).dtype == wanted


@pytest.mark.parametrize("dispersed", [False, True])
def test_counts_start_at_the_means_of_the_columns(dispersed) -> None:
    decoder = torch.nn.Linear(2, 3)
    torch.nn.init.zeros_(decoder.weight)
    torch.nn.init.zeros_(decoder.bias)
    likelihood = CountLikelihood(decoder, 3, dispersed=dispersed)
    means = torch.tensor([0.0, 2.0, 300.0])
    likelihood.start_at(means, means)
    found = likelihood(torch.zeros(4, 2)).mean
    torch.testing.assert_close(found[0], means.clamp(min=1e-3))
    assert (likelihood.size is not None) == dispersed
    assert "offset" in likelihood.state_dict()


def test_a_product_is_its_parts_each_with_its_share_of_the_outputs() -> None:
    layout = ColumnLayout(gaussian=2, bernoulli=1, poisson=1, negative_binomial=2, categories=(2, 3))
    outputs = [0.1 * i - 0.5 for i in range(layout.n_outputs)]
    whole = ProductLikelihood(constant(outputs), layout, FLOOR).double()
    means = torch.tensor([9.0, 9.0, 9.0, 2.0, 3.0, 4.0] + [9.0] * 5, dtype=torch.float64)
    whole.start_at(means, 3 * means)
    parts = [
        GaussianLikelihood(constant(outputs[:4]), "real", FLOOR).double(),
        BernoulliLikelihood(constant(outputs[4:5])),
        CountLikelihood(constant(outputs[5:6]), 1, dispersed=False).double(),
        CountLikelihood(constant(outputs[6:8]), 2, dispersed=True).double(),
        CategoricalLikelihood(constant(outputs[8:]), (2, 3)),
    ]
    parts[2].start_at(means[3:4], 3 * means[3:4])
    parts[3].start_at(means[4:6], 3 * means[4:6])
    x = torch.tensor([[0.3, -1.0, 1.0, 4.0, 0.0, 7.0, 0.0, 1.0, 1.0, 0.0, 0.0]], dtype=torch.float64)
    expected = sum(
        part(W).log_prob(own) for part, own in zip(parts, x.split((2, 1, 1, 2, 5), 1), strict=True)
    )
    torch.testing.assert_close(whole(W).log_prob(x), expected)
    torch.testing.assert_close(whole(W).mean, torch.cat([part(W).mean for part in parts], dim=1))
    assert float(gaussian_part(whole).std_floor) == FLOOR


def test_a_product_without_measurements_has_no_floor() -> None:
    layout = ColumnLayout(bernoulli=1, categories=(2,))
    assert gaussian_part(ProductLikelihood(constant([0.0] * 3), layout, FLOOR)) is None


@pytest.mark.parametrize(("mean", "variance", "log_size"), [(100.0, 100.0, 10.0), (9.0, 13.5, np.log(18.0))])
def test_sizes_start_at_the_moments_of_columns_that_hardly_vary_more_than_a_poisson(
    mean, variance, log_size
) -> None:
    counts = CountLikelihood(constant([0.0]), 1, dispersed=True).double()
    counts.start_at(torch.tensor([mean]).double(), torch.tensor([variance]).double())
    assert counts(W).base_dist.total_count.log().item() == pytest.approx(log_size)
    assert counts(W).mean.item() == pytest.approx(mean)
    # A step of one is one standard deviation of the column.
    moved = CountLikelihood(constant([1.0]), 1, dispersed=False).double()
    moved.start_at(torch.tensor([mean]).double(), torch.tensor([variance]).double())
    assert moved(W).mean.item() == pytest.approx(mean * np.exp(np.sqrt(variance) / mean))
