from __future__ import annotations

import json
import warnings

import numpy as np
import pytest

from mixtura.cli.console import opened, to_json
from mixtura.errors import ConstantColumnWarning


def test_channels(capsys: pytest.CaptureFixture[str]) -> None:
    with opened(quiet=False, json=False) as console:
        console.say("result")
        console.note("on the way")
        console.emit({"a": 1})
    assert capsys.readouterr() == ("result\n", "on the way\n")


def test_json_alone_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    with opened(quiet=False, json=True) as console:
        console.say("result")
        console.note("on the way")
        console.emit({"a": 1})
    written = capsys.readouterr()
    assert json.loads(written.out) == {"a": 1}
    assert written.err == "on the way\n"


def test_quiet_leaves_the_document(capsys: pytest.CaptureFixture[str]) -> None:
    with opened(quiet=True, json=True) as console:
        console.say("result")
        console.note("on the way")
        console.emit({"a": 1})
    written = capsys.readouterr()
    assert json.loads(written.out) == {"a": 1}
    assert written.err == ""


def test_own_warnings_are_one_clean_line_and_others_are_hidden(capsys: pytest.CaptureFixture[str]) -> None:
    with opened(quiet=False, json=False):
        warnings.warn("column 'a'\nholds one value", ConstantColumnWarning, stacklevel=1)
        warnings.warn("of a library", FutureWarning, stacklevel=1)
    assert capsys.readouterr() == ("", "mixtura: warning: column 'a' holds one value\n")


def test_other_warnings_show_for_developers(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIXTURA_DEBUG", "1")
    with opened(quiet=False, json=False):
        warnings.warn("of a library", FutureWarning, stacklevel=1)
    assert capsys.readouterr().err == "mixtura: warning: FutureWarning: of a library\n"


def test_names_cannot_drive_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with opened(quiet=False, json=False) as console:
        console.say("column \x1b]0;title\x07\n  next [red]line[/red]")
    assert capsys.readouterr().out == "column \\x1b]0;title\\x07\n  next [red]line[/red]\n"


def test_to_json_is_strict_ascii() -> None:
    document = {
        "nan": np.float32("nan"),
        "inf": float("-inf"),
        "array": np.array([[1, 2]], dtype=np.uint8),
        "float": np.float32(0.5),
        "flag": np.bool_(True),
        "text": "grün \udcff",
        "shape": (28, 28),
        "none": None,
    }
    text = to_json(document)
    assert text.isascii()
    assert json.loads(text) == {
        "nan": None,
        "inf": None,
        "array": [[1, 2]],
        "float": 0.5,
        "flag": True,
        "text": "grün \udcff",
        "shape": [28, 28],
        "none": None,
    }
