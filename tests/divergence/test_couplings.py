from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mixtura.divergence.couplings import affinity_bound, coupling_bound, variational_upper_bound

inf = math.inf
seeds = st.integers(0, 10**6)


def _problem(seed: int):
    rng = np.random.default_rng(seed)
    k, j = rng.integers(1, 5, size=2)
    costs = torch.from_numpy(rng.gamma(0.7, 3.0, size=(k, j)))
    a, b = (torch.from_numpy(rng.dirichlet(np.ones(n))) for n in (k, j))
    return costs, a, b


def _sum(phi, psi, costs):
    return float((phi * ((phi / psi).log() + costs)).sum())


@settings(max_examples=40)
@given(seeds)
def test_the_variational_bound_is_below_every_other_choice(seed) -> None:
    costs, a, b = _problem(seed)
    found = float(variational_upper_bound(costs, a.log(), b.log()))
    assert 0 <= found <= float(coupling_bound(costs, a, b)) * (1 + 1e-4) + 1e-9
    generator = torch.Generator().manual_seed(seed)
    for _ in range(20):
        s, t = (torch.rand(costs.shape, generator=generator).double() + 1e-3 for _ in range(2))
        phi = a[:, None] * s / s.sum(dim=1, keepdim=True)
        psi = b * t / t.sum(dim=0, keepdim=True)
        assert found <= _sum(phi, psi, costs) + 1e-6


def test_without_costs_apart_it_is_the_divergence_of_the_weights() -> None:
    a, b = torch.tensor([0.5, 0.5]).double(), torch.tensor([0.2, 0.8]).double()
    costs = torch.tensor([[0.0, inf], [inf, 0.0]]).double()
    assert float(variational_upper_bound(costs, a.log(), b.log())) == pytest.approx(
        float((a * (a / b).log()).sum())
    )
    assert float(coupling_bound(costs, a, b)) == inf


@pytest.mark.parametrize("alpha", [0.2, 0.5, 0.9, 1.3, 3.0])
@settings(max_examples=20)
@given(seed=seeds)
def test_the_affinity_bound_is_beyond_every_other_choice(alpha, seed) -> None:
    costs, a, b = _problem(seed)
    # log int p^alpha q^(1-alpha) is -costs below one and +costs above it.
    logs = -costs if alpha < 1 else costs
    sign = 1.0 if alpha < 1 else -1.0
    found = float(affinity_bound(logs, a.log(), b.log(), alpha))
    generator = torch.Generator().manual_seed(seed)
    for _ in range(20):
        s, t = (torch.rand(costs.shape, generator=generator).double() + 1e-3 for _ in range(2))
        phi = a[:, None] * s / s.sum(dim=1, keepdim=True)
        psi = b * t / t.sum(dim=0, keepdim=True)
        other = math.log(float((phi**alpha * psi ** (1 - alpha) * logs.exp()).sum()))
        assert sign * found >= sign * other - 1e-6


@pytest.mark.parametrize("alpha", [0.5, 2.0])
def test_weights_of_zero_and_forbidden_pairs(alpha) -> None:
    a, b = torch.tensor([1.0, 0.0]).double(), torch.tensor([0.0, 1.0]).double()
    costs = torch.tensor([[inf, 2.0], [1.0, inf]]).double()
    assert float(coupling_bound(costs, a, b)) == 2.0
    assert float(variational_upper_bound(costs, a.log(), b.log())) == pytest.approx(2.0)
    logs = -costs if alpha < 1 else costs
    assert float(affinity_bound(logs, a.log(), b.log(), alpha)) == pytest.approx(-2.0 if alpha < 1 else 2.0)
    nowhere = torch.full((2, 2), inf).double()
    assert float(coupling_bound(nowhere, a, b)) == inf
    assert float(variational_upper_bound(nowhere, a.log(), b.log())) == inf
    none = float(affinity_bound(-nowhere if alpha < 1 else nowhere, a.log(), b.log(), alpha))
    assert none == (-inf if alpha < 1 else inf)


def test_a_component_of_p_that_is_nowhere_covered_makes_the_affinity_infinite() -> None:
    a, b = torch.tensor([0.5, 0.5]).double().log(), torch.tensor([1.0]).double().log()
    assert float(affinity_bound(torch.tensor([[inf], [0.1]]).double(), a, b, 2.0)) == inf


@pytest.mark.parametrize("bound", ["coupling", "variational", "affinity"])
def test_gradients_are_those_of_the_least_value(bound) -> None:
    costs, _, _ = _problem(4)
    costs = costs[:2, :2].clone() + torch.tensor([[0.0, 1.0], [2.0, 0.3]])

    def value(costs, logits, other):
        log_a, log_b = torch.log_softmax(logits, 0), torch.log_softmax(other, 0)
        if bound == "coupling":
            return coupling_bound(costs, log_a.exp(), log_b.exp())
        if bound == "variational":
            return variational_upper_bound(costs, log_a, log_b)
        return affinity_bound(-costs, log_a, log_b, 0.4)

    leaves = (costs, torch.tensor([0.3, -0.2]).double(), torch.tensor([-0.7, 0.1]).double())
    leaves = tuple(leaf.clone().requires_grad_() for leaf in leaves)
    assert torch.autograd.gradcheck(value, leaves, eps=1e-5, atol=2e-3, rtol=1e-3)


def test_batches_are_their_entries() -> None:
    problems = [_problem(seed) for seed in range(300)]
    chosen = [one for one in problems if one[0].shape == (3, 2)][:4]
    costs, a, b = (torch.stack(parts) for parts in zip(*chosen, strict=True))
    for bound in (coupling_bound, lambda c, a, b: variational_upper_bound(c, a.log(), b.log())):
        together = bound(costs.reshape(2, 2, 3, 2), a.reshape(2, 2, 3), b.reshape(2, 2, 2)).reshape(-1)
        apart = torch.stack([bound(*one) for one in chosen])
        torch.testing.assert_close(together, apart, rtol=1e-4, atol=1e-6)
    assert coupling_bound(costs[:0], a[:0], b[:0]).shape == (0,)
