from __future__ import annotations

import numpy as np
import pytest

from mixtura.data import Encoding
from mixtura.data.counts import MOST, require_counts, stabilised
from mixtura.errors import InputError


@pytest.mark.parametrize("likelihood", ["poisson", "negative_binomial"])
def test_counts_are_encoded_as_they_are(likelihood):
    rows = np.array([[0.0, 3.0, 2.0], [7.0, 0.0, 2.0]])
    encoding = Encoding.fit(rows, likelihood=likelihood)
    assert encoding.domain == "count" and encoding.log_determinant == 0.0 and encoding.n_encoded == 3
    assert np.array_equal(encoding.encode(rows, np.float64), rows)
    assert np.array_equal(encoding.decode(rows), rows)
    again = Encoding.from_dict(encoding.to_dict())
    assert np.array_equal(again.encode(rows), rows.astype(np.float32))


@pytest.mark.parametrize("wrong", [-1.0, 0.5, 2 * MOST])
def test_what_is_no_count_is_named_with_its_place(wrong):
    rows = np.ones((4, 2))
    rows[2, 1] = wrong
    for call in (
        lambda: require_counts(rows, ("a", "b")),
        lambda: Encoding.fit(rows, likelihood="poisson", names=("a", "b")),
    ):
        with pytest.raises(InputError, match=r"1 value of 8 is none, such as .* in column 'b', row 2"):
            call()
    with pytest.raises(InputError, match="whole numbers"):
        Encoding.fit(np.ones((4, 2)), likelihood="poisson").encode(rows)


@pytest.mark.parametrize("mean", [4.0, 30.0, 400.0])
def test_stabilised_counts_vary_by_one_whatever_their_mean(mean):
    counts = np.random.default_rng(0).poisson(mean, 100_000)
    assert stabilised(counts).std() == pytest.approx(1.0, abs=0.03)


def test_rows_that_are_scored_are_named_by_their_own_columns_and_place():
    encoding = Encoding.fit(np.ones((4, 2)) * [[1], [2], [3], [4]], likelihood="poisson", names=("a", "b"))
    with pytest.raises(InputError, match=r"column 'b', row 7 \(from 0\); the model was fitted to counts"):
        encoding.encode(np.array([[1.0, 2.0], [1.0, 0.5]]), names=("a", "b"), first_row=6)
