"""The command ``mixtura``, one file per verb; `main` is what the console script calls.

Nothing heavy is imported before a verb needs it, so that ``mixtura --help`` answers at once.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress

from mixtura.cli.session import Session, command_line, stoppable
from mixtura.cli.streams import finish, prepare

__all__ = ["main"]

_PROCESS_STARTED = time.perf_counter()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code; whatever goes wrong becomes one line on stderr.

    Parameters
    ----------
    arguments : sequence of str, optional
        The words after ``mixtura``; those of the process when left out.

    Returns
    -------
    int
        0 when all went well, 2 for bad input, 1 when training could not go on or a check failed,
        130 after Ctrl-C,
        141 when the reader of a pipe left, 70 for a bug of ours.

    Examples
    --------
    >>> main(["--version"])  # doctest: +ELLIPSIS
    mixtura ...
    0
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    started = _PROCESS_STARTED if arguments is None else time.perf_counter()
    session = Session(command=command_line(words), started=started)
    if arguments is None:
        # The process is ours: threads that wait for each other must not burn the cores that others are using.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    prepare()
    with stoppable(session):
        try:
            from mixtura.cli.app import run

            run(words, session)
            finish()
        except (Exception, KeyboardInterrupt) as error:
            from mixtura.cli.failures import report

            code = report(error, session)
            if arguments is None:
                # All is told and tidied. PyTorch would take a second or two to leave, and a thread of Arrow's
                # that still holds a file of Python's ends the process by a signal.
                with suppress(OSError, ValueError):
                    finish()
                os._exit(code)
            return code
    return 0
