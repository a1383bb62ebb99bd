from __future__ import annotations

import errno
import io
import signal
import sys

import pytest
import typer

from mixtura.cli.failures import BUG, PointedError, explain, report
from mixtura.cli.session import Session
from mixtura.errors import ConvergenceError, InputError, ModelFileError, TrainingError


@pytest.fixture
def session() -> Session:
    return Session("mixtura fit a.csv", started=0.0)


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (InputError("no file 'a'; check the name"), 2, "mixtura: error: no file 'a'; check the name"),
        (ModelFileError("'m' is damaged; copy it again"), 2, "mixtura: error: 'm' is damaged"),
        (TrainingError("cluster is not finite; lower it"), 1, "mixtura: error: cluster is not finite"),
        (ConvergenceError("the branch was lost at 3"), 2, "mixtura: error: the branch was lost"),
        (typer.BadParameter("'x' is no number"), 2, "'x' is no number; see 'mixtura --help'"),
        (KeyboardInterrupt(), 130, "mixtura: interrupted; nothing was kept"),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), 141, ""),
        (OSError(errno.ENOSPC, "No space left on device", "run"), 2, "'run': No space left on device"),
        (PermissionError(errno.EACCES, "Permission denied", "run"), 2, "'run': Permission denied"),
        (MemoryError("Unable to allocate 7 TiB"), 1, "out of memory (Unable to allocate 7 TiB)"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), 1, "out of memory"),
        (KeyError("lost"), BUG, "mixtura: bug: KeyError: 'lost'"),
        (FileNotFoundError(errno.ENOENT, "No such file", "own.css"), BUG, "mixtura: bug: FileNotFoundError"),
        (ZeroDivisionError(), BUG, "ZeroDivisionError: no message"),
    ],
)
def test_explain(error: BaseException, code: int, words: str, session: Session) -> None:
    failure = explain(error, session)
    assert failure.code == code
    assert words in failure.line if words else failure.line == ""


def test_what_breaks_after_a_signal_counts_as_the_interruption(session: Session) -> None:
    session.stopped_by = signal.SIGTERM
    session.kept = "the run folder 'run' is complete"
    failure = explain(ImportError("numpy failed to import"), session)
    assert failure.line == "mixtura: stopped by SIGTERM; the run folder 'run' is complete"
    assert failure.code == 143


def test_report_prints_one_line(capsys: pytest.CaptureFixture[str], session: Session) -> None:
    assert report(ValueError("first\nsecond"), session) == BUG
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err.count("\n") == 1
    assert "ValueError: first second" in written.err


def test_a_word_that_cannot_be_read_is_shown_with_its_place(
    capsys: pytest.CaptureFixture[str], session: Session
) -> None:
    error = PointedError("character 4 (';'): expected ','", ("N(0;1)", "   ^"))
    assert report(error, session) == 2
    assert capsys.readouterr().err.splitlines() == [
        "mixtura: error: character 4 (';'): expected ','",
        "N(0;1)",
        "   ^",
    ]


def test_report_prints_the_traceback_when_asked(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, session: Session
) -> None:
    monkeypatch.setenv("MIXTURA_DEBUG", "1")
    try:
        raise ValueError("here")
    except ValueError as error:
        report(error, session)
    written = capsys.readouterr().err
    assert "Traceback" in written and "test_failures.py" in written
    assert written.splitlines()[-1].startswith("mixtura: bug: ValueError: here")


def test_report_survives_a_closed_stderr(monkeypatch: pytest.MonkeyPatch, session: Session) -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr(sys, "stderr", Closed())
    assert report(InputError("bad"), session) == 2
