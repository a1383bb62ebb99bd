from __future__ import annotations

import pytest
import torch

from mixtura.divergence.mixtures import gaussian_mixture
from mixtura.projection import objective as objective_module
from mixtura.projection.covariances import family_of
from mixtura.projection.mixture_landscape import MixtureLandscape
from mixtura.projection.nodes import whitened_nodes
from mixtura.projection.objective import Objective
from mixtura.projection.spectrum import extreme_curvatures, kind_of
from mixtura.projection.target import as_target


def objectives(apart: float) -> tuple[Objective, Objective]:
    target = as_target(
        gaussian_mixture([0.5, 0.5], torch.tensor([[-apart, 0.0], [apart, 0.0]]), torch.ones(2))
    )
    landscape, family = MixtureLandscape(target.mixture), family_of("full", 2)
    source = torch.Generator().manual_seed(0)
    return tuple(Objective(landscape, family, whitened_nodes(2, count, source)) for count in (256, 4096))


def extremes(apart: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    mean, factor = torch.zeros(1, 2, dtype=torch.float64), torch.eye(2, dtype=torch.float64)[None]
    return extreme_curvatures(*objectives(apart), mean, factor, torch.Generator().manual_seed(1))


def test_all_curvatures_of_a_gaussian_target_are_one() -> None:
    lowest, highest, _ = extremes(0.0)
    assert float(lowest) == pytest.approx(1.0) and float(highest) == pytest.approx(1.0)


def test_between_two_modes_is_a_way_down() -> None:
    lowest, highest, down = extremes(3.0)
    assert float(lowest) < -1.0 and float(highest) > 0.5
    assert abs(float(down[0, 0])) > 0.9  # along the line that joins them
    assert kind_of(float(lowest), float(highest)) == "saddle"


def test_lanczos_agrees_with_the_dense_spectrum(monkeypatch) -> None:
    dense = extremes(2.0)
    monkeypatch.setattr(objective_module, "_MOST_DENSE", 0)
    krylov = extremes(2.0)
    for one, other in zip(dense[:2], krylov[:2], strict=True):
        torch.testing.assert_close(one, other)
    assert abs(float((dense[2] * krylov[2]).sum())) == pytest.approx(1.0)


def test_kinds() -> None:
    assert kind_of(0.1, 2.0) == "minimum"
    assert kind_of(-0.1, 2.0) == "saddle"
    assert kind_of(-2.0, -0.1) == "maximum"
