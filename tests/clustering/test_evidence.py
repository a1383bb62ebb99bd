from __future__ import annotations

import numpy as np
import pytest
from scipy import special, stats

from mixtura.clustering import GroupEvidence, group_evidence, kmeans_groups


def test_gain_is_that_of_two_fold_cross_validation(rng) -> None:
    labels = rng.integers(0, 3, 60)
    points = rng.normal(size=(60, 2)) @ np.array([[1.0, 0.5], [0.0, 2.0]]) + 3 * labels[:, None]
    found = group_evidence(points, labels, np.random.default_rng(5))
    generator = np.random.default_rng(5)
    order = generator.permutation(60)
    points, labels, gain = points[order], labels[order], np.zeros(60)
    halves = [np.array_split(generator.permutation(60), 2) for _ in range(10)]
    for train, test in (pair for a, b in halves for pair in ((a, b), (b, a))):
        x, own, y = points[train], labels[train], points[test]
        means = np.stack([x[own == k].mean(axis=0) for k in range(3)])
        within = sum((x[own == k] - means[k]).T @ (x[own == k] - means[k]) for k in range(3)) / 30
        log_pi = np.log(np.bincount(own) / 30)
        parts = [stats.multivariate_normal(mean, within).logpdf(y) for mean in means]
        single = stats.multivariate_normal(x.mean(axis=0), np.cov(x.T, bias=True)).logpdf(y)
        gain[test] += (special.logsumexp(log_pi[:, None] + np.array(parts), axis=0) - single) / 10
    assert found.gain == pytest.approx(gain.mean(), abs=0.01)  # a ridge of one in a thousand apart
    assert found.standard_error == pytest.approx(gain.std() / 60**0.5, rel=0.02)


def test_better_means_beyond_two_standard_errors() -> None:
    assert GroupEvidence(0.21, 0.1).better
    assert not GroupEvidence(0.19, 0.1).better
    assert not GroupEvidence(0.0, 0.0).better


def test_a_cloud_cut_into_pieces_is_not_better_than_whole() -> None:
    alarms = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        cloud = rng.normal(size=(100, 3)) * [1, 2, 5]
        alarms += group_evidence(cloud, kmeans_groups(cloud, 4, rng, n_restarts=1), rng).better
    assert alarms <= 1


@pytest.mark.parametrize("scale", [1e-30, 1e-3, 1.0, 1e30])
def test_units_do_not_matter(scale, rng) -> None:
    labels = np.arange(200) % 2
    points = rng.normal(size=(200, 2)) + 4 * labels[:, None]
    found = group_evidence(scale * points, labels, np.random.default_rng(0))
    assert found.better
    assert found.gain == pytest.approx(
        group_evidence(points, labels, np.random.default_rng(0)).gain, rel=1e-9
    )


@pytest.mark.parametrize(
    ("points", "labels"),
    [
        (np.ones((10, 2)), np.arange(10) % 2),
        (np.random.default_rng(0).normal(size=(6, 2)), np.arange(6)),
        (1e5 * np.random.default_rng(0).normal(size=(6, 2)), np.arange(6)),
        (np.random.default_rng(0).normal(size=(8, 50)), np.arange(8) % 2),
        (np.random.default_rng(0).normal(size=(1, 2)), np.zeros(1, dtype=int)),
        (np.random.default_rng(0).normal(size=(3, 2)), np.arange(3)),
    ],
    ids=["all alike", "a row a group", "far apart", "more columns than rows", "one row", "three rows"],
)
def test_hardly_any_data_is_no_evidence_and_no_nan(points, labels) -> None:
    found = group_evidence(points, labels, np.random.default_rng(0))
    assert np.isfinite([found.gain, found.standard_error]).all()
    assert not found.better


def test_rows_beyond_the_limit_are_sampled(rng) -> None:
    labels = np.arange(1000) % 2
    points = rng.normal(size=(1000, 1)) + 6 * labels[:, None]
    few = group_evidence(points, labels, rng, max_rows=100)
    all_rows = group_evidence(points, labels, rng)
    assert few.gain == pytest.approx(all_rows.gain, abs=0.2)
    assert few.standard_error > 2 * all_rows.standard_error


CLOUDS = {
    "normal": lambda rng: rng.normal(size=(400, 4)),
    "uniform": lambda rng: rng.uniform(size=(400, 4)),
    "exponential": lambda rng: rng.exponential(size=(400, 4)),
    "lognormal": lambda rng: rng.lognormal(size=(400, 3)),
    "student": lambda rng: rng.standard_t(3, size=(400, 4)),
}


@pytest.mark.parametrize("cloud", CLOUDS.values(), ids=CLOUDS.keys())
@pytest.mark.parametrize("seed", range(3))
def test_one_cloud_of_any_shape_is_not_many(cloud, seed) -> None:
    rng = np.random.default_rng(seed)
    points = cloud(rng)
    assert not group_evidence(points, kmeans_groups(points, 10, rng, n_restarts=1), rng).better


def test_skewed_groups_are_still_groups(rng) -> None:
    labels = np.arange(300) % 3
    points = rng.exponential(size=(300, 2)) + 8 * np.eye(3)[labels][:, :2]
    assert group_evidence(points, labels, rng).better


def test_one_wild_row_is_no_evidence_against_groups(rng) -> None:
    labels = np.arange(200) % 2
    points = rng.normal(size=(200, 3)) + 5 * labels[:, None]
    points[7] *= 1e3
    assert group_evidence(points, labels, rng).gain > -1.0


def test_groups_that_overlap_are_weighed_by_their_probabilities(rng) -> None:
    """Cut in two at the middle, overlapping groups look like one; their probabilities show two."""
    labels = np.arange(2000) % 2
    points = rng.normal(size=(2000, 1)) + 2.4 * labels[:, None]
    shares = special.expit(2.4 * (points - 1.2))
    told = np.hstack([1 - shares, shares])
    cut, weighed = (
        group_evidence(
            points, (shares[:, 0] > 0.5).astype(int), np.random.default_rng(0), probabilities=given
        )
        for given in (None, told)
    )
    assert weighed.gain > cut.gain
    assert weighed.seen and not weighed.better  # 0.02 nats: some, and less than counts as groups
    sure = np.eye(2)[labels]
    assert group_evidence(points, labels, np.random.default_rng(0), probabilities=sure).gain == pytest.approx(
        group_evidence(points, labels, np.random.default_rng(0)).gain
    )


def test_probabilities_of_a_cloud_are_no_evidence(rng) -> None:
    cloud = rng.normal(size=(500, 2))
    told = special.softmax(3 * cloud @ rng.normal(size=(2, 4)), axis=1)
    assert not group_evidence(cloud, told.argmax(1), np.random.default_rng(0), probabilities=told).seen
    empty = np.hstack([told, np.zeros((500, 1))])
    found = group_evidence(cloud, told.argmax(1), np.random.default_rng(0), probabilities=empty)
    assert np.isfinite(found.gain) and found.least == pytest.approx(0.1 * np.log(4))
