from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from mixtura.data.checks import (
    closest,
    listing,
    non_finite,
    one_line,
    plural,
    quoted,
    read_numbers,
    reading,
    shown,
)


def test_words():
    assert one_line("a\n b\t c") == "a b c"
    assert one_line("x" * 200, 10) == "xxxxxxx..."
    assert quoted("a\n'b'") == "\"a 'b'\""
    assert shown(Path("a\nb")) == "'a b'"
    assert plural(2, "row") == "2 rows"
    assert listing("abc", 2) == "'a', 'b' and 1 more"
    assert closest("Xtrain", ["x_train", "y"]) == " (did you mean 'x_train'?)"
    assert closest("zzz", ["a"]) == ""


def test_the_first_place_that_is_not_finite():
    values = np.zeros((4, 3))
    assert non_finite(values) is None
    values[2, 1], values[3, 0] = np.nan, -np.inf
    assert non_finite(values) == (2, 1)
    assert non_finite(np.zeros((0, 3))) is None
    assert non_finite(np.zeros((2, 2), np.uint8)) is None


@pytest.mark.parametrize(
    "error", [ValueError("two\nlines"), KeyError("x"), EOFError(), OSError("disk"), RuntimeError("odd")]
)
def test_whatever_a_parser_raises_is_one_line(error, refuses):
    with refuses("'a.bin'", "as NPY"), reading(Path("a.bin"), "NPY"):
        raise error


def test_no_permission_and_no_memory(refuses):
    with refuses("no permission"), reading(Path("a"), "NPY"):
        raise PermissionError
    with pytest.raises(MemoryError), reading(Path("a"), "NPY"):
        raise MemoryError
    with pytest.raises(KeyboardInterrupt), reading(Path("a"), "NPY"):
        raise KeyboardInterrupt


def test_numbers_of_a_stream():
    stream = io.BytesIO(np.arange(6, dtype=">i2").tobytes() + b"rest")
    array = read_numbers(stream, (2, 3), np.dtype(">i2"), "F")
    np.testing.assert_array_equal(array, np.arange(6).reshape(3, 2).T)
    assert stream.read() == b"rest"
    assert read_numbers(stream, (0, 3), np.dtype("f8")).shape == (0, 3)
    with pytest.raises(ValueError, match="16 bytes of numbers announced, 3 there"):
        read_numbers(io.BytesIO(b"abc"), (2,), np.dtype("f8"))
