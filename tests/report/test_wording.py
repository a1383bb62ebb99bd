from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixtura.report import wording

ANY = st.one_of(st.none(), st.floats(), st.floats(allow_nan=False, min_value=-1e6, max_value=1e6))


@given(ANY)
def test_every_wording_takes_every_number(value: float | None) -> None:
    for say in (wording.count, wording.number, wording.nats, wording.memory, wording.percent):
        assert say(value)
    assert wording.with_error(value, value)


@pytest.mark.parametrize(
    "say", [wording.count, wording.number, wording.nats, wording.duration, wording.percent]
)
@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_a_dash(say: object, value: float | None) -> None:
    assert say(value) == wording.NOTHING  # type: ignore[operator]


@given(st.floats(min_value=1e-3, max_value=1e6))
def test_a_number_keeps_its_digits(value: float) -> None:
    shown = float(wording.number(value).replace(",", ""))
    assert shown == pytest.approx(value, rel=6e-4)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0"), (1e-30, "1 × 10^−30"), (-2.5e30, "−2.5 × 10^30"), (9.9996, "10"), (1e6, "1,000,000")],
)
def test_extreme_numbers(value: float, shown: str) -> None:
    assert wording.number(value) == shown


def test_even_columns_keep_their_zeros() -> None:
    assert wording.number(2.3, 3, trim=False) == "2.30"
    assert wording.number(13.0, trim=False) == "13"


@pytest.mark.parametrize(("share", "shown"), [(0, "0%"), (1, "100%"), (0.5, "50.0%"), (0.9996, ">99.9%")])
def test_shares(share: float, shown: str) -> None:
    assert wording.percent(share) == shown


def test_no_minus_zero() -> None:
    assert wording.nats(-0.001) == "0.00"


def test_an_error_of_nothing_is_left_out() -> None:
    assert wording.with_error(-3.0, 0.0) == "−3.00"
    assert wording.with_error(None, 0.1) == wording.NOTHING
    assert wording.with_error(-1234.5, 12.3) == "−1,234 ± 12"
