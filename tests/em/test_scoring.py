from __future__ import annotations

import numpy as np
import pytest

from mixtura.em.gaussian import COVARIANCE_TYPES, GaussianParameters
from mixtura.em.missing import missing_family
from mixtura.em.scoring import Scorer, block_size
from mixtura.em.source import ArraySource


def scorer(covariance_type: str, size: int, *, gaps: bool = False) -> Scorer:
    rng = np.random.default_rng(0)
    family = COVARIANCE_TYPES[covariance_type](3, 4)
    everyone = family.layout.add_to_diagonal(family.layout.zeros(3, 4), np.arange(1.0, 5.0))
    theta = GaussianParameters(rng.normal(size=(3, 4)), family.share(everyone, np.ones(3)))
    used = missing_family(family) if gaps else family
    return Scorer(used, used.prepare(theta), np.log([0.2, 0.3, 0.5]), size)


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
@pytest.mark.parametrize("size", [1, 7, 64])
def test_blocks_of_any_size_score_alike(covariance_type, size):
    rows = np.random.default_rng(1).normal(size=(50, 4))
    parts = scorer(covariance_type, size).log_density(ArraySource(rows, block_size=size))
    whole = scorer(covariance_type, 50).log_density(ArraySource(rows, block_size=50))
    assert np.allclose(np.concatenate(list(parts)), np.concatenate(list(whole)), rtol=1e-14)


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_a_block_with_gaps_is_not_filled_up(covariance_type):
    rows = np.random.default_rng(2).normal(size=(10, 4))
    rows[3, 1] = np.nan
    with_gaps = np.concatenate(list(scorer(covariance_type, 64, gaps=True).log_density(ArraySource(rows))))
    complete = np.delete(rows, 3, axis=0)
    without = np.concatenate(list(scorer(covariance_type, 64).log_density(ArraySource(complete))))
    assert np.allclose(np.delete(with_gaps, 3), without, rtol=1e-13)


def test_responsibilities_sum_to_one_and_beyond_every_number_there_is_no_nan():
    rows = np.array([[0.0] * 4, [1e200, -1e200, 1e200, 0.0], [1e308] * 4])
    (q,) = scorer("full", 8).responsibilities(ArraySource(rows))
    assert q.shape == (3, 3) and np.allclose(q.sum(axis=0), 1)
    (log_density,) = scorer("full", 8).log_density(ArraySource(rows))
    assert np.isfinite(log_density[0]) and (log_density[1:] == -np.inf).all()


def test_many_values_make_small_blocks():
    assert block_size(1) >= block_size(100) == 1024 and block_size(10**9) == 16
