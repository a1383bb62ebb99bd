from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import (
    Categorical,
    Distribution,
    Gamma,
    Independent,
    LowRankMultivariateNormal,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
)

from mixtura.divergence.mixtures import as_mixture, gaussian_mixture
from mixtura.errors import InputError
from mixtura.projection.notation import NotationError, format_mixture, parse_mixture


def parameters(distribution: Distribution) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    parts = as_mixture(distribution)
    spread = [torch.atleast_1d(part.variance) for part in parts.components]
    if distribution.event_shape:
        spread = [part.covariance_matrix for part in parts.components]
    return parts.weights, torch.stack([part.mean for part in parts.components]), torch.stack(spread)


def assert_equal(found: Distribution, expected: Distribution) -> None:
    for mine, yours in zip(parameters(found), parameters(expected), strict=True):
        torch.testing.assert_close(mine, yours, rtol=1e-13, atol=1e-13 * float(yours.abs().max()))


def test_the_second_argument_is_the_variance() -> None:
    mixture = parse_mixture("1/3 N(-3,4) + 2/3 N(3,9)")
    assert isinstance(mixture, MixtureSameFamily)
    assert_equal(mixture, gaussian_mixture([1 / 3, 2 / 3], [-3.0, 3.0], [4.0, 9.0]))
    x = torch.tensor([-3.0, 0.5], dtype=torch.float64)
    expected = Normal(-3.0, 2.0).log_prob(x).exp() / 3 + 2 * Normal(3.0, 3.0).log_prob(x).exp() / 3
    torch.testing.assert_close(mixture.log_prob(x).exp(), expected.double(), rtol=1e-6, atol=0)


def test_one_component_is_a_plain_distribution() -> None:
    normal = parse_mixture("N(1, 9)")
    assert type(normal) is Normal and normal.stddev == 3.0 and normal.mean.dtype == torch.float64
    vector = parse_mixture("N([0, 1], [[1, 0.5], [0.5, 2]])")
    assert type(vector) is MultivariateNormal
    torch.testing.assert_close(
        vector.covariance_matrix, torch.tensor([[1.0, 0.5], [0.5, 2.0]], dtype=torch.float64)
    )


@pytest.mark.parametrize(
    ("text", "covariance"),
    [
        ("N([0,1], 2)", [[2.0, 0.0], [0.0, 2.0]]),
        ("N([0,1], [1,2])", [[1.0, 0.0], [0.0, 2.0]]),
        ("N([0,1], [[1,-.5],[-.5,2]])", [[1.0, -0.5], [-0.5, 2.0]]),
    ],
)
def test_covariances_in_three_forms(text: str, covariance: list[list[float]]) -> None:
    found = parameters(parse_mixture(text))[2][0]
    torch.testing.assert_close(found, torch.tensor(covariance, dtype=torch.float64))
    mixed = parse_mixture(f"0.5 {text} + 0.5 N([3,3], 1)")
    torch.testing.assert_close(parameters(mixed)[2][0], found)


def test_weights_that_do_not_sum_to_one_are_divided_only_when_asked() -> None:
    with pytest.raises(InputError, match=r"sum to 3 and not to 1.*--normalise"):
        parse_mixture("N(0,1) + 2 N(3,1)")
    mixture = parse_mixture("N(0,1) + 2 N(3,1)", normalise=True)
    torch.testing.assert_close(as_mixture(mixture).weights, torch.tensor([1 / 3, 2 / 3], dtype=torch.float64))
    assert type(parse_mixture("5 N(0,1)", normalise=True)) is Normal
    with pytest.raises(InputError, match=r"sum to 0\.5"):
        parse_mixture("1/2 N(0,1)")
    assert_equal(
        parse_mixture("1e308 N(0,1) + 1e308 N(1,1)", normalise=True), parse_mixture("0.5N(0,1)+0.5N(1,1)")
    )


@pytest.mark.parametrize("normalise", [False, True])
def test_weights_that_are_all_zero(normalise: bool) -> None:
    with pytest.raises(InputError, match="zero"):
        parse_mixture("0 N(0,1) + 0 N(1,1)", normalise=normalise)


def test_a_covariance_that_is_not_positive_definite_is_pointed_at() -> None:
    text = "0.5 N([0,1],1) + 0.5 N([0,1], [[1,2],[2,1]])"
    with pytest.raises(NotationError, match="smallest eigenvalue is -1") as caught:
        parse_mixture(text)
    assert caught.value.position == text.index("[[")


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(InputError, match="type int"):
        parse_mixture(3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("1/3N(-3,1)+2/3N(3,1)", "1/3 N(-3, 1) + 2/3 N(3, 1)"),
        ("0.1N(0,0.3)+0.9N(1e6,1e-12)", "0.1 N(0, 0.3) + 0.9 N(1000000, 1e-12)"),
        ("N(1,9)", "N(1, 9)"),
        ("N([0,1],[2,2])", "N([0, 1], 2)"),
        ("N([0,1],[[1,0],[0,2]])", "N([0, 1], [1, 2])"),
        ("N([0,1],[[1,.5],[.5,2]])", "N([0, 1], [[1, 0.5], [0.5, 2]])"),
        ("N([5],2)", "N([5], 2)"),
        ("N(0.1234567890123456, 1)", "N(0.1234567890123456, 1)"),
    ],
)
def test_a_mixture_is_written_in_its_shortest_form(text: str, written: str) -> None:
    assert format_mixture(parse_mixture(text)) == written


FINITE = st.floats(-1e100, 1e100, allow_nan=False)
POSITIVE = st.floats(1e-100, 1e100)


@st.composite
def mixtures(draw: st.DrawFn) -> Distribution:
    k, d = draw(st.integers(1, 4)), draw(st.integers(0, 3))
    weights = draw(st.lists(st.floats(1e-6, 1.0), min_size=k, max_size=k))
    if d == 0:
        means, spread = [draw(FINITE) for _ in range(k)], [draw(POSITIVE) for _ in range(k)]
        return gaussian_mixture(weights, means, spread, normalise=True)
    means = [[draw(FINITE) for _ in range(d)] for _ in range(k)]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    factors = rng.normal(size=(k, d, d)) + 3.0 * np.eye(d)
    spread = factors @ factors.swapaxes(1, 2) * draw(st.sampled_from([1e-12, 1.0, 1e12]))
    return gaussian_mixture(weights, means, 0.5 * (spread + spread.swapaxes(1, 2)), normalise=True)


@given(mixtures())
def test_what_is_written_is_read_back(mixture: Distribution) -> None:
    text = format_mixture(mixture)
    again = parse_mixture(text, normalise=True)
    assert_equal(again, mixture)
    assert again.event_shape == mixture.event_shape
    assert format_mixture(again).count("N(") == text.count("N(")


@pytest.mark.parametrize(
    "gaussian",
    [
        Independent(Normal(torch.zeros(2), torch.tensor([1.0, 2.0])), 1),
        MultivariateNormal(torch.zeros(2), precision_matrix=torch.diag(torch.tensor([1.0, 0.25]))),
        LowRankMultivariateNormal(torch.zeros(2), torch.zeros(2, 1), torch.tensor([1.0, 4.0])),
    ],
)
def test_every_parametrisation_of_a_gaussian_is_written(gaussian: Distribution) -> None:
    assert format_mixture(gaussian) == "N([0, 0], [1, 4])"


def test_a_mixture_of_unequal_components_with_a_weight_of_zero_is_written() -> None:
    mixture = MixtureSameFamily(Categorical(torch.tensor([0.0, 1.0])), Normal(torch.zeros(2), 1.0))
    assert format_mixture(mixture) == "0 N(0, 1) + N(0, 1)"
    assert math.isclose(float(parse_mixture(format_mixture(mixture)).variance), 1.0)


@pytest.mark.parametrize(
    ("distribution", "said"),
    [
        (Gamma(1.0, 1.0), "Gamma is no Gaussian"),
        (Normal(torch.zeros(3), 1.0), "batch shape"),
        (MixtureSameFamily(Categorical(torch.ones(2)), Gamma(torch.ones(2), 1.0)), "Gamma"),
        ("N(0,1)", "type str"),
    ],
)
def test_what_cannot_be_written_is_refused(distribution: Distribution, said: str) -> None:
    with pytest.raises(InputError, match=said):
        format_mixture(distribution)


@given(st.text(alphabet="N0123456789.,+-*/()[]eE ", max_size=40))
def test_garbage_raises_nothing_but_input_errors(text: str) -> None:
    try:
        parse_mixture(text, normalise=True)
    except InputError as error:
        assert "\n" not in str(error)
