from __future__ import annotations

import numpy as np
import pytest
import torch

from mixtura.divergence.mixtures import gaussian_mixture
from mixtura.projection.climb import climb, look, widths
from mixtura.projection.target import as_target

FAR = as_target(lambda x: -0.5 * (((x - 1e6) / 1e-3) ** 2).sum(dim=1), dimension=2)


def test_a_far_and_narrow_mode_is_reached() -> None:
    top = climb(FAR, torch.zeros(1, 2, dtype=torch.float64))
    assert float((top - 1e6).abs().max()) < 1e-3


def test_each_start_climbs_its_own_hill() -> None:
    target = as_target(gaussian_mixture([0.5, 0.5], np.array([[-5.0, 0.0], [5.0, 0.0]]), np.ones(2)))
    tops = climb(target, torch.tensor([[-4.0, 1.0], [4.0, -1.0]], dtype=torch.float64))
    assert tops[:, 0].round().tolist() == [-5.0, 5.0]


def test_what_cannot_be_climbed_is_left() -> None:
    point = torch.tensor([[0.5, 0.5]], dtype=torch.float64)
    plateau = as_target(
        lambda x: torch.where((x.abs() < 1).all(dim=1), 0 * x.sum(dim=1), -torch.inf), dimension=2
    )
    torch.testing.assert_close(climb(plateau, point), point)
    wild = as_target(lambda x: torch.sqrt(x) + torch.sqrt(1 - x))
    assert bool(torch.isfinite(climb(wild, point[:, :1])).all())


@pytest.mark.parametrize("scale", [1e-9, 1e-3, 1.0, 1e6])
def test_widths_are_those_of_the_axes(scale) -> None:
    scales = scale * torch.tensor([1.0, 8.0], dtype=torch.float64)
    target = as_target(lambda x: -0.5 * ((x / scales) ** 2).sum(dim=1), dimension=2)
    found = widths(target, torch.zeros(1, 2, dtype=torch.float64))[0]
    assert bool(((found >= 0.99 * scales) & (found <= 2.01 * scales)).all())  # rounded up to a power of two


def test_a_plateau_is_as_wide_as_it_is() -> None:
    box = as_target(lambda x: torch.where((x.abs() < 3).all(dim=1), 0.0, -torch.inf), dimension=2)
    assert widths(box, torch.zeros(1, 2, dtype=torch.float64)).tolist() == [[4.0, 4.0]]


def test_looking_raises_nothing() -> None:
    wild = as_target(lambda x: torch.sqrt(x), dimension=1)
    assert look(wild, torch.tensor([[-1.0], [4.0]], dtype=torch.float64)).tolist() == [-np.inf, 2.0]
