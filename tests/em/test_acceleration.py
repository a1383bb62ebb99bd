from __future__ import annotations

import numpy as np
import pytest

from mixtura.em.acceleration import ACCELERATIONS, Acceleration, Squarem
from mixtura.em.bernoulli import BernoulliFamily
from mixtura.em.engine import EMResult, run_em
from mixtura.em.family import Family
from mixtura.em.gaussian import COVARIANCE_TYPES, GaussianParameters
from mixtura.em.poisson import PoissonFamily, PoissonParameters
from mixtura.em.source import ArraySource
from mixtura.em.steps import MixtureParameters
from mixtura.em.stopping import Absolute, Aitken

K, D = 2, 2


class Counting(ArraySource):
    """An array that counts how often it is gone through."""

    passes = 0

    def blocks(self):
        self.passes += 1
        return super().blocks()


def slow(
    kind: str, acceleration=None, tol: float = 1e-10, concentration: float = 1.0
) -> tuple[EMResult, int]:
    """Climb where two components overlap."""
    rng = np.random.default_rng(0)
    data = rng.normal(size=(600, D)) + np.array([2.2, 0.0]) * rng.integers(2, size=(600, 1))
    covariances = {
        "full": np.tile(np.eye(D), (K, 1, 1)),
        "tied": np.eye(D),
        "diag": np.ones((K, D)),
        "spherical": np.ones(K),
    }
    start = GaussianParameters(np.array([[0.9, 0.1], [1.3, 0.0]]), covariances[kind])
    source = Counting(data)
    result = run_em(
        COVARIANCE_TYPES[kind](K, D),
        source,
        MixtureParameters(np.log([0.5, 0.5]), start),
        criterion=Absolute(tol),
        max_iter=20_000,
        concentration=concentration,
        acceleration=acceleration,
    )
    return result, source.passes


@pytest.mark.parametrize("name", ACCELERATIONS)
@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
def test_the_same_optimum_in_fewer_e_steps(kind: str, name: str) -> None:
    plain, many = slow(kind)
    fast, few = slow(kind, ACCELERATIONS[name])
    assert fast.lower_bound >= plain.lower_bound - 1e-7
    assert fast.lower_bound == pytest.approx(plain.lower_bound, abs=1e-5)
    assert few == fast.n_iter < 0.5 * many


@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
def test_f_never_falls(kind: str) -> None:
    path = slow(kind, Squarem, concentration=1.5)[0].free_energy_path
    assert np.diff(path).min() >= -1e-12
    assert len(path) % 2 == 0


class Wild(Acceleration):
    """Proposes what cannot be good."""

    def __init__(self, family: Family) -> None:
        super().__init__(family)
        self.kept: list[bool] = []
        self.turn = 0

    def leap(self, before: MixtureParameters, after: MixtureParameters) -> MixtureParameters | None:
        self.turn += 1
        components = after.components
        broken = [
            GaussianParameters(components.means + 1e200, components.covariances),
            GaussianParameters(components.means, -components.covariances),
            GaussianParameters(components.means, components.covariances * np.nan),
            GaussianParameters(components.means[::-1] + 1.0, components.covariances),
        ]
        return MixtureParameters(after.log_weights, broken[self.turn % 4])

    def judge(self, kept: bool) -> None:
        self.kept.append(kept)


def test_a_leap_that_lowers_f_is_as_if_it_had_not_been() -> None:
    wild: list[Wild] = []

    def acceleration(family: Family) -> Wild:
        wild.append(Wild(family))
        return wild[-1]

    plain, thrown = slow("diag", tol=1e-6)[0], slow("diag", acceleration, tol=1e-6)[0]
    np.testing.assert_array_equal(thrown.free_energy_path, plain.free_energy_path)
    assert not any(wild[0].kept) and len(wild[0].kept) == plain.n_iter - 1
    assert thrown.n_iter == 2 * plain.n_iter - 1


def test_other_families_and_probabilities_of_zero() -> None:
    rng = np.random.default_rng(1)
    data = (rng.random((400, 5)) < np.where(rng.random((400, 1)) < 0.4, 0.3, 0.6)).astype(float)
    data[:, 4] = 0.0
    binary = BernoulliFamily(2, 5)
    cases = [
        (binary, binary.parameters(rng.uniform(0.3, 0.7, (2, 5)))),
        (PoissonFamily(2, 5), PoissonParameters(rng.uniform(0.3, 0.7, (2, 5)))),
    ]
    for family, theta in cases:
        start = MixtureParameters(np.log([0.5, 0.5]), theta)
        options = {"criterion": Aitken(1e-9), "max_iter": 20_000}
        plain = run_em(family, ArraySource(data), start, **options)
        fast = run_em(family, ArraySource(data), start, acceleration=Squarem, **options)
        assert np.diff(fast.free_energy_path).min() >= -1e-12
        assert fast.lower_bound >= plain.lower_bound - 1e-6
