from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.distributions import (
    Categorical,
    Exponential,
    Gamma,
    Gumbel,
    Laplace,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    Poisson,
    PowerTransform,
    TransformedDistribution,
    Uniform,
)

from mixtura.divergence.line_pair import LinePair, on_line
from mixtura.divergence.mixtures import gaussian_mixture
from mixtura.divergence.quadrature import divergence_by_quadrature
from mixtura.errors import InputError

inf = math.inf


def _pair(p, q) -> LinePair:
    return LinePair(on_line(p, "p"), on_line(q, "q"))


def test_log_densities_by_offsets_are_those_at_the_points() -> None:
    p = gaussian_mixture([0.3, 0.7], [-1.0, 2.0], [1.0, 4.0])
    pair = _pair(p, Gamma(torch.tensor(2.0).double(), torch.tensor(1.0).double()))
    origins = np.array([[-1.0], [0.0], [2.0]])
    offsets = np.linspace(-0.5, 4.0, 15).reshape(3, 5)
    log_p, log_q = pair.log_densities(offsets, origins)
    points = torch.from_numpy(origins + offsets)
    torch.testing.assert_close(log_p, p.log_prob(points))
    inside = points > 0
    torch.testing.assert_close(
        log_q[inside], Gamma(2.0, 1.0).log_prob(points[inside]).double(), rtol=1e-6, atol=1e-6
    )
    assert bool((log_q[~inside] == -inf).all())
    assert not pair.is_movable and _pair(p, Laplace(0.0, 1.0)).is_movable


@pytest.mark.parametrize(
    ("p", "q", "missed"),
    [
        (Normal(0.0, 1.0), Normal(0.0, 1.0), set()),
        (Exponential(1.0), Normal(0.0, 1.0), {"jeffreys", "alpha -1"}),
        (Normal(0.0, 1.0), Exponential(1.0), {"kl", "jeffreys", "alpha 1.5", "renyi 1.5"}),
        (Uniform(0.0, 2.0), Uniform(1.0, 3.0), {"kl", "jeffreys", "alpha 1.5", "alpha -1", "renyi 1.5"}),
    ],
)
def test_mass_where_the_other_has_none(p, q, missed) -> None:
    asked = [
        "kl",
        "jeffreys",
        "jensen_shannon",
        "alpha 0.5",
        "alpha 1.5",
        "alpha -1",
        "renyi 0.5",
        "renyi 1.5",
    ]
    pair = _pair(p, q)
    found = set()
    for name in asked:
        divergence, _, order = name.partition(" ")
        if pair.is_missed(divergence, float(order) if order else None):
            found.add(name)
    assert found == missed


def test_a_part_without_mass_extends_nothing() -> None:
    uniforms = Uniform(torch.tensor([0.0, 9.0]), torch.tensor([1.0, 10.0]))
    pair = _pair(MixtureSameFamily(Categorical(torch.tensor([1.0, 0.0])), uniforms), Uniform(0.0, 2.0))
    (low, high, marks), _ = pair.reach
    assert (low, high) == (0.0, 1.0)
    assert np.nanmax(marks) < 9
    assert not pair.is_missed("kl", None)


def test_a_tail_that_overflows_is_cut_off() -> None:
    pair = _pair(Laplace(0.0, 0.99), Gumbel(0.0, 1.0))
    pieces = pair.pieces
    edges = pieces.origin[:, None] + pieces.offset(np.stack([pieces.low, pieces.high], axis=1))[0]
    assert -710 < edges.min() < -705 and edges.max() > 1e100


def test_what_is_no_density_over_the_line_is_refused() -> None:
    for wrong in (Poisson(1.0), MultivariateNormal(torch.zeros(2), torch.eye(2))):
        with pytest.raises(InputError, match=f"p is a {type(wrong).__name__}"):
            on_line(wrong, "p")


def test_a_kind_that_hides_its_parameters_keeps_its_gradient() -> None:
    rate = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    hidden = TransformedDistribution(
        Gamma(torch.ones((), dtype=torch.float64), rate), [PowerTransform(torch.ones(1))]
    )
    plain = Gamma(torch.ones((), dtype=torch.float64), rate)
    gradients = []
    for p in (hidden.expand(()) if hidden.batch_shape == () else hidden, plain):
        value, _ = divergence_by_quadrature(p, Exponential(torch.tensor(2.0).double()))
        gradients.append(torch.autograd.grad(value.sum(), rate)[0])
    torch.testing.assert_close(*gradients)
