from __future__ import annotations

import pickle
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixtura.errors import InputError
from mixtura.projection.notation_error import NotationError


def test_the_message_counts_from_one_and_names_the_character() -> None:
    error = NotationError("expected ','", "1/3 N(-3;1)", 8)
    assert str(error) == "character 9 (';'): expected ','"
    assert (error.text, error.position, error.reason) == ("1/3 N(-3;1)", 8, "expected ','")
    assert isinstance(error, InputError)


def test_the_end_and_whole_words_are_named() -> None:
    assert "(the end)" in str(NotationError("expected ')'", "N(0", 3))
    assert "('Normal')" in str(NotationError("unknown", "Normal(0,1)", 0))
    assert len(str(NotationError("unknown", "x" * 10_000, 0))) < 60


def test_it_survives_a_process_boundary() -> None:
    error = pickle.loads(pickle.dumps(NotationError("expected ','", "N(0;1)", 3)))
    assert (str(error), error.text, error.position) == ("character 4 (';'): expected ','", "N(0;1)", 3)


@pytest.mark.parametrize("position", [0, 100, 5_000, 9_999, 10_000])
def test_a_long_text_is_shortened_around_the_place(position: int) -> None:
    text = "".join(chr(ord("a") + i % 26) for i in range(10_000))
    line, caret = NotationError("unknown", text, position).excerpt(width=40)
    assert len(line) <= 44
    under = line[len(caret) - 1] if len(caret) <= len(line) else ""
    assert under == text[position : position + 1]
    assert line.startswith("… ") == (position > 20)


@given(st.text(max_size=200), st.integers(0, 200))
def test_the_excerpt_is_two_printable_lines_with_the_caret_under_the_character(
    text: str, position: int
) -> None:
    position = min(position, len(text))
    error = NotationError("unknown", text, position)
    line, caret = error.excerpt()
    assert line.isprintable() and caret.endswith("^") and set(caret) <= {" ", "^"}
    assert str(error).startswith("character ") and "\n" not in str(error)
    if line.isascii() and position < len(text) and text[position].isprintable():
        assert line[len(caret) - 1] == text[position]


def test_wide_and_combining_characters_keep_the_caret_in_its_column() -> None:
    for text, columns in (("数数;", 4), ("e\N{COMBINING ACUTE ACCENT};", 1), ("\x1b\n;", 2)):
        assert unicodedata.name(text[-1]) == "SEMICOLON"
        assert len(NotationError("unknown", text, len(text) - 1).excerpt()[1]) == columns + 1
