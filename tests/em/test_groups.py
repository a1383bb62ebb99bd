from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import multivariate_normal
from sklearn.datasets import make_moons
from sklearn.mixture import GaussianMixture as SklearnMixture

from mixtura.clustering import accuracy
from mixtura.em.gaussian import COVARIANCE_TYPES
from mixtura.em.groups import gaussian_groups, group_criterion, group_probabilities


@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
def test_groups_that_are_there_are_found(kind: str, rng: np.random.Generator) -> None:
    truth = np.repeat([0, 1, 2], [200, 60, 40])
    points = 1e6 + rng.normal(size=(300, 4)) + 9 * np.eye(4)[truth]
    assert accuracy(truth, gaussian_groups(points, 3, kind, rng).labels) == 1
    assert accuracy(truth, gaussian_groups(points, 3, kind, rng, max_rows=150).labels) == 1


def test_spread_alone_tells_groups_apart(rng: np.random.Generator) -> None:
    truth = np.arange(600) % 2
    points = np.where(truth, 5.0, 0.5)[:, None] * rng.normal(size=(600, 5))
    assert accuracy(truth, gaussian_groups(points, 2, "diag", rng).labels) > 0.97


@pytest.mark.parametrize("points", [np.ones((9, 2)), np.arange(3.0)[:, None]], ids=["alike", "n = K"])
@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
def test_hardly_any_data_has_groups_too(kind: str, points: np.ndarray, rng: np.random.Generator) -> None:
    labels = gaussian_groups(points, 3, kind, rng).labels
    assert labels.shape == (len(points),)
    assert set(labels.tolist()) <= {0, 1, 2}


def test_same_generator_same_groups() -> None:
    points = np.random.default_rng(1).normal(size=(90, 3))
    first, again = (gaussian_groups(points, 4, "full", np.random.default_rng(2)) for _ in range(2))
    np.testing.assert_array_equal(first.labels, again.labels)
    assert first.criterion == again.criterion


def test_the_criterion_is_that_of_scikit_learn(rng: np.random.Generator) -> None:
    points = rng.normal(size=(400, 3)) + 6 * np.eye(3)[np.arange(400) % 3]
    for kind in COVARIANCE_TYPES:
        theirs = SklearnMixture(3, covariance_type=kind, reg_covar=1e-4 * points.var(axis=0).mean()).fit(
            points
        )
        ours = gaussian_groups(points, 3, kind, np.random.default_rng(0)).criterion
        assert ours == pytest.approx(-theirs.bic(points) / 800, abs=1e-3)


@pytest.mark.parametrize("seed", [2, 3, 4])
def test_an_end_that_fits_the_luck_of_few_points_is_left(seed: int) -> None:
    """Full covariances find splits of 400 points in 12 dimensions that are likelier than the groups."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(3, size=400, p=[0.6, 0.3, 0.1])
    points = rng.normal(size=(400, 12)) + np.sqrt(8) * np.eye(12)[truth]
    assert accuracy(truth, gaussian_groups(points, 3, "full", np.random.default_rng(0)).labels) > 0.95


def test_the_criterion_of_groups_prefers_those_that_are_there(rng: np.random.Generator) -> None:
    truth = np.repeat([0, 1, 2], 100)
    points = rng.normal(size=(300, 4)) + 9 * np.eye(4)[truth]
    for kind in COVARIANCE_TYPES:
        told = group_criterion(points, truth, kind, rng)
        assert told > group_criterion(points, rng.permutation(truth), kind, rng) + 1
        assert told > group_criterion(points, 0 * truth, kind, rng) + 1


@pytest.mark.parametrize("full", [False, True])
def test_probabilities_of_groups_that_overlap_are_the_posterior(full: bool, rng: np.random.Generator) -> None:
    """The groups are cut where the posterior is one half, so that none of their points is unsure."""
    truth = rng.choice(2, size=4_000, p=[0.7, 0.3])
    spread = np.array([[1.0, 0.6], [0.6, 1.0]]) if full else np.eye(2)
    points = rng.multivariate_normal(np.zeros(2), spread, size=4_000) + 2.5 * truth[:, None] * [1.0, -1.0]
    joint = [
        np.log(weight) + multivariate_normal(mean, spread).logpdf(points)
        for weight, mean in ((0.7, [0.0, 0.0]), (0.3, [2.5, -2.5]))
    ]
    posterior = softmax(np.stack(joint, axis=1), axis=1)
    labels = posterior.argmax(axis=1)
    found = group_probabilities(points, labels, rng)
    assert found is not None
    assert np.abs(found - posterior).mean() < 0.01
    sampled = group_probabilities(points, labels, rng, max_rows=2_000)
    assert sampled is not None
    assert np.abs(sampled - posterior).mean() < 0.02


def test_curved_groups_have_no_probabilities(rng: np.random.Generator) -> None:
    """Two half moons: any Gaussians are surer of their groups than right about these."""
    points, labels = make_moons(1_000, noise=0.05, random_state=0)
    assert group_probabilities(points, labels, rng) is None


def test_a_group_without_points_has_probability_zero(rng: np.random.Generator) -> None:
    labels = np.repeat([0, 2], 100)
    found = group_probabilities(rng.normal(size=(200, 3)) + 5 * labels[:, None], labels, rng)
    assert found is not None
    assert found.shape == (200, 3)
    assert (found[:, 1] == 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1.0)


@pytest.mark.parametrize("points", [np.ones((9, 2)), np.arange(9.0)[:, None] // 3], ids=["alike", "apart"])
def test_probabilities_of_duplicates_are_finite(points: np.ndarray, rng: np.random.Generator) -> None:
    found = group_probabilities(points, np.arange(9) // 3, rng)
    assert found is None or np.isfinite(found).all()
