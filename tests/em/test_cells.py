"""What tables of probabilities do with cells of zero, with tiny sums and entries that are not there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixtura.em.categorical import CategoricalFamily
from mixtura.em.cells import CellStatistics, average_of_others
from mixtura.em.engine import run_em
from mixtura.em.source import ArraySource
from mixtura.em.steps import MixtureParameters, e_step, free_energy, m_step
from mixtura.errors import ConvergenceError


def _log_density(family: CategoricalFamily, theta: object, X: np.ndarray) -> np.ndarray:
    out = np.empty((family.n_components, len(X)))
    family.log_density(family.prepare(theta), X.T.copy(), out)
    return out


def test_an_impossible_entry_has_density_zero_and_no_nan() -> None:
    family = CategoricalFamily(2, [2, 3])
    theta = family.parameters([[[1.0, 0.0], [0.5, 0.5]], [[0.0, 0.0, 1.0], [0.5, 0.0, 0.5]]])
    X = np.array([[0, 2], [1, 2], [0, 1], [1, 1.0]])
    expected = [[0.0, -np.inf, -np.inf, -np.inf], [np.log(0.25), np.log(0.25), -np.inf, -np.inf]]
    np.testing.assert_allclose(_log_density(family, theta, X), expected)


def test_a_new_row_that_cannot_be_is_scored_minus_infinity_and_shared_equally() -> None:
    from mixtura.em.scoring import Scorer

    family = CategoricalFamily(2, [3])
    theta = family.parameters([[[0.9, 0.1, 0.0], [0.2, 0.8, 0.0]]])
    scorer = Scorer(family, family.prepare(theta), np.log([0.3, 0.7]))
    source = ArraySource(np.array([[2.0], [0.0]]))
    assert next(scorer.log_density(source))[0] == -np.inf
    np.testing.assert_allclose(next(scorer.responsibilities(source))[:, 0], 0.5)


def test_data_that_a_start_excludes_is_an_error_and_not_nan() -> None:
    family = CategoricalFamily(1, [2])
    start = MixtureParameters(np.zeros(1), family.parameters([[[1.0, 0.0]]]))
    with pytest.raises(ConvergenceError, match="no density under any component"):
        run_em(family, ArraySource(np.array([[0.0], [1.0]])), start, criterion=lambda _: None, max_iter=3)


def test_a_cell_of_zero_stays_zero_and_counts_for_nothing() -> None:
    family = CategoricalFamily(2, [2, 2])
    X = np.array([[0, 0], [0, 1], [1, 1], [1, 0], [0, 0.0]])
    theta = MixtureParameters(
        np.log([0.5, 0.5]), family.parameters([[[1.0, 0.0], [0.3, 0.7]], [[0.5, 0.5], [0.4, 0.6]]])
    )
    expectation = e_step(family, ArraySource(X), theta)
    assert expectation.statistics.cells[0, 1] == 0.0
    after = m_step(family, expectation)
    assert after.components.probabilities[0].tolist()[:2] == [1.0, 0.0]
    assert np.isfinite(free_energy(family, expectation, after))


@given(st.floats(5e-324, 1e-290))
def test_a_cell_with_hardly_any_weight_keeps_a_probability(weight: float) -> None:
    family = CategoricalFamily(1, [2])
    statistics = CellStatistics(np.array([1e5]), np.array([[1e5, weight]]))
    theta = family.maximise(statistics)
    assert theta.probabilities[0, 1] > 0
    assert np.isfinite(family.expected_log_density(statistics, theta))


def test_a_column_without_entries_has_equal_probabilities() -> None:
    family = CategoricalFamily(2, [2, 4])
    X = np.array([[0, np.nan], [1, np.nan]])
    theta = MixtureParameters(
        np.log([0.5, 0.5]), family.parameters([[[0.3, 0.7], [0.6, 0.4]], np.full((2, 4), 0.25)])
    )
    after = m_step(family, e_step(family, ArraySource(X), theta))
    np.testing.assert_allclose(family.tables(after.components)[1], 0.25)


def test_a_row_without_entries_keeps_the_weights_as_its_responsibilities() -> None:
    family = CategoricalFamily(2, [2])
    theta = MixtureParameters(np.log([0.25, 0.75]), family.parameters([[[0.3, 0.7], [0.6, 0.4]]]))
    expectation = e_step(family, ArraySource(np.array([[np.nan]])), theta)
    np.testing.assert_allclose(expectation.counts, [0.25, 0.75])
    assert expectation.log_likelihood == pytest.approx(0.0, abs=1e-15)


def test_the_average_of_others_leaves_one_out() -> None:
    values = np.array([[1.0], [2.0], [6.0]])
    assert average_of_others(values, 0).tolist() == [4.0]
    assert average_of_others(values[:1], 0).tolist() == [1.0]
