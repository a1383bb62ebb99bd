from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mixtura.cli.mixture_run import Fit, log_lines, looked_at
from mixtura.cli.mixtures import read_mixture_rows

GROUPS = np.repeat([0, 1, 2], [10, 30, 20])
VALUES = np.random.default_rng(0).normal(size=(60, 2)) + np.array([[0, 0], [9, 0], [0, 9]])[GROUPS]


def fitted(tmp_path: Path, values: np.ndarray, weights: np.ndarray | None = None, **settings: Any) -> Fit:
    columns = values if weights is None else np.column_stack([values, weights])
    names = "a,b" if weights is None else "a,b,w"
    np.savetxt(tmp_path / "t.csv", columns, delimiter=",", header=names, comments="", fmt="%.17g")
    rows = read_mixture_rows(str(tmp_path / "t.csv"), weights=None if weights is None else "w")
    model = rows.estimator(**{"n_components": 3, "random_state": 0, "max_iter": 500, "tol": 1e-12} | settings)
    return looked_at(model.fit(rows.rows, sample_weight=rows.weights), rows)


def test_a_weight_of_two_is_a_row_that_is_there_twice(tmp_path: Path) -> None:
    weighted = fitted(tmp_path, VALUES, np.where(np.arange(60) < 10, 2.0, 1.0))
    twice = fitted(tmp_path, np.concatenate([VALUES, VALUES[:10]]))
    for name, value in (weighted.terms | weighted.criteria).items():
        assert value == pytest.approx((twice.terms | twice.criteria)[name], rel=1e-6), name
    assert weighted.rows.table.names == ("a", "b")


def test_a_row_of_no_weight_is_assigned_and_counts_for_nothing(tmp_path: Path) -> None:
    some = fitted(tmp_path, VALUES, (np.arange(60) >= 10).astype(float), n_components=2)
    alone = fitted(tmp_path, VALUES[10:], n_components=2)
    assert len(some.components) == 60
    assert some.terms["bound"] == pytest.approx(alone.terms["bound"], rel=1e-6)
    assert some.criteria["bic"] == pytest.approx(alone.criteria["bic"], rel=1e-6)


@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical"])
def test_an_offset_of_a_hundred_million_changes_nothing(tmp_path: Path, kind: str) -> None:
    far = fitted(tmp_path, VALUES + 1e8, covariance_type=kind)
    near = fitted(tmp_path, VALUES, covariance_type=kind)
    np.testing.assert_array_equal(far.components, near.components)
    assert np.bincount(far.components).tolist() == [30, 20, 10]
    for name, value in far.terms.items():
        assert value == pytest.approx(near.terms[name], abs=1e-5), name


def test_one_group_costs_nothing_to_name(tmp_path: Path) -> None:
    fit = fitted(tmp_path, VALUES, n_components=1)
    assert fit.terms["cluster"] == fit.terms["conditional_prior"] == 0
    assert fit.terms["bound"] == fit.terms["reconstruction"]
    assert fit.criteria["icl"] == fit.criteria["bic"]
    assert fit.n_parameters == 5


@pytest.mark.filterwarnings("ignore:Best performing")
def test_the_last_line_of_the_log_has_the_terms(tmp_path: Path) -> None:
    fit = fitted(tmp_path, VALUES, max_iter=2, tol=0.0)
    lines = log_lines(fit)
    assert [(line["iteration"], line["step"]) for line in lines] == [
        (1, "E"),
        (1, "M"),
        (2, "E"),
        (2, "M"),
        (3, "E"),
    ]
    assert {name: lines[-1][name] for name in fit.terms} == fit.terms
    assert (np.diff([line["bound"] for line in lines]) > -1e-6).all()
