from __future__ import annotations

import math
import warnings

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate as scipy_integrate
from torch.distributions import (
    Beta,
    Categorical,
    Cauchy,
    Exponential,
    Gamma,
    Gumbel,
    Independent,
    Laplace,
    LogNormal,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    Poisson,
    StudentT,
    Uniform,
    VonMises,
    kl_divergence,
)

from mixtura.divergence.integrands import pointwise
from mixtura.divergence.mixtures import gaussian_mixture
from mixtura.divergence.quadrature import can_integrate, divergence_by_quadrature
from mixtura.errors import InputError, NumericalWarning

inf = math.inf
DIVERGENCES = [
    ("kl", None),
    ("jeffreys", None),
    ("jensen_shannon", None),
    ("alpha", 0.5),
    ("alpha", 1.5),
    ("renyi", 0.5),
    ("renyi", 1.5),
]
seeds = st.integers(0, 10**6)


def _d(*values: float) -> list[torch.Tensor]:
    return [torch.tensor(value, dtype=torch.float64) for value in values]


def _normal(mean: float, scale: float) -> Normal:
    return Normal(*_d(mean, scale))


CLOSED = {
    "normals": (_normal(0.0, 1.0), _normal(1.0, 2.0)),
    "nearly equal normals": (_normal(0.0, 1.0), _normal(1e-5, 1.0)),
    "narrow normals far apart": (_normal(0.0, 1e-6), _normal(1e6, 1e-6)),
    "narrow in wide": (_normal(0.0, 1e-6), _normal(1e6, 1e6)),
    "narrow normals far away": (_normal(1e6, 1e-6), _normal(1e6, 1.5e-6)),
    "normal and gumbel": (_normal(0.0, 1.0), Gumbel(*_d(0.0, 1.0))),
    "normal and laplace": (Laplace(*_d(0.0, 1.0)), _normal(0.5, 1.0)),
    "gammas": (Gamma(*_d(0.3, 2.0)), Gamma(*_d(2.0, 1.0))),
    "betas": (Beta(*_d(4.0, 5.0)), Beta(*_d(2.0, 3.0))),
    "log normals": (LogNormal(*_d(0.0, 5.0)), LogNormal(*_d(1.0, 2.0))),
    "exponential and normal": (Exponential(_d(1.0)[0]), _normal(0.0, 1.0)),
    "uniforms": (Uniform(*_d(0.0, 1.0)), Uniform(*_d(-1.0, 3.0))),
}


@pytest.mark.parametrize("name", CLOSED)
def test_agrees_with_closed_forms_within_its_error(name) -> None:
    p, q = CLOSED[name]
    value, error = divergence_by_quadrature(p, q)
    exact = float(kl_divergence(p, q))
    assert abs(float(value) - exact) <= float(error) + 1e-12 * exact
    assert float(error) <= 1e-9 * exact + 1e-13


INFINITE = {
    "cauchy, normal": (Cauchy(*_d(0.0, 1.0)), _normal(0.0, 1.0)),
    "cauchy, laplace": (Cauchy(*_d(0.0, 1.0)), Laplace(*_d(0.0, 1.0))),
    "student 2, normal": (StudentT(*_d(2.0)), _normal(0.0, 1.0)),
    "laplace, gumbel": (Laplace(*_d(0.0, 1.0)), Gumbel(*_d(0.0, 1.0))),
    "normal, exponential": (_normal(0.0, 1.0), Exponential(_d(1.0)[0])),
    "uniform, uniform": (Uniform(*_d(0.0, 1.0)), Uniform(*_d(1e-9, 2.0))),
    "normal, far ends": (_normal(0.0, 1.0), Uniform(*_d(-50.0, 50.0))),
}


@pytest.mark.parametrize("name", INFINITE)
def test_an_infinite_divergence_is_infinite_and_has_no_nan_in_its_gradient(name) -> None:
    p, q = INFINITE[name]
    value, error = divergence_by_quadrature(p, q)
    assert (float(value), float(error)) == (inf, 0.0)


@pytest.mark.parametrize(
    ("divergence", "alpha", "expected"),
    [
        ("jensen_shannon", None, math.log(2)),
        ("alpha", 0.5, 4.0),
        ("alpha", 1.5, inf),
        ("alpha", -0.5, inf),
        ("renyi", 0.5, inf),
        ("renyi", 2.0, inf),
        ("renyi", 0.0, inf),
        ("jeffreys", None, inf),
    ],
)
def test_distributions_that_have_nothing_in_common(divergence, alpha, expected) -> None:
    value, _ = divergence_by_quadrature(Uniform(*_d(0.0, 1.0)), Uniform(*_d(2.0, 3.0)), divergence, alpha)
    assert float(value) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("df", [2.2, 3.0, 10.0])
def test_a_heavy_tail_is_followed_to_its_end(df) -> None:
    p, q = StudentT(*_d(df)), _normal(0.0, 1.0)
    value, error = divergence_by_quadrature(p, q)
    # -h(p) + 1/2 log 2 pi + 1/2 df / (df - 2)
    exact = -float(p.entropy()) + 0.5 * math.log(2 * math.pi) + 0.5 * df / (df - 2)
    assert float(value) == pytest.approx(exact, rel=1e-12)
    assert float(error) < 1e-12


def test_a_log_density_that_overflows_in_the_tail_is_no_finite_mistake() -> None:
    p, q = Laplace(*_d(0.0, 0.99)), Gumbel(*_d(0.0, 1.0))
    with pytest.warns(NumericalWarning, match="quadrature reached an error of"):
        value, error = divergence_by_quadrature(p, q)
    exact = -math.log(2 * 0.99) - 1 + 1 / (1 - 0.99**2)
    assert abs(float(value) - exact) <= float(error)
    p = Laplace(*_d(0.0, 0.9))
    exact = -math.log(2 * 0.9) - 1 + 1 / (1 - 0.9**2)
    assert float(divergence_by_quadrature(p, q)[0]) == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize(("divergence", "alpha"), DIVERGENCES[:5])
@settings(max_examples=3)
@given(seed=seeds)
def test_mixtures_against_quadpack(random_mixture, divergence, alpha, seed) -> None:
    p, q = random_mixture(seed), random_mixture(seed + 1)
    value, error = divergence_by_quadrature(p, q, divergence, alpha)
    if not math.isfinite(float(value)):
        return
    integrand = pointwise(divergence, alpha)

    def log_density_of(mixture):
        weights = mixture.mixture_distribution.probs.numpy()
        parts = mixture.component_distribution
        means, scales = parts.loc.numpy(), parts.scale.numpy()
        constants = np.log(weights) - np.log(scales) - 0.5 * math.log(2 * math.pi)

        def log_density(x):
            joint = constants - 0.5 * ((x - means) / scales) ** 2
            most = joint.max()
            return torch.tensor(most + math.log(np.exp(joint - most).sum()), dtype=torch.float64)

        return log_density

    log_p, log_q = log_density_of(p), log_density_of(q)

    def at(x):
        return float(integrand(log_p(x), log_q(x)))

    marks = sorted({float(mean) for one in (p, q) for mean in one.component_distribution.mean})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", scipy_integrate.IntegrationWarning)
        exact, _ = scipy_integrate.quad(at, -60, 60, points=marks, limit=400, epsabs=0, epsrel=1e-10)
    assert float(value) == pytest.approx(exact, rel=1e-6, abs=1e-12)
    assert float(error) <= 1e-9 * abs(float(value)) + 1e-13


def test_mixtures_against_thirty_digits() -> None:
    p = gaussian_mixture([1 / 3, 2 / 3], [-3, 3], [1, 1])
    with mpmath.workdps(30):
        parts = [(mpmath.mpf(1) / 3, -3), (mpmath.mpf(2) / 3, 3)]

        def density(x):
            return mpmath.fsum(w * mpmath.npdf(x, m, 1) for w, m in parts)

        def integrand(x):
            return density(x) * (mpmath.log(density(x)) - mpmath.log(mpmath.npdf(x, 1, 3)))

        exact = mpmath.quad(integrand, [-14, -6, -3, 0, 3, 6, 14])
    value, error = divergence_by_quadrature(p, _normal(1.0, 3.0))
    assert abs(float(value) - float(exact)) <= float(error) + 1e-15


@settings(max_examples=6)
@given(seed=seeds)
def test_never_negative_and_zero_for_equal_arguments(random_mixture, seed) -> None:
    p, q = random_mixture(seed), random_mixture(seed + 1)
    for divergence, alpha in DIVERGENCES:
        assert float(divergence_by_quadrature(p, q, divergence, alpha)[0]) >= 0
        assert float(divergence_by_quadrature(p, p, divergence, alpha)[0]) == 0


@settings(max_examples=15)
@given(seed=seeds, share=st.floats(0.01, 0.99))
def test_order_and_splitting_of_components_change_nothing(random_mixture, seed, share) -> None:
    p, q = random_mixture(seed, n=3), random_mixture(seed + 1)
    value, error = divergence_by_quadrature(p, q)
    w, parts = p.mixture_distribution.probs, p.component_distribution
    turned = gaussian_mixture(w.flip(0), parts.loc.flip(0), parts.variance.flip(0), normalise=True)
    again = torch.cat([w[:1] * share, w[:1] * (1 - share), w[1:]])
    index = torch.tensor([0, 0, 1, 2])
    split = gaussian_mixture(again, parts.loc[index], parts.variance[index], normalise=True)
    for other in (turned, split):
        found, _ = divergence_by_quadrature(other, q)
        assert float(found) == pytest.approx(float(value), rel=1e-9, abs=2 * float(error))


@settings(max_examples=15)
@given(seed=seeds, shift=st.floats(-1e3, 1e3), scale=st.floats(1e-3, 1e3))
def test_invariant_under_affine_maps(random_mixture, seed, shift, scale) -> None:
    p, q = random_mixture(seed), random_mixture(seed + 1)
    value, error = divergence_by_quadrature(p, q)
    moved = [
        gaussian_mixture(
            one.mixture_distribution.probs,
            one.component_distribution.loc * scale + shift,
            one.component_distribution.variance * scale**2,
            normalise=True,
        )
        for one in (p, q)
    ]
    assert float(divergence_by_quadrature(*moved)[0]) == pytest.approx(
        float(value), rel=1e-8, abs=10 * float(error)
    )


def test_far_and_narrow_mixtures() -> None:
    means, variances = [-1e6, 1e6], [1e-12, 1e-12]
    p, q = (gaussian_mixture(weights, means, variances) for weights in ([0.3, 0.7], [0.4, 0.6]))
    value, _ = divergence_by_quadrature(p, q)
    assert float(value) == pytest.approx(0.3 * math.log(0.3 / 0.4) + 0.7 * math.log(0.7 / 0.6), rel=1e-12)


def test_a_component_without_weight_has_no_part_in_it() -> None:
    p = gaussian_mixture([1.0, 0.0], [0.0, 1e9], [1.0, 1.0])
    q = gaussian_mixture([0.0, 1.0], [-1e9, 1.0], [1e-12, 1.0])
    value, _ = divergence_by_quadrature(p, q)
    assert float(value) == pytest.approx(0.5, rel=1e-12)
    uniforms = MixtureSameFamily(
        Categorical(probs=torch.tensor([1.0, 0.0])),
        Uniform(torch.tensor([0.0, 5.0]), torch.tensor([1.0, 6.0])),
    )
    assert float(divergence_by_quadrature(uniforms, Uniform(0.0, 2.0))[0]) == pytest.approx(
        math.log(2), rel=1e-6
    )


@pytest.mark.parametrize("alpha", [0.5, 2.0])
def test_renyi_of_distributions_so_far_apart_that_their_affinity_underflows(alpha) -> None:
    value, error = divergence_by_quadrature(_normal(0.0, 1.0), _normal(100.0, 1.0), "renyi", alpha)
    assert float(value) == pytest.approx(alpha * 1e4 / 2, rel=1e-10)
    assert float(error) < 1e-6


def test_the_limits_of_the_order() -> None:
    p, q = _normal(0.0, 1.0), _normal(1.0, 1.5)
    kl, back = (float(divergence_by_quadrature(*pair)[0]) for pair in ((p, q), (q, p)))
    assert float(divergence_by_quadrature(p, q, "alpha", 1.0)[0]) == kl
    assert float(divergence_by_quadrature(p, q, "alpha", 0.0)[0]) == pytest.approx(back, rel=1e-12)
    assert float(divergence_by_quadrature(p, q, "renyi", 1.0)[0]) == kl
    assert float(divergence_by_quadrature(p, q, "alpha", 1 - 1e-5)[0]) == pytest.approx(kl, rel=1e-4)
    halves = Uniform(*_d(0.0, 1.0)), Uniform(*_d(0.0, 3.0))
    assert float(divergence_by_quadrature(*halves, "renyi", 0.0)[0]) == pytest.approx(math.log(3), rel=1e-10)


@pytest.mark.parametrize(("divergence", "alpha"), DIVERGENCES)
def test_gradients_are_those_of_finite_differences(divergence, alpha) -> None:
    def value(logits, means, log_scales, mean, log_scale):
        p = MixtureSameFamily(Categorical(logits=logits), Normal(means, log_scales.exp()))
        return divergence_by_quadrature(p, Normal(mean, log_scale.exp()), divergence, alpha, 1e-12)[0]

    leaves = (*_d([0.1, -0.3], [-1.0, 2.0], [0.0, -0.5]), *_d(0.4, 0.9))
    leaves = tuple(leaf.requires_grad_() for leaf in leaves)
    assert torch.autograd.gradcheck(value, leaves, eps=1e-5, atol=1e-7, rtol=1e-5)


def test_the_gradient_is_that_of_the_closed_form() -> None:
    mean = torch.tensor([0.0, 2.0], dtype=torch.float64, requires_grad=True)
    p, q = Normal(mean, 1.0), _normal(1.0, 2.0)
    found = divergence_by_quadrature(p, q)[0]
    torch.testing.assert_close(found, kl_divergence(p, q), rtol=1e-10, atol=0.0)
    gradients = [torch.autograd.grad(value.sum(), mean)[0] for value in (found, kl_divergence(p, q))]
    torch.testing.assert_close(*gradients, rtol=1e-8, atol=0.0)


def test_weights_of_zero_and_infinite_values_leave_no_nan_in_gradients() -> None:
    weights = torch.tensor([0.0, 0.5, 0.5], dtype=torch.float64, requires_grad=True)
    p = gaussian_mixture(weights, [0.0, 1.0, 2.0], [1.0, 1.0, 1.0])
    (gradient,) = torch.autograd.grad(divergence_by_quadrature(p, _normal(0.0, 1.0))[0], weights)
    assert torch.isfinite(gradient).all()
    scale = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    value = divergence_by_quadrature(
        Normal(torch.zeros(2, dtype=torch.float64), scale), _normal(0.0, 1.0), "alpha", 2.0
    )[0]
    assert value[1] == inf
    (gradient,) = torch.autograd.grad(value[0], scale)
    assert torch.isfinite(gradient).all()


def test_a_batch_is_its_entries() -> None:
    p = MixtureSameFamily(
        Categorical(torch.tensor([[0.2, 0.8], [0.5, 0.5], [0.9, 0.1]]).double()),
        Normal(torch.tensor([[0.0, 3.0], [1.0, -1.0], [2.0, 2.5]]).double(), 1.0),
    )
    q = Normal(torch.zeros(2, 1).double(), torch.tensor([[1.0], [2.0]]).double())
    value, error = divergence_by_quadrature(p, q)
    assert value.shape == error.shape == (2, 3)
    for i in range(2):
        for j in range(3):
            one = MixtureSameFamily(
                Categorical(p.mixture_distribution.probs[j]), Normal(p.component_distribution.loc[j], 1.0)
            )
            expected, _ = divergence_by_quadrature(one, Normal(q.loc[i, 0], q.scale[i, 0]))
            assert float(value[i, j]) == pytest.approx(float(expected), rel=1e-12)
    empty = divergence_by_quadrature(Normal(torch.zeros(0), 1.0), Normal(0.0, 1.0))[0]
    assert empty.shape == (0,)


def test_events_of_one_entry_and_smaller_types() -> None:
    p = MultivariateNormal(torch.zeros(1), torch.eye(1))
    q = Independent(Laplace(torch.zeros(1), torch.ones(1)), 1)
    value, _ = divergence_by_quadrature(p, q)
    assert value.dtype == torch.float32
    exact = divergence_by_quadrature(_normal(0.0, 1.0), Laplace(*_d(0.0, 1.0)))[0]
    assert float(value) == pytest.approx(float(exact), rel=1e-6)


def test_the_circle_is_an_interval() -> None:
    p, q = VonMises(*_d(0.0, 2.0)), VonMises(*_d(1.0, 1.0))
    x = np.linspace(-np.pi, np.pi, 20_001)
    points = torch.from_numpy(x)
    integrand = (p.log_prob(points).exp() * (p.log_prob(points) - q.log_prob(points))).numpy()
    assert float(divergence_by_quadrature(p, q)[0]) == pytest.approx(
        np.trapezoid(integrand, x), rel=1e-6
    )  # torch's I_0 has 7 digits


def test_a_singularity_at_an_end_that_is_not_zero_is_said() -> None:
    with pytest.warns(NumericalWarning):
        value, error = divergence_by_quadrature(Beta(*_d(0.5, 0.5)), Beta(*_d(2.0, 3.0)))
    exact = float(kl_divergence(Beta(*_d(0.5, 0.5)), Beta(*_d(2.0, 3.0))))
    assert abs(float(value) - exact) <= 2 * float(error) < 1e-4


def test_what_can_be_integrated() -> None:
    assert can_integrate(_normal(0.0, 1.0), Gamma(1.0, 1.0))
    assert not can_integrate(Poisson(1.0), Poisson(2.0))
    plane = MultivariateNormal(torch.zeros(2), torch.eye(2))
    assert not can_integrate(plane, plane)
    with pytest.raises(InputError, match="p is a MultivariateNormal"):
        divergence_by_quadrature(plane, plane)


def test_many_components_are_led_to_by_fewer_places() -> None:
    rng = np.random.default_rng(0)
    means, equal = rng.normal(size=(2, 60)), np.ones(60)
    p, q = (gaussian_mixture(equal, mean, equal, normalise=True) for mean in means)
    value, error = divergence_by_quadrature(p, q)
    narrow = gaussian_mixture([1.0] + [0.0] * 59, means[0], equal)
    again, _ = divergence_by_quadrature(p, narrow)
    x = torch.linspace(-12, 12, 20_001, dtype=torch.float64)
    for found, other in ((value, q), (again, narrow)):
        log_p, log_q = p.log_prob(x), other.log_prob(x)
        exact = float(torch.trapezoid(log_p.exp() * (log_p - log_q), x))
        assert float(found) == pytest.approx(exact, rel=1e-9)
    assert float(error) < 1e-12
