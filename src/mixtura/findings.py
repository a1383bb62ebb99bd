"""A diagnostic as a value: what was seen, how bad it is, what to do."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

Level = Literal["note", "warning", "problem"]


@dataclass(frozen=True)
class Finding:
    """One diagnostic in words.

    Parameters
    ----------
    name : str
        Stable key, in kebab case, such as ``"constant-columns"``.
    level : {"note", "warning", "problem"}
        A note is for information, a warning asks for a look, a problem makes the result doubtful.
    seen : str
        What was seen, with its figures, as one sentence.
    remedy : str
        What to do about it; empty where nothing needs doing.

    Examples
    --------
    >>> print(Finding("constant-columns", "note", "column 'a' holds one value and was dropped"))
    note: column 'a' holds one value and was dropped
    """

    name: str
    level: Level
    seen: str
    remedy: str = ""

    def __str__(self) -> str:
        """Return the finding as one line."""
        tail = f"; {self.remedy}" if self.remedy else ""
        return f"{self.level}: {self.seen}{tail}"

    def to_dict(self) -> dict[str, str]:
        """Return the four fields as plain text, for JSON."""
        return asdict(self)
