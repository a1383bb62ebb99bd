from __future__ import annotations

import re

from mixtura.plot.palette import COLOURS, SYMBOLS, group_colour, group_symbol


def test_the_first_ten_groups_differ_in_colour_alone() -> None:
    assert len({group_colour(group) for group in range(10)}) == 10
    assert {group_symbol(group) for group in range(10)} == {"circle"}


def test_eighty_groups_differ_in_colour_or_symbol() -> None:
    looks = {(group_colour(group), group_symbol(group)) for group in range(80)}
    assert len(looks) == len(COLOURS) * len(SYMBOLS) == 80


def test_any_group_has_a_look() -> None:
    assert re.fullmatch("#[0-9a-f]{6}", group_colour(1999))
    assert group_symbol(1999) in SYMBOLS
