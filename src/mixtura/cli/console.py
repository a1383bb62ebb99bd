"""What a person reads: results on stdout, how it goes on stderr, or one JSON document."""

from __future__ import annotations

import json
import math
import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from mixtura.cli.streams import one_line, printable
from mixtura.errors import MixturaWarning


@dataclass
class Console:
    """The two channels of a verb.

    Parameters
    ----------
    quiet : bool
        Say nothing but errors (and the JSON document, if asked for).
    json : bool
        Standard output holds one JSON document and nothing else.

    Examples
    --------
    >>> Console(quiet=False, json=False).say("bound  -1.750")
    bound  -1.750
    >>> Console(quiet=False, json=True).emit({"bound": -1.75, "gap": float("nan")})
    {
      "bound": -1.75,
      "gap": null
    }
    """

    quiet: bool
    json: bool
    _held: list[str] | None = field(default=None, init=False, repr=False)

    def hold(self) -> None:
        """Keep notes back until `release`, unless a person is watching: a refusal is then the only line."""
        if not sys.stderr.isatty():
            self._held = []

    def release(self) -> None:
        """Print the notes that were held back."""
        held, self._held = self._held or (), None
        for text in held:
            self.note(text)

    def say(self, text: str) -> None:
        """Print a result on stdout."""
        if not self.quiet and not self.json:
            print("\n".join(map(printable, text.split("\n"))))

    def note(self, text: str) -> None:
        """Print how it goes on stderr; a reader who has left stops nothing."""
        if self._held is not None:
            self._held.append(text)
        elif not self.quiet:
            with suppress(OSError):
                print(one_line(text), file=sys.stderr, flush=True)

    def emit(self, document: Mapping[str, Any]) -> None:
        """Print the JSON document, if it was asked for."""
        if self.json:
            print(to_json(document))


def to_json(value: Any, *, indent: int | None = 2) -> str:
    """Return strict JSON in plain ASCII: numbers that are not finite become null.

    Parameters
    ----------
    value : object
        Mappings, sequences, text, numbers, and NumPy arrays and scalars.
    indent : int, optional
        Spaces of a level; None puts all on one line.

    Examples
    --------
    >>> print(to_json([1.5, float("inf")]))
    [
      1.5,
      null
    ]
    """
    return json.dumps(_plain(value), indent=indent, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if hasattr(value, "tolist"):  # NumPy arrays and scalars, without importing NumPy
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


@contextmanager
def opened(*, quiet: bool, json: bool) -> Iterator[Console]:
    """Give a verb its console, and show mixtura's warnings on it, one clean line each.

    Warnings of other packages are for developers: they show with MIXTURA_DEBUG=1 alone.
    """
    console = Console(quiet=quiet, json=json)

    def show(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        own = issubclass(category, MixturaWarning)
        console.note(f"mixtura: warning: {message if own else f'{category.__name__}: {message}'}")

    with warnings.catch_warnings():
        warnings.simplefilter("default" if os.environ.get("MIXTURA_DEBUG", "") not in ("", "0") else "ignore")
        warnings.simplefilter("default", MixturaWarning)
        warnings.showwarning = show
        yield console
        console.release()
