from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Gamma, MultivariateNormal, Normal

from mixtura.errors import InputError
from mixtura.projection.wording import (
    describe_gaussian,
    format_number,
    gaussian_text,
    mean_and_covariance,
    rounded,
    row_text,
    with_error,
)

FINITE = st.floats(-1e200, 1e200)


@given(FINITE, st.floats(1e-200, 1e200), st.integers(1, 8))
def test_rounding_loses_less_than_a_digit_of_the_scale(value: float, scale: float, digits: int) -> None:
    text = rounded(value, scale, digits)
    unit = 10.0 ** (math.floor(math.log10(scale)) - digits + 1)
    assert abs(float(text) - value) <= 0.5000001 * unit + 1e-15 * abs(value)


@given(FINITE)
def test_format_number_keeps_all_but_the_last_places(value: float) -> None:
    text = format_number(value)
    above, slash, below = text.partition("/")
    again = float(above) / float(below) if slash else float(above)
    assert again == pytest.approx(value, rel=1e-15, abs=0)
    assert len(text) <= len(repr(value))


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (1e5, "100000"), (1e7, "1e7"), (-2.5e-9, "-2.5e-9"), (2 / 7, "2/7"), (5e-324, "5e-324")],
)
def test_format_number(value: float, text: str) -> None:
    assert format_number(value) == text


@pytest.mark.parametrize(
    ("value", "scale", "text"),
    [
        (1e6, 1e-3, "1000000"),
        (1e6 + 0.0123456, 1e-3, "1000000.01235"),
        (-1e-17, 1.0, "0"),
        (-2.97588, 1.03465, "-2.98"),
        (1234.5, None, "1230"),
        (0.5, 1e3, "0"),
        (-4.0, 1e3, "0"),
        (-6.0, 1e3, "-10"),
    ],
)
def test_rounded(value: float, scale: float | None, text: str) -> None:
    assert rounded(value, scale) == text


def test_an_error_is_shown_where_it_can_be_seen() -> None:
    assert with_error(1.0, 1e-4) == "1"
    assert with_error(1.0, 0.02) == "1 ± 0.02"
    assert with_error(123.456, 7.0) == "123 ± 7"
    assert with_error(1e-15, 1e-3) == "0 ± 0.001"


def test_gaussians_in_words() -> None:
    assert gaussian_text(1e-20, 1.0) == "N(0, 1²)"
    assert describe_gaussian(Normal(1.0, 3.0)) == "N(1, 3²)"
    many = MultivariateNormal(torch.arange(6.0), torch.eye(6))
    assert describe_gaussian(many) == "mean (0, 1, 2, 3, ...), sd (1, 1, 1, 1, ...)"
    assert row_text([]) == "()"


def test_mean_and_covariance_of_what_is_no_gaussian() -> None:
    with pytest.raises(InputError, match="Gamma"):
        mean_and_covariance(Gamma(1.0, 1.0))
