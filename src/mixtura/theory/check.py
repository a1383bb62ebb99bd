"""A numerical check of a written answer: figures, and what each must be if the answer is right."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Figure:
    """A number that an answer stands on.

    Parameters
    ----------
    name : str
        What it is, as one phrase, with its unit.
    value : float
        What came out.
    wanted : str
        What it must be if the answer is right, in words; empty where it is only shown.
    passed : bool
        Whether it is.
    """

    name: str
    value: float
    wanted: str = ""
    passed: bool = True


def near(name: str, value: float, expected: float, tolerance: float) -> Figure:
    """Return a figure that must lie within a tolerance of a number.

    Examples
    --------
    >>> near("pi", 3.1, math.pi, 0.1).wanted
    '3.14159 +- 0.1'
    """
    return Figure(
        name, float(value), f"{expected:.6g} +- {tolerance:.2g}", bool(abs(value - expected) <= tolerance)
    )


def below(name: str, value: float, limit: float) -> Figure:
    """Return a figure that must be less than a number.

    Examples
    --------
    >>> below("error", 2.0, 1.0).passed
    False
    """
    return Figure(name, float(value), f"< {limit:.4g}", bool(value < limit))


def above(name: str, value: float, limit: float) -> Figure:
    """Return a figure that must be more than a number.

    Examples
    --------
    >>> above("gain", 2.0, 1.0).passed
    True
    """
    return Figure(name, float(value), f"> {limit:.4g}", bool(value > limit))


def shown(name: str, value: float) -> Figure:
    """Return a figure that is shown and must only be a number.

    Examples
    --------
    >>> shown("nothing", math.nan).passed
    False
    """
    return Figure(name, float(value), "", not math.isnan(value))


@dataclass(frozen=True)
class Check:
    """One written answer and the program that could refute it.

    Parameters
    ----------
    problem : str
        Number of the problem that it answers, such as "6.4".
    name : str
        Its page, `docs/theory/<page>.md`, has this name in snake case.
    claim : str
        The answer, as one sentence.
    run : callable
        A generator of random numbers to the figures.
    """

    problem: str
    name: str
    claim: str
    run: Callable[[np.random.Generator], tuple[Figure, ...]]


@dataclass(frozen=True)
class Outcome:
    """What a check came to.

    Parameters
    ----------
    problem, name, claim : str
        Of the check.
    figures : tuple of Figure
        In the order in which the answer uses them.
    seconds : float
        What it took.
    """

    problem: str
    name: str
    claim: str
    figures: tuple[Figure, ...]
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether every figure is what it must be."""
        return all(figure.passed for figure in self.figures)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON."""
        return {**asdict(self), "passed": self.passed}
