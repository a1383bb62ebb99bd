from __future__ import annotations

import numpy as np

from mixtura.vae import row_support as module
from mixtura.vae.row_support import row_support

LABELS = np.repeat([0, 1, 2], 60)


def rows(rng) -> np.ndarray:
    return (rng.normal(size=(180, 3)) + 9 * LABELS[:, None]).astype(np.float32)


def test_groups_of_neighbours_are_told_and_random_ones_are_not(rng) -> None:
    x = rows(rng)
    found = row_support(lambda take: x[take], LABELS, rng)
    assert found.told == found.most == 1.0
    scattered = row_support(lambda take: x[take], rng.integers(3, size=180), rng)
    assert scattered.told < 0.1
    assert scattered.most == 1.0


def test_it_asks_for_no_more_rows_than_it_looks_at(rng, monkeypatch) -> None:
    monkeypatch.setattr(module, "_ROWS", 50)
    x, asked = rows(rng), []

    def encoded(take):
        asked.append(take)
        return x[take]

    assert row_support(encoded, LABELS, rng).told > 0.5
    assert len(asked[0]) == len(np.unique(asked[0])) == 50


def test_one_group_has_no_neighbours_in_others(rng) -> None:
    assert row_support(lambda take: rows(rng)[take], np.zeros(180, dtype=int), rng) is None
