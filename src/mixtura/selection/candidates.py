"""What is compared: mixtures, each with several numbers of components."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone

from mixtura.errors import InputError
from mixtura.estimators import GMVAE, GaussianMixture
from mixtura.estimators.mixture_base import MixtureBase

# From a single start more components often end worse than fewer.
_STARTS = 5


@dataclass(frozen=True, eq=False)
class Candidate:
    """One line of the table before it is fitted.

    Parameters
    ----------
    model : str
        The name of the mixture among those that are compared.
    n_components : int
        K.
    estimator : MixtureBase or GMVAE
        Not fitted, and nobody else's.
    """

    model: str
    n_components: int
    estimator: Any


def candidates(estimator: Any, n_components: Any, seed: int) -> list[Candidate]:
    """Return every mixture with every K, in the order of the mixtures and of K.

    Parameters
    ----------
    estimator : mixture, GMVAE, mapping of str to either, or None
        Models of this library, all fitted by EM or none of them; None is a `GaussianMixture` from the best of
        five starts.
    n_components : iterable of int
        The numbers of components; each counts once.
    seed : int
        For mixtures whose ``random_state`` is None.

    Raises
    ------
    InputError
        If one of the mixtures is none, or one of the numbers is no number of components.

    Examples
    --------
    >>> [(one.model, one.n_components) for one in candidates(None, [2, 1, 2], seed=0)]
    [('GaussianMixture', 1), ('GaussianMixture', 2)]
    """
    models = _models(GaussianMixture(n_init=_STARTS) if estimator is None else estimator)
    numbers = _numbers(n_components)
    made = []
    for name, model in models.items():
        for k in numbers:
            own = clone(model).set_params(n_components=k)
            if isinstance(own, MixtureBase):
                own.set_params(warm_start=False)
            if own.random_state is None:
                own.set_params(random_state=seed)
            made.append(Candidate(name, k, own))
    return made


def _models(estimator: Any) -> dict[str, Any]:
    named = dict(estimator) if isinstance(estimator, Mapping) else {type(estimator).__name__: estimator}
    if not named:
        raise InputError("estimator is an empty mapping; give one mixture or more, each under its name")
    for name, model in named.items():
        if not isinstance(name, str) or not name:
            raise InputError(f"estimator has the name {name!r}; name each mixture by a text")
        if not isinstance(model, (MixtureBase, GMVAE)):
            raise InputError(
                f"estimator must be a mixture, such as GaussianMixture(), or a mapping from names to "
                f"mixtures, not {_short(model)}"
            )
    if len({isinstance(model, GMVAE) for model in named.values()}) > 1:
        raise InputError(
            "estimator has a GMVAE beside a mixture fitted by EM, whose log p(x) is exact and not estimated; "
            "choose K of each by itself"
        )
    return named


def _numbers(n_components: Any) -> list[int]:
    words = "n_components must be whole numbers of at least 1, such as range(1, 11)"
    if isinstance(n_components, (str, bytes)) or not isinstance(n_components, Iterable):
        raise InputError(f"{words}, not {_short(n_components)}")
    given = list(n_components)
    for k in given:
        if isinstance(k, (bool, np.bool_)) or not hasattr(k, "__index__") or int(k) < 1:
            raise InputError(f"{words}, and one is {_short(k)}")
    if not given:
        raise InputError(f"{words}, and there is none in {_short(n_components)}")
    return sorted({int(k) for k in given})


def _short(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else text[:57] + "..."
