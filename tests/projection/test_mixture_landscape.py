from __future__ import annotations

import pytest
import torch
from torch.autograd.functional import hessian, jacobian

from mixtura.divergence.mixtures import gaussian_mixture
from mixtura.projection.function_landscape import FunctionLandscape
from mixtura.projection.mixture_landscape import MixtureLandscape
from mixtura.projection.nodes import whitened_nodes
from mixtura.projection.target import Target, as_target


def example(d: int) -> tuple[Target, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return a mixture of three, two Gaussians and some nodes."""
    source = torch.Generator().manual_seed(d)
    means = 2 * torch.randn(3, d, generator=source, dtype=torch.float64)
    noise = torch.randn(5, d, 2 * d, generator=source, dtype=torch.float64)
    covariances = noise @ noise.mT / d
    target = as_target(gaussian_mixture([0.2, 0.5, 0.3], means, covariances[:3]))
    centres = torch.randn(2, d, generator=source, dtype=torch.float64)
    return target, centres, torch.linalg.cholesky(covariances[3:]), whitened_nodes(d, 32, source)


@pytest.mark.parametrize("d", [1, 3])
def test_it_sees_what_automatic_differentiation_sees(d) -> None:
    target, mean, factor, nodes = example(d)
    assert target.mixture is not None and target.distribution is not None
    view = MixtureLandscape(target.mixture).view(mean, factor, nodes)
    shape = target.distribution.event_shape

    def log_density(z: torch.Tensor, row: int) -> torch.Tensor:
        point = mean[row] + factor[row] @ z
        return target.distribution.log_prob(point.reshape(shape))

    shift = torch.randn(2, d, 32, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    curved, curvature = view.curve(shift), view.curvature()
    for row in range(2):
        slopes = torch.stack([jacobian(lambda z, row=row: log_density(z, row), z) for z in nodes.T], dim=1)
        hessians = torch.stack([hessian(lambda z, row=row: log_density(z, row), z) for z in nodes.T], dim=2)
        values = torch.stack([log_density(z, row) for z in nodes.T])
        torch.testing.assert_close(view.value[row], values)
        pull, twist = view.moments(nodes)
        torch.testing.assert_close(pull[row], slopes.sum(dim=1))
        torch.testing.assert_close(twist[row], slopes @ nodes.T)
        torch.testing.assert_close(curvature[row], hessians)
        torch.testing.assert_close(curved[row], torch.einsum("ijn,jn->in", hessians, shift[row]))


def test_values_alone_are_the_same() -> None:
    target, mean, factor, nodes = example(2)
    landscape = MixtureLandscape(target.mixture)
    torch.testing.assert_close(
        landscape.log_prob(mean, factor, nodes), landscape.view(mean, factor, nodes).value
    )


@pytest.mark.parametrize("landscape", ["mixture", "function"])
def test_rows_are_taken_and_replaced(landscape) -> None:
    target, mean, factor, nodes = example(2)
    made = MixtureLandscape(target.mixture) if landscape == "mixture" else FunctionLandscape(target)
    here, there = made.view(mean, factor, nodes), made.view(mean + 1, 2 * factor, nodes)
    mixed = here.replace(torch.tensor([True, False]), there)
    shift = torch.ones(2, 2, nodes.shape[1], dtype=torch.float64)
    torch.testing.assert_close(mixed.curve(shift)[0], there.curve(shift)[0])
    torch.testing.assert_close(mixed.curve(shift)[1], here.curve(shift)[1])
    torch.testing.assert_close(mixed.take(torch.tensor([1])).moments(nodes)[1], here.moments(nodes)[1][1:])


def test_units_do_not_matter() -> None:
    target, mean, factor, nodes = example(2)
    scale = torch.tensor([1e-6, 1e6], dtype=torch.float64)
    form = target.mixture
    moved = gaussian_mixture(
        form.log_weights.exp(),
        form.means * scale,
        (form.scale_trils @ form.scale_trils.mT) * scale[:, None] * scale,
    )
    here = MixtureLandscape(form).view(mean, factor, nodes)
    there = MixtureLandscape(as_target(moved).mixture).view(mean * scale, factor * scale[:, None], nodes)
    torch.testing.assert_close(there.value + scale.log().sum(), here.value, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(there.curvature(), here.curvature(), rtol=1e-8, atol=1e-8)
