from __future__ import annotations

import numpy as np
import pytest

from mixtura.em.gaussian import COVARIANCE_TYPES, GaussianParameters
from mixtura.em.mixture import Climb, fit_mixture, log_weights_from, statistics_from
from mixtura.em.precision import centred_at
from mixtura.em.source import ArraySource
from mixtura.em.steps import MixtureParameters
from mixtura.em.stopping import Absolute
from mixtura.errors import InputError


class Heard:
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.events: list[tuple] = []

    def begin(self, start):
        self.events.append(("begin", start))

    def step(self, iteration, free_energy):
        self.events.append(("step", iteration, free_energy))

    def end(self, free_energy, converged):
        self.events.append(("end", free_energy, converged))


def theta(first: float, second: float, variance: float = 1.0) -> MixtureParameters:
    return MixtureParameters(
        np.log([0.5, 0.5]), GaussianParameters(np.array([[first], [second]]), np.array([variance] * 2))
    )


ROWS = np.concatenate(
    [np.random.default_rng(0).normal(size=60), np.random.default_rng(1).normal(size=60) + 9]
)[:, None]
FAMILY = COVARIANCE_TYPES["spherical"](2, 1)


def test_the_best_start_wins_and_all_are_heard_of():
    heard = Heard()
    starts = [lambda: theta(0.0, 0.01), lambda: theta(0.0, 9.0), lambda: theta(9.0, 9.01)]
    result = fit_mixture(FAMILY, ArraySource(ROWS), starts, Climb(Absolute(1e-3), 5), heard)
    ends = [event[1] for event in heard.events if event[0] == "end"]
    assert [event[1] for event in heard.events if event[0] == "begin"] == [0, 1, 2]
    assert result.lower_bound == max(ends) == ends[1] and len(ends) == 3


def test_starts_that_collapse_are_passed_over_until_none_is_left():
    def collapsed() -> MixtureParameters:
        return theta(0.0, 9.0, variance=0.0)

    climb = Climb(Absolute(1e-3), 50)
    result = fit_mixture(FAMILY, ArraySource(ROWS), [collapsed, lambda: theta(0.0, 9.0)], climb, Heard())
    assert [finding.name for finding in result.findings] == ["starts-refused"] and result.converged
    with pytest.raises(InputError, match="not positive definite"):
        fit_mixture(FAMILY, ArraySource(ROWS), [collapsed] * 2, climb, Heard())


def test_no_iteration_leaves_the_start():
    result = fit_mixture(FAMILY, ArraySource(ROWS), [lambda: theta(1.0, 2.0)], Climb(Absolute(1), 0), Heard())
    assert result.theta.components.means.ravel().tolist() == [1.0, 2.0] and result.n_iter == 0


def test_a_component_moved_in_the_last_iteration_leaves_a_number():
    lost = MixtureParameters(np.array([0.0, -np.inf]), theta(0.0, 9.0).components)
    result = fit_mixture(FAMILY, ArraySource(ROWS), [lambda: lost], Climb(Absolute(1e-3), 1), Heard())
    assert np.isfinite(result.lower_bound) and not result.converged
    assert [finding.name for finding in result.findings] == ["component-reseeded"]


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_statistics_of_hard_groups_are_their_moments(covariance_type):
    rng = np.random.default_rng(2)
    rows, labels, weights = rng.normal(size=(90, 2)) + 1e6, rng.integers(0, 3, 90), rng.random(90)
    family = COVARIANCE_TYPES[covariance_type](3, 2)
    source = ArraySource(rows, weights, block_size=32)
    blocks = ((labels[at : at + 32] == np.arange(3)[:, None]).astype(float) for at in range(0, 90, 32))
    prepared = centred_at(family, np.full((3, 2), 1e6))
    fitted = family.maximise(statistics_from(family, source, prepared, blocks))
    for k in range(3):
        own = labels == k
        assert np.allclose(fitted.means[k], np.average(rows[own], axis=0, weights=weights[own]), rtol=1e-14)
        spread = np.cov(rows[own].T, aweights=weights[own], bias=True)
        if covariance_type == "full":
            assert np.allclose(fitted.covariances[k], spread, rtol=1e-6)
        elif covariance_type != "tied":
            expected = np.diag(spread) if covariance_type == "diag" else np.trace(spread) / 2
            assert np.allclose(fitted.covariances[k], expected, rtol=1e-6)


def test_weights_of_nothing_have_no_logarithm():
    assert log_weights_from(np.array([2.0, 0.0, 2.0])).tolist() == [np.log(0.5), -np.inf, np.log(0.5)]
