"""One call of the command: when it began, what it was, whether it was asked to stop."""

from __future__ import annotations

import shlex
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

NOTHING_KEPT = "nothing was kept: what is written is moved into place whole, at the end"

# An impatient second Ctrl-C within this many seconds must not cut the tidying up short.
_GRACE_SECONDS = 2.0


@dataclass
class Session:
    """What the verbs, the error lines and the run folder need to know of this call.

    Parameters
    ----------
    command : str
        The command line, quoted for a shell.
    started : float
        When it began, by `time.perf_counter`.
    kept : str
        What an interruption now would leave behind, in words.
    stopped_by : signal.Signals, optional
        The signal that asked for an end, once there was one.

    Examples
    --------
    >>> session = Session(command_line(["fit", "my data.csv"]), started=time.perf_counter())
    >>> session.command
    "mixtura fit 'my data.csv'"
    >>> session.seconds() < 60
    True
    """

    command: str
    started: float
    kept: str = NOTHING_KEPT
    stopped_by: signal.Signals | None = None

    def seconds(self) -> float:
        """Return the seconds since the call began."""
        return time.perf_counter() - self.started

    def check(self) -> None:
        """Stop here if an earlier request to stop was swallowed by a library.

        Raises
        ------
        KeyboardInterrupt
            If a signal came before.
        """
        if self.stopped_by is not None:
            raise KeyboardInterrupt


def command_line(words: Sequence[str]) -> str:
    """Return the command as one would type it.

    Examples
    --------
    >>> command_line(["score", "run", "data.csv"])
    'mixtura score run data.csv'
    """
    return shlex.join(["mixtura", *words])


@contextmanager
def stoppable(session: Session) -> Iterator[None]:
    """Turn Ctrl-C, a termination and a hang-up into `KeyboardInterrupt`, so that `finally` clauses run.

    A signal that the caller of the process chose to ignore (``nohup``, a background job) stays
    ignored. Outside the main thread nothing is changed, since Python delivers no signal there.

    Parameters
    ----------
    session : Session
        Remembers the signal.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    last = -_GRACE_SECONDS

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal last
        now = time.monotonic()
        if session.stopped_by is not None and now - last < _GRACE_SECONDS:
            return
        last = now
        session.stopped_by = signal.Signals(number)
        raise KeyboardInterrupt

    before = {}
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no hang-up
        if number is not None and signal.getsignal(number) not in (signal.SIG_IGN, None):
            before[number] = signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
