from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.stats import poisson

from mixtura.em.bernoulli import BernoulliFamily
from mixtura.em.categorical import CategoricalFamily
from mixtura.em.completion import drawn, expected
from mixtura.em.gaussian import DiagonalGaussians, GaussianParameters
from mixtura.em.imputation import impute
from mixtura.em.missing import missing_family
from mixtura.em.poisson import PoissonFamily, PoissonParameters
from mixtura.em.product import ProductFamily
from mixtura.em.steps import MixtureParameters
from mixtura.errors import InputError

# Two components on a bit, a category of three and a count; every cell of the table below 60 is enumerated.
BITS, WORDS, COUNTS = BernoulliFamily(2, 1), CategoricalFamily(2, [3]), PoissonFamily(2, 1)
FAMILY = ProductFamily([(COUNTS, [2]), (BITS, [0]), (WORDS, [1])])
TABLE = np.array([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]])
CHANCE, RATE, WEIGHTS = np.array([0.9, 0.3]), np.array([2.0, 6.0]), np.array([0.4, 0.6])
THETA = MixtureParameters(
    np.log(WEIGHTS),
    (
        PoissonParameters(RATE[:, None]),
        BITS.parameters(CHANCE[:, None]),
        WORDS.parameters([TABLE]),
    ),
)


def _joint() -> np.ndarray:
    """Return p(bit, category, count) by enumeration."""
    bits = np.stack([1 - CHANCE, CHANCE], axis=1)
    counts = poisson.pmf(np.arange(60), RATE[:, None])
    return np.einsum("k,ka,kb,kc->abc", WEIGHTS, bits, TABLE, counts)


ROWS = [
    row for row in product([0.0, 1.0, np.nan], [0.0, 2.0, np.nan], [0.0, 7.0, np.nan]) if np.isnan(row).any()
]


def _cells(row: tuple[float, ...]) -> tuple[slice, ...]:
    return tuple(slice(None) if np.isnan(value) else slice(int(value), int(value) + 1) for value in row)


def _conditional(row: tuple[float, ...]) -> np.ndarray:
    kept = _joint()[_cells(row)]
    return kept / kept.sum()


@pytest.mark.parametrize("row", ROWS)
def test_what_is_expected_is_that_of_the_enumerated_table(row: tuple[float, ...]) -> None:
    filled = impute(FAMILY, THETA, np.array([row]))[0]
    table = _conditional(row)
    for j, value in enumerate(row):
        margin = table.sum(axis=tuple(i for i in range(3) if i != j))
        if not np.isnan(value):
            assert filled[j] == value
        elif j == 2:
            assert filled[j] == pytest.approx(margin @ np.arange(60), rel=1e-9)
        else:
            assert filled[j] == margin.argmax()


@pytest.mark.parametrize("row", [(np.nan, np.nan, 7.0), (1.0, np.nan, np.nan)])
def test_draws_have_the_distribution_of_the_enumerated_table(row: tuple[float, ...]) -> None:
    n = 20_000
    generator = np.random.default_rng(0)
    (drawn_rows,) = impute(FAMILY, THETA, np.tile(row, (n, 1)), draws=1, generator=generator)
    counts = np.zeros((2, 3, 60))
    np.add.at(counts, tuple(drawn_rows.astype(int).T), 1 / n)
    assert np.abs(counts[_cells(row)] - _conditional(row)).max() < 5 * np.sqrt(0.25 / n)


def test_measurements_stand_beside_the_others() -> None:
    gaussians = missing_family(DiagonalGaussians(2, 1))
    family = ProductFamily([(gaussians, [1]), (BITS, [0])])
    measured = GaussianParameters(np.array([[0.0], [10.0]]), np.ones((2, 1)))
    theta = MixtureParameters(np.log(WEIGHTS), (measured, BITS.parameters(CHANCE[:, None])))
    rows = np.array([[1.0, np.nan], [np.nan, 9.5], [0.0, 1.0]])
    filled = impute(family, theta, rows, origin=np.array([0.0, -3.0]))
    posterior = WEIGHTS * CHANCE / (WEIGHTS @ CHANCE)
    np.testing.assert_allclose(filled, [[1.0, posterior[1] * 10 - 3], [0.0, 9.5], [0.0, 1.0]])


def test_a_family_that_says_nothing_is_named() -> None:
    with pytest.raises(InputError, match="object does not say what it expects"):
        expected(object(), None, None, np.zeros((1, 1)))
    with pytest.raises(InputError, match="object does not say how missing entries are drawn"):
        drawn(object(), None, None, np.zeros(1, int), np.random.default_rng(0))
