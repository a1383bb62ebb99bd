from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from mixtura.em.bernoulli import BernoulliFamily, Beta
from mixtura.em.engine import run_em
from mixtura.em.source import ArraySource
from mixtura.em.steps import MixtureParameters, e_step
from mixtura.errors import InputError


def test_em_agrees_with_a_loop_over_rows(rng: np.random.Generator) -> None:
    n, d, K = 60, 4, 2
    X = (rng.random((n, d)) < np.where(rng.random((n, 1)) < 0.4, 0.2, 0.8)).astype(float)
    pi, t = np.array([0.3, 0.7]), rng.uniform(0.2, 0.8, (K, d))
    family = BernoulliFamily(K, d)
    start = MixtureParameters(np.log(pi), family.parameters(t))
    result = run_em(family, ArraySource(X), start, criterion=lambda _: None, max_iter=6)
    likelihood = 0.0
    for _ in range(6):
        soft = np.empty((n, K))
        likelihood = 0.0
        for i, x in enumerate(X):
            soft[i] = [pi[k] * np.prod(stats.bernoulli(t[k]).pmf(x)) for k in range(K)]
            likelihood += np.log(soft[i].sum()) / n
            soft[i] /= soft[i].sum()
        pi, t = soft.mean(axis=0), (soft.T @ X) / soft.sum(axis=0)[:, None]
    np.testing.assert_allclose(family.probabilities(result.theta.components), t, rtol=1e-10)
    np.testing.assert_allclose(np.exp(result.theta.log_weights), pi, rtol=1e-10)
    assert result.lower_bound == pytest.approx(likelihood, rel=1e-12)


def test_parameters_go_there_and_back(rng: np.random.Generator) -> None:
    family, t = BernoulliFamily(3, 5), rng.random((3, 5))
    np.testing.assert_array_equal(family.probabilities(family.parameters(t)), t)


def test_a_column_of_ones_has_probability_one_for_ever() -> None:
    """Sums of zeros that are differences of sums of ones would leave rounding times log 0."""
    X = np.column_stack([np.ones(1000), np.arange(1000) % 2])
    family = BernoulliFamily(2, 2)
    start = MixtureParameters(np.log([1 / 3, 2 / 3]), family.parameters(np.array([[0.7, 0.3], [0.9, 0.6]])))
    result = run_em(family, ArraySource(X), start, criterion=lambda _: None, max_iter=20)
    assert (family.probabilities(result.theta.components)[:, 0] == 1.0).all()
    assert e_step(family, ArraySource(X), result.theta).log_likelihood / 1000 == pytest.approx(-np.log(2))


@pytest.mark.parametrize("value", [2.0, -1.0, 0.5, np.inf])
def test_an_entry_that_is_neither_zero_nor_one_is_named(value: float) -> None:
    family = BernoulliFamily(1, 2)
    prepared = family.prepare(family.parameters(np.array([[0.5, 0.5]])))
    with pytest.raises(
        InputError, match=rf"^column 1 \(from 0\) holds {value:g}, and a Bernoulli mixture takes"
    ):
        family.log_density(prepared, np.array([[0.0], [value]]), np.empty((1, 1)))


@pytest.mark.parametrize(("a", "b"), [(0.5, 1.0), (1.0, 0.0), (np.nan, 2.0)])
def test_a_prior_without_a_mode_is_refused(a: float, b: float) -> None:
    with pytest.raises(InputError, match="parameters of a Beta prior must be at least 1"):
        Beta(a, b)


def test_the_prior_is_a_beta_density() -> None:
    family = BernoulliFamily(2, 1, prior=Beta(3.0, 1.5))
    thetas = [family.parameters(np.array(t)[:, None]) for t in ([0.2, 0.9], [0.5, 0.6])]
    expected = [stats.beta(3.0, 1.5).logpdf(t).sum() for t in ([0.2, 0.9], [0.5, 0.6])]
    assert family.log_prior(thetas[0]) - family.log_prior(thetas[1]) == pytest.approx(
        expected[0] - expected[1]
    )
