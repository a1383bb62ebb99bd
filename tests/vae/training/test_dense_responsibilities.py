from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from mixtura.vae.posterior import AmortisedResponsibilities
from mixtura.vae.training.dense_responsibilities import (
    LearnedResponsibilities,
    agreement,
    bound_gradient,
    lesson,
    one_hot,
)
from mixtura.vae.training.flat_adam import FlatAdam


def draws(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def made(hidden: tuple[int, ...] = (5, 4)) -> AmortisedResponsibilities:
    layers: list[nn.Module] = [nn.Linear(3, hidden[0])]
    for n_in, n_out in pairwise(hidden):
        layers += [nn.ReLU(), nn.Linear(n_in, n_out)]
    module = AmortisedResponsibilities(nn.Sequential(*layers), 2, hidden[-1], 3).double()
    with torch.no_grad():
        for i, parameter in enumerate(module.parameters()):
            parameter.copy_(draws(*parameter.shape, seed=i))
    return module


@pytest.mark.parametrize("hidden", [(4,), (5, 4)])
@pytest.mark.parametrize("shown", [True, False])
def test_it_is_the_network_and_its_gradient(hidden, shown) -> None:
    module, x, towards = made(hidden), draws(7, 3), draws(7, 3, seed=9)
    codes = draws(7, 2, seed=8) if shown else torch.zeros(7, 2, dtype=torch.float64)
    codes.requires_grad_(True)
    expected = module(codes, x, None)
    logits = module.to_logits(torch.relu(module.from_w(codes) + module.network(x)))
    parameters = list(module.parameters())
    gradients = torch.autograd.grad((logits * towards).sum(), [codes, *parameters])

    adam = FlatAdam(parameters)
    learned = LearnedResponsibilities(module, adam)
    for _ in range(2):  # buffers are used again
        found = learned.forward(codes.detach().numpy().T if shown else None, x.numpy())
        np.testing.assert_allclose(found.T, expected.detach().numpy(), rtol=1e-10, atol=1e-12)
        to_codes = learned.backward(np.ascontiguousarray(towards.numpy().T), to_codes=shown)
        if shown:
            np.testing.assert_allclose(to_codes.T, gradients[0].numpy(), rtol=1e-10, atol=1e-12)
        for parameter, gradient in zip(parameters, gradients[1:], strict=True):
            np.testing.assert_allclose(adam.gradient(parameter), gradient.numpy(), rtol=1e-10, atol=1e-12)


def test_an_untrained_network_passes_the_gradient_on() -> None:
    module, elsewhere = made(), nn.Parameter(torch.zeros(1, dtype=torch.float64))
    learned = LearnedResponsibilities(module, FlatAdam([elsewhere]))
    assert not learned.trained
    codes, x = draws(7, 2), draws(7, 3)
    learned.forward(codes.numpy().T, x.numpy())
    assert learned.backward(np.ones((3, 7)), to_codes=False) is None
    learned.forward(codes.numpy().T, x.numpy())
    to_codes = learned.backward(np.ones((3, 7)), to_codes=True)
    assert to_codes is not None
    assert to_codes.shape == (2, 7)


def test_pulls_towards_groups_are_autograd_s() -> None:
    joint, logits = draws(4, 6), draws(4, 6, seed=1).requires_grad_(True)
    target = one_hot(np.array([0, 1, 2, 3, 0, 1]), joint.numpy())
    target[:, 0] = 0.25
    learned = torch.log_softmax(logits, dim=0)
    q = learned.detach().exp().numpy()

    teacher = torch.from_numpy(target)
    kl = torch.special.xlogy(teacher, teacher) - teacher * learned
    value, gradient = lesson(target, learned.detach().numpy(), q)
    assert value == pytest.approx(float(kl.detach().sum()))
    np.testing.assert_allclose(
        gradient, torch.autograd.grad(kl.sum(), logits, retain_graph=True)[0], atol=1e-12
    )

    bound = (learned.exp() * (joint - learned)).sum()
    expected = torch.autograd.grad(bound, logits, retain_graph=True)[0]
    np.testing.assert_allclose(
        bound_gradient(joint.numpy(), learned.detach().numpy(), q), expected, atol=1e-12
    )

    softened = (torch.log_softmax(logits / 3, dim=0) * teacher).sum()
    value, gradient = agreement(target, logits.detach().numpy(), 3.0)
    assert value == pytest.approx(float(softened.detach()))
    np.testing.assert_allclose(gradient, torch.autograd.grad(softened, logits)[0], atol=1e-12)
