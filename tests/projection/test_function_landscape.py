from __future__ import annotations

import numpy as np
import pytest
import torch

from mixtura.divergence.mixtures import gaussian_mixture
from mixtura.projection.function_landscape import FunctionLandscape, has_slope
from mixtura.projection.mixture_landscape import MixtureLandscape
from mixtura.projection.nodes import whitened_nodes
from mixtura.projection.target import Target, as_target

MIXTURE = gaussian_mixture(
    [0.3, 0.7], np.array([[-1.0, 0.0], [1.0, 2.0]]), np.array([np.eye(2), [[2.0, 0.5], [0.5, 1.0]]])
)


def by_numpy(x: np.ndarray) -> np.ndarray:
    return MIXTURE.log_prob(torch.from_numpy(np.asarray(x))).numpy()


def slope_by_numpy(x: np.ndarray) -> np.ndarray:
    return as_target(MIXTURE).gradient(torch.from_numpy(np.asarray(x))).numpy()


TARGETS: dict[str, Target] = {
    "torch": as_target(MIXTURE.log_prob, dimension=2),
    "numpy": as_target(by_numpy, dimension=2),
    "numpy with gradient": as_target(by_numpy, gradient=slope_by_numpy, dimension=2),
}


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_it_sees_what_the_closed_form_sees(name) -> None:
    source = torch.Generator().manual_seed(0)
    nodes = whitened_nodes(2, 64, source)
    mean, factor = (
        torch.ones(2, 2, dtype=torch.float64),
        0.7 * torch.eye(2, dtype=torch.float64).expand(2, 2, 2),
    )
    exact = MixtureLandscape(as_target(MIXTURE).mixture).view(mean, factor, nodes)
    found = FunctionLandscape(TARGETS[name]).view(mean, factor, nodes)
    torch.testing.assert_close(found.value, exact.value)
    for one, other in zip(found.moments(nodes), exact.moments(nodes), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-6)
    # Curvature by differences of finite length is rough, and need not be better.
    torch.testing.assert_close(found.curvature(), exact.curvature(), rtol=0.01, atol=0.01)
    shift = torch.randn(2, 2, 64, generator=source, dtype=torch.float64)
    torch.testing.assert_close(found.curve(shift), exact.curve(shift), rtol=0.02, atol=0.02)


def test_what_knows_its_slope() -> None:
    assert has_slope(TARGETS["torch"]) and has_slope(TARGETS["numpy with gradient"])
    assert has_slope(as_target(MIXTURE)) and not has_slope(TARGETS["numpy"])


def test_curvature_at_a_kink_is_seen() -> None:
    landscape = FunctionLandscape(as_target(lambda x: -x.abs().sum(dim=1), dimension=2))
    nodes = whitened_nodes(2, 4096, torch.Generator().manual_seed(0))
    view = landscape.view(
        torch.zeros(1, 2, dtype=torch.float64), torch.eye(2, dtype=torch.float64)[None], nodes
    )
    # E[-|z|''] is twice the normal density at 0.
    assert float(-view.curvature()[0, 0, 0].mean()) == pytest.approx(2 / np.sqrt(2 * np.pi), rel=0.05)


def test_a_gaussian_that_sees_the_density_vanish_has_no_slope() -> None:
    target = as_target(lambda x: torch.where(x[:, 0] > 0, -x.sum(dim=1), -torch.inf), dimension=2)
    nodes = whitened_nodes(2, 16, torch.Generator().manual_seed(0))
    mean = torch.tensor([[0.0, 0.0], [50.0, 0.0]], dtype=torch.float64)
    view = FunctionLandscape(target).view(mean, torch.eye(2, dtype=torch.float64).expand(2, 2, 2), nodes)
    pull, _ = view.moments(nodes)
    assert float(view.value[0].min()) == -torch.inf and float(pull[0].abs().sum()) == 0
    torch.testing.assert_close(pull[1], torch.full((2,), -float(nodes.shape[1]), dtype=torch.float64))


def test_what_has_overflowed_counts_as_vanishing() -> None:
    target = as_target(lambda x: -(x.abs() ** 90))
    landscape = FunctionLandscape(target)
    values = landscape.log_prob(
        torch.full((1, 1), 1e3, dtype=torch.float64),
        torch.ones(1, 1, 1, dtype=torch.float64),
        torch.zeros(1, 2, dtype=torch.float64),
    )
    assert bool((values == -torch.inf).all())
