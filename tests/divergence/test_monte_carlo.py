from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import (
    Bernoulli,
    Beta,
    Categorical,
    Cauchy,
    Exponential,
    Gamma,
    Independent,
    Laplace,
    LowRankMultivariateNormal,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    Poisson,
    StudentT,
    Uniform,
    kl_divergence,
)

from mixtura.divergence import stratified
from mixtura.divergence.mixtures import gaussian_mixture
from mixtura.divergence.monte_carlo import divergence_by_monte_carlo
from mixtura.divergence.quadrature import divergence_by_quadrature
from mixtura.errors import InputError, NumericalWarning

inf = math.inf
DIVERGENCES = [
    ("kl", None),
    ("jeffreys", None),
    ("jensen_shannon", None),
    ("alpha", 0.3),
    ("alpha", 1.5),
    ("renyi", 0.5),
    ("renyi", 1.5),
]


def _from(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _mixtures() -> tuple[MixtureSameFamily, MixtureSameFamily]:
    p = gaussian_mixture([0.2, 0.3, 0.5], [-2.0, 0.0, 3.0], [1.0, 1.5, 0.5])
    return p, gaussian_mixture([0.4, 0.6], [-1.0, 2.0], [2.0, 1.5])


@pytest.mark.filterwarnings("ignore::mixtura.errors.NumericalWarning")  # 2000 draws are few for Jeffreys'
@pytest.mark.parametrize(("divergence", "alpha"), DIVERGENCES)
def test_within_its_standard_error_of_quadrature_over_many_seeds(divergence, alpha) -> None:
    p, q = _mixtures()
    exact = float(divergence_by_quadrature(p, q, divergence, alpha)[0])
    found = [divergence_by_monte_carlo(p, q, divergence, alpha, 2000, _from(seed)) for seed in range(40)]
    values, errors = (torch.stack(part) for part in zip(*found, strict=True))
    scores = (values - exact) / errors
    assert float(scores.abs().max()) < 4
    # The standard error is that of the spread, and covers as often as it should.
    assert float(values.std() / errors.mean()) == pytest.approx(1.0, abs=0.3)
    assert abs(float(scores.mean())) < 4 / 40**0.5
    assert float((scores.abs() < 1.96).double().mean()) > 0.85


@pytest.mark.parametrize(
    ("p", "q"),
    [
        (Normal(0.0, 1.0), Normal(1.0, 2.0)),
        (Gamma(2.0, 1.0), Gamma(3.0, 2.0)),
        (Poisson(3.0), Poisson(4.0)),
        (Beta(2.0, 3.0), Beta(3.0, 2.0)),
        (Exponential(1.0), Gamma(1.5, 1.0)),
        (Uniform(0.0, 1.0), Uniform(-1.0, 2.0)),
        (Categorical(torch.tensor([0.2, 0.3, 0.5])), Categorical(torch.tensor([0.5, 0.25, 0.25]))),
        (
            Independent(Bernoulli(torch.tensor([0.2, 0.6])), 1),
            Independent(Bernoulli(torch.tensor([0.5, 0.5])), 1),
        ),
        (
            MultivariateNormal(torch.zeros(3), torch.eye(3)),
            LowRankMultivariateNormal(torch.ones(3), torch.ones(3, 1), torch.ones(3)),
        ),
    ],
)
def test_closed_forms_of_any_kind(p, q) -> None:
    value, error = divergence_by_monte_carlo(p, q, n_samples=20_000)
    assert abs(float(value) - float(kl_divergence(p, q))) < 4 * float(error) + 1e-6


@settings(max_examples=5)
@given(seed=st.integers(0, 10**6), d=st.integers(2, 6))
def test_equal_arguments_give_zero_and_nearly_equal_ones_a_small_error(random_mixture, seed, d) -> None:
    p = random_mixture(seed, d)
    for divergence, alpha in DIVERGENCES:
        value, error = divergence_by_monte_carlo(p, p, divergence, alpha, 500)
        assert (float(value), float(error)) == (0.0, 0.0)
    parts = p.component_distribution
    q = MixtureSameFamily(
        p.mixture_distribution, MultivariateNormal(parts.loc + 1e-4, scale_tril=parts.scale_tril)
    )
    value, error = divergence_by_monte_carlo(p, q, n_samples=2000)
    assert 0 < float(error) < 0.2 * float(value)


def test_same_seed_same_bits_other_seed_others_and_no_global_state() -> None:
    p, q = _mixtures()
    students = MixtureSameFamily(Categorical(torch.ones(2)), StudentT(3.0, torch.tensor([0.0, 4.0]), 1.0))
    before = torch.get_rng_state()
    for one, other in ((p, q), (students, Laplace(0.0, 2.0))):
        first, again, third = (
            divergence_by_monte_carlo(one, other, n_samples=500, generator=_from(s)) for s in (1, 1, 2)
        )
        assert torch.equal(first[0], again[0]) and torch.equal(first[1], again[1])
        assert not torch.equal(first[0], third[0])
        default = divergence_by_monte_carlo(one, other, n_samples=500)
        assert torch.equal(
            default[0], divergence_by_monte_carlo(one, other, n_samples=500, generator=_from(0))[0]
        )
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(("divergence", "alpha"), DIVERGENCES)
def test_gradients_are_unbiased(divergence, alpha) -> None:
    leaves = [
        torch.tensor(values).double().requires_grad_()
        for values in ([0.1, -0.3], [-1.0, 2.0], [0.0, -0.5], 0.4, 0.9)
    ]

    def pair():
        logits, means, log_scales, mean, log_scale = leaves
        p = MixtureSameFamily(Categorical(logits=logits), Normal(means, log_scales.exp()))
        return p, Normal(mean, log_scale.exp())

    exact = torch.autograd.grad(divergence_by_quadrature(*pair(), divergence, alpha)[0], leaves)
    drawn = []
    for seed in range(16):
        value, _ = divergence_by_monte_carlo(*pair(), divergence, alpha, 2000, _from(seed))
        drawn.append(torch.cat([part.reshape(-1) for part in torch.autograd.grad(value, leaves)]))
    found = torch.stack(drawn)
    expected = torch.cat([part.reshape(-1) for part in exact])
    score = (found.mean(dim=0) - expected) / (found.std(dim=0) / 16**0.5 + 1e-9)
    assert float(score.abs().max()) < 4.5


def test_gradients_of_kinds_without_reparametrised_draws_are_unbiased() -> None:
    rates = torch.tensor([1.0, 5.0]).double().requires_grad_()
    logits = torch.tensor([0.2, 0.0]).double().requires_grad_()
    q = Poisson(torch.tensor(3.0).double())
    points = torch.arange(80.0).double()

    def p():
        return MixtureSameFamily(Categorical(logits=logits), Poisson(rates))

    log_p, log_q = p().log_prob(points), q.log_prob(points)
    exact = torch.autograd.grad((log_p.exp() * (log_p - log_q)).sum(), (rates, logits))
    drawn = []
    for seed in range(16):
        value, _ = divergence_by_monte_carlo(p(), q, n_samples=2000, generator=_from(seed))
        drawn.append(torch.cat(torch.autograd.grad(value, (rates, logits))))
    found = torch.stack(drawn)
    score = (found.mean(dim=0) - torch.cat(exact)) / (found.std(dim=0) / 16**0.5)
    assert float(score.abs().max()) < 4.5


@pytest.mark.parametrize("divergence", ["kl", "jeffreys"])
def test_mass_that_q_misses_makes_it_infinite_without_a_nan(divergence) -> None:
    scale = torch.tensor(1.0, requires_grad=True)
    value, error = divergence_by_monte_carlo(Normal(0.0, scale), Exponential(1.0), divergence, n_samples=500)
    assert (value.item(), float(error)) == (inf, 0.0)
    value, _ = divergence_by_monte_carlo(Exponential(1 / scale), Normal(0.0, 1.0), n_samples=500)
    (gradient,) = torch.autograd.grad(value, scale)
    assert torch.isfinite(gradient)


def test_bounded_divergences_of_what_has_nothing_in_common() -> None:
    p, q = Uniform(0.0, 1.0), Uniform(2.0, 3.0)
    assert float(divergence_by_monte_carlo(p, q, "jensen_shannon")[0]) == pytest.approx(math.log(2))
    assert float(divergence_by_monte_carlo(p, q, "alpha", 0.5)[0]) == pytest.approx(4.0)
    assert float(divergence_by_monte_carlo(p, q, "renyi", 0.5)[0]) == inf
    assert float(divergence_by_monte_carlo(p, q, "renyi", 2.0)[0]) == inf


def test_an_error_that_cannot_be_trusted_is_said() -> None:
    with pytest.warns(NumericalWarning, match="of the variance"):
        divergence_by_monte_carlo(Cauchy(0.0, 1.0), Normal(0.0, 1.0), n_samples=5000)


def test_a_batch_is_estimated_entry_by_entry() -> None:
    p = MixtureSameFamily(Categorical(torch.ones(3, 2)), Normal(torch.randn(3, 2, generator=_from(0)), 1.0))
    q = Normal(torch.zeros(2, 1), torch.tensor([[1.0], [2.0]]))
    for divergence, alpha in DIVERGENCES[:6]:
        value, error = divergence_by_monte_carlo(p, q, divergence, alpha, n_samples=4000)
        exact, _ = divergence_by_quadrature(p, q, divergence, alpha)
        assert value.shape == error.shape == (2, 3) and value.dtype == torch.float32
        assert bool(((value - exact).abs() < 4.5 * error + 1e-6).all())
    assert divergence_by_monte_carlo(Normal(torch.zeros(0), 1.0), Normal(0.0, 1.0))[0].shape == (0,)


def test_memory_is_bounded_by_blocks(monkeypatch) -> None:
    monkeypatch.setattr(stratified, "_CHUNK", 2000)
    p, q = _mixtures()
    value, error = divergence_by_monte_carlo(p, q, n_samples=5000)
    assert abs(float(value) - float(divergence_by_quadrature(p, q)[0])) < 4 * float(error)


def test_a_component_without_weight_is_not_drawn_from() -> None:
    p = gaussian_mixture([1.0, 0.0], [0.0, 50.0], [1.0, 1.0])
    value, error = divergence_by_monte_carlo(p, Normal(0.0, 1.0), n_samples=500)
    assert (float(value), float(error)) == (0.0, 0.0)


def test_too_few_draws_are_refused() -> None:
    with pytest.raises(InputError, match="n_samples is 3"):
        divergence_by_monte_carlo(Normal(0.0, 1.0), Normal(0.0, 1.0), n_samples=3)
