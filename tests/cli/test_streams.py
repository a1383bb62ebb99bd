from __future__ import annotations

import io
import sys

import pytest

from mixtura.cli.streams import one_line, prepare


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plain", "plain"),
        ("two  spaces kept", "two  spaces kept"),
        ("first\n\tsecond\r\nthird\n", "first second third"),
        ("bell \x07 and colour \x1b[31m", "bell \\x07 and colour \\x1b[31m"),
        ("lone surrogate \udcff", "lone surrogate \\udcff"),
        ("grün 数", "grün 数"),
    ],
)
def test_one_line(text: str, line: str) -> None:
    assert one_line(text) == line


def test_streams_that_are_missing_are_opened_onto_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    prepare()
    for stream in (sys.stdout, sys.stderr):
        print("into nothing", file=stream)
        stream.close()


def test_characters_that_the_encoding_lacks_print_as_escapes(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    prepare()
    print("grün", flush=True)
    assert written.getvalue() == b"gr\\xfcn\n"
