from __future__ import annotations

import numpy as np

from mixtura.data.counts import stabilised
from mixtura.data.layout import ColumnLayout


def test_widths_and_outputs_add_up():
    layout = ColumnLayout(2, 1, 3, 1, (4, 2))
    assert layout.widths == (2, 1, 3, 1, 6)
    assert layout.n_encoded == 13 and layout.n_outputs == 15


def test_only_counts_are_stabilised_and_nothing_is_changed_in_place(rng):
    layout = ColumnLayout(gaussian=1, bernoulli=1, poisson=1, negative_binomial=1, categories=(2,))
    encoded = rng.poisson(5, size=(7, 6)).astype(np.float64)
    before = encoded.copy()
    found = layout.comparable(encoded)
    np.testing.assert_array_equal(encoded, before)
    np.testing.assert_array_equal(found[:, [0, 1, 4, 5]], encoded[:, [0, 1, 4, 5]])
    np.testing.assert_array_equal(found[:, 2:4], stabilised(encoded[:, 2:4]))
