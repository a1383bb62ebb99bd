from __future__ import annotations

import numpy as np
import pytest

from mixtura.clustering import ari
from mixtura.em.product_groups import product_evidence, product_groups
from mixtura.em.product_table import ProductTable

NONE = np.empty((400, 0))


def made(rng: np.random.Generator) -> tuple[ProductTable, np.ndarray]:
    """Return a table in which every family tells something of three groups, and the groups."""
    z = rng.integers(3, size=400)
    measured = rng.normal(size=(400, 1)) + 2.0 * z[:, None]
    bits = (rng.random((400, 2)) < np.array([0.1, 0.5, 0.9])[z, None]).astype(float)
    counts = rng.poisson(np.array([1.0, 4.0, 12.0])[z, None], size=(400, 1)).astype(float)
    categories = np.where(rng.random((400, 1)) < 0.8, z[:, None], rng.integers(3, size=(400, 1))).astype(
        float
    )
    return ProductTable(measured, bits, counts, categories, (3,)), z


def test_groups_that_all_families_tell_of_are_found(rng):
    table, z = made(rng)
    points = np.column_stack([table.measured, table.bits, np.sqrt(table.counts)])
    found = product_groups(table, points, 3, rng)
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1, atol=1e-12)
    assert ari(z, found.labels) > 0.85
    for shares in (found.probabilities, np.eye(3)[found.labels]):
        assert product_evidence(table, shares, rng).better


def test_the_posterior_is_that_of_the_families_at_the_mixture(rng):
    """Of one binary column, the posterior can be put together by hand."""
    bits = np.repeat([[0.0, 0.0], [1.0, 1.0]], 200, axis=0)
    table = ProductTable(NONE, bits, NONE, NONE, ())
    found = product_groups(table, bits, 2, rng).probabilities
    assert found[:200].max(axis=1).min() > 0.999 and found[0].argmax() != found[-1].argmax()


@pytest.mark.parametrize("correlated", [False, True])
def test_columns_without_groups_give_no_evidence(correlated, rng):
    measured = rng.normal(size=(400, 2))
    if correlated:
        measured[:, 1] = measured[:, 0] + 0.3 * measured[:, 1]
    codes = rng.integers(4, size=(400, 1)).astype(float)
    table = ProductTable(measured, (rng.random((400, 1)) < 0.3).astype(float), NONE, codes, (4,))
    points = np.column_stack([measured, table.bits, np.eye(4)[codes[:, 0].astype(int)]])
    found = product_groups(table, points, 4, rng)
    assert not product_evidence(table, np.eye(4)[found.labels], rng).better
    # Nor do the categories of a column by themselves.
    assert not product_evidence(table, np.eye(4)[codes[:, 0].astype(int)], rng).better


def test_too_few_rows_or_groups_are_no_evidence(rng):
    table, _ = made(rng)
    assert product_evidence(table.of(np.arange(3)), np.eye(3), rng).gain == 0
    assert product_evidence(table, np.ones((400, 1)), rng).gain == 0


def test_a_sample_makes_the_groups_of_many_rows(rng):
    table, z = made(rng)
    found = product_groups(table, table.measured, 3, rng, max_rows=200)
    assert found.labels.shape == z.shape and ari(z, found.labels) > 0.8
