from __future__ import annotations

import pytest
import torch

from mixtura.divergence.mixtures import gaussian_mixture
from mixtura.errors import ConvergenceError
from mixtura.projection import search
from mixtura.projection.covariances import family_of
from mixtura.projection.mixture_landscape import MixtureLandscape
from mixtura.projection.nodes import whitened_nodes
from mixtura.projection.objective import Objective
from mixtura.projection.search import distinct, finish, search_coarsely
from mixtura.projection.target import as_target
from mixtura.projection.trust_region import Descent

TARGET = as_target(gaussian_mixture([0.4, 0.6], torch.tensor([[-8.0, 0.0], [8.0, 0.0]]), torch.ones(2)))


def objective(count: int) -> Objective:
    nodes = whitened_nodes(2, count, torch.Generator().manual_seed(0))
    return Objective(MixtureLandscape(TARGET.mixture), family_of("full", 2), nodes)


def starts() -> tuple[torch.Tensor, torch.Tensor]:
    mean = torch.tensor([[-9.0, 1.0], [-7.0, -1.0], [7.0, 0.5], [9.0, 0.0], [8.0, 2.0]], dtype=torch.float64)
    return mean, torch.eye(2, dtype=torch.float64).expand(5, 2, 2)


def test_starts_that_meet_count_once() -> None:
    found, lost = search_coarsely(objective(64), *starts())
    assert len(found.value) == 2 and len(lost.value) == 0
    assert found.value[0] < found.value[1]
    finished = finish(objective(1024), found)
    torch.testing.assert_close(
        finished.mean, torch.tensor([[8.0, 0.0], [-8.0, 0.0]], dtype=torch.float64), atol=1e-6, rtol=0
    )


def test_groups_change_nothing(monkeypatch) -> None:
    whole, _ = search_coarsely(objective(64), *starts())
    monkeypatch.setattr(search, "_MOST_NUMBERS", 1)
    parts, _ = search_coarsely(objective(64), *starts())
    torch.testing.assert_close(parts.value, whole.value)


def test_an_optimum_by_accident_is_left_out() -> None:
    coarse, _ = search_coarsely(objective(64), *starts())
    spurious = Descent(
        torch.zeros(1, 2, dtype=torch.float64),
        torch.eye(2, dtype=torch.float64)[None],
        torch.tensor([9.0], dtype=torch.float64),
        torch.tensor([0.0], dtype=torch.float64),
    )
    assert len(finish(objective(256), coarse.join(spurious)).value) == 2
    # Where it is all there is, it is followed to where it leads.
    assert len(finish(objective(256), spurious).value) == 1


def test_nothing_found_is_an_error() -> None:
    none = Descent(
        torch.zeros(0, 2, dtype=torch.float64),
        torch.zeros(0, 2, 2, dtype=torch.float64),
        torch.zeros(0),
        torch.zeros(0),
    )
    with pytest.raises(ConvergenceError, match="no stationary point"):
        finish(objective(64), none)


def test_distances_are_in_own_units() -> None:
    scale = torch.tensor([1e-6, 1e-6, 1e-6], dtype=torch.float64)[:, None, None]
    some = Descent(
        torch.tensor([[0.0], [1e-8], [1e-6]], dtype=torch.float64),
        torch.ones(3, 1, 1, dtype=torch.float64) * scale,
        torch.tensor([2.0, 1.0, torch.inf], dtype=torch.float64),
        torch.zeros(3, dtype=torch.float64),
    )
    assert distinct(some, 0.05).tolist() == [1]
    some.value[2] = 3.0
    assert distinct(some, 0.05).tolist() == [1, 2]
    assert distinct(some, 1e-3).tolist() == [1, 0, 2]
