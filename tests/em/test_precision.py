from __future__ import annotations

import numpy as np
import pytest

from mixtura.em.gaussian import COVARIANCE_TYPES, GaussianParameters
from mixtura.em.precision import covariances_from, precision_factors, precisions_from, prepared_from
from mixtura.errors import InputError


def covariances(covariance_type: str) -> np.ndarray:
    factors = np.random.default_rng(0).normal(size=(3, 4, 4)) + 2 * np.eye(4)
    full = factors @ factors.transpose(0, 2, 1)
    return {"full": full, "tied": full[0], "diag": full[:, 0] ** 2 + 0.1, "spherical": full[:, 0, 0]}[
        covariance_type
    ]


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_factors_precisions_and_covariances_go_round(covariance_type):
    family, given = COVARIANCE_TYPES[covariance_type](3, 4), covariances(covariance_type)
    factors = precision_factors(family, covariance_type, given)
    precisions = precisions_from(factors, covariance_type)
    assert factors.shape == precisions.shape == given.shape
    assert np.allclose(covariances_from(precisions, covariance_type), given, rtol=1e-10)
    if covariance_type in ("full", "tied"):
        assert np.array_equal(factors, np.triu(factors))
        assert np.allclose(precisions, np.linalg.inv(given), rtol=1e-10)


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_factors_score_as_covariances_do(covariance_type):
    family, given = COVARIANCE_TYPES[covariance_type](3, 4), covariances(covariance_type)
    means, block = np.arange(12.0).reshape(3, 4), np.random.default_rng(1).normal(size=(4, 9))
    scores = []
    for prepared in (
        family.prepare(GaussianParameters(means, given)),
        prepared_from(family, means, precision_factors(family, covariance_type, given)),
    ):
        scores.append(np.empty((3, 9)))
        family.log_density(prepared, block, scores[-1])
    assert np.allclose(*scores, rtol=1e-12)


def test_a_collapsed_covariance_is_named():
    with pytest.raises(InputError, match="component 1 is not positive definite"):
        precision_factors(COVARIANCE_TYPES["spherical"](2, 3), "spherical", np.array([1.0, 0.0]))
