from __future__ import annotations

import numpy as np

from mixtura.selection.choice import Evidence, choose


def evidence(held_out, behind_se, bic=None, n_parameters=None):
    held = np.array(held_out, dtype=float)
    m = len(held)
    behind = np.nanmax(held) - held
    scores = np.full(m, np.nan) if bic is None else np.array(bic, dtype=float)
    numbers = np.arange(m) + 1 if n_parameters is None else np.array(n_parameters)
    return Evidence(held, behind, np.array(behind_se, dtype=float), scores, scores, numbers)


def test_the_best_is_always_near_itself():
    assert choose(evidence([-2, -1], [0.5, np.nan]))["one_se"] == 1


def test_equals_go_to_fewer_parameters():
    chosen = choose(evidence([-1, -1, -1], [0, 0, 0], [4, 4, 4], [9, 3, 7]))
    assert set(chosen.values()) == {1}


def test_what_is_not_finite_is_never_picked():
    chosen = choose(evidence([-np.inf, np.nan, -1], [np.nan, np.nan, 0], [np.nan, -np.inf, 5]))
    assert chosen == {"held_out": 2, "one_se": 2, "bic": 2, "icl": 2}
    assert choose(evidence([np.nan, -3], [np.nan, 0])) == {"held_out": 1, "one_se": 1}
