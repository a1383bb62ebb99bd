from __future__ import annotations

import numpy as np
import pytest

from mixtura import BernoulliMixture, GaussianMixture, MixedMixture
from mixtura.selection.density import measured_columns, narrowest, spacings
from mixtura.selection.rows import Rows


@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical"])
def test_the_narrowest_component_in_each_column(rng, kind):
    X = np.concatenate([rng.normal(0, [1, 4], (400, 2)), rng.normal(50, [0.5, 2], (400, 2))])
    fitted = GaussianMixture(2, covariance_type=kind, random_state=0).fit(X)
    sds = np.array([X[part].std(axis=0) for part in (slice(400), slice(400, 800))])
    expected = {
        "full": sds.min(axis=0),
        "diag": sds.min(axis=0),
        "tied": np.sqrt((sds**2).mean(axis=0)),
        "spherical": np.repeat(np.sqrt((sds**2).mean(axis=1).min()), 2),
    }[kind]
    assert narrowest(fitted) == pytest.approx(expected, rel=1e-3)


def test_measured_columns_are_the_gaussian_ones(rng):
    X = np.column_stack([rng.integers(0, 2, 30), rng.normal(size=30)])
    assert measured_columns(BernoulliMixture().fit(X[:, :1])) == []
    assert measured_columns(GaussianMixture().fit(X)) == [0, 1]
    assert measured_columns(MixedMixture(families=["bernoulli", "gaussian"]).fit(X)) == [1]


def test_spacings_are_the_least_steps():
    rows = Rows(np.array([[1.0, 5.0], [4.0, 5.0], [4.0, np.nan], [6.0, 5.0]]))
    assert spacings(rows, [0, 1]).tolist() == [2.0, 0.0]
