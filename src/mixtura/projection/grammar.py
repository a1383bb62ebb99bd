"""The grammar of a mixture as text: characters in, numbers out, and the place of what could not be read."""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass
from typing import NoReturn

from mixtura.projection.notation_error import NotationError, shortened

EXAMPLE = "1/3 N(-3,1) + 2/3 N(3,1)"

# What print and PDF files put in place of the characters of a keyboard, one for one, so that places stay.
_PRINTED = str.maketrans(
    dict.fromkeys("\u2212\u2013\u2014\u2010\u2011\u2012\ufe63\uff0d", "-")
    | dict.fromkeys("\u00b7\u00d7\u22c5\u2219\u2022\u2217\u2062\u2715", "*")
    | dict.fromkeys("\u2044\u2215\uff0f", "/")
    | dict.fromkeys("\U0001d4a9\U0001d4dd\U0001d441\U0001d40d\U0001d5ad\uff2e", "N")
    | dict.fromkeys("\u200b\u2060\ufeff\u00ad", " ")
    | {"\uff0c": ",", "\uff0b": "+", "\uff08": "(", "\uff09": ")"}
)
_NUMBER = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_WORD = re.compile(r"\w+")
_NOT_FINITE = frozenset({"nan", "inf", "infinity", "∞"})
_POWERS = frozenset({"^", "²", "³"})


@dataclass(frozen=True)
class Component:
    """One term of a mixture as it was written.

    Parameters
    ----------
    weight : float
        1 where none was written.
    mean : float or list of float
        A number, or the d entries of a vector.
    variance : float, list of float or list of list of float
        A variance, the d variances along the axes, or a symmetric covariance matrix of d rows.
    mean_at, variance_at : int
        Where they begin in the text.
    """

    weight: float
    mean: float | list[float]
    variance: float | list[float] | list[list[float]]
    mean_at: int
    variance_at: int


def read_components(text: str) -> list[Component]:
    """Read the components of a mixture, one at least.

    Parameters
    ----------
    text : str
        Such as ``1/3 N(-3,1) + 2/3 N(3,1)``.

    Returns
    -------
    list of Component
        All of one dimension.

    Raises
    ------
    NotationError
        At the first character that makes no sense.

    Examples
    --------
    >>> [component.weight for component in read_components("0.25 N(0, 1) + 3/4 N(3, 1)")]
    [0.25, 0.75]
    """
    return _Reader(text).mixture()


class _Reader:
    """A place in a text that moves forward."""

    def __init__(self, text: str) -> None:
        self.given = text
        self.text = text.translate(_PRINTED)
        self.at = 0

    def fail(self, reason: str, at: int | None = None) -> NoReturn:
        raise NotationError(reason, self.given, self.at if at is None else at)

    def peek(self) -> str:
        """Return the next character that is no blank, and move there; nothing at the end."""
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1
        return self.text[self.at : self.at + 1]

    def take(self, character: str) -> bool:
        """Move past a character if it comes next."""
        if self.peek() != character:
            return False
        self.at += 1
        return True

    def expect(self, character: str, reason: str) -> None:
        if not self.take(character):
            powers = self.peek() in _POWERS or self.text.startswith("**", self.at)
            self.fail(reason + ("; powers are not understood, write the number" if powers else ""))

    def mixture(self) -> list[Component]:
        if not self.peek():
            self.fail(f"expected a mixture such as {EXAMPLE}")
        components = [self.component("expected a weight or N(mean, variance)")]
        while self.peek():
            if not self.take("+"):
                self.fail("expected '+' and another component, or the end")
            components.append(self.component("expected another component, N(mean, variance), after '+'"))
            self.check_alike(components[0], components[-1])
        return components

    def component(self, expected: str) -> Component:
        start, weight = self.at, 1.0
        if self.starts_number():
            self.peek()
            start = self.at
            weight = self.number("expected a weight")
            if weight < 0:
                self.fail("a weight cannot be negative", start)
            self.take("*")
            expected = "expected N(mean, variance) after the weight"
        self.name(expected)
        self.peek()
        opened = self.at
        self.expect("(", "expected '(' after N")
        self.peek()
        mean_at = self.at
        mean = self.vector() if self.peek() == "[" else self.number("expected the mean, a number or [ ... ]")
        self.expect(",", "expected ',' between mean and variance")
        self.peek()
        variance_at = self.at
        variance = self.variance(mean)
        self.expect(")", f"expected ')' after the variance; the '(' of character {opened + 1} is open")
        return Component(weight, mean, variance, mean_at, variance_at)

    def name(self, expected: str) -> None:
        """Read the N, or say what stands in its place."""
        character = self.peek()
        word = _WORD.match(self.text, self.at)
        if word is not None and not character.isdigit():
            if word.group() == "N":
                self.at += 1
                return
            shown = shortened(word.group())
            if shown.lower() in _NOT_FINITE:
                self.fail(f"{shown!r} is no weight; {expected}")
            self.fail(f"unknown name {shown!r}; a Gaussian is written N(mean, variance)")
        comma = character == "," and self.text[self.at - 1 : self.at].isdigit()
        self.fail(expected + ("; decimals are written with a point" if comma else ""))

    def starts_number(self) -> bool:
        character = self.peek()
        return character != "" and (character in "+-.0123456789" or _vulgar(character) is not None)

    def number(self, expected: str) -> float:
        """Read a number or a fraction with its sign."""
        self.peek()
        start = self.at
        negative = self.take("-")
        if not negative:
            self.take("+")
        value = self.unsigned(expected)
        if self.take("/"):
            self.peek()
            below = self.at
            divisor = self.unsigned("expected a number after '/'")
            if divisor == 0:
                self.fail("division by zero", below)
            value /= divisor
        if math.isinf(value):
            self.fail("the number is too large", start)
        return -value if negative else value

    def unsigned(self, expected: str) -> float:
        character = self.peek()
        vulgar = _vulgar(character)
        if vulgar is not None:
            self.at += 1
            return vulgar
        match = _NUMBER.match(self.text, self.at)
        if match is None:
            word = _WORD.match(self.text, self.at)
            shown = word.group() if word else character
            if shown.lower() in _NOT_FINITE:
                self.fail(f"{shown!r} is no finite number")
            self.fail(expected)
        self.at = match.end()
        return float(match.group())

    def entries(self, opened: int) -> list[tuple[float, int]]:
        """Read the numbers of a vector, and where each begins, after its opening bracket."""
        found = []
        while True:
            self.peek()
            at = self.at
            found.append((self.number("expected a number"), at))
            if self.take("]"):
                return found
            self.expect(",", f"expected ',' or ']'; the '[' of character {opened + 1} is open")

    def vector(self) -> list[float]:
        opened = self.at
        self.take("[")
        if self.peek() == "[":
            self.fail("a mean is one row of numbers, not a matrix")
        return [value for value, _ in self.entries(opened)]

    def variance(self, mean: float | list[float]) -> float | list[float] | list[list[float]]:
        """Read a variance of any form, and hold it against the mean."""
        start = self.at
        if self.peek() != "[":
            return self.positive(self.number("expected the variance, a number or [ ... ]"), start)
        if not isinstance(mean, list):
            self.fail("the mean is a number, so the variance is one too; a mean in two dimensions is [0, 1]")
        self.take("[")
        if self.peek() == "[":
            return self.matrix(start, len(mean))
        entries = self.entries(start)
        if len(entries) != len(mean):
            self.fail(
                f"{_counted(len(entries), 'variance')} for a mean of {_counted(len(mean), 'entry')}", start
            )
        return [self.positive(value, at) for value, at in entries]

    def matrix(self, start: int, d: int) -> list[list[float]]:
        """Read the rows of a covariance matrix, after its opening bracket."""
        rows: list[list[tuple[float, int]]] = []
        while True:
            self.peek()
            opened = self.at
            self.expect("[", "expected '[' and another row of the matrix")
            rows.append(self.entries(opened))
            if len(rows[-1]) != len(rows[0]):
                first, here = len(rows[0]), len(rows[-1])
                self.fail(f"this row has {_counted(here, 'entry')} and the first has {first}", opened)
            if self.take("]"):
                break
            self.expect(",", f"expected ',' or ']' after a row; the '[' of character {start + 1} is open")
        if not len(rows) == len(rows[0]) == d:
            shape = f"{len(rows)} by {len(rows[0])}"
            self.fail(
                f"a mean of {_counted(d, 'entry')} has a {d} by {d} covariance, and this is {shape}", start
            )
        for i in range(d):
            self.positive(*rows[i][i])
            for j in range(i):
                (lower, at), (upper, _) = rows[i][j], rows[j][i]
                if not math.isclose(lower, upper, rel_tol=1e-9):
                    self.fail(f"the covariance is not symmetric: {lower:.6g} here, {upper:.6g} across", at)
        return [[value for value, _ in row] for row in rows]

    def positive(self, value: float, at: int) -> float:
        if value > 0:
            return value
        self.fail(f"a variance is above zero, and this is {value:.6g}", at)

    def check_alike(self, first: Component, here: Component) -> None:
        """Hold the dimension of a component against that of the first."""
        if _form(first.mean) != _form(here.mean):
            self.fail(
                f"the mean is {_form(here.mean)}, and that of the first component {_form(first.mean)}",
                here.mean_at,
            )


def _form(mean: float | list[float]) -> str:
    return f"a vector of {_counted(len(mean), 'entry')}" if isinstance(mean, list) else "a number"


def _counted(number: int, noun: str) -> str:
    if number == 1:
        return f"1 {noun}"
    return f"{number} {noun[:-1]}ies" if noun.endswith("y") else f"{number} {noun}s"


def _vulgar(character: str) -> float | None:
    """Return the value of a fraction that is one character, such as that for one third."""
    if not character or character.isascii():
        return None
    above, slash, below = unicodedata.normalize("NFKC", character).partition("\u2044")
    return int(above) / int(below) if slash and above.isdigit() and below.isdigit() else None
