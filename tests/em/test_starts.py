from __future__ import annotations

import numpy as np
import pytest
from sklearn.mixture import GaussianMixture

from mixtura.em.bernoulli import BernoulliFamily
from mixtura.em.engine import run_em
from mixtura.em.family import Array
from mixtura.em.gaussian import FullGaussians, GaussianParameters
from mixtura.em.source import ArraySource
from mixtura.em.starts import METHODS, from_responsibilities, sampled, short_runs, start
from mixtura.em.stopping import Absolute
from mixtura.errors import ConvergenceError, InputError

K, D = 3, 2
FAMILY = FullGaussians(K, D)
REFERENCE = GaussianParameters(np.zeros((K, D)), np.tile(np.eye(D), (K, 1, 1)))


def rows(n: int = 300, seed: int = 0) -> Array:
    rng = np.random.default_rng(seed)
    centres = np.array([[0.0, 0.0], [6.0, 1.0], [-3.0, 7.0]])
    return centres[rng.integers(K, size=n)] + rng.normal(size=(n, D))


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("method", METHODS)
def test_the_same_generator_gives_the_same_start(method: str) -> None:
    first, second, other = (
        start(FAMILY, ArraySource(rows()), method, generator(seed), reference=REFERENCE).components
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first.means, second.means)
    np.testing.assert_array_equal(first.covariances, second.covariances)
    assert not np.array_equal(first.means, other.means)


@pytest.mark.parametrize("method", METHODS)
def test_responsibilities_sum_to_one(method: str) -> None:
    shares = METHODS[method](rows(), np.ones(300), K, generator())
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    assert (shares.sum(axis=0) > 0).all()


@pytest.mark.parametrize("method", ["kmeans", "k-means++", "random"])
@pytest.mark.parametrize("seed", range(3))
def test_a_weight_of_zero_is_a_dropped_row(method: str, seed: int) -> None:
    data, weights = rows(), np.ones(300)
    weights[::3] = 0.0
    data[::3] += 1e3
    weighted = start(FAMILY, ArraySource(data, weights), method, generator(seed), reference=REFERENCE)
    weights = weights[weights > 0] * 2.0
    kept = np.delete(data, np.s_[::3], axis=0)
    dropped = start(FAMILY, ArraySource(kept, weights), method, generator(seed), reference=REFERENCE)
    np.testing.assert_allclose(weighted.components.means, dropped.components.means, atol=1e-10)
    np.testing.assert_allclose(weighted.log_weights, dropped.log_weights, atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_each_leads_to_scikit_learns_optimum(method: str) -> None:
    data = rows()
    theirs = GaussianMixture(K, init_params=method, n_init=5, tol=1e-10, max_iter=1000, random_state=0)
    expected = theirs.fit(data).lower_bound_
    ours = max(
        run_em(
            FAMILY,
            ArraySource(data),
            start(FAMILY, ArraySource(data), method, generator(seed), reference=REFERENCE),
            criterion=Absolute(1e-10),
            max_iter=1000,
        ).lower_bound
        for seed in range(5)
    )
    assert ours == pytest.approx(expected, abs=1e-5)


def test_one_m_step_from_responsibilities() -> None:
    data = rows()
    shares = generator().dirichlet(np.ones(K), size=len(data))
    weights = generator().random(len(data))
    source = ArraySource(data, weights, block_size=64)
    theta = from_responsibilities(FAMILY, source, shares, reference=REFERENCE)
    masses = shares * weights[:, None]
    np.testing.assert_allclose(np.exp(theta.log_weights), masses.sum(axis=0) / weights.sum())
    for k in range(K):
        np.testing.assert_allclose(theta.components.means[k], np.average(data, axis=0, weights=masses[:, k]))
        covariance = np.cov(data.T, aweights=masses[:, k], ddof=0)
        np.testing.assert_allclose(theta.components.covariances[k], covariance, atol=1e-10)


def test_a_sample_is_of_rows_with_their_weights() -> None:
    data, weights = rows(1000), np.arange(1000.0)
    source = ArraySource(data, weights, origin=np.array([1.0, 2.0]), block_size=64)
    sample = sampled(source, 100, generator())
    assert sample.n_rows == 100 and sample.weights is not None
    at = sample.weights.astype(int)
    assert (np.diff(at) > 0).all()
    np.testing.assert_array_equal(sample.rows, data[at] - [1.0, 2.0])


def test_a_sample_of_few_rows_is_all_of_them() -> None:
    sample = sampled(ArraySource(rows()), 1000, generator())
    assert sample.weights is None
    np.testing.assert_array_equal(sample.rows, rows())


@pytest.mark.parametrize("method", METHODS)
def test_missing_entries_do_not_hinder(method: str) -> None:
    data = generator().integers(2, size=(100, 4)).astype(float)
    data[generator(1).random(data.shape) < 0.3] = np.nan
    data[:, 3] = np.nan
    family = BernoulliFamily(K, 4)
    reference = family.parameters(np.full((K, 4), 0.5))
    theta = start(family, ArraySource(data), method, generator(), reference=reference)
    assert np.isfinite(theta.components.probabilities).all()


def test_short_runs_beat_the_average_start() -> None:
    rng = generator(3)
    data = rng.uniform(-9, 9, size=(8, D))[rng.integers(8, size=500)] + 0.6 * rng.normal(size=(500, D))
    family = FullGaussians(8, D)
    reference = GaussianParameters(np.zeros((8, D)), np.tile(np.eye(D), (8, 1, 1)))
    source = ArraySource(data)

    def finished(begin) -> float:
        return run_em(family, source, begin, criterion=Absolute(1e-6), max_iter=500).lower_bound

    short = [finished(short_runs(family, source, generator(s), reference=reference)) for s in range(4)]
    single = []
    for seed in range(16):
        try:
            begin = start(family, source, "random_from_data", generator(seed), reference=reference)
            single.append(finished(begin))
        except (InputError, ConvergenceError):
            pass
    assert min(short) > np.mean(single)
    assert np.median(short) > np.quantile(single, 0.7)


def test_short_runs_that_all_fail_say_why() -> None:
    data = np.ones((20, D))
    with pytest.raises(InputError, match="positive definite"):
        short_runs(FAMILY, ArraySource(data), generator(), reference=REFERENCE, n_runs=2)


def test_too_few_rows_are_said() -> None:
    with pytest.raises(InputError, match=r"2 observations .* fewer than the 3 components"):
        start(FAMILY, ArraySource(rows(2)), "random", generator(), reference=REFERENCE)
