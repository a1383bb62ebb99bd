"""A parameter that is accepted and never read is a lie: each one changes something."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from mixtura import (
    BernoulliMixture,
    CategoricalMixture,
    GaussianMixture,
    MixedMixture,
    PoissonMixture,
)
from mixtura.em.bernoulli import Beta
from mixtura.em.categorical import Dirichlet
from mixtura.em.poisson import Gamma
from mixtura.em.priors import NormalInverseWishart
from mixtura.errors import InputError

MIXTURES = [BernoulliMixture, CategoricalMixture, GaussianMixture, MixedMixture, PoissonMixture]
K = 2

# Another value of every parameter, and what it is to be compared with where that is not the default.
COMMON: dict[str, tuple[Any, dict[str, Any]]] = {
    "n_components": (3, {}),
    "tol": (1e-9, {}),
    "max_iter": (1, {}),
    "n_init": (4, {"verbose": 1}),
    "init_params": ("random", {}),
    "weights_init": ([0.9, 0.1], {"max_iter": 1}),
    "random_state": (5, {"init_params": "random"}),
    "warm_start": (True, {}),
    "verbose": (1, {}),
    "verbose_interval": (1, {"verbose": 1, "max_iter": 3, "tol": 0}),
    "stopping": ("aitken", {"tol": 1e-6, "max_iter": 200}),
    "weight_concentration": (20.0, {}),
    "acceleration": ("squarem", {"tol": 1e-7, "max_iter": 200}),
    "n_threads": (2, {}),
}
OWN: dict[type, dict[str, tuple[Any, dict[str, Any]]]] = {
    BernoulliMixture: {
        "binarise": (1.5, {"binarise": 0.5}),
        "probabilities_init": ([[0.1] * 4, [0.6] * 4], {"max_iter": 1}),
        "prior": (Beta(9.0, 9.0), {}),
    },
    CategoricalMixture: {
        "categories": ([[0, 1, 2, 7]] * 4, {}),
        "handle_unknown": ("missing", {}),
        "probabilities_init": ([[[0.1, 0.2, 0.7], [0.5, 0.3, 0.2]]] * 4, {"max_iter": 1}),
        "prior": (Dirichlet(9.0), {}),
    },
    GaussianMixture: {
        "covariance_type": ("diag", {}),
        "reg_covar": (0.5, {}),
        "means_init": ([[0.0] * 4, [2.0] * 4], {"max_iter": 1}),
        "precisions_init": ([np.eye(4) * 9] * 2, {"max_iter": 1}),
        "prior": (NormalInverseWishart(np.zeros(4), 9.0, 20.0, np.eye(4)), {}),
    },
    MixedMixture: {
        "families": ("poisson", {}),
        "covariance_type": ("full", {"families": "gaussian"}),
        "reg_covar": (0.5, {"families": "gaussian"}),
        "categories": ({0: [0, 1, 2, 7]}, {"families": "categorical"}),
        "handle_unknown": ("missing", {"families": "categorical"}),
        "priors": ({"poisson": Gamma(9.0, 9.0)}, {"families": "poisson"}),
    },
    PoissonMixture: {
        "fractions": (True, {}),
        "rates_init": ([[0.3] * 4, [1.5] * 4], {"max_iter": 1}),
        "prior": (Gamma(9.0, 9.0), {}),
    },
}


def rows(kind: type, options: dict[str, Any]) -> np.ndarray:
    """Two groups that overlap, in small whole numbers."""
    rng = np.random.default_rng(0)
    group = rng.integers(2, size=(150, 1))
    counts = rng.binomial(2, 0.3 + 0.3 * group, size=(150, 4)).astype(float)
    return (counts > 0).astype(float) if kind is BernoulliMixture and "binarise" not in options else counts


def seen(kind: Any, options: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> list[Any]:
    """Everything that a person might see of two fits, a new category and a fraction."""
    X = rows(kind, options)
    model = kind(**({"n_components": K, "random_state": 0} | options))
    told = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for _ in range(2):
            model.fit(X)
            told += [
                model.n_iter_,
                model.stopped_by_,
                round(model.lower_bound_, 12),
                round(model.score(X), 12),
            ]
    for value in (7.0, 0.5):
        new = X.copy()
        new[0, 0] = value
        try:
            told.append(float(model.score_samples(new)[0]))
        except InputError as error:
            told.append(str(error))
    return [*told, capsys.readouterr().out, model._threads(X), model._n_parameters()]


@pytest.mark.parametrize("kind", MIXTURES)
def test_every_parameter_has_another_value_here(kind: Any) -> None:
    assert set(kind().get_params()) == {*COMMON, *OWN[kind]}


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind in MIXTURES for name in {**COMMON, **OWN[kind]}]
)
def test_every_parameter_changes_something(kind: Any, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    value, beside = {**COMMON, **OWN[kind]}[name]
    assert seen(kind, {**beside, name: value}, capsys) != seen(kind, beside, capsys)
