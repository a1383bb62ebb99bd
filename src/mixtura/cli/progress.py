"""How a fit goes, while it goes: one live line on a terminal, a few plain lines elsewhere."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from mixtura.cli.console import Console
from mixtura.cli.streams import one_line
from mixtura.cli.wording import TERMS

# A run prints at most about this many lines of epochs; messages of the stages come on top.
_PLAIN_LINES = 24


class Progress(Protocol):
    """What takes the events of `mixtura.GMVAE`'s ``callback``, and what is being done outside training."""

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Show one event: an epoch with its terms, a ``message`` to keep, or what goes on (``doing``)."""
        ...


@contextmanager
def shown(console: Console) -> Iterator[Progress]:
    """Give the progress that suits where stderr leads.

    Parameters
    ----------
    console : Console
        Where plain lines go; a quiet one shows no progress.
    """
    if console.quiet:
        yield _silent
    elif sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        with _live() as progress:
            yield progress
    else:
        yield PlainProgress(console)


def _silent(event: Mapping[str, Any]) -> None:
    """Show nothing."""


class PlainProgress:
    """Progress as plain lines: every message, and epochs thinned to about 24.

    Parameters
    ----------
    console : Console
        Where the lines go.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._printed = 0
        self._stage: str | None = None

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Print the event, unless it is an epoch between two that are printed."""
        if "message" in event or "doing" in event:
            self._console.note(describe_message(event))
            return
        epoch, of = int(event.get("epoch", 0)), int(event.get("of", 0))
        step = math.ceil(of / _PLAIN_LINES) if of else 1
        if epoch - self._printed >= step or epoch == of or event.get("stage") != self._stage:
            self._printed, self._stage = epoch, event.get("stage")
            self._console.note(f"{describe_epoch(event)}  {describe_terms(event)}")


def describe_message(event: Mapping[str, Any]) -> str:
    """Return the stage, and what it has to say.

    Examples
    --------
    >>> describe_message({"stage": "start", "message": "the graph has 1,797 rows"})
    'start  the graph has 1,797 rows'
    """
    return f"{event.get('stage', '')}  {event.get('message', event.get('doing'))}".strip()


def describe_epoch(event: Mapping[str, Any]) -> str:
    """Return the stage and the epoch.

    Examples
    --------
    >>> describe_epoch({"stage": "joint", "epoch": 3, "of": 24})
    'joint  epoch  3/24'
    """
    epoch, of = int(event.get("epoch", 0)), str(int(event.get("of", 0)) or "?")
    return f"{event.get('stage', '')}  epoch {epoch:>{len(of)}}/{of}"


def describe_terms(event: Mapping[str, Any]) -> str:
    """Return the bound and its three terms, or what q(z|w, x) costs under its teacher, as the stage has them.

    Examples
    --------
    >>> describe_terms({"bound": -1.75, "reconstruction": -1.0, "cluster": 0.25, "conditional_prior": 0.5})
    'bound -1.750  reconstruction -1.000  cluster 0.250  conditional_prior 0.500'
    >>> describe_terms({"teacher_kl": 0.25})
    'teacher_kl 0.250'
    """
    known = [(name, event.get(name)) for name in (*TERMS, "teacher_kl")]
    return "  ".join(f"{name} {value:.3f}" for name, value in known if value is not None)


@contextmanager
def _live() -> Iterator[Progress]:
    """Show one line that rewrites itself, and messages above it."""
    from rich.console import Console as Terminal
    from rich.live import Live
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    terminal = Terminal(stderr=True, highlight=False, markup=False, emoji=False)

    def line(event: Mapping[str, Any]) -> Table:
        head, terms = describe_epoch(event), describe_terms(event)
        done, of = int(event.get("epoch", 0)), int(event.get("of", 0)) or None
        room = terminal.width - len(head) - len(terms) - 4
        table = Table.grid(padding=(0, 1))
        bar = ProgressBar(total=of, completed=done, width=min(max(room, 10), 30))
        if room >= 10:
            table.add_row(Text(head, no_wrap=True), bar, Text(terms, no_wrap=True))
        else:  # a narrow terminal: the terms keep their full names, on a line of their own
            table.add_row(Text(head, no_wrap=True), bar)
            lines = Table.grid()
            lines.add_row(table)
            lines.add_row(Text(terms))
            return lines
        return table

    with Live(Text("starting"), console=terminal, transient=True, refresh_per_second=8) as live:

        def show(event: Mapping[str, Any]) -> None:
            if "message" in event:
                terminal.print(Text(one_line(describe_message(event))))
            elif "doing" in event:
                live.update(Text(one_line(describe_message(event))))
            else:
                live.update(line(event))

        yield show
