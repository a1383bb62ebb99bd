from __future__ import annotations

import pytest
import torch
from torch.distributions import (
    Bernoulli,
    Categorical,
    Distribution,
    Independent,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    Poisson,
)

from mixtura.divergence.checks import (
    check_pair,
    check_parameters,
    check_probabilities,
    first_entry,
    is_discrete,
)
from mixtura.errors import InputError

nan = torch.nan
PAIRS = {
    "no distribution": (0.5, Normal(0.0, 1.0), "p is of type float; give a torch distribution"),
    "events": (
        Normal(torch.zeros(2), 1.0),
        MultivariateNormal(torch.zeros(2), torch.eye(2)),
        r"shape \(\).*\(2,\)",
    ),
    "batches": (Normal(torch.zeros(2), 1.0), Normal(torch.zeros(3), 1.0), r"\(2,\) and \(3,\), which do not"),
    "kinds": (Poisson(1.0), Normal(0.0, 1.0), r"p \(Poisson\) is discrete and q \(Normal\) continuous"),
    "kinds of mixtures": (
        MixtureSameFamily(Categorical(torch.ones(2)), Normal(torch.zeros(2), 1.0)),
        Bernoulli(0.5),
        "infinite",
    ),
    "devices": (
        Normal(torch.zeros(2), 1.0),
        Normal(torch.zeros(2, device="meta"), torch.ones(2, device="meta"), validate_args=False),
        "on different devices, cpu and meta; move them to one",
    ),
    "nan": (
        Normal(0.0, 1.0),
        Normal(torch.tensor([0.0, nan]), 1.0, validate_args=False),
        r"loc of q is nan at \[1\]",
    ),
    "nan inside": (
        Independent(Normal(torch.zeros(2), torch.tensor([nan, 1.0]), validate_args=False), 1),
        Independent(Normal(torch.zeros(2), 1.0), 1),
        r"scale of p is nan at \[0\]",
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_what_cannot_be_compared_is_said_on_one_line(name) -> None:
    p, q, words = PAIRS[name]
    with pytest.raises(InputError, match=words) as caught:
        check_pair(p, q)
    assert "\n" not in str(caught.value)


def test_what_can_be_compared() -> None:
    check_pair(Normal(torch.zeros(4, 1), 1.0), Normal(torch.zeros(3), 1.0))
    check_pair(Poisson(1.0), Bernoulli(0.5))
    check_pair(Bernoulli(logits=torch.tensor(torch.inf)), Bernoulli(0.5))
    check_parameters(Categorical(logits=torch.tensor([0.0, -torch.inf])), "p")


class Silent(Distribution):
    """A distribution that does not tell its support."""

    arg_constraints = {}  # noqa: RUF012


def test_a_support_that_is_not_told_is_not_held_against_it() -> None:
    silent = Silent(validate_args=False)
    assert is_discrete(silent) is None
    check_pair(silent, Normal(0.0, 1.0))
    check_pair(silent, Bernoulli(0.5))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([0.5, 0.6], r"of p sum to 1\.1"),
        ([[0.5, 0.5], [0.2, 0.7]], r"of p at \[1\] sum to 0\.9"),
        ([1.5, -0.5], r"is -0\.5 at \[1\]"),
        ([0.5, nan], r"is nan at \[1\]"),
        ([], "give a probability for each category"),
        (0.5, "give a probability for each category"),
    ],
)
def test_what_are_no_probabilities(values, words) -> None:
    with pytest.raises(InputError, match=words):
        check_probabilities(torch.tensor(values, dtype=torch.float64), "p")


def test_probabilities_are_checked_to_their_own_rounding() -> None:
    check_probabilities(torch.full((1000,), 1e-3), "p")
    with pytest.raises(InputError):
        check_probabilities(torch.tensor([0.5, 0.5 + 1e-7], dtype=torch.float64), "p")


def test_first_entry() -> None:
    assert first_entry(torch.tensor(True)) == ""
    assert first_entry(torch.tensor([[False, True], [True, True]])) == " at [0, 1]"
