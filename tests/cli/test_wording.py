from __future__ import annotations

import pytest

from mixtura.cli.wording import figure, sizes_of, table_of


def test_many_sizes_are_cut() -> None:
    lines = sizes_of([5] * 30 + [1, 2]).splitlines()
    assert len(lines) == 32
    assert lines[-1] == "and 2 more components of 3 rows"
    assert "more" not in sizes_of([5] * 30)


def test_no_rows_at_all() -> None:
    assert sizes_of([0]).splitlines()[-1].split() == ["0", "0", "0.0%"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "unknown"), (float("nan"), "unknown"), (-0.0004, "-0.000"), (1e6, "1,000,000.000")],
)
def test_figures(value: float | None, text: str) -> None:
    assert figure(value) == text


def test_a_table_without_rows_is_its_header() -> None:
    assert table_of(["a", "bc"], []) == "a  bc"
