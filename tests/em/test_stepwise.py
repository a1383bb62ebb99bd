from __future__ import annotations

import numpy as np
import pytest

from mixtura.em.bernoulli import BernoulliFamily, Beta
from mixtura.em.engine import run_em
from mixtura.em.family import Array
from mixtura.em.gaussian import COVARIANCE_TYPES, GaussianParameters
from mixtura.em.source import ArraySource
from mixtura.em.steps import MixtureParameters, e_step, m_step
from mixtura.em.stepwise import Running, Steps, learn
from mixtura.em.stopping import Absolute
from mixtura.errors import ConvergenceError, InputError

K, D = 2, 2
COVARIANCES = {
    "full": np.tile(np.eye(D), (K, 1, 1)),
    "tied": np.eye(D),
    "diag": np.ones((K, D)),
    "spherical": np.ones(K),
}


def rows(n: int = 20_000) -> Array:
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, D)) + np.array([3.0, 1.0]) * (rng.random((n, 1)) < 0.7)


def start(kind: str) -> MixtureParameters:
    means = np.array([[0.5, 0.0], [2.0, 0.0]])
    return MixtureParameters(np.log([0.5, 0.5]), GaussianParameters(means, COVARIANCES[kind]))


@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
def test_one_pass_comes_near_the_optimum(kind: str) -> None:
    data, family = rows(), COVARIANCE_TYPES[kind](K, D)
    running = Running(start(kind))
    for batch in np.split(data, 100):
        running = learn(family, running, ArraySource(batch))
    best = run_em(family, ArraySource(data), start(kind), criterion=Absolute(1e-8), max_iter=1000)
    reached = e_step(family, ArraySource(data), running.theta).log_likelihood / len(data)
    begun = e_step(family, ArraySource(data), start(kind)).log_likelihood / len(data)
    assert best.lower_bound - reached < 2e-3
    assert best.lower_bound - reached < 0.02 * (best.lower_bound - begun)
    assert (running.n_batches, running.weight) == (100, len(data))


@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
def test_the_first_batch_is_a_step_of_em(kind: str) -> None:
    data, family = rows(500), COVARIANCE_TYPES[kind](K, D)
    once = learn(family, Running(start(kind)), ArraySource(data))
    expectation = e_step(family, ArraySource(data), start(kind))
    theta = m_step(family, expectation)
    np.testing.assert_allclose(once.theta.components.means, theta.components.means, atol=1e-12)
    np.testing.assert_allclose(once.theta.components.covariances, theta.components.covariances, atol=1e-12)
    np.testing.assert_allclose(once.theta.log_weights, theta.log_weights, atol=1e-12)
    assert once.lower_bound == pytest.approx(expectation.log_likelihood / 500)


def test_whole_weights_are_repeated_rows() -> None:
    data, family = rows(300), COVARIANCE_TYPES["full"](K, D)
    weights = np.random.default_rng(1).integers(0, 3, size=300)
    weighted = repeated = Running(start("full"))
    for part in np.split(np.arange(300), 3):
        weighted = learn(family, weighted, ArraySource(data[part], weights[part].astype(float)))
        repeated = learn(family, repeated, ArraySource(np.repeat(data[part], weights[part], axis=0)))
    assert weighted.weight == repeated.weight
    np.testing.assert_allclose(
        weighted.theta.components.covariances, repeated.theta.components.covariances, atol=1e-11
    )


def test_a_prior_fades_as_batches_come() -> None:
    """The same batch again and again: the mode goes from the prior's to the data's."""
    family = BernoulliFamily(1, 1, prior=Beta(5.0, 5.0))
    data = np.array([[1.0], [1.0], [1.0], [0.0]])
    running = Running(MixtureParameters(np.zeros(1), family.parameters(np.array([[0.5]]))))
    for t in range(1, 60):
        running = learn(family, running, ArraySource(data))
        expected = (3 * t + 4) / (4 * t + 8)
        assert family.probabilities(running.theta.components)[0, 0] == pytest.approx(expected)


def test_an_empty_batch_changes_nothing() -> None:
    running = Running(start("full"))
    empty = ArraySource(rows(5), np.zeros(5))
    assert learn(COVARIANCE_TYPES["full"](K, D), running, empty) is running


def test_an_impossible_batch_is_said() -> None:
    family = BernoulliFamily(1, 1)
    running = Running(MixtureParameters(np.zeros(1), family.parameters(np.array([[0.0]]))))
    with pytest.raises(ConvergenceError, match="batch 1 has no density"):
        learn(family, running, ArraySource(np.ones((3, 1))))


@pytest.mark.parametrize(("kappa", "t0"), [(0.5, 2.0), (1.1, 2.0), (0.7, -1.0), (np.nan, 2.0)])
def test_steps_that_lead_nowhere_are_refused(kappa: float, t0: float) -> None:
    with pytest.raises(InputError, match="kappa must be"):
        Steps(kappa, t0)


def test_steps_of_one_over_t_average_all_batches_alike() -> None:
    """With kappa = 1 and t0 = 0, and responsibilities that do not change, theta is that of all rows."""
    family = COVARIANCE_TYPES["full"](1, D)
    data = rows(900)
    theta = MixtureParameters(np.zeros(1), GaussianParameters(np.zeros((1, D)), np.eye(D)[None]))
    running = Running(theta)
    for batch in np.split(data, 9):
        running = learn(family, running, ArraySource(batch), steps=Steps(1.0, 0.0))
    np.testing.assert_allclose(running.theta.components.means[0], data.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(running.theta.components.covariances[0], np.cov(data.T, ddof=0), atol=1e-12)


def test_a_category_that_turns_up_late_is_learnt_if_asked() -> None:
    family = BernoulliFamily(2, 2)
    theta = MixtureParameters(np.log([0.5, 0.5]), family.parameters(np.array([[0.0, 0.3], [0.0, 0.6]])))
    start = Running(theta)
    batch = ArraySource(np.array([[0.0, 1.0], [1.0, 0.0]]))
    with pytest.raises(ConvergenceError, match="has no density under any component"):
        learn(family, start, batch)
    running = learn(family, start, batch, surprises=True)
    assert running.lower_bound == -np.inf
    assert (family.probabilities(running.theta.components)[:, 0] > 0).all()
    assert np.isfinite(learn(family, running, batch).lower_bound)
