from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch.distributions import Gamma, Independent, LowRankMultivariateNormal, MultivariateNormal, Normal

from mixtura.divergence import gaussian_parts as parts_module
from mixtura.divergence.gaussian_parts import gaussian_parts, log_overlap
from mixtura.divergence.integration import integrate
from mixtura.divergence.mixtures import as_float64, gaussian_mixture

norm = stats.norm.pdf
seeds = st.integers(0, 10**6)


def _parts(mixture):
    return gaussian_parts(as_float64(mixture))


@settings(max_examples=20)
@given(seed=seeds, d=st.integers(1, 5))
def test_moments_are_those_of_the_mixture(random_mixture, seed, d) -> None:
    mixture = random_mixture(seed, d)
    mean, covariance = _parts(mixture).moments()
    torch.testing.assert_close(mean, mixture.mean)
    torch.testing.assert_close(covariance.diagonal(), mixture.variance)
    parts = mixture.component_distribution
    w, gap = mixture.mixture_distribution.probs, parts.loc - mean
    expected = torch.einsum("k,kij->ij", w, parts.covariance_matrix) + torch.einsum(
        "k,ki,kj->ij", w, gap, gap
    )
    torch.testing.assert_close(covariance, expected)


def test_entropies() -> None:
    mixture = gaussian_mixture([0.5, 0.5], [[0, 0], [1, 1]], [[1, 2], [3, 4]])
    torch.testing.assert_close(_parts(mixture).entropy, mixture.component_distribution.entropy())


@pytest.mark.parametrize("power", [1.0, 0.5, 0.02])
@settings(max_examples=10)
@given(seed=seeds)
def test_overlaps_are_the_integrals(random_mixture, power, seed) -> None:
    p, q = random_mixture(seed), random_mixture(seed + 1)
    found = log_overlap(_parts(p), _parts(q), power)
    one, other = p.component_distribution, q.component_distribution

    def exact(i, j):
        m, s, n, t = (float(x) for x in (one.loc[i], one.scale[i], other.loc[j], other.scale[j]))
        return integrate(
            lambda x: norm(x, m, s) * norm(x, n, t) ** power, points=(m, n, m - 3 * s, m + 3 * s)
        ).value

    for (i, j), value in np.ndenumerate(found.numpy()):
        integral = exact(i, j)
        if integral > 1e-200:
            assert value == pytest.approx(math.log(integral), rel=1e-7, abs=1e-7)


def test_overlaps_in_more_dimensions_are_a_density_of_the_difference(random_mixture) -> None:
    p, q = random_mixture(1, 3), random_mixture(2, 3)
    found = log_overlap(_parts(p), _parts(q))
    one, other = p.component_distribution, q.component_distribution
    for i in range(len(one.loc)):
        covariance = (one.covariance_matrix[i] + other.covariance_matrix).numpy()
        for j, matrix in enumerate(covariance):
            gap = (one.loc[i] - other.loc[j]).numpy()
            assert float(found[i, j]) == pytest.approx(
                stats.multivariate_normal(np.zeros(3), matrix).logpdf(gap)
            )


def test_a_large_table_of_overlaps_is_made_in_blocks(random_mixture, monkeypatch) -> None:
    p, q = (_parts(random_mixture(seed, 3, n=4)) for seed in (1, 2))
    whole = log_overlap(p, q, 0.5)
    monkeypatch.setattr(parts_module, "_MOST_AT_ONCE", 100)
    torch.testing.assert_close(log_overlap(p, q, 0.5), whole)


def test_joined_is_the_mixture_of_both() -> None:
    p = gaussian_mixture([0.5, 0.5], [0, 1], [1, 1])
    q = gaussian_mixture([1.0], [5], [2])
    both = _parts(p).joined(_parts(q), 0.25)
    assert both.log_weights.exp().tolist() == pytest.approx([0.125, 0.125, 0.75])
    assert both.mean.flatten().tolist() == [0.0, 1.0, 5.0]


@pytest.mark.parametrize(
    "distribution",
    [
        Normal(torch.zeros(4), 2.0),
        Independent(Normal(torch.zeros(4, 3), 2.0), 1),
        MultivariateNormal(torch.zeros(4, 3), precision_matrix=0.25 * torch.eye(3)),
        LowRankMultivariateNormal(torch.zeros(4, 3), torch.zeros(4, 3, 1), 4 * torch.ones(4, 3)),
    ],
)
def test_every_gaussian_has_its_parts(distribution) -> None:
    parts = _parts(distribution)
    d = max(1, distribution.event_shape.numel())
    torch.testing.assert_close(parts.tril, 2 * torch.eye(d).double().expand(4, 1, d, d))
    assert gaussian_parts(as_float64(Gamma(1.0, 1.0))) is None
