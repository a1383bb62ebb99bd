from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixtura.em.engine import EMResult, run_em
from mixtura.em.gaussian import FullGaussians, GaussianParameters
from mixtura.em.source import ArraySource
from mixtura.em.steps import MixtureParameters
from mixtura.em.stopping import STOPPING, Absolute, Aitken, Relative

TOL = 1e-4


def climbed(name: str, tol: float = TOL, max_iter: int = 5000) -> EMResult:
    """Climb slowly: two components that overlap, from means that are almost equal."""
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.normal(-1.5, 1.0, 900), rng.normal(1.5, 1.0, 2100)])[:, None]
    start = GaussianParameters(np.array([[-0.2], [0.4]]), np.full((2, 1, 1), rows.var()))
    return run_em(
        FullGaussians(2, 1),
        ArraySource(rows),
        MixtureParameters(np.log([0.5, 0.5]), start),
        criterion=STOPPING[name](tol),
        max_iter=max_iter,
    )


def test_small_steps_are_not_the_end() -> None:
    """A rise below ``tol`` stops scikit-learn's criterion far below the optimum; Aitken's climbs on."""
    top = climbed("aitken", 1e-10).lower_bound
    absolute, aitken = climbed("absolute"), climbed("aitken")
    assert top - absolute.lower_bound > 5 * TOL
    assert top - aitken.lower_bound < TOL
    assert (absolute.reason, aitken.reason) == ("absolute", "aitken")
    assert aitken.n_iter > absolute.n_iter


@pytest.mark.parametrize("name", STOPPING)
def test_zero_runs_to_the_last_iteration(name: str) -> None:
    result = climbed(name, 0.0, 50)
    assert (result.n_iter, result.converged, result.reason) == (50, False, "max_iter")


@pytest.mark.parametrize("name", STOPPING)
def test_a_constant_bound_stops(name: str) -> None:
    assert STOPPING[name](1e-12)([-3.0] * 4) == name


@pytest.mark.parametrize("name", STOPPING)
def test_the_first_bound_never_stops(name: str) -> None:
    assert STOPPING[name](1e9)([-3.0]) is None


@given(st.floats(0.01, 0.999), st.floats(1e-8, 1e-2), st.floats(-50, 50))
def test_aitken_knows_the_limit_of_a_geometric_rise(rate: float, tol: float, limit: float) -> None:
    bounds: list[float] = []
    while Aitken(tol)(bounds) is None:
        bounds.append(limit - rate ** len(bounds))
    assert limit - bounds[-1] < tol * 1.01
    if len(bounds) > 4:
        assert limit - bounds[-2] > tol * 0.99


def test_aitken_waits_on_a_plateau_that_is_being_left() -> None:
    assert Aitken(TOL)([0.0, 1e-6, 3e-6, 7e-6, 15e-6]) is None


def test_units() -> None:
    assert Absolute(0.1)([-1000.0, -999.5]) is None
    assert Relative(0.1)([-1000.0, -999.5]) == "relative"
