from __future__ import annotations

import weakref

import numpy as np
import pytest

from mixtura.estimators.gathered import gathered


@pytest.mark.parametrize("shape", [(), (3,)])
def test_parts_follow_one_another(rng, shape):
    whole = rng.normal(size=(10, *shape))
    found = gathered((whole[first : first + 4] for first in (0, 4, 8)), 10)
    np.testing.assert_array_equal(found, whole)
    assert found.dtype == whole.dtype


def test_no_part_outlives_its_turn():
    alive: list[weakref.ref[np.ndarray]] = []

    def parts():
        for _ in range(3):
            assert sum(part() is not None for part in alive) <= 1
            part = np.zeros(5)
            alive.append(weakref.ref(part))
            yield part

    gathered(parts(), 15)


def test_rows_that_are_missing_are_no_answer():
    with pytest.raises(AssertionError):
        gathered([np.zeros(2)], 3)
