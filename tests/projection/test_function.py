from __future__ import annotations

import numpy as np
import pytest
import torch

from mixtura.errors import InputError
from mixtura.projection.function import VectorisedFunction

POINTS = torch.tensor([[1.0, 2.0], [3.0, -1.0], [0.5, 0.0]], dtype=torch.float64)

KINDS = {
    "torch": (lambda x: x.square().sum(dim=-1), True),
    "numpy": (lambda x: np.square(np.asarray(x)).sum(axis=-1), False),
    "numpy only": (lambda x: np.einsum("nd,nd->n", x.astype(float), x), False),
    "numpy's functions": (lambda x: np.abs(np.power(x, 2)).sum(axis=-1), False),
    "list": (lambda x: [float(a) ** 2 + float(b) ** 2 for a, b in x], False),
    "float32": (lambda x: x.float().square().sum(dim=-1), True),
}


@pytest.mark.parametrize("kind", KINDS)
def test_torch_and_numpy_functions_are_called_with_what_they_take(kind: str) -> None:
    function, differentiable = KINDS[kind]
    called = VectorisedFunction(function, 2, "f", vector=False)
    assert called.differentiable == differentiable
    values = called(POINTS)
    assert values.dtype == torch.float64
    assert values.tolist() == [5.0, 10.0, 0.25]


def test_a_column_is_as_good_as_a_row() -> None:
    called = VectorisedFunction(lambda x: x.sum(dim=1, keepdim=True), 2, "f", vector=False)
    assert called(POINTS).shape == (3,)


def test_vectors_keep_their_shape() -> None:
    assert VectorisedFunction(lambda x: 2 * x, 2, "f", vector=True)(POINTS).tolist() == (2 * POINTS).tolist()
    assert VectorisedFunction(lambda x: 2 * x, 1, "f", vector=True)(POINTS[:, :1]).shape == (3, 1)


@pytest.mark.parametrize(
    ("function", "vector", "match"),
    [
        (lambda x: x.sum(), False, r"f returned shape \(\) for 2 points; it must return one number each"),
        (lambda x: x.sum(dim=-1), True, "it must return 2 numbers each"),
        (lambda x: x[:, 5], False, "f failed on 2 points: IndexError"),
        (lambda x: "text", False, "f failed on 2 points: ValueError"),
    ],
)
def test_what_is_wrong_is_said_with_the_name(function, vector: bool, match: str) -> None:
    with pytest.raises(InputError, match=match):
        VectorisedFunction(function, 2, "f", vector=vector)
