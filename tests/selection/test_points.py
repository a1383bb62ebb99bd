from __future__ import annotations

import numpy as np
import pytest

from mixtura import BernoulliMixture, GaussianMixture
from mixtura.errors import InputError
from mixtura.selection.points import points_of, principal


def test_principal_axes_keep_all_distances_of_few_columns():
    rows = np.random.default_rng(0).normal(size=(40, 4)) * [1, 2, 3, 4] + 7
    points = principal(rows)
    distances = [np.linalg.norm(x[:, None] - x[None], axis=2) for x in (rows, points)]
    assert distances[0] == pytest.approx(distances[1]) and (np.diff(points.var(axis=0)) < 0).all()


def test_of_many_columns_the_first_ten_axes_are_kept_and_constant_ones_go():
    rng = np.random.default_rng(1)
    assert principal(rng.normal(size=(60, 30))).shape == (60, 10)
    assert principal(np.c_[rng.normal(size=(60, 2)), np.ones((60, 3))]).shape == (60, 2)


def test_rows_of_one_value_are_refused_in_one_line():
    with pytest.raises(InputError, match="the rows are all equal"):
        principal(np.full((9, 2), 3.0))


def test_a_unit_of_a_column_changes_nothing_of_a_gaussian_mixture():
    rows = np.random.default_rng(2).normal(size=(50, 3))
    model = GaussianMixture(2, random_state=0).fit(rows)
    assert points_of(model, rows) == pytest.approx(points_of(model, rows * [1, 1e6, 1e-3] + 5))


def test_other_mixtures_have_no_points():
    rows = (np.random.default_rng(3).random((50, 4)) < 0.5).astype(float)
    assert points_of(BernoulliMixture(2, random_state=0).fit(rows), rows) is None
