from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from torch import distributions as td

from mixtura.divergence.mixtures import gaussian_mixture
from mixtura.errors import InputError
from mixtura.projection.moments import factor_of, form_moments, known_moments, mixture_moments
from mixtura.projection.target import as_target


def test_the_source_mixture_to_twelve_digits() -> None:
    found = form_moments(as_target(gaussian_mixture([1 / 3, 2 / 3], [-3.0, 3.0], [1.0, 1.0])).mixture)
    assert float(found.mean) == pytest.approx(1.0, abs=1e-12)
    assert float(found.covariance) == pytest.approx(9.0, abs=1e-12)


@given(st.integers(1, 6), st.integers(1, 4), st.floats(-1e8, 1e8), st.integers(0, 100))
def test_a_shift_costs_no_digits(count, d, shift, seed) -> None:
    rng = np.random.default_rng(seed)
    log_weights = torch.from_numpy(np.log(rng.dirichlet(np.ones(count))))
    means = torch.from_numpy(rng.integers(-64, 64, size=(count, d)) / 8.0)
    covariances = torch.diag_embed(torch.from_numpy(rng.uniform(0.5, 2, size=(count, d))))
    shift = float(np.round(shift))  # so that the shifted means are exact
    here = mixture_moments(log_weights, means, covariances)
    there = mixture_moments(log_weights, means + shift, covariances)
    torch.testing.assert_close(here.covariance, there.covariance, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(here.mean + shift, there.mean, rtol=1e-15, atol=1e-12)


def test_a_component_without_weight_has_no_part() -> None:
    form = as_target(gaussian_mixture([0.0, 1.0], [1e300, 2.0], [1.0, 4.0])).mixture
    found = form_moments(form)
    assert (float(found.mean), float(found.covariance)) == (2.0, 4.0)


def test_a_factor_of_what_is_singular_is_that_of_its_diagonal() -> None:
    flat = torch.tensor([[4.0, 4.0], [4.0, 4.0]], dtype=torch.float64)
    round_ = torch.tensor([[4.0, 2.0], [2.0, 5.0]], dtype=torch.float64)
    found = factor_of(torch.stack([flat, round_]))
    torch.testing.assert_close(found[0], 2 * torch.eye(2, dtype=torch.float64))
    torch.testing.assert_close(found[1], torch.tensor([[2.0, 0.0], [1.0, 2.0]], dtype=torch.float64))


KNOWN = {
    "laplace": (td.Laplace(1.0, 2.0), stats.laplace(1, 2)),
    "gamma": (td.Gamma(3.0, 2.0), stats.gamma(3, scale=0.5)),
    "gumbel": (td.Gumbel(1.0, 2.0), stats.gumbel_r(1, 2)),
    "student": (td.StudentT(5.0, 1.0, 2.0), stats.t(5, 1, 2)),
    "lognormal": (td.LogNormal(0.0, 0.5), stats.lognorm(0.5)),
    "beta": (td.Beta(2.0, 3.0), stats.beta(2, 3)),
}


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_distributions_agree_with_scipy(name) -> None:
    ours, theirs = KNOWN[name]
    found = known_moments(ours)
    assert float(found.mean) == pytest.approx(theirs.mean(), rel=1e-12)
    assert float(found.covariance) == pytest.approx(theirs.var(), rel=1e-12)


def test_independent_and_mixtures_of_others() -> None:
    pair = td.Independent(td.Laplace(torch.zeros(2), torch.tensor([1.0, 2.0])), 1)
    torch.testing.assert_close(known_moments(pair).covariance, torch.diag(torch.tensor([2.0, 8.0]).double()))
    mixture = td.MixtureSameFamily(td.Categorical(torch.ones(2)), td.Laplace(torch.tensor([-1.0, 1.0]), 1.0))
    assert float(known_moments(mixture).covariance) == pytest.approx(3.0)


def test_what_a_distribution_does_not_know() -> None:
    assert known_moments(td.VonMises(0.0, 1.0)) is None  # torch gives the variance of a direction
    assert known_moments(td.Dirichlet(torch.ones(3))) is None
    tanh = td.TransformedDistribution(td.Normal(0.0, 1.0), [td.TanhTransform()])
    assert known_moments(tanh) is None


@pytest.mark.parametrize(
    "distribution",
    [td.StudentT(2.0), td.StudentT(1.5), td.Cauchy(0.0, 1.0), td.Pareto(1.0, 2.0), td.HalfCauchy(1.0)],
)
def test_no_second_moments(distribution) -> None:
    with pytest.raises(InputError, match="without second moments there is no inclusive projection"):
        known_moments(distribution)
