from __future__ import annotations

import numpy as np
import pytest

from mixtura import GaussianMixture, select_components


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    return np.concatenate([rng.normal(size=(40, 2)), rng.normal(8, 1, (40, 2))])


def test_the_table_has_a_line_for_each_k_and_stars_for_what_is_picked(rows):
    selection = select_components(rows, [1, 2, 3], estimator=GaussianMixture(), random_state=0)
    lines = str(selection).splitlines()
    assert lines[0] == "nats per observation, more is better; 80 rows, 5 folds, seed 0"
    words = [*["K", "parameters", "log", "p(x)", "held", "out", "se", "behind", "se"], "-BIC/2n", "-ICL/2n"]
    assert lines[1].split() == words
    assert [line.split()[0] for line in lines[2:5]] == ["1", "2", "3"]
    assert lines[3].count("*") == 4 and lines[2].count("*") == lines[4].count("*") == 0
    assert lines[5] == "held_out  K = 2, chosen: the greatest held-out log p(x)"
    assert len({line.index("K = 2") for line in lines[5:9]}) == 1
    assert f"{selection.held_out[1]:.4f}*" in lines[3]


def test_what_could_not_be_fitted_stands_below_with_its_reason(rows):
    text = str(select_components(rows[:6], [1, 7], estimator=GaussianMixture(), cv=2, random_state=0))
    line = next(line for line in text.splitlines() if line.startswith("7 "))
    assert set(line.split()[1:]) == {"-"}
    assert "K = 7: Expected n_samples >= n_components" in text


def test_several_mixtures_are_named(rows):
    models = {"one": GaussianMixture(), "two": GaussianMixture(covariance_type="tied")}
    text = str(select_components(rows, [1, 2, 99], estimator=models, random_state=0))
    assert "mixture" in text.splitlines()[1] and "K = 99 two: " in text
    assert "K = 2 two, chosen" in text or "K = 2 one, chosen" in text
