from __future__ import annotations

import numpy as np
import pytest

from mixtura import InputError
from mixtura.estimators.checks import at_least_one, flat_rows, plain_settings, seed_of


@pytest.mark.parametrize("value", [1, 5, np.int64(3)])
def test_whole_numbers_pass(value):
    assert at_least_one("n", value) == value


@pytest.mark.parametrize("value", [0, -1, 1.5, "3", None, True])
def test_other_values_are_named(value):
    with pytest.raises(InputError, match="n must be a whole number of at least 1, not"):
        at_least_one("n", value)


def test_a_seed_is_itself_and_a_state_gives_one():
    assert seed_of(0) == 0 and seed_of(np.int64(9)) == 9
    first, again = (seed_of(np.random.RandomState(3)) for _ in range(2))
    assert first == again
    with pytest.raises(ValueError, match="seed"):
        seed_of("no seed")


def test_pixels_keep_their_order():
    images = np.arange(2 * 3 * 4 * 2).reshape(2, 3, 4, 2)
    rows, shape = flat_rows(images, None)
    assert shape == (3, 4, 2)
    assert np.array_equal(rows.reshape(2, *shape), images)
    assert flat_rows(images, [3, 4, 2])[1] == (3, 4, 2)
    table = np.zeros((2, 6))
    rows, shape = flat_rows(table, (2, 3))
    assert rows is table and shape == (2, 3)
    assert flat_rows(table, None)[1] is None


@pytest.mark.parametrize(("asked", "given"), [((6, 4), (4, 6)), ((8, 8), (4, 16)), ((2, 3, 4), (4, 6))])
def test_images_of_other_sides_are_refused_though_as_many_values(asked, given) -> None:
    with pytest.raises(InputError, match="give the same size"):
        flat_rows(np.zeros((3, *given)), asked)


def test_one_channel_may_be_said_or_not() -> None:
    assert flat_rows(np.zeros((3, 6, 4, 1)), (6, 4))[0].shape == (3, 24)
    assert flat_rows(np.zeros((3, 6, 4)), (6, 4, 1))[0].shape == (3, 24)


def test_settings_hold_numbers_of_python() -> None:
    plain = plain_settings({"hidden": [np.int64(8), 4], "learning_rate": np.float32(0.25), "start": "graph"})
    assert plain == {"hidden": (8, 4), "learning_rate": 0.25, "start": "graph"}
    assert [type(size) for size in plain["hidden"]] == [int, int]
