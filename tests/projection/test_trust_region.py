from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from mixtura.divergence.mixtures import gaussian_mixture
from mixtura.projection import objective as objective_module
from mixtura.projection.covariances import family_of
from mixtura.projection.mixture_landscape import MixtureLandscape
from mixtura.projection.nodes import whitened_nodes
from mixtura.projection.objective import Objective
from mixtura.projection.target import as_target
from mixtura.projection.trust_region import descend

TARGET = as_target(
    gaussian_mixture(
        [0.3, 0.7], torch.tensor([[-1.0, 0.0], [1.0, 2.0]]), torch.tensor([[1.0, 1.0], [0.3, 2.0]])
    )
)


def objective() -> Objective:
    nodes = whitened_nodes(2, 128, torch.Generator().manual_seed(0))
    return Objective(MixtureLandscape(TARGET.mixture), family_of("full", 2), nodes)


def starts(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    source = torch.Generator().manual_seed(1)
    mean = 5 * torch.randn(count, 2, generator=source, dtype=torch.float64)
    scale = torch.exp(3 * torch.randn(count, 1, 1, generator=source, dtype=torch.float64))
    return mean, scale * torch.eye(2, dtype=torch.float64)


@pytest.mark.parametrize("dense", [True, False])
def test_far_starts_arrive(dense, monkeypatch) -> None:
    if not dense:
        monkeypatch.setattr(objective_module, "_MOST_DENSE", 0)
    found = descend(objective(), *starts(20), tolerance=1e-9)
    assert float(found.slope.max()) < 1e-9
    again = objective().at(found.mean, found.scale_tril)
    torch.testing.assert_close(again.value, found.value)
    assert float(again.gradient.norm(dim=1).max()) < 1e-8


def test_starts_do_not_feel_each_other() -> None:
    mean, factor = starts(6)
    together = descend(objective(), mean, factor, tolerance=1e-9)
    for row in range(6):
        alone = descend(objective(), mean[row : row + 1], factor[row : row + 1], tolerance=1e-9)
        torch.testing.assert_close(alone.mean[0], together.mean[row], rtol=1e-6, atol=1e-6)


def test_no_step_goes_up() -> None:
    mean, factor = starts(10)
    values = [descend(objective(), mean, factor, tolerance=1e-9, max_iterations=k).value for k in range(1, 8)]
    for before, after in pairwise(values):
        assert bool((after <= before + 1e-9).all())


def test_what_is_too_steep_is_left_where_it_is() -> None:
    mean, factor = starts(5)
    found = descend(objective(), mean, factor, tolerance=1e-9, steepest=1e-6)
    torch.testing.assert_close(found.mean, mean)


def test_rows_are_taken_and_joined() -> None:
    found = descend(objective(), *starts(4), tolerance=1e-3)
    parts = found.take(slice(1)).join(found.take(torch.tensor([1, 2, 3])))
    torch.testing.assert_close(parts.scale_tril, found.scale_tril)
