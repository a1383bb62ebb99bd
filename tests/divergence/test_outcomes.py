from __future__ import annotations

import pytest
import torch
from torch.distributions import (
    Bernoulli,
    Binomial,
    Categorical,
    Independent,
    MixtureSameFamily,
    Normal,
    OneHotCategorical,
    Poisson,
)

from mixtura.divergence.outcomes import as_outcomes

INF = float("inf")


def probabilities(distribution) -> list:
    return as_outcomes(distribution).log_probs.exp().tolist()


CASES = {
    "categorical": lambda: Categorical(torch.tensor([[1.0, 3.0], [2.0, 2.0]])),
    "categorical by logits": lambda: Categorical(logits=torch.tensor([0.0, 1.0, 2.0])),
    "one-hot": lambda: OneHotCategorical(torch.tensor([1.0, 3.0])),
    "bernoulli": lambda: Bernoulli(torch.tensor([0.25, 0.5])),
    "bernoulli by logits": lambda: Bernoulli(logits=torch.tensor(0.3)),
    "binomial": lambda: Binomial(4, torch.tensor([0.25, 0.5])),
    "binomial by logits": lambda: Binomial(4, logits=torch.tensor(0.3)),
    "bits": lambda: Independent(Bernoulli(torch.tensor([[0.25, 0.5, 0.1], [0.5, 0.9, 0.2]])), 1),
    "all bits": lambda: Independent(Bernoulli(torch.tensor([[0.25, 0.5], [0.5, 0.9]])), 2),
    "wrapped": lambda: Independent(Categorical(torch.tensor([1.0, 3.0])), 0),
}

bit = torch.tensor([0.0, 1.0])
VALUES = {
    "bits": torch.cartesian_prod(bit, bit, bit).unsqueeze(1),
    "all bits": torch.cartesian_prod(bit, bit, bit, bit).reshape(16, 2, 2),
    "wrapped": bit,
}


@pytest.mark.parametrize("name", CASES)
def test_they_sum_to_one_and_agree_with_log_prob(name) -> None:
    distribution = CASES[name]()
    found = as_outcomes(distribution).log_probs
    torch.testing.assert_close(found.exp().sum(dim=-1), torch.ones(found.shape[:-1], dtype=torch.float64))
    values = VALUES[name] if name in VALUES else distribution.enumerate_support()
    wanted = distribution.log_prob(values).movedim(0, -1).double()
    torch.testing.assert_close(found.sort(dim=-1).values, wanted.sort(dim=-1).values, rtol=1e-5, atol=1e-6)


def test_parameters_are_read_as_they_were_given() -> None:
    assert probabilities(Categorical(torch.tensor([0.0, 1.0]))) == [0.0, 1.0]
    assert probabilities(Bernoulli(torch.tensor(1.0))) == [0.0, 1.0]
    assert as_outcomes(Bernoulli(logits=torch.tensor(100.0))).log_probs[0] == -100
    assert as_outcomes(Categorical(logits=torch.tensor([0.0, -1e4]))).log_probs[1] == -1e4


@pytest.mark.parametrize("expand", [False, True])
@pytest.mark.parametrize("looked_at", ["probs", "logits", "both"])
def test_looking_at_a_distribution_does_not_change_it(expand, looked_at) -> None:
    """Torch computes logits from probabilities by clamping, and probabilities from logits by rounding."""
    for made, wanted in [
        (Categorical(torch.tensor([0.0, 1e-30, 1.0])), [-INF, torch.tensor(1e-30).double().log(), 0.0]),
        (Categorical(logits=torch.tensor([0.0, -200.0])), [0.0, -200.0]),
        (Bernoulli(torch.tensor(0.0)), [0.0, -INF]),
        (Bernoulli(torch.tensor(1.0)), [-INF, 0.0]),
        (Bernoulli(logits=torch.tensor(-200.0)), [0.0, -200.0]),
        (Bernoulli(logits=torch.tensor(30.0)), [-30.0, 0.0]),
    ]:
        for name in ("probs", "logits"):
            if looked_at in (name, "both"):
                getattr(made, name)
        seen = made.expand((2,)) if expand else made
        found = as_outcomes(seen).log_probs
        torch.testing.assert_close(
            found.expand(2, -1), torch.tensor([wanted, wanted], dtype=torch.float64), rtol=1e-6, atol=1e-12
        )


def test_mixtures_of_zero_weight_and_of_zero_probability() -> None:
    mixture = MixtureSameFamily(
        Categorical(torch.tensor([0.0, 1.0])), Categorical(torch.tensor([[0.5, 0.5], [1.0, 0.0]]))
    )
    assert probabilities(mixture) == [1.0, 0.0]


def test_too_many_and_none() -> None:
    assert as_outcomes(Independent(Bernoulli(torch.full((17,), 0.5)), 1)) is None
    assert as_outcomes(Independent(Bernoulli(torch.full((16,), 0.5)), 1)).n_outcomes == 2**16
    assert as_outcomes(Binomial(2**17, torch.tensor(0.5))) is None
    for continuous in (Normal(0.0, 1.0), Poisson(1.0), Independent(Normal(torch.zeros(2), 1.0), 1)):
        assert as_outcomes(continuous) is None


def test_binomials_of_unequal_counts_share_a_table() -> None:
    found = as_outcomes(Binomial(torch.tensor([1.0, 3.0]), torch.tensor([0.5, 0.5])))
    assert found.log_probs.exp().round(decimals=4).tolist() == [
        [0.5, 0.5, 0, 0],
        [0.125, 0.375, 0.375, 0.125],
    ]


class Dice(torch.distributions.Distribution):
    """A kind that enumerates its support and is known to nobody."""

    arg_constraints = {}  # noqa: RUF012
    has_enumerate_support = True

    def enumerate_support(self, expand=True):
        return torch.arange(1.0, 7.0)

    def log_prob(self, value):
        return torch.full(value.shape, 1 / 6).log()


def test_a_kind_that_enumerates_its_support() -> None:
    found = as_outcomes(Dice(validate_args=False))
    assert found.values == (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
    torch.testing.assert_close(found.log_probs.exp(), torch.full((6,), 1 / 6, dtype=torch.float64))
