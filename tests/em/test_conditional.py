"""Conditional means, covariances and determinants against blocks of the covariance itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixtura.em.conditional import condition
from mixtura.errors import InputError


def _problem(seed: int, d: int, n: int, k: int = 2) -> tuple[np.ndarray, ...]:
    random = np.random.default_rng(seed)
    roots = random.normal(size=(k, d, d + 2))
    covariances = roots @ roots.transpose(0, 2, 1)
    missing = random.random((d, n)) < 0.5
    differences = random.normal(size=(k, d, n)) * ~missing
    return covariances, missing, differences


def _by_blocks(covariance: np.ndarray, difference: np.ndarray, missing: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the completed difference and the conditional covariance, in full size."""
    m, o = np.flatnonzero(missing), np.flatnonzero(~missing)
    gain = covariance[np.ix_(m, o)] @ np.linalg.inv(covariance[np.ix_(o, o)])
    completed, spread = difference.copy(), np.zeros_like(covariance)
    completed[m] = gain @ difference[o]
    spread[np.ix_(m, m)] = covariance[np.ix_(m, m)] - gain @ covariance[np.ix_(o, m)]
    return completed, spread


@given(st.integers(0, 2**16), st.integers(1, 5), st.integers(1, 20))
def test_moments_are_those_of_the_blocks_of_the_covariance(seed: int, d: int, n: int) -> None:
    covariances, missing, differences = _problem(seed, d, n)
    weights = np.random.default_rng(seed).random((2, n))
    expected, spread = np.empty_like(differences), np.zeros_like(covariances)
    for k in range(2):
        for i in range(n):
            expected[k, :, i], one = _by_blocks(covariances[k], differences[k, :, i], missing[:, i])
            spread[k] += weights[k, i] * one
    conditional = condition(np.linalg.inv(covariances), differences, missing)
    np.testing.assert_allclose(conditional.differences, expected, rtol=1e-7, atol=1e-8)
    out = np.zeros_like(covariances)
    conditional.add_covariances(weights, out)
    np.testing.assert_allclose(out, spread, rtol=1e-7, atol=1e-8)


@given(st.integers(0, 2**16), st.integers(1, 5), st.integers(1, 20))
def test_determinants_are_those_of_the_observed_part(seed: int, d: int, n: int) -> None:
    covariances, missing, differences = _problem(seed, d, n)
    conditional = condition(np.linalg.inv(covariances), differences, missing)
    for k in range(2):
        whole = np.linalg.slogdet(covariances[k])[1]
        for i in range(n):
            observed = np.flatnonzero(~missing[:, i])
            part = np.linalg.slogdet(covariances[k][np.ix_(observed, observed)])[1]
            assert whole + conditional.log_determinants[k, i] == pytest.approx(part, abs=1e-8)


def test_a_shared_precision_gives_what_equal_ones_give() -> None:
    covariances, missing, differences = _problem(3, 4, 30)
    precisions = np.linalg.inv(np.repeat(covariances[:1], 2, axis=0))
    apart = condition(precisions, differences.copy(), missing)
    shared = condition(precisions[:1], differences.copy(), missing)
    np.testing.assert_allclose(shared.differences, apart.differences, rtol=1e-12)
    sums = np.zeros((2, *covariances.shape))
    weights = np.random.default_rng(1).random((2, 30))
    apart.add_covariances(weights, sums[0])
    shared.add_covariances(weights, sums[1])
    np.testing.assert_allclose(sums[1], sums[0], rtol=1e-12)


def test_noise_has_the_conditional_covariance_of_the_row_s_component() -> None:
    covariances, _, _ = _problem(5, 3, 1)
    missing = np.array([[True], [False], [True]])
    conditional = condition(np.linalg.inv(covariances), np.zeros((2, 3, 1)), missing)
    for k in range(2):
        # The draw of each unit vector is a column of a root of the covariance.
        root = np.hstack([conditional.noise(np.array([k]), column[:, None]) for column in np.eye(3)])
        _, spread = _by_blocks(covariances[k], np.zeros(3), missing[:, 0])
        np.testing.assert_allclose(root @ root.T, spread, rtol=1e-9, atol=1e-12)


def test_a_precision_that_is_none_names_the_component() -> None:
    precisions = np.array([np.eye(2), [[1.0, 2.0], [2.0, 1.0]]])
    with pytest.raises(InputError, match="component 1 is not positive definite"):
        condition(precisions, np.zeros((2, 2, 1)), np.ones((2, 1), dtype=bool))
