from __future__ import annotations

import numpy as np
import pytest

from mixtura.clustering import ari
from mixtura.data.layout import ColumnLayout
from mixtura.vae.training.mixed_start import evidence_of_bits, find_mixed_groups

LAYOUT = ColumnLayout(gaussian=1, bernoulli=1, poisson=1, negative_binomial=1, categories=(2, 3))


def made(rng: np.random.Generator, n: int = 300) -> tuple[np.ndarray, np.ndarray]:
    z = rng.integers(2, size=n)
    counts = rng.poisson(np.array([2.0, 12.0])[z, None], size=(n, 2))
    codes = np.eye(3)[np.where(rng.random(n) < 0.9, z, 2)]
    bits = np.eye(2)[(rng.random(n) < 0.5).astype(int)]
    rows = [3.0 * z[:, None] + rng.normal(size=(n, 1)), rng.integers(2, size=(n, 1)), counts, bits, codes]
    return np.column_stack(rows).astype(np.float32), z


@pytest.mark.parametrize("kind", ["auto", "diag", "graph", "linkage", "kmeans"])
def test_every_method_finds_groups_of_a_mixed_table(kind, rng):
    rows, z = made(rng)
    start = find_mixed_groups(rows, LAYOUT, 2, kind, rng)
    assert ari(z, start.labels) > 0.8 and start.evidence.better
    assert (start.probabilities is not None) == (kind in ("auto", "diag"))
    assert "2 groups by" in start.message


def test_one_group_is_not_looked_for(rng):
    start = find_mixed_groups(made(rng)[0], LAYOUT, 1, "auto", rng)
    assert not start.labels.any() and start.evidence is None


def test_coins_are_no_groups_and_groups_of_bits_are() -> None:
    rng = np.random.default_rng(0)
    coins = rng.integers(0, 2, (400, 6)).astype(float)
    for column in range(6):
        assert not evidence_of_bits(coins, coins[:, column].astype(int), rng).better
    truth = np.arange(400) % 2
    biased = (rng.random((400, 6)) < np.where(truth, 0.85, 0.15)[:, None]).astype(float)
    assert evidence_of_bits(biased, truth, rng).better
