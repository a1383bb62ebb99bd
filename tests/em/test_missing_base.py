"""Two kinds of blocks, one set of statistics; and parameters that stay those of the wrapped family."""

from __future__ import annotations

import numpy as np
import pytest

from mixtura.em.gaussian import COVARIANCE_TYPES, GaussianParameters
from mixtura.em.missing import missing_family
from mixtura.em.source import ArraySource
from mixtura.em.steps import MixtureParameters, e_step, m_step

KINDS = sorted(COVARIANCE_TYPES)
_MEANS = np.array([[0.0, 1.0, -1.0], [2.0, -1.0, 0.5]])
_COVARIANCES = {
    "full": np.array([np.eye(3), np.eye(3) + 0.5]),
    "tied": np.eye(3) + 0.3,
    "diag": np.array([[1.0, 2.0, 0.5], [0.3, 0.6, 1.0]]),
    "spherical": np.array([1.5, 0.4]),
}


def _theta(kind: str) -> MixtureParameters:
    return MixtureParameters(np.log([0.3, 0.7]), GaussianParameters(_MEANS, _COVARIANCES[kind]))


def _rows() -> np.ndarray:
    """Return 40 complete rows, then 40 with gaps."""
    random = np.random.default_rng(0)
    rows = random.normal(size=(80, 3)) + 2 * random.integers(2, size=(80, 1))
    rows[40:][random.random((40, 3)) < 0.4] = np.nan
    return rows


@pytest.mark.parametrize("kind", KINDS)
def test_complete_blocks_and_blocks_with_nan_add_up_to_one_block_of_both(kind: str) -> None:
    family, rows, theta = missing_family(COVARIANCE_TYPES[kind](2, 3)), _rows(), _theta(kind)
    apart = e_step(family, ArraySource(rows, block_size=40), theta)
    together = e_step(family, ArraySource(rows, block_size=80), theta)
    assert apart.log_likelihood == pytest.approx(together.log_likelihood, rel=1e-12)
    assert apart.entropy == pytest.approx(together.entropy, rel=1e-9)
    ours, theirs = m_step(family, apart).components, m_step(family, together).components
    np.testing.assert_allclose(ours.means, theirs.means, rtol=1e-10)
    np.testing.assert_allclose(ours.covariances, theirs.covariances, rtol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_statistics_of_parts_combine(kind: str) -> None:
    family, rows, theta = missing_family(COVARIANCE_TYPES[kind](2, 3)), _rows(), _theta(kind)
    whole = m_step(family, e_step(family, ArraySource(rows), theta)).components
    first, second = (e_step(family, ArraySource(part), theta).statistics for part in (rows[:25], rows[25:]))
    both = family.maximise(family.combine(first, second, (1.0, 1.0)))
    np.testing.assert_allclose(both.means, whole.means, rtol=1e-9)
    np.testing.assert_allclose(both.covariances, whole.covariances, rtol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_a_component_moved_to_a_row_with_nan_has_a_mean(kind: str) -> None:
    theta = _theta(kind).components
    moved = missing_family(COVARIANCE_TYPES[kind](2, 3)).reseed(theta, 1, np.array([5.0, np.nan, 3.0]))
    assert moved.means[1].tolist() == [5.0, 0.0, 3.0]
    assert moved.means[0].tolist() == theta.means[0].tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_a_block_without_nan_is_the_wrapped_family_s_bit_for_bit(kind: str) -> None:
    gaussians, rows, theta = COVARIANCE_TYPES[kind](2, 3), _rows()[:40], _theta(kind)
    ours = e_step(missing_family(gaussians), ArraySource(rows), theta)
    theirs = e_step(gaussians, ArraySource(rows), theta)
    assert ours.log_likelihood == theirs.log_likelihood
    assert ours.statistics.second.tobytes() == theirs.statistics.second.tobytes()
