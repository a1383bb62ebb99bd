from __future__ import annotations

import numpy as np
import pytest

from mixtura.em.source import ArraySource
from mixtura.errors import InputError
from mixtura.estimators.measured_rows import any_missing, largest_entry, largest_of


def test_the_largest_is_that_of_what_is_there() -> None:
    rows = np.array([[1.0, np.nan], [-7.0, 2.0], [np.nan, -3.0]])
    names = np.array(["a", "b"])
    assert largest_entry(rows) == largest_of(ArraySource(rows, block_size=1), names) == 7.0
    assert largest_entry(np.full((2, 2), np.nan)) == 0.0
    with pytest.raises(InputError, match="column 'b' has no observed value"):
        largest_of(ArraySource(rows, np.array([1.0, 0.0, 0.0])), names)
    with pytest.raises(InputError, match=r"column 1 \(from 0\) has no observed value"):
        largest_of(ArraySource(rows, np.array([1.0, 0.0, 0.0])), None)


@pytest.mark.parametrize("value", [np.inf, 1e308, 0.0])
def test_a_gap_is_seen_beside_any_number(value: float) -> None:
    assert not any_missing(np.array([[value, -value], [value, value]]))
    assert any_missing(np.array([[value, np.nan], [-value, value]]))
