from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mixtura.em.bernoulli import BernoulliFamily
from mixtura.em.categorical import CategoricalFamily
from mixtura.em.family import Family
from mixtura.em.gaussian import COVARIANCE_TYPES, GaussianParameters
from mixtura.em.missing import missing_family
from mixtura.em.poisson import PoissonFamily, PoissonParameters
from mixtura.em.product import ProductFamily
from mixtura.em.steps import MixtureParameters
from mixtura.em.unconstrained import free_components, free_parameters
from mixtura.errors import InputError

K, D = 2, 2
MATRIX = np.array([[2.0, 0.5], [0.5, 1.0]])
COVARIANCES = {
    "full": np.stack([MATRIX, np.eye(2)]),
    "tied": MATRIX,
    "diag": np.array([[1.0, 2.0], [3.0, 0.1]]),
    "spherical": np.array([0.2, 5.0]),
}
LOG_WEIGHTS = np.log([0.3, 0.7])


def cases() -> dict[str, tuple[Family[Any, Any], Any]]:
    means = np.array([[0.0, 1.0], [-2.0, 3.0]])
    found: dict[str, tuple[Family[Any, Any], Any]] = {}
    for kind, covariances in COVARIANCES.items():
        family = COVARIANCE_TYPES[kind](K, D)
        found[kind] = (family, GaussianParameters(means, covariances))
        found[f"{kind} with gaps"] = (missing_family(family), found[kind][1])
    bernoulli = BernoulliFamily(K, 2)
    found["bernoulli"] = (bernoulli, bernoulli.parameters(np.array([[0.2, 0.5], [0.9, 0.01]])))
    categorical = CategoricalFamily(K, [2, 3])
    tables = [[[0.5, 0.5], [0.1, 0.9]], [[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]]]
    found["categorical"] = (categorical, categorical.parameters(tables))
    found["poisson"] = (PoissonFamily(K, 2), PoissonParameters(np.array([[1.0, 5.0], [0.1, 100.0]])))
    parts = [found["full"], found["bernoulli"]]
    product = ProductFamily([(parts[0][0], [0, 1]), (parts[1][0], [2, 3])])
    found["product"] = (product, tuple(theta for _, theta in parts))
    return found


def numbers(theta: Any) -> np.ndarray:
    if isinstance(theta, tuple):
        return np.concatenate([numbers(part) for part in theta])
    return np.concatenate([np.ravel(value) for value in vars(theta).values()])


@pytest.mark.parametrize("name", cases())
def test_there_and_back(name: str) -> None:
    family, theta = cases()[name]
    vector, restore = free_parameters(family, MixtureParameters(LOG_WEIGHTS, theta))
    back = restore(vector)
    np.testing.assert_allclose(back.log_weights, LOG_WEIGHTS, rtol=1e-14)
    np.testing.assert_allclose(numbers(back.components), numbers(theta), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("name", cases())
def test_any_vector_is_parameters(name: str, rng: np.random.Generator) -> None:
    family, theta = cases()[name]
    vector, restore = free_parameters(family, MixtureParameters(LOG_WEIGHTS, theta))
    for _ in range(5):
        found = restore(rng.normal(size=len(vector)))
        assert np.exp(found.log_weights).sum() == pytest.approx(1.0)
        block, out = np.zeros((family.n_features, 1)), np.empty((K, 1))
        family.log_density(family.prepare(found.components), block, out)
        assert np.isfinite(out).all()


def test_a_family_without_one_is_said() -> None:
    with pytest.raises(InputError, match="object has no unconstrained form"):
        free_components(object(), None)
