"""What a person should know before trusting a choice of K."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixtura.estimators.rows import named
from mixtura.findings import Finding
from mixtura.selection.candidates import Candidate
from mixtura.selection.density import measured_columns, narrowest, spacings
from mixtura.selection.fits import Part, Whole
from mixtura.selection.rows import Rows


@dataclass(frozen=True, eq=False)
class Tried:
    """A candidate with all its fits.

    Parameters
    ----------
    candidate : Candidate
        What was fitted.
    whole : Whole
        To all rows.
    parts : tuple of Part
        To the rows of each fold; empty where all rows could not be fitted.
    """

    candidate: Candidate
    whole: Whole
    parts: tuple[Part, ...] = ()

    @property
    def reason(self) -> str:
        """Why there is no held-out log-likelihood; empty where there is one."""
        folds = (f"fold {place}: {part.reason}" for place, part in enumerate(self.parts, 1) if part.reason)
        return self.whole.reason or next(folds, "")

    @property
    def converged(self) -> bool:
        """Whether EM met its criterion in every fit."""
        whole = self.whole.estimator
        return whole is not None and whole.converged_ and all(part.converged for part in self.parts)


def noticed(
    tried: Sequence[Tried], chosen: int, rows: Rows, copies: NDArray[np.int64] | None
) -> tuple[Finding, ...]:
    """Return the findings about a choice.

    Parameters
    ----------
    tried : sequence of Tried
        All candidates.
    chosen : int
        The number of the one that is chosen.
    rows : Rows
        The data.
    copies : ndarray of int, shape (n,), optional
        Rows of one number are equal; None where equal rows are no matter.
    """
    return (
        *_largest(tried, chosen),
        *_repeated(copies),
        *_narrow(tried, rows),
        *_unconverged(tried),
        *_unknown(tried),
    )


def _largest(tried: Sequence[Tried], chosen: int) -> Iterator[Finding]:
    numbers = {one.candidate.n_components for one in tried if not one.reason}
    own = tried[chosen].candidate.n_components
    if len(numbers) > 1 and own == max(numbers):
        yield Finding(
            "largest-tried", "warning", f"K = {own} is the largest number that was tried", "try larger ones"
        )


def _repeated(copies: NDArray[np.int64] | None) -> Iterator[Finding]:
    if copies is None:
        return
    repeated = len(copies) - len(np.unique(copies))
    if repeated:
        yield Finding(
            "repeated-rows",
            "note",
            f"{repeated:,} of {len(copies):,} rows are copies of another; copies share a fold, so that none "
            "is scored by a mixture that learnt it",
            "if they are one observation each, leave the copies out",
        )


def _narrow(tried: Sequence[Tried], rows: Rows) -> Iterator[Finding]:
    fitted = [one.whole.estimator for one in tried if one.whole.estimator is not None]
    columns = measured_columns(fitted[0])
    if not columns:
        return
    steps = spacings(rows, columns)
    below = {one: narrowest(one.whole.estimator) < steps for one in tried if one.whole.estimator is not None}
    narrow = [one for one, columns_below in below.items() if columns_below.any()]
    if narrow:
        least = min(narrow, key=lambda one: one.candidate.n_components)
        place = int(np.argmax(below[least]))
        yield Finding(
            "narrow-components",
            "warning",
            f"with {_named(narrow)} a component is narrower than the step between two values of "
            f"{named(fitted[0], columns[place])}, where log p(x) has no bound and says little of groups",
            "set reg_covar to the square of that step, give a prior, or leave the column out",
        )


def _unconverged(tried: Sequence[Tried]) -> Iterator[Finding]:
    early = [one for one in tried if not one.reason and not one.converged]
    if early:
        yield Finding(
            "not-converged",
            "note",
            f"EM had not converged after max_iter iterations in some fits with {_named(early)}",
            "raise max_iter",
        )


def _unknown(tried: Sequence[Tried]) -> Iterator[Finding]:
    if any(part.unknown for one in tried for part in one.parts):
        yield Finding(
            "unseen-categories",
            "note",
            "some held-out rows hold a category that the rows learnt from lack; such entries were scored as "
            "missing, alike for every K",
        )


def _named(some: Iterable[Tried]) -> str:
    """Return the numbers of components, and which mixtures where there are several."""
    by_model: dict[str, list[int]] = {}
    for one in some:
        by_model.setdefault(one.candidate.model, []).append(one.candidate.n_components)
    texts = {name: f"K = {_ranges(ks)}" for name, ks in by_model.items()}
    return " and ".join(texts.values() if len(texts) == 1 else (f"{n}, {t}" for n, t in texts.items()))


def _ranges(numbers: Sequence[int]) -> str:
    """Return rising numbers, three or more in a row as a range.

    Examples
    --------
    >>> _ranges([1, 2, 4, 5, 6, 9])
    '1, 2, 4 to 6, 9'
    """
    rows: list[list[int]] = []
    for number in numbers:
        if rows and rows[-1][-1] == number - 1:
            rows[-1].append(number)
        else:
            rows.append([number])
    texts = [f"{row[0]} to {row[-1]}" if len(row) > 2 else ", ".join(map(str, row)) for row in rows]
    return ", ".join(texts)
