"""Every way a verb can end badly, as one line and an exit code; a text that is no mixture is shown too."""

from __future__ import annotations

import errno
import os
import signal
import sys
import traceback
from contextlib import suppress
from dataclasses import dataclass

import typer

from mixtura.cli.session import Session
from mixtura.cli.streams import abandon, one_line
from mixtura.errors import CheckError, InputError, MixturaError, TrainingError

BAD_INPUT = 2
TRAINING_FAILED = 1
BUG = 70

# What the machine refuses, as opposed to what we got wrong.
_REFUSALS = frozenset(
    getattr(errno, name)
    for name in ("EACCES", "EPERM", "EROFS", "ENOSPC", "EDQUOT", "EFBIG", "EIO", "EMFILE", "ENFILE", "ENXIO")
    if hasattr(errno, name)
)

# The base of typer's usage errors; it is click's own class or typer's copy of it, by version.
_UsageError = typer.BadParameter.__bases__[0]


class PointedError(InputError):
    """A word of the command line that cannot be read, with lines that point at the place.

    Parameters
    ----------
    message : str
        The one line.
    shown : tuple of str
        What is printed below it: the text, and a caret under the character.
    """

    def __init__(self, message: str, shown: tuple[str, ...]) -> None:
        super().__init__(message)
        self.shown = shown


@dataclass(frozen=True)
class Failure:
    """A bad end: what is said and what the process returns.

    Parameters
    ----------
    line : str
        What stands on stderr; empty says nothing.
    code : int
        The exit code.
    shown : tuple of str
        Further lines, printed as they stand: a text and a caret under the character in question.
    """

    line: str
    code: int
    shown: tuple[str, ...] = ()


def explain(error: BaseException, session: Session) -> Failure:
    """Return the line and the exit code for an exception.

    Examples
    --------
    >>> from mixtura.errors import InputError
    >>> explain(InputError("no file 'a.csv'; check the name"), Session("mixtura", 0.0))
    Failure(line="mixtura: error: no file 'a.csv'; check the name", code=2, shown=())
    """
    if isinstance(error, KeyboardInterrupt) or session.stopped_by is not None:
        by = session.stopped_by or signal.SIGINT
        word = "interrupted" if by == signal.SIGINT else f"stopped by {by.name}"
        return Failure(f"mixtura: {word}; {session.kept}", 128 + by)
    if isinstance(error, (TrainingError, CheckError)):
        return Failure(f"mixtura: error: {error}", TRAINING_FAILED)
    if isinstance(error, PointedError):
        return Failure(f"mixtura: error: {error}", BAD_INPUT, error.shown)
    if isinstance(error, MixturaError):
        return Failure(f"mixtura: error: {error}", BAD_INPUT)
    if isinstance(error, _UsageError):
        return Failure(f"mixtura: error: {_usage(error)}", BAD_INPUT)
    if isinstance(error, BrokenPipeError):
        return Failure("", 128 + 13)  # as a shell reports a program that SIGPIPE ended
    if isinstance(error, OSError) and error.errno in _REFUSALS:
        where = f" {error.filename!r}" if error.filename is not None else ""
        return Failure(f"mixtura: error: cannot read or write{where}: {error.strerror}", BAD_INPUT)
    if _is_out_of_memory(error):
        return Failure(
            f"mixtura: error: out of memory ({error}); give fewer rows, or a machine with more",
            TRAINING_FAILED,
        )
    kind, text = type(error).__name__, str(error) or "no message"
    return Failure(
        f"mixtura: bug: {kind}: {text}; this is a fault of mixtura, please report it "
        "with what MIXTURA_DEBUG=1 prints",
        BUG,
    )


def report(error: BaseException, session: Session) -> int:
    """Say on stderr how the call ended, and return the exit code."""
    failure = explain(error, session)
    with suppress(OSError):  # there may be nobody left to read it
        if os.environ.get("MIXTURA_DEBUG", "") not in ("", "0"):
            traceback.print_exception(error)
        if failure.line:
            print("\n".join([one_line(failure.line), *failure.shown]), file=sys.stderr, flush=True)
    try:
        sys.stdout.flush()
    except OSError:
        abandon()
    return failure.code


def _usage(error: BaseException) -> str:
    """Return a usage error with the page of help that mends it."""
    message = str(getattr(error, "format_message")())  # noqa: B009 - the base class differs by version of typer
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "mixtura"
    return f"{message.replace('Value error, ', '').rstrip('.')}; see '{path} --help'"


def _is_out_of_memory(error: BaseException) -> bool:
    """Return whether memory ran out: torch says so in a RuntimeError of its own."""
    text = str(error)
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text)
    )
