from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.special import gamma

from mixtura.em.engine import run_em
from mixtura.em.poisson import Gamma, PoissonFamily, PoissonParameters
from mixtura.em.source import ArraySource
from mixtura.em.steps import MixtureParameters, e_step, free_energy, m_step
from mixtura.errors import InputError


def _mass(x: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """Return the probabilities of counts, and what they grow into between whole numbers."""
    return rates**x * np.exp(-rates) / gamma(x + 1)


@pytest.mark.parametrize("fractions", [False, True])
def test_em_agrees_with_a_loop_over_rows(fractions: bool, rng: np.random.Generator) -> None:
    n, K = 50, 2
    X = rng.poisson(np.where(rng.random((n, 1)) < 0.4, [[1.0, 9.0, 3.0]], [[5.0, 2.0, 3.0]])).astype(float)
    if fractions:
        X *= rng.random(X.shape)
    else:
        np.testing.assert_allclose(_mass(X, 2.5), stats.poisson(2.5).pmf(X))
    X[rng.random(X.shape) < 0.2] = np.nan
    pi, rates = np.array([0.3, 0.7]), rng.uniform(1, 6, (K, 3))
    start = MixtureParameters(np.log(pi), PoissonParameters(rates))
    family = PoissonFamily(K, 3, fractions=fractions)
    result = run_em(family, ArraySource(X), start, criterion=lambda _: None, max_iter=6)
    there = ~np.isnan(X)
    for _ in range(6):
        soft = np.empty((n, K))
        for i in range(n):
            own = there[i]
            soft[i] = [pi[k] * np.prod(_mass(X[i, own], rates[k, own])) for k in range(K)]
            soft[i] /= soft[i].sum()
        pi, rates = soft.mean(axis=0), (soft.T @ np.nan_to_num(X)) / (soft.T @ there)
    np.testing.assert_allclose(result.theta.components.rates, rates, rtol=1e-10)
    np.testing.assert_allclose(np.exp(result.theta.log_weights), pi, rtol=1e-10)


def test_fractions_of_any_size_never_lower_f(rng: np.random.Generator) -> None:
    first = rng.random((300, 1)) < 0.5
    X = rng.gamma(np.where(first, [[1e6, 0.5, 3e5]], [[1.002e6, 3.0, 2.0]]))
    start = PoissonParameters(np.array([[1e6, 1.0, 1e5], [1.001e6, 2.0, 3e5]]))
    theta = MixtureParameters(np.log([0.5, 0.5]), start)
    family = PoissonFamily(2, 3, fractions=True)
    result = run_em(family, ArraySource(X), theta, criterion=lambda _: None, max_iter=12)
    assert np.diff(result.free_energy_path).min() > -1e-12
    expected = np.sort(np.array([X[first[:, 0]].mean(axis=0), X[~first[:, 0]].mean(axis=0)])[:, 2])
    np.testing.assert_allclose(np.sort(result.theta.components.rates[:, 2]), expected, rtol=1e-9)


@pytest.fixture
def large(rng: np.random.Generator) -> tuple[np.ndarray, MixtureParameters]:
    """Return counts next to 1e8 beside small ones, and a start."""
    first = rng.random(400) < 0.5
    X = np.column_stack(
        [
            rng.poisson(np.where(first, 1e8, 1e8 + 5e4)),
            rng.poisson(np.where(first, 2.0, 5.0)),
            rng.poisson(np.where(first, 3.0, 4e5)),
        ]
    ).astype(float)
    X[5, 0] = X[7, 1] = X[9, 2] = np.nan
    start = PoissonParameters(np.array([[1e8 - 1e4, 3.0, 10.0], [1e8 + 7e4, 4.0, 3e5]]))
    return X, MixtureParameters(np.log([0.5, 0.5]), start)


def test_large_counts_lose_no_digits(large: tuple[np.ndarray, MixtureParameters]) -> None:
    """Written out, each log-density would be off by 1e-7 and F would fall."""
    X, start = large
    family = PoissonFamily(2, 3)
    theta = start
    for _ in range(6):
        expectation = e_step(family, ArraySource(X), theta)
        assert free_energy(family, expectation, theta) == pytest.approx(expectation.log_likelihood, rel=1e-13)
        theta = m_step(family, expectation)
    result = run_em(family, ArraySource(X), start, criterion=lambda _: None, max_iter=12)
    steps = np.diff(result.free_energy_path)
    assert steps.min() > -1e-12
    assert steps[0] > 0
    groups = (X[:, 2] > 1000) | (X[:, 0] > 1e8 + 2.5e4)  # either may be missing
    np.testing.assert_allclose(result.theta.components.rates[1, 0], np.nanmean(X[groups, 0]), rtol=1e-7)
    each = stats.poisson(result.theta.components.rates[None]).logpmf(np.nan_to_num(X)[:, None])
    each = np.where(np.isnan(X)[:, None], 0.0, each).sum(axis=2) + result.theta.log_weights
    last = e_step(family, ArraySource(X), result.theta).log_likelihood
    assert last == pytest.approx(np.logaddexp(each[:, 0], each[:, 1]).sum(), abs=1e-4)


def test_sums_about_different_rates_combine(large: tuple[np.ndarray, MixtureParameters]) -> None:
    X, start = large
    family = PoissonFamily(2, 3)
    other = MixtureParameters(
        np.log([0.5, 0.5]), PoissonParameters(np.array([[2.0, 2e5, 1.0], [1.0, 1.0, 3.0]]))
    )
    third = PoissonParameters(np.array([[1e8, 3.0, 10.0], [1e8, 3.0, 1e5]]))
    for a, b in [(start, other), (other, start), (start, start)]:
        first, second = (e_step(family, ArraySource(X[i::2]), theta) for i, theta in enumerate((a, b)))
        mixed = family.combine(first.statistics, second.statistics, (0.25, 2.0))
        expected = 0.25 * family.expected_log_density(first.statistics, third)
        expected += 2.0 * family.expected_log_density(second.statistics, third)
        assert family.expected_log_density(mixed, third) == pytest.approx(expected, rel=1e-11)
        rates = family.maximise(mixed).rates
        total = sum(
            factor * (s.events + s.observed * s.reference)
            for factor, s in [(0.25, first.statistics), (2.0, second.statistics)]
        )
        seen = 0.25 * first.statistics.observed + 2.0 * second.statistics.observed
        np.testing.assert_allclose(rates, total / seen, rtol=1e-9)


@pytest.mark.parametrize("value", [-1.0, 0.5, np.inf])
def test_an_entry_that_is_no_count_is_named(value: float) -> None:
    family = PoissonFamily(1, 2)
    prepared, out = family.prepare(PoissonParameters(np.ones((1, 2)))), np.empty((1, 1))
    with pytest.raises(
        InputError, match=rf"^column 1 \(from 0\) holds {value:g}, and a Poisson mixture takes"
    ):
        family.log_density(prepared, np.array([[0.0], [value]]), out)
    if value != 0.5:
        with pytest.raises(InputError, match=rf"holds {value:g}, .*: finite numbers from 0 up"):
            PoissonFamily(1, 2, fractions=True).log_density(prepared, np.array([[0.0], [value]]), out)


def test_a_rate_of_zero_explains_zeros_only() -> None:
    family = PoissonFamily(2, 1)
    X = np.array([[0.0], [0.0], [4.0]])
    start = MixtureParameters(np.log([0.5, 0.5]), PoissonParameters(np.array([[0.0], [1.0]])))
    result = run_em(family, ArraySource(X), start, criterion=lambda _: None, max_iter=30)
    assert result.theta.components.rates[0, 0] == 0.0
    assert np.isfinite(result.free_energy_path).all()


def test_a_column_without_entries_does_no_harm() -> None:
    family = PoissonFamily(2, 2)
    X = np.array([[0.0, np.nan], [3.0, np.nan]])
    start = MixtureParameters(np.log([0.5, 0.5]), PoissonParameters(np.array([[1.0, 1.0], [2.0, 2.0]])))
    after = m_step(family, e_step(family, ArraySource(X), start))
    assert (after.components.rates[:, 1] == 1.0).all()


@pytest.mark.parametrize(("shape", "rate"), [(0.5, 1.0), (2.0, -1.0), (np.nan, 0.0)])
def test_a_prior_without_a_mode_is_refused(shape: float, rate: float) -> None:
    with pytest.raises(InputError, match="a Gamma prior needs a shape of at least 1"):
        Gamma(shape, rate)


def test_the_prior_is_a_gamma_density_and_holds_for_large_counts_too() -> None:
    family = PoissonFamily(1, 1, prior=Gamma(3.0, 0.5))
    a, b = (PoissonParameters(np.array([[rate]])) for rate in (2.0, 7.0))
    expected = np.diff(stats.gamma(3.0, scale=2.0).logpdf([7.0, 2.0]))[0]
    assert family.log_prior(a) - family.log_prior(b) == pytest.approx(expected)
    X = np.array([[1e6], [1e6 + 10.0]])
    start = MixtureParameters(np.zeros(1), PoissonParameters(np.array([[9e5]])))
    after = m_step(family, e_step(family, ArraySource(X), start))
    assert after.components.rates[0, 0] == pytest.approx((2e6 + 10 + 2) / 2.5, rel=1e-14)
