from __future__ import annotations

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import torch

from mixtura.divergence.arrays import as_tensors
from mixtura.errors import InputError


@pytest.mark.parametrize(
    ("values", "dtype", "is_torch"),
    [
        (([1, 2], [3.0]), torch.float64, False),
        ((np.ones(2, np.float32), [1.0]), torch.float32, False),
        ((np.ones(2, np.float32), np.ones(2)), torch.float64, False),
        ((np.ones(2, np.float16), np.ones(2, np.float16)), torch.float16, False),
        ((np.ones(2, np.int8), [1]), torch.float64, False),
        ((np.ones(2, np.longdouble), [1]), torch.float64, False),
        ((np.ones(2, ">f4"), [1]), torch.float32, False),
        ((torch.ones(2), [1.0]), torch.float32, True),
        ((torch.ones(2), np.ones(2)), torch.float64, True),
        ((torch.ones(2, dtype=torch.int64), [1.0]), torch.float64, True),
        ((pd.Series([1.0, 2.0]), [1.0]), torch.float64, False),
    ],
)
def test_types(values, dtype, is_torch) -> None:
    tensors, found, from_torch = as_tensors(dict(zip("ab", values, strict=True)))
    assert (found, from_torch) == (dtype, is_torch)
    for tensor, value in zip(tensors, values, strict=True):
        assert tensor.is_floating_point()
        np.testing.assert_array_equal(tensor.numpy(), np.asarray(value, dtype=np.float64))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("text", "a holds values of type"),
        (None, "a holds values of type object; give real numbers"),
        ([Fraction(1, 2)], "a holds values of type object"),
        ([[1.0], [1.0, 2.0]], "a is ragged"),
        (np.ones(2) * 1j, "a holds values of type complex128"),
        (torch.ones(2) * 1j, "a holds complex numbers"),
        ({"x": 1}, "a holds values of type object"),
    ],
)
def test_what_holds_no_numbers(value, words) -> None:
    with pytest.raises(InputError, match=words):
        as_tensors({"a": value})


def test_arrays_that_torch_would_not_take() -> None:
    frozen = np.eye(2)
    frozen.flags.writeable = False
    (tensor, turned), _, _ = as_tensors({"a": frozen, "b": np.arange(4.0)[::-1]})
    assert tensor.tolist() == [[1, 0], [0, 1]]
    assert turned.tolist() == [3, 2, 1, 0]
    assert as_tensors({"a": np.float64(2.0)})[0][0].shape == ()


def test_tensors_keep_their_gradients() -> None:
    leaf = torch.ones(2, requires_grad=True)
    assert as_tensors({"a": leaf})[0][0] is leaf


def test_two_devices() -> None:
    with pytest.raises(InputError, match="on different devices: a on cpu, b on meta; move them to one"):
        as_tensors({"a": torch.ones(2), "b": torch.ones(2, device="meta")})
