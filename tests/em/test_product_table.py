from __future__ import annotations

import numpy as np

from mixtura.em.gaussian import DiagonalGaussians, TiedGaussians
from mixtura.em.product_table import ProductTable


def test_families_take_their_own_columns_and_empty_ones_are_left_out(rng):
    none = np.empty((6, 0))
    bits, codes = rng.integers(2, size=(6, 2)), rng.integers(3, size=(6, 1))
    table = ProductTable(rng.normal(size=(6, 2)), bits, none, codes, (3,))
    assert table.rows.shape == (6, 5)
    for gaussians in (DiagonalGaussians, TiedGaussians):
        family = table.family(2, gaussians)
        assert family.columns == ((0, 1), (2, 3), (4,))
        out = np.empty((2, 6))
        family.log_density(
            family.prepare(table.reference(2, gaussians)), np.ascontiguousarray(table.rows.T), out
        )
        expected = -0.5 * (table.measured**2).sum(1) - np.log(2 * np.pi) - 2 * np.log(2) - np.log(3)
        np.testing.assert_allclose(out, np.tile(expected, (2, 1)), rtol=1e-12)
    assert table.of(np.array([1, 3])).rows.tolist() == table.rows[[1, 3]].tolist()
