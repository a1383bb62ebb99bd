"""A fit that is refused leaves the estimator as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def all_or_nothing(estimator: Any) -> Iterator[None]:
    """Put an estimator back as it was if a fit is refused: new columns must not meet old parameters.

    Parameters
    ----------
    estimator : estimator
        Its attributes are replaced by a fit, never changed in place.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> estimator = SimpleNamespace(n_features_in_=2)
    >>> try:
    ...     with all_or_nothing(estimator):
    ...         estimator.n_features_in_ = 3
    ...         raise ValueError
    ... except ValueError:
    ...     estimator.n_features_in_
    2
    """
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise
