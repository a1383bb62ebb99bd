from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from mixtura.vae.training.dense_network import DenseNetwork
from mixtura.vae.training.flat_adam import FlatAdam
from mixtura.vae.training.mixed_adam import MixedAdam
from mixtura.vae.training.reduced_network import ReducedNetwork


def made() -> nn.Sequential:
    """A network whose every value, and gradient, bfloat16 holds exactly: small whole numbers."""
    network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randint(-1, 3, parameter.shape, generator=generator))
    return network


@pytest.mark.parametrize("features_first", [False, True])
@pytest.mark.parametrize("to_input", [False, True])
def test_it_is_the_network_in_float32(features_first, to_input) -> None:
    exact, low = made(), made()
    adam, mixed = (
        FlatAdam(list(exact.parameters())),
        MixedAdam(list(low.parameters()), list(low.parameters())),
    )
    dense = DenseNetwork(exact, adam, features_first=features_first)
    reduced = ReducedNetwork(low, mixed, features_first=features_first)
    assert reduced.trained
    rng = np.random.default_rng(0)
    for n in (5, 2, 5):  # buffers are used again
        x, towards = (rng.integers(-1, 2, size=(n, m)).astype(np.float32) for m in (3, 2))
        out, found = dense.forward(x), reduced.forward(x)
        np.testing.assert_array_equal(found.array, out.array)
        assert found.array.dtype == np.float32
        back, low_back = (each.backward(towards, to_input=to_input) for each in (dense, reduced))
        if to_input:
            np.testing.assert_array_equal(low_back, back)
        else:
            assert low_back is None
        for parameter, copied in zip(exact.parameters(), low.parameters(), strict=True):
            _, gradient = mixed.reduced(copied)
            np.testing.assert_array_equal(gradient.float().numpy(), adam.gradient(parameter))


def test_what_is_not_trained_passes_the_gradient_on() -> None:
    network, elsewhere = made(), nn.Parameter(torch.zeros(1))
    reduced = ReducedNetwork(network, MixedAdam([elsewhere], []))
    assert not reduced.trained
    x = torch.tensor([[1.0, 0.0, -1.0]], requires_grad=True)
    network(x).sum().backward()
    found = reduced.forward(x.detach().numpy())
    np.testing.assert_array_equal(found.array, network(x).detach().numpy())
    back = reduced.backward(np.ones((1, 2), np.float32), to_input=True)
    np.testing.assert_array_equal(back, x.grad.numpy())


def test_the_next_products_are_of_the_values_after_a_step() -> None:
    network = made()
    parameters = list(network.parameters())
    adam = MixedAdam(parameters, parameters)
    reduced = ReducedNetwork(network, adam)
    x = np.ones((2, 3), np.float32)
    reduced.forward(x)
    reduced.backward(np.ones((2, 2), np.float32), to_input=False)
    adam.step(0.5)
    expected = network.bfloat16()(torch.from_numpy(x).bfloat16()).float().detach().numpy()
    np.testing.assert_array_equal(reduced.forward(x).array, expected)
