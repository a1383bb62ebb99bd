from __future__ import annotations

import numpy as np
import pytest

from mixtura.em.covariance import Matrices, Variances
from mixtura.em.default_prior import default_prior
from mixtura.em.source import ArraySource


@pytest.mark.parametrize("layout", [Matrices(), Variances()])
def test_it_is_positive_definite_whatever_the_data(layout):
    rows = np.random.default_rng(0).normal(size=(50, 3)) * [1, 2, 0]
    rows[:, 1] = 2 * rows[:, 0]
    rows[::4, 0] = np.nan
    prior = default_prior(ArraySource(rows), layout, 4)
    scale = np.diag(prior.scale) if isinstance(layout, Matrices) else prior.scale
    assert np.allclose(scale * 4 ** (2 / 3), [np.nanvar(rows[:, 0]), np.var(rows[:, 1]), 1.0])
    assert prior.dof == 5 and prior.kappa == 0.01
    assert np.allclose(prior.mean, np.nanmean(rows, axis=0))


def test_whole_weights_repeat_rows():
    rows, counts = np.random.default_rng(1).normal(size=(20, 2)), np.arange(20) % 4
    weighted = default_prior(ArraySource(rows, counts.astype(float)), Variances(), 2)
    repeated = default_prior(ArraySource(np.repeat(rows, counts, axis=0)), Variances(), 2)
    assert np.allclose(weighted.scale, repeated.scale) and np.allclose(weighted.mean, repeated.mean)
