from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Bernoulli, Normal, Poisson

from mixtura.divergence import stratified
from mixtura.divergence.stratified import Stratum, estimate, moments
from mixtura.errors import ConvergenceError

inf = math.inf


def _from(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _stratum(weight: float, mean: float, scale: float) -> Stratum:
    return Stratum(torch.tensor(weight).double(), Normal(torch.tensor(mean).double(), scale))


def test_the_mean_and_its_error_are_those_of_the_strata() -> None:
    strata = [_stratum(0.25, -1.0, 1.0), _stratum(0.75, 3.0, 2.0)]
    found = estimate(strata, lambda x: x, (4000, 4000), 1, _from(0))
    expected = math.sqrt((0.25**2 * 1.0 + 0.75**2 * 4.0) / 4000)
    assert float(found.standard_error) == pytest.approx(expected, rel=0.03)
    assert abs(float(found.mean) - 2.0) < 4 * expected


def test_the_standard_error_is_the_spread_of_the_mean() -> None:
    strata = [_stratum(0.25, -1.0, 1.0), _stratum(0.75, 3.0, 2.0)]
    found = [estimate(strata, lambda x: x.square(), (60, 90), 1, _from(seed)) for seed in range(400)]
    means = torch.stack([one.mean for one in found])
    errors = torch.stack([one.standard_error for one in found])
    assert float(means.std() / errors.square().mean().sqrt()) == pytest.approx(1.0, abs=0.1)
    assert float(((means - (0.25 * 2 + 0.75 * 13)).abs() < 1.96 * errors).double().mean()) > 0.9


def test_blocks_bound_the_memory_and_change_no_law(monkeypatch) -> None:
    largest = 0

    def function(x):
        nonlocal largest
        largest = max(largest, len(x))
        return x.square()

    monkeypatch.setattr(stratified, "_CHUNK", 1000)
    found = moments(_stratum(1.0, 1.0, 2.0), function, 9001, 10, _from(0))
    assert largest <= 100 + 1
    assert found.n == 9001
    assert float(found.mean) == pytest.approx(5.0, rel=0.1)
    assert float(found.variance) == pytest.approx(2 * 16 + 4 * 4, rel=0.15)
    assert float(found.largest) > 30


@pytest.mark.parametrize("block", [7, 10**6])
def test_a_gradient_by_blocks_is_that_of_the_draws(monkeypatch, block) -> None:
    monkeypatch.setattr(stratified, "_CHUNK", block)
    mean = torch.tensor(1.0).double().requires_grad_()
    stratum = Stratum(torch.tensor(1.0).double(), Normal(mean, 2.0))
    before = torch.get_rng_state()
    found = moments(stratum, lambda x: x.square(), 500, 1, _from(0))
    (gradient,) = torch.autograd.grad(found.mean, mean)
    # d/dm mean (m + s z)^2 = 2 mean(x)
    again = moments(stratum, lambda x: 2 * x, 500, 1, _from(0))
    assert float(gradient) == pytest.approx(again.mean.item(), rel=1e-12)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("make", "parameter", "function", "value", "slope"),
    [
        (Poisson, 3.0, lambda x: x.square(), 12.0, 7.0),  # l + l^2
        (Bernoulli, 0.25, lambda x: 5 * x + 1, 2.25, 5.0),
    ],
)
def test_a_law_without_reparametrised_draws_has_the_gradient_of_its_score(
    make, parameter, function, value, slope, monkeypatch
) -> None:
    leaf = torch.tensor(parameter).double().requires_grad_()
    gradients, means = [], []
    monkeypatch.setattr(stratified, "_CHUNK", 250)  # in two blocks
    for seed in range(40):
        stratum = Stratum(torch.tensor(1.0).double(), make(leaf))
        found = moments(stratum, function, 500, 1, _from(seed))
        means.append(found.mean.detach())
        gradients.append(torch.autograd.grad(found.mean, leaf)[0])
    for values, expected in ((means, value), (gradients, slope)):
        values = torch.stack(values)
        assert abs(float(values.mean()) - expected) < 4 * float(values.std()) / 40**0.5


def test_a_stratum_without_weight_counts_for_nothing() -> None:
    strata = [_stratum(1.0, 0.0, 1.0), _stratum(0.0, 5.0, 1.0)]
    found = estimate(strata, lambda x: torch.where(x > 4.5, inf, x * 0 + 1.0), (50, 50), 1, _from(0))
    assert (float(found.mean), float(found.standard_error)) == (1.0, pytest.approx(0.0, abs=1e-14))


def test_an_infinite_draw_makes_the_mean_infinite_and_nan_is_an_error() -> None:
    strata = [_stratum(1.0, 0.0, 1.0)]
    found = estimate(strata, lambda x: torch.where(x > 1, inf, x), (500,), 1, _from(0))
    assert (float(found.mean), float(found.standard_error)) == (inf, 0.0)
    with pytest.raises(ConvergenceError, match="not a number at a draw"):
        estimate(strata, lambda x: x.log(), (500,), 1, _from(0))


def test_one_draw_that_makes_the_error_is_seen() -> None:
    heavy = estimate([_stratum(1.0, 0.0, 1.0)], lambda x: (x.square() * 3).exp(), (5000,), 1, _from(0))
    light = estimate([_stratum(1.0, 0.0, 1.0)], lambda x: x.square(), (5000,), 1, _from(0))
    assert float(light.dominance) < 0.05 < 0.5 < float(heavy.dominance)
