"""scikit-learn's checks of rows and weights, with what they refuse said in one line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from mixtura.data.checks import one_line
from mixtura.errors import InputError
from mixtura.estimators.rows import named

# How scikit-learn begins to speak of an infinite number.
_INFINITE = "Input X contains infinity"
_TEXT = "give numbers, or take CategoricalMixture, MixedMixture, or likelihood='mixed' of GMVAE and VAE"
_FILL = "fill them in or leave the rows out; the mixtures by EM integrate them out"
# What to do, by words of what is said.
_MENDS = {
    "VAE does not accept missing": _FILL,  # and GMVAE
    "could not convert string": _TEXT,
    "bytes/strings": _TEXT,
    "sample_weight contains": "give every row a finite number from 0 up",
    "Complex data": "give the real and the imaginary part as columns of their own",
}


@contextmanager
def in_one_line() -> Iterator[None]:
    r"""Turn a ValueError of scikit-learn's checks into an InputError of one line, its first words kept.

    Raises
    ------
    InputError
        In place of the ValueError.

    Examples
    --------
    >>> with in_one_line():
    ...     raise ValueError("Complex data not supported\n[[1j]]\n")
    Traceback (most recent call last):
    ...
    mixtura.errors.InputError: Complex data not supported; give the real and the imaginary part as columns ...
    """
    try:
        yield
    except InputError:
        raise
    except ValueError as error:
        raise InputError(_told(str(error))) from None


def validated(estimator: BaseEstimator, X: Any, **options: Any) -> NDArray[Any]:
    """Return rows that scikit-learn has checked.

    Parameters
    ----------
    estimator : object
        Whose rows they are; its ``n_features_in_`` and ``feature_names_in_`` are set or compared.
    X : array-like
        The rows.
    options
        As of scikit-learn's ``validate_data``.

    Raises
    ------
    InputError
        If they are none; of an infinite number with its place.
    TypeError
        If they are of a type that no table has, as sparse matrices.
    """
    try:
        with in_one_line():
            rows: NDArray[Any] = validate_data(estimator, X, **options)
    except InputError as error:
        if not str(error).startswith(_INFINITE):
            raise
        raise InputError(f"{str(error).rstrip('.')}: {_infinite(estimator, X)}") from None
    return rows


def _told(text: str) -> str:
    """Return a message on one line, without the rows that it shows, and with what to do."""
    shown = re.sub(r"instead:\s*array=.*\.\s*Reshape", "instead. Reshape", text, flags=re.DOTALL)
    if shown.startswith("Complex data"):
        shown = shown.splitlines()[0]
    # What follows is of other libraries' classifiers.
    line = one_line(shown.partition(" For supervised learning")[0], 400)
    mend = next((mend for words, mend in _MENDS.items() if words in line), "")
    return f"{line.rstrip('.')}; {mend}" if mend else line


def _infinite(estimator: BaseEstimator, X: Any) -> str:
    """Return where the first infinite number is, and what to do."""
    with np.errstate(over="ignore"):
        places = np.argwhere(np.isinf(np.asarray(X, dtype=np.float64)))
    where = "an entry"
    if len(places):
        row, column = (int(at) for at in places[0])
        where = f"{named(estimator, column)}, row {row} (from 0)"
    return f"{where} is infinite; mend it, or make it NaN: missing"
