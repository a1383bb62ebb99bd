from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from mixtura.divergence.transport import cheapest

seeds = st.integers(0, 10**6)


def _problem(seed: int, k: int | None = None):
    rng = np.random.default_rng(seed)
    shape = (k or int(rng.integers(1, 6)), k or int(rng.integers(1, 6)))
    return rng.gamma(0.5, size=shape) * 10.0 ** rng.integers(-6, 7), *(
        rng.dirichlet(np.ones(n)) for n in shape
    )


@settings(max_examples=50)
@given(seeds)
def test_a_coupling_has_the_weights_as_its_sums_to_the_last_digits(seed) -> None:
    cost, rows, columns = _problem(seed)
    plan = cheapest(cost, rows, columns)
    assert (plan.coupling >= 0).all()
    np.testing.assert_allclose(plan.coupling.sum(axis=1), rows, atol=1e-15)
    np.testing.assert_allclose(plan.coupling.sum(axis=0), columns, atol=1e-15)


@settings(max_examples=50)
@given(seeds)
def test_no_coupling_is_cheaper_by_duality(seed) -> None:
    cost, rows, columns = _problem(seed)
    plan = cheapest(cost, rows, columns)
    slack = cost - plan.of_rows[:, None] - plan.of_columns
    scale = cost.max()
    if min(cost.shape) > 1:
        assert slack.min() >= -1e-9 * scale  # the duals are feasible, and their value is that of the plan
        value = plan.of_rows @ rows + plan.of_columns @ columns
        assert (plan.coupling * cost).sum() == pytest.approx(value, abs=1e-9 * scale)
    assert (plan.coupling * cost).sum() <= rows @ cost @ columns * (1 + 1e-12)


@settings(max_examples=25)
@given(seeds, st.integers(2, 6))
def test_equal_weights_make_it_an_assignment(seed, k) -> None:
    cost, _, _ = _problem(seed, k)
    equal = np.full(k, 1 / k)
    best = cost[linear_sum_assignment(cost)].sum() / k
    assert (cheapest(cost, equal, equal).coupling * cost).sum() == pytest.approx(best, rel=1e-12)


def test_nothing_costs_nothing_exactly() -> None:
    rng = np.random.default_rng(0)
    for k in range(1, 8):
        weights = rng.dirichlet(np.ones(k))
        cost = rng.gamma(1, size=(k, k)) * (1 - np.eye(k))
        for order in itertools.islice(itertools.permutations(range(k)), 5):
            plan = cheapest(cost[:, order], weights, weights[list(order)])
            assert (plan.coupling * cost[:, order]).sum() == 0.0


def test_what_is_forbidden_is_not_used() -> None:
    cost = np.array([[np.inf, 1.0], [2.0, np.inf]])
    plan = cheapest(cost, np.array([0.4, 0.6]), np.array([0.6, 0.4]))
    assert plan.coupling.tolist() == [[0.0, 0.4], [0.6, 0.0]]
    assert cheapest(cost, np.array([0.5, 0.5]), np.array([0.6, 0.4])) is None
    assert cheapest(np.array([[np.inf, 1.0]]), np.array([1.0]), np.array([0.5, 0.5])) is None
    unused = cheapest(np.array([[np.inf, 1.0]]), np.array([1.0]), np.array([0.0, 1.0]))
    assert unused.coupling.tolist() == [[0.0, 1.0]]


def test_a_weight_of_zero_carries_nothing() -> None:
    plan = cheapest(np.array([[1.0, 2.0], [np.inf, np.inf]]), np.array([1.0, 0.0]), np.array([0.5, 0.5]))
    assert plan.coupling.tolist() == [[0.5, 0.5], [0.0, 0.0]]
