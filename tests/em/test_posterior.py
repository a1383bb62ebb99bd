from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logsumexp, softmax

from mixtura.em.posterior import Posterior, responsibilities


def exact(joint: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return softmax(joint, axis=0), logsumexp(joint, axis=0)


@given(
    seed=st.integers(0, 10_000),
    size=st.sampled_from([1, 7, 8, 64]),
    level=st.sampled_from([0.0, -30.0, -90.0, -500.0, -2_000.0, 600.0, 3_000.0]),
    spread=st.sampled_from([0.0, 1.0, 20.0, 200.0, 2_000.0]),
    weighted=st.booleans(),
)
def test_every_level_and_spread_gives_the_posterior(
    seed: int, size: int, level: float, spread: float, weighted: bool
) -> None:
    rng = np.random.default_rng(seed)
    joint = level + spread * rng.normal(size=(4, size))
    weights = rng.integers(0, 3, size=size).astype(float) if weighted else None
    q, density = exact(joint)
    factors = np.ones(size) if weights is None else weights
    found, total, lowest, at = Posterior()(joint.copy(), weights)
    np.testing.assert_allclose(found, q * factors, rtol=1e-10, atol=1e-20)
    assert total == pytest.approx(float(density @ factors), rel=1e-12, abs=1e-12)
    there = factors > 0
    if there.any():
        assert lowest == pytest.approx(density[there].min(), rel=1e-12, abs=1e-12)
        assert density[at] == pytest.approx(lowest) and there[at]
    else:
        assert lowest == np.inf


def test_many_blocks_in_turn_do_not_disturb_one_another() -> None:
    rng = np.random.default_rng(0)
    posterior = Posterior()
    for block in range(80):
        joint = rng.choice([0.0, -100.0, -5_000.0]) + rng.choice([1.0, 300.0]) * rng.normal(
            size=(5, 3 + block)
        )
        q, density = exact(joint)
        found, total, _, _ = posterior(joint.copy(), None)
        np.testing.assert_allclose(found, q, rtol=1e-10, atol=1e-20)
        assert total == pytest.approx(density.sum(), rel=1e-12)


def test_an_impossible_component_gets_exactly_nothing() -> None:
    for level in (0.0, -5_000.0):
        joint = np.array([[level, level], [-np.inf, level]])
        found, _, _, _ = Posterior()(joint, None)
        assert found[1, 0] == 0.0


def test_where_nothing_is_possible_responsibilities_are_equal_and_the_density_is_zero() -> None:
    joint = np.array([[-np.inf, 0.0], [-np.inf, 0.0]])
    found, total, lowest, at = Posterior()(joint.copy(), None)
    np.testing.assert_allclose(found, 0.5)
    assert (total, lowest, at) == (-np.inf, -np.inf, 0)
    found, total, _, _ = Posterior()(joint.copy(), np.array([0.0, 2.0]))
    np.testing.assert_allclose(found, [[0.0, 1.0], [0.0, 1.0]])
    assert total == pytest.approx(2 * np.log(2))
    assert responsibilities(joint)[0] == -np.inf


@pytest.mark.parametrize("level", [0.0, -5_000.0])
def test_a_row_of_weight_zero_is_not_the_farthest(level: float) -> None:
    """A component that lost its points moves to the farthest row: one that was left out is none."""
    joint = level + np.array([[-9.0, -1.0, -4.0], [-200.0, -1.0, -4.0]])
    _, _, lowest, at = Posterior()(joint, np.array([0.0, 1.0, 2.0]))
    assert at == 2 and lowest == pytest.approx(level - 4 + np.log(2))
