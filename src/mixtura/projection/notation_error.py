"""The error of a text that is no mixture, which knows the place in the text."""

from __future__ import annotations

import re
import unicodedata

from mixtura.errors import InputError

_WORD = re.compile(r"\w+")


class NotationError(InputError):
    r"""A text that is no mixture: what was expected, and at which character.

    Parameters
    ----------
    reason : str
        What is wrong there, in a few words.
    text : str
        The whole text.
    position : int
        The index of the character, from 0; the length of the text where it ended too early.

    Examples
    --------
    >>> error = NotationError("expected ',' between mean and variance", "1/3 N(-3;1)", 8)
    >>> print(error)
    character 9 (';'): expected ',' between mean and variance
    >>> print(*error.excerpt(), sep="\n")
    1/3 N(-3;1)
            ^
    """

    def __init__(self, reason: str, text: str, position: int) -> None:
        self.reason, self.text, self.position = reason, text, position
        super().__init__(f"character {position + 1} ({self._named()}): {reason}")

    def __reduce__(self) -> tuple[type[NotationError], tuple[str, str, int]]:
        return NotationError, (self.reason, self.text, self.position)

    def excerpt(self, width: int = 72) -> tuple[str, str]:
        """Return the text, shortened around the place, and a line with a caret under the character.

        Parameters
        ----------
        width : int
            The most characters of the text that are shown.
        """
        first = max(0, min(self.position - width // 2, len(self.text) - width))
        last = first + width
        before, after = "… " if first > 0 else "", " …" if last < len(self.text) else ""
        # One column each: a line break or a terminal code would move the caret, or the terminal.
        shown = "".join(c if c.isprintable() else "�" for c in self.text[first:last])
        place = self.position - first
        columns = sum(_columns(c) for c in before + shown[:place])
        return f"{before}{shown}{after}", " " * columns + "^"

    def _named(self) -> str:
        word = _WORD.match(self.text, self.position)
        if self.position >= len(self.text):
            return "the end"
        return repr(shortened(word.group() if word else self.text[self.position]))


def shortened(word: str) -> str:
    """Return a word as it is quoted: long ones cut to twenty characters."""
    return word if len(word) <= 20 else f"{word[:19]}…"


def _columns(character: str) -> int:
    """Return how many columns of a terminal a character takes."""
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
