"""Gaussian mixtures on data with NaN: against scipy row by row, integration, and EM of one Gaussian."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from mixtura.em.engine import EMResult, run_em
from mixtura.em.gaussian import COVARIANCE_TYPES, GaussianParameters
from mixtura.em.missing import missing_family
from mixtura.em.patterns import PatternSource
from mixtura.em.priors import NormalInverseWishart
from mixtura.em.source import ArraySource, Source
from mixtura.em.steps import MixtureParameters, e_step, free_energy, m_step
from mixtura.errors import InputError

KINDS = sorted(COVARIANCE_TYPES)
SOURCES = {"sorted": PatternSource, "as they come": ArraySource}


def _theta(kind: str, k: int, d: int, seed: int = 0) -> MixtureParameters:
    random = np.random.default_rng(seed)
    roots = random.normal(size=(k, d, d + 2)) / np.sqrt(d + 2)
    full = roots @ roots.transpose(0, 2, 1) + 0.1 * np.eye(d)
    variances = np.einsum("kii->ki", full)
    covariances = {"full": full, "tied": full[0], "diag": variances, "spherical": variances[:, 0]}[kind]
    weights = random.dirichlet(np.full(k, 5.0))
    return MixtureParameters(np.log(weights), GaussianParameters(random.normal(size=(k, d)) * 2, covariances))


def _matrices(kind: str, theta: MixtureParameters) -> np.ndarray:
    """Return covariances (K, d, d) whatever the type."""
    means, covariances = theta.components.means, theta.components.covariances
    k, d = means.shape
    return {
        "full": lambda: covariances,
        "tied": lambda: np.repeat(covariances[None], k, axis=0),
        "diag": lambda: np.array([np.diag(row) for row in covariances]),
        "spherical": lambda: np.array([value * np.eye(d) for value in covariances]),
    }[kind]()


def _table(n: int, d: int, share: float, seed: int = 0, apart: float = 3.0) -> np.ndarray:
    """Return rows of two groups; some miss everything, some nothing."""
    random = np.random.default_rng(seed)
    mixing = random.normal(size=(d, d))
    rows = random.normal(size=(n, d)) @ mixing + apart * random.integers(2, size=(n, 1))
    rows[random.random((n, d)) < share] = np.nan
    return rows


def _reference(
    kind: str, rows: np.ndarray, weights: np.ndarray, theta: MixtureParameters
) -> tuple[float, float, np.ndarray, np.ndarray, np.ndarray]:
    """Return log-likelihood, entropy of q, counts, sums and sums of products, one row at a time."""
    means, covariances = theta.components.means, _matrices(kind, theta)
    k, d = means.shape
    likelihood, entropy = 0.0, 0.0
    counts, first, second = np.zeros(k), np.zeros((k, d)), np.zeros((k, d, d))
    for row, weight in zip(rows, weights, strict=True):
        o, m = np.flatnonzero(~np.isnan(row)), np.flatnonzero(np.isnan(row))
        joint = theta.log_weights.copy()
        for j in range(k):
            if len(o):
                joint[j] += multivariate_normal(means[j, o], covariances[j][np.ix_(o, o)]).logpdf(row[o])
        q = np.exp(joint - logsumexp(joint))
        likelihood += weight * logsumexp(joint)
        entropy -= weight * (q * np.log(q)).sum()
        for j in range(k):
            gain = covariances[j][np.ix_(m, o)] @ np.linalg.inv(covariances[j][np.ix_(o, o)])
            spread = covariances[j][np.ix_(m, m)] - gain @ covariances[j][np.ix_(o, m)]
            full = row.copy()
            full[m] = means[j, m] + gain @ (row[o] - means[j, o])
            products = np.outer(full, full)
            products[np.ix_(m, m)] += spread
            entropy += weight * q[j] * 0.5 * np.linalg.slogdet(2 * np.pi * np.e * spread)[1]
            counts[j] += weight * q[j]
            first[j] += weight * q[j] * full
            second[j] += weight * q[j] * products
    return likelihood, entropy, counts, first, second


def _run(kind: str, source: Source, start: MixtureParameters, steps: int, **options: Any) -> EMResult:
    k, d = start.components.means.shape
    family = missing_family(COVARIANCE_TYPES[kind](k, d, **options))
    return run_em(family, source, start, criterion=lambda bounds: None, max_iter=steps)


def _assert_same_theta(ours: MixtureParameters, theirs: MixtureParameters, rtol: float = 1e-9) -> None:
    np.testing.assert_allclose(ours.log_weights, theirs.log_weights, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(ours.components.means, theirs.components.means, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(
        ours.components.covariances, theirs.components.covariances, rtol=rtol, atol=rtol
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("order", SOURCES)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.8])
def test_an_e_step_is_that_of_scipy_row_by_row(kind: str, order: str, share: float) -> None:
    rows = _table(60, 3, share)
    weights = np.random.default_rng(1).random(60)
    theta = _theta(kind, 2, 3)
    family = missing_family(COVARIANCE_TYPES[kind](2, 3))
    source = SOURCES[order](rows, weights, block_size=16)
    ours = e_step(family, source, theta)
    likelihood, entropy, counts, first, second = _reference(kind, rows, weights, theta)
    assert ours.log_likelihood == pytest.approx(likelihood, rel=1e-10)
    assert ours.entropy == pytest.approx(entropy, rel=1e-9)
    np.testing.assert_allclose(ours.counts, counts, rtol=1e-10)
    sums = ours.statistics
    np.testing.assert_allclose(sums.first + counts[:, None] * sums.reference, first, rtol=1e-8, atol=1e-8)
    about = np.einsum("ki,kj->kij", first, sums.reference)
    expected = second - about - about.transpose(0, 2, 1)
    expected += np.einsum("k,ki,kj->kij", counts, sums.reference, sums.reference)
    if kind in ("diag", "spherical"):
        expected = np.einsum("kii->ki", expected)
    np.testing.assert_allclose(sums.second, expected, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_densities_are_integrals_over_the_missing_entries(kind: str) -> None:
    theta = _theta(kind, 2, 3, seed=2)
    family = missing_family(COVARIANCE_TYPES[kind](2, 3))
    rows = np.array([[0.3, np.nan, -0.5], [np.nan, 0.4, np.nan], [np.nan, np.nan, np.nan]])
    ours = np.empty((2, 3))
    family.log_density(family.prepare(theta.components), rows.T, ours)
    covariances = _matrices(kind, theta)
    for k in range(2):
        mean, deviation = theta.components.means[k], np.sqrt(np.diag(covariances[k]))
        for i, row in enumerate(rows[:2]):
            missing = np.flatnonzero(np.isnan(row))
            # The rectangle rule on a smooth function that vanishes at both ends errs by nothing to speak of.
            axes = [mean[j] + deviation[j] * np.linspace(-9, 9, 401) for j in missing]
            grid = np.meshgrid(*axes, indexing="ij")
            points = np.tile(row, (grid[0].size, 1))
            points[:, missing] = np.column_stack([values.ravel() for values in grid])
            cell = np.prod([values[1] - values[0] for values in axes])
            integral = multivariate_normal(mean, covariances[k]).pdf(points).sum() * cell
            assert ours[k, i] == pytest.approx(np.log(integral), abs=1e-9)
        assert ours[k, 2] == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_without_nan_every_bit_is_that_of_the_wrapped_family(kind: str) -> None:
    rows, start = _table(200, 3, 0.0), _theta(kind, 2, 3)
    ours = _run(kind, PatternSource(rows, block_size=64), start, 10)
    theirs = run_em(
        COVARIANCE_TYPES[kind](2, 3),
        ArraySource(rows, block_size=64),
        start,
        criterion=lambda bounds: None,
        max_iter=10,
    )
    assert ours.free_energy_path.tobytes() == theirs.free_energy_path.tobytes()
    assert ours.theta.components.covariances.tobytes() == theirs.theta.components.covariances.tobytes()


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=15)
@given(st.integers(0, 2**16), st.sampled_from([0.05, 0.3, 0.6]))
def test_f_never_falls(kind: str, seed: int, share: float) -> None:
    rows = _table(60, 3, share, seed)
    try:
        path = _run(kind, PatternSource(rows), _theta(kind, 2, 3, seed), 15).free_energy_path
    except InputError:
        # A component fell onto a few rows, where the likelihood has no bound.
        assume(False)
    assert (np.diff(path) >= -1e-12 * (1 + np.abs(path[1:]))).all()


@pytest.mark.parametrize("kind", KINDS)
def test_f_plus_the_prior_never_falls(kind: str) -> None:
    scale = np.eye(3) if kind in ("full", "tied") else np.ones(3)
    prior = NormalInverseWishart(np.zeros(3), kappa=0.5, dof=2.0, scale=scale)
    path = _run(kind, PatternSource(_table(40, 3, 0.4)), _theta(kind, 2, 3), 40, prior=prior).free_energy_path
    assert (np.diff(path) >= -1e-12 * (1 + np.abs(path[1:]))).all()
    assert path[-1] > path[0]


@pytest.mark.parametrize("kind", KINDS)
def test_the_m_step_is_the_maximum_of_f(kind: str) -> None:
    family = missing_family(COVARIANCE_TYPES[kind](2, 3))
    expectation = e_step(family, PatternSource(_table(80, 3, 0.3)), _theta(kind, 2, 3))
    best = m_step(family, expectation)
    highest = free_energy(family, expectation, best)
    random = np.random.default_rng(0)
    for _ in range(20):
        means = best.components.means + 0.01 * random.normal(size=(2, 3))
        covariances = best.components.covariances * np.exp(0.01 * random.normal())
        moved = replace(best, components=GaussianParameters(means, covariances))
        assert free_energy(family, expectation, moved) < highest


def test_one_component_is_the_known_em_of_a_gaussian() -> None:
    rows = _table(50, 3, 0.3)
    start = _theta("full", 1, 3)
    ours = _run("full", PatternSource(rows), start, 25).theta.components
    mean, covariance = start.components.means[0], start.components.covariances[0]
    for _ in range(25):
        total, products = np.zeros(3), np.zeros((3, 3))
        completed = []
        for row in rows:
            o, m = np.flatnonzero(~np.isnan(row)), np.flatnonzero(np.isnan(row))
            gain = covariance[np.ix_(m, o)] @ np.linalg.inv(covariance[np.ix_(o, o)])
            full = row.copy()
            full[m] = mean[m] + gain @ (row[o] - mean[o])
            products[np.ix_(m, m)] += covariance[np.ix_(m, m)] - gain @ covariance[np.ix_(o, m)]
            completed.append(full)
            total += full
        mean = total / len(rows)
        apart = np.array(completed) - mean
        covariance = (apart.T @ apart + products) / len(rows)
    np.testing.assert_allclose(ours.means[0], mean, rtol=1e-9)
    np.testing.assert_allclose(ours.covariances[0], covariance, rtol=1e-9)


@pytest.mark.parametrize(
    ("kind", "k"), [("full", 1), ("full", 2), ("tied", 2), ("diag", 2), ("spherical", 2)]
)
def test_where_em_ends_the_observed_likelihood_has_no_gradient(kind: str, k: int) -> None:
    rows = _table(80, 2, 0.25, seed=6, apart=6.0)
    theta = _run(kind, PatternSource(rows), _theta(kind, k, 2, seed=6), 150).theta
    family = missing_family(COVARIANCE_TYPES[kind](k, 2))

    def likelihood(means: np.ndarray, covariances: np.ndarray) -> float:
        moved = replace(theta, components=GaussianParameters(means, covariances))
        return e_step(family, PatternSource(rows), moved).log_likelihood / len(rows)

    means, covariances = theta.components.means, theta.components.covariances
    step = 1e-5
    for at in np.ndindex(means.shape):
        h = np.zeros_like(means)
        h[at] = step
        slope = (likelihood(means + h, covariances) - likelihood(means - h, covariances)) / (2 * step)
        assert slope == pytest.approx(0.0, abs=1e-8)
    for at in np.ndindex(covariances.shape):
        h = np.zeros_like(covariances)
        h[at] = step
        if kind in ("full", "tied"):
            h = (h + np.swapaxes(h, -1, -2)) / 2
        slope = (likelihood(means, covariances + h) - likelihood(means, covariances - h)) / (2 * step)
        assert slope == pytest.approx(0.0, abs=1e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_integer_weights_are_repeated_rows_and_a_weight_of_zero_a_dropped_one(kind: str) -> None:
    rows = _table(60, 3, 0.3)
    weights = np.random.default_rng(0).integers(0, 4, 60)
    start = _theta(kind, 2, 3)
    weighted = _run(kind, PatternSource(rows, weights.astype(float)), start, 10)
    repeated = _run(kind, PatternSource(np.repeat(rows, weights, axis=0)), start, 10)
    np.testing.assert_allclose(weighted.free_energy_path, repeated.free_energy_path, rtol=1e-10)
    _assert_same_theta(weighted.theta, repeated.theta)


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_rows_and_columns_changes_nothing(kind: str) -> None:
    rows, start = _table(60, 3, 0.3), _theta(kind, 2, 3)
    plain = _run(kind, PatternSource(rows), start, 10).theta
    shuffled = np.random.default_rng(0).permutation(60)
    _assert_same_theta(_run(kind, ArraySource(rows[shuffled], block_size=16), start, 10).theta, plain)
    swap = np.array([2, 0, 1])

    def swapped(theta: MixtureParameters) -> MixtureParameters:
        covariances = theta.components.covariances
        covariances = {
            "full": lambda: covariances[:, swap][:, :, swap],
            "tied": lambda: covariances[swap][:, swap],
            "diag": lambda: covariances[:, swap],
            "spherical": lambda: covariances,
        }[kind]()
        return MixtureParameters(
            theta.log_weights, GaussianParameters(theta.components.means[:, swap], covariances)
        )

    moved = _run(kind, PatternSource(rows[:, swap]), swapped(start), 10).theta
    _assert_same_theta(moved, swapped(plain))


@pytest.mark.parametrize("kind", KINDS)
def test_rows_without_values_have_no_likelihood_and_do_not_move_what_em_ends_with(kind: str) -> None:
    rows = _table(80, 2, 0.2, seed=6, apart=6.0)
    rows = rows[~np.isnan(rows).all(axis=1)]
    start = _theta(kind, 2, 2, seed=6)
    with_empty = np.vstack([rows, np.full((20, 2), np.nan)])
    family = missing_family(COVARIANCE_TYPES[kind](2, 2))
    less, more = (e_step(family, PatternSource(each), start) for each in (rows, with_empty))
    assert more.log_likelihood == pytest.approx(less.log_likelihood, rel=1e-12)
    np.testing.assert_allclose(more.counts - less.counts, 20 * np.exp(start.log_weights), rtol=1e-9)
    end = _run(kind, PatternSource(rows), start, 200).theta
    _assert_same_theta(_run(kind, PatternSource(with_empty), end, 2).theta, end, rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_large_offset_costs_no_digits(kind: str) -> None:
    rows, start = _table(100, 3, 0.3), _theta(kind, 2, 3)
    # Exact in binary: the offset rows are the same numbers.
    rows = np.round(rows * 2**10) / 2**10
    plain = _run(kind, PatternSource(rows), start, 10)
    origin = np.full(3, 2.0**27)
    shifted = _run(kind, PatternSource(rows + origin, origin=origin), start, 10)
    np.testing.assert_array_equal(shifted.free_energy_path, plain.free_energy_path)
    moved = replace(
        start, components=GaussianParameters(start.components.means + origin, start.components.covariances)
    )
    far = _run(kind, PatternSource(rows + origin), moved, 10)
    np.testing.assert_allclose(far.free_energy_path, plain.free_energy_path, rtol=1e-6)


@pytest.mark.parametrize("kind", ["full", "tied"])
def test_nearly_collinear_columns_are_no_fall(kind: str) -> None:
    rows = _table(1000, 3, 0.0)
    rows[:, 2] = rows[:, 0] + 1e-2 * np.random.default_rng(0).normal(size=1000)
    rows[np.random.default_rng(1).random(rows.shape) < 0.3] = np.nan
    path = _run(kind, PatternSource(rows), _theta(kind, 2, 3), 50).free_energy_path
    assert (np.diff(path) >= -1e-9 * (1 + np.abs(path[1:]))).all()


def test_a_third_missing_at_random_still_gives_the_parameters() -> None:
    random = np.random.default_rng(0)
    truth = MixtureParameters(
        np.log([0.4, 0.6]),
        GaussianParameters(
            np.array([[-3.0, 0.0, 1.0], [3.0, 1.0, -1.0]]),
            np.array(
                [
                    [[1.0, 0.8, 0.3], [0.8, 1.0, 0.5], [0.3, 0.5, 1.0]],
                    [[2.0, -1.0, 0.0], [-1.0, 1.0, 0.2], [0.0, 0.2, 0.5]],
                ]
            ),
        ),
    )
    n = 20_000
    z = (random.random(n) < 0.6).astype(int)
    roots = np.linalg.cholesky(truth.components.covariances)
    rows = truth.components.means[z] + np.einsum("nij,nj->ni", roots[z], random.normal(size=(n, 3)))
    rows[random.random((n, 3)) < 0.3] = np.nan
    start = MixtureParameters(
        np.log([0.5, 0.5]),
        GaussianParameters(np.array([[-1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]), np.repeat(np.eye(3)[None], 2, 0)),
    )
    found = _run("full", PatternSource(rows), start, 40).theta
    np.testing.assert_allclose(np.exp(found.log_weights), [0.4, 0.6], atol=0.02)
    np.testing.assert_allclose(found.components.means, truth.components.means, atol=0.06)
    np.testing.assert_allclose(found.components.covariances, truth.components.covariances, atol=0.09)
