from __future__ import annotations

import pytest
import torch

from mixtura.projection.nodes import standard_nodes, whitened_nodes


@pytest.mark.parametrize(("d", "count"), [(1, 2), (2, 100), (20, 256), (60, 16), (300, 4)])
def test_whitened_nodes_integrate_quadratics_exactly(d, count) -> None:
    nodes = whitened_nodes(d, count, torch.Generator().manual_seed(0))
    n = nodes.shape[1]
    assert n >= max(count, 4 * (d + 1)) and n & (n - 1) == 0
    assert float(nodes.mean(dim=1).abs().max()) < 1e-13
    assert float((nodes @ nodes.T / n - torch.eye(d)).abs().max()) < 1e-12


def test_standard_nodes_are_unbiased() -> None:
    sets = standard_nodes(3, 16, 4000, torch.Generator().manual_seed(0))
    means = sets.square().mean(dim=2)  # (4000, 3)
    error = means.std(dim=0) / 4000**0.5
    assert bool(((means.mean(dim=0) - 1).abs() < 4 * error).all())


def test_standard_nodes_are_better_than_chance() -> None:
    sets = standard_nodes(2, 256, 200, torch.Generator().manual_seed(0))
    spread = sets.square().sum(dim=1).mean(dim=1).std()
    assert float(spread) < 0.3 * (4 / 256) ** 0.5


def test_every_node_has_its_negative() -> None:
    for nodes in standard_nodes(2, 64, 2, torch.Generator().manual_seed(0)):
        torch.testing.assert_close(nodes[:, :32], -nodes[:, 32:])


def test_the_generator_alone_decides() -> None:
    before = torch.random.get_rng_state()
    one = whitened_nodes(2, 64, torch.Generator().manual_seed(1))
    again = whitened_nodes(2, 64, torch.Generator().manual_seed(1))
    other = whitened_nodes(2, 64, torch.Generator().manual_seed(2))
    assert torch.equal(one, again) and not torch.equal(one, other)
    assert torch.equal(before, torch.random.get_rng_state())
