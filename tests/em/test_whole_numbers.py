from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, poisson

from mixtura.em.whole_numbers import WholeNumbers


def _added(values: np.ndarray, *, pieces: int = 1) -> WholeNumbers:
    numbers = WholeNumbers()
    for part in np.array_split(values.astype(float), pieces):
        numbers.add(part)
    return numbers


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=50), st.integers(1, 7))
def test_pieces_add_up_to_the_whole(values: list[int], pieces: int) -> None:
    numbers = _added(np.array(values), pieces=pieces)
    assert numbers.n == len(values)
    assert numbers.mean == pytest.approx(np.mean(values))
    assert numbers.squares / numbers.n == pytest.approx(np.var(values), rel=1e-9, abs=1e-6)
    assert numbers.likeness() == _added(np.array(values)).likeness()


def test_both_criteria_are_those_of_the_densities(rng: np.random.Generator) -> None:
    x = rng.poisson(30.0, 200)
    numbers = _added(x)
    ours = numbers._poisson_bic(), numbers._gaussian_bic(x.var())
    theirs = (
        -2 * poisson.logpmf(x, x.mean()).sum() + np.log(200),
        -2 * norm.logpdf(x, x.mean(), x.std()).sum() + 2 * np.log(200),
    )
    assert ours == pytest.approx(theirs)


@pytest.mark.parametrize("rates", [(0.3,), (2.0, 8.0), (1.0, 9.0, 14.0), (40.0,), (1000.0,)])
def test_counts_are_taken_for_counts(rates: tuple[float, ...]) -> None:
    taken = []
    for seed in range(20):
        generator = np.random.default_rng(seed)
        taken.append(_added(generator.poisson(generator.choice(rates, 300))).likeness()[0])
    assert taken.count("poisson") >= 19


@pytest.mark.parametrize(
    ("mean", "deviation", "why"), [(54, 9, "spread more"), (170, 7, "vary less"), (2000, 300, "spread more")]
)
def test_rounded_measurements_are_taken_for_measurements(mean: float, deviation: float, why: str) -> None:
    x = np.rint(np.random.default_rng(0).normal(mean, deviation, 300))
    family, words = _added(x).likeness()
    assert family == "gaussian" and why in words


def test_codes_are_taken_for_codes(rng: np.random.Generator) -> None:
    years, grades = rng.integers(2007, 2010, 300), rng.choice([2, 3, 4, 5], 300)
    assert _added(years).likeness()[0] == _added(grades).likeness()[0] == "categorical"
    assert _added(years[:20]).likeness()[0] == "gaussian"


@pytest.mark.parametrize("values", [[0], [7], [0] * 50, [7] * 50, [300] * 5, [0, 10**15]])
def test_few_or_equal_numbers_have_an_answer(values: list[int]) -> None:
    assert _added(np.array(values)).likeness()[0] in ("poisson", "categorical", "gaussian")
