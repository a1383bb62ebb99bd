from __future__ import annotations

import pytest
import torch

from mixtura.divergence.result import Divergence
from mixtura.errors import InputError


def result(value, method="closed_form", error=0.0, lower=None, upper=None, **kind) -> Divergence:
    numbers = (value, error, value if lower is None else lower, value if upper is None else upper)
    value, error, lower, upper = (torch.as_tensor(number) for number in numbers)
    return Divergence(value, method, error, lower, upper, **kind)


def test_one_number() -> None:
    assert float(result(0.5)) == 0.5
    assert float(result([0.5])) == 0.5
    assert float(result(torch.tensor(0.5, requires_grad=True))) == 0.5


def test_a_batch_is_not_one_number() -> None:
    with pytest.raises(
        InputError, match=r"a batch of shape \(2,\) is not one number; take an entry of its \.value"
    ):
        float(result([0.5, 0.6]))


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (result(0.5), "Divergence(kl=0.5, method='closed_form')"),
        (result(float("inf")), "Divergence(kl=inf, method='closed_form')"),
        (
            result(0.5, "monte_carlo", 0.01, 0.25, float("inf")),
            "Divergence(kl=0.5 ± 0.01, between 0.25 and inf, method='monte_carlo')",
        ),
        (
            result(0.5, "upper_bound", float("inf"), 0.25, 0.5),
            "Divergence(kl=0.5, between 0.25 and 0.5, method='upper_bound')",
        ),
        (
            result(0.5, divergence="alpha", alpha=0.25),
            "Divergence(alpha(0.25)=0.5, method='closed_form')",
        ),
        (result([0.5, 0.6]), "Divergence(kl: batch of shape (2,), method='closed_form')"),
    ],
)
def test_it_reads_well(found, words) -> None:
    assert repr(found) == words
