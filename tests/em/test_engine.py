from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from mixtura.em.acceleration import Squarem
from mixtura.em.engine import EMResult, run_em
from mixtura.em.gaussian import COVARIANCE_TYPES, GaussianFamily, GaussianParameters
from mixtura.em.priors import NormalInverseWishart
from mixtura.em.source import ArraySource
from mixtura.em.steps import MixtureParameters
from mixtura.em.stopping import Absolute, Aitken
from mixtura.errors import ConvergenceError


def overlapping(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(600, 2)) + np.outer(rng.integers(2, size=600), [2.2, 0.0])


def begun(rows: np.ndarray) -> MixtureParameters:
    """Two components that are almost one."""
    means = rows.mean(axis=0) + np.array([[-0.3, 0.0], [0.3, 0.1]])
    return MixtureParameters(np.log([0.5, 0.5]), GaussianParameters(means, np.tile(np.eye(2), (2, 1, 1))))


def climbed(rows: np.ndarray, **options) -> EMResult:
    family = COVARIANCE_TYPES["full"](2, 2)
    return run_em(family, ArraySource(rows), begun(rows), max_iter=20_000, **options)


@pytest.mark.parametrize("tol", [1e-5, 1e-7])
@pytest.mark.parametrize("seed", [0, 2])
def test_leaps_do_not_deceive_aitken(seed: int, tol: float) -> None:
    """Rises across leaps are no series: a criterion that takes them for one stops many ``tol`` short."""
    rows = overlapping(seed)
    top = climbed(rows, criterion=Aitken(1e-12)).lower_bound
    fast = climbed(rows, criterion=Aitken(tol), acceleration=Squarem)
    assert fast.converged and fast.reason == "aitken"
    assert top - fast.lower_bound < 2 * tol
    assert fast.n_iter < climbed(rows, criterion=Aitken(tol)).n_iter


def test_leaps_are_withheld_only_until_steps_confirm_the_end() -> None:
    """Where the last steps before the end are few, a criterion that is met by each rise costs no more."""
    heard: list[int] = []

    def never_but_asked(bounds: list[float]) -> str | None:
        heard.append(len(bounds))
        return "asked" if len(heard) >= 30 else None

    result = climbed(overlapping(2), criterion=never_but_asked, acceleration=Squarem)
    assert result.reason == "asked"
    assert 30 <= len(heard) <= 33


class Sinking(GaussianFamily):
    """Returns parameters that are off the maximum in some iterations."""

    layout = COVARIANCE_TYPES["spherical"].layout

    def __init__(self, off: Iterator[float]) -> None:
        super().__init__(1, 1)
        self.off = off

    def expand(self, covariances: np.ndarray) -> np.ndarray:
        return covariances[:, None]

    def share(self, scatters: np.ndarray, counts: np.ndarray) -> np.ndarray:
        return (scatters / counts[:, None]).mean(axis=1)

    def maximise(self, statistics):
        found = super().maximise(statistics)
        return GaussianParameters(found.means, found.covariances * next(self.off))


@pytest.mark.parametrize(
    ("off", "words"),
    [([1, 1, 3, 3, 3], "F fell once, by 0.216"), ([1, 3, 9, 9, 9], "F fell 2 times, by up to 0.438")],
)
def test_a_fall_is_told_of_in_words_with_its_iteration(off: list[float], words: str) -> None:
    rows = np.random.default_rng(0).normal(size=(50, 1))
    start = MixtureParameters(np.zeros(1), GaussianParameters(np.zeros((1, 1)), np.ones(1)))
    options = {"criterion": lambda bounds: None, "max_iter": 4}
    told = run_em(Sinking(iter(off)), ArraySource(rows), start, exact=False, **options)
    (finding,) = told.findings
    assert finding.name == "free-energy-fell" and finding.seen.startswith(words)
    assert "in iteration 3:" in finding.seen
    with pytest.raises(ConvergenceError, match=r"fell by 0\.\d+ nats .* M-step of iteration"):
        run_em(Sinking(iter(off)), ArraySource(rows), start, **options)


def test_iterations_are_counted_from_the_first_though_the_path_begins_anew() -> None:
    """After a component was moved, a fall is still said to be in the iteration it was in."""
    rows = np.random.default_rng(0).normal(size=(50, 2))
    family = COVARIANCE_TYPES["diag"](2, 2, reg_covar=0.5)
    lost = MixtureParameters(
        np.array([0.0, -np.inf]), GaussianParameters(np.zeros((2, 2)), np.full((2, 2), 0.01))
    )
    result = run_em(family, ArraySource(rows), lost, criterion=Absolute(1e-9), max_iter=100, exact=False)
    names = [finding.name for finding in result.findings]
    assert names == ["free-energy-fell", "component-reseeded"]
    assert " in iteration 3:" in result.findings[0].seen
    assert len(result.free_energy_path) == 2 * (result.n_iter - 1)


@pytest.mark.parametrize("seed", range(3))
def test_a_component_that_a_prior_leaves_empty_is_not_moved_for_ever(seed) -> None:
    """Four components beyond the levels: each is moved, loses its points again, and stays where it is."""
    rows = np.random.default_rng(seed).integers(0, 4, (120, 1)).astype(float)
    prior = NormalInverseWishart(np.full(1, 1.5), kappa=0.01, dof=3.0, scale=np.full(1, 0.05))
    family = COVARIANCE_TYPES["diag"](8, 1, prior=prior)
    begin = GaussianParameters(np.linspace(0, 3, 8)[:, None], np.full((8, 1), 0.01))
    start = MixtureParameters(np.log(np.full(8, 1 / 8)), begin)
    result = run_em(family, ArraySource(rows), start, criterion=Absolute(1e-9), max_iter=2000)
    assert result.converged
    assert np.exp(result.theta.log_weights).sum() == pytest.approx(1.0)
    assert np.isfinite(result.theta.components.means).all()
