from __future__ import annotations

import numpy as np
import pytest

from mixtura.em.categorical import CategoricalFamily, Dirichlet
from mixtura.em.engine import run_em
from mixtura.em.source import ArraySource
from mixtura.em.steps import MixtureParameters
from mixtura.errors import InputError


def test_em_agrees_with_a_loop_over_rows_columns_and_categories(rng: np.random.Generator) -> None:
    sizes, K, n = [2, 3, 4], 3, 40
    X = np.column_stack([rng.integers(size, size=n) for size in sizes]).astype(float)
    X[rng.random(X.shape) < 0.2] = np.nan
    weights = rng.integers(0, 4, n).astype(float)
    pi = rng.dirichlet(np.ones(K))
    tables = [rng.dirichlet(np.ones(size), K) for size in sizes]
    family = CategoricalFamily(K, sizes)
    start = MixtureParameters(np.log(pi), family.parameters(tables))
    result = run_em(family, ArraySource(X, weights), start, criterion=lambda _: None, max_iter=5)

    for _ in range(5):
        soft = np.zeros((n, K))
        for i in range(n):
            for k in range(K):
                soft[i, k] = pi[k]
                for j in range(3):
                    if not np.isnan(X[i, j]):
                        soft[i, k] *= tables[j][k, int(X[i, j])]
            soft[i] /= soft[i].sum()
        pi = (weights @ soft) / weights.sum()
        for j, size in enumerate(sizes):
            new = np.zeros((K, size))
            for i in range(n):
                if not np.isnan(X[i, j]):
                    new[:, int(X[i, j])] += weights[i] * soft[i]
            tables[j] = new / new.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(np.exp(result.theta.log_weights), pi, rtol=1e-10)
    for found, expected in zip(family.tables(result.theta.components), tables, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-14)
    assert np.diff(result.free_energy_path).min() > -1e-12


@pytest.mark.parametrize("value", [-1.0, 2.0, 0.5, np.inf])
def test_a_code_out_of_range_is_named(value: float) -> None:
    family = CategoricalFamily(1, [5, 2])
    prepared = family.prepare(family.parameters([np.full((1, 5), 0.2), [[0.5, 0.5]]]))
    block = np.array([[0.0, np.nan, 4.0], [0.0, 1.0, value]])
    with pytest.raises(InputError, match=rf"^column 1 \(from 0\) holds {value:g}, .* from 0 to 1; recode"):
        family.log_density(prepared, block, np.empty((1, 3)))


def test_every_column_needs_a_category() -> None:
    with pytest.raises(InputError, match=r"at least one category; n_categories is \[2, 0\]"):
        CategoricalFamily(2, [2, 0])
    with pytest.raises(InputError, match="at least one category"):
        CategoricalFamily(2, [])


@pytest.mark.parametrize("concentration", [0.5, np.nan, np.inf])
def test_a_prior_without_a_mode_is_refused(concentration: float) -> None:
    with pytest.raises(InputError, match="concentration of a Dirichlet prior must be at least 1"):
        Dirichlet(concentration)


def test_a_prior_keeps_every_probability_from_zero() -> None:
    family = CategoricalFamily(2, [3], prior=Dirichlet(2.0))
    X = np.array([[0.0], [0.0], [1.0]])
    start = MixtureParameters(np.log([0.5, 0.5]), family.parameters([[[0.5, 0.3, 0.2], [0.2, 0.3, 0.5]]]))
    result = run_em(family, ArraySource(X), start, criterion=lambda _: None, max_iter=50)
    assert result.theta.components.probabilities.min() > 0.05
    assert np.diff(result.free_energy_path).min() > -1e-12
