"""The three standard streams, whatever state the caller left them in."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress


def prepare() -> None:
    """Open what is closed onto nothing, and let no character fail to print.

    A closed descriptor would otherwise be given to the next file that is opened, and a library that
    prints would write into it. A character that the terminal's encoding lacks prints as its escape.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - lives as long as the process
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - lives as long as the process
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def finish() -> None:
    """Write out what is buffered now, while a failure can still be told."""
    sys.stdout.flush()


def abandon() -> None:
    """Turn standard output to nothing, so that the interpreter does not fail on it again when it exits."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def printable(text: str) -> str:
    r"""Return ``text`` with what a terminal might obey escaped.

    File and column names are written by strangers: a name may hold a line break or a terminal code.

    Examples
    --------
    >>> print(printable("  \x1b[31mred"))
      \x1b[31mred
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def one_line(text: str) -> str:
    r"""Return ``text`` on one line, and `printable`.

    Examples
    --------
    >>> print(one_line("two\nlines \x1b[31mred"))
    two lines \x1b[31mred
    """
    return printable(" ".join(part.strip() for part in text.splitlines() if part.strip()))
