from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.distributions import Independent, LowRankMultivariateNormal, Normal

from mixtura.divergence.closed_form import closed_form
from mixtura.divergence.factors import Diagonal, LowRank
from mixtura.divergence.gaussian import kl_of_gaussians
from mixtura.divergence.low_rank import low_rank_kl
from mixtura.divergence.parametrisation import Gaussian


def low_rank(rng, d, k, batch=()) -> LowRank:
    return LowRank(
        torch.from_numpy(rng.normal(size=(*batch, d, k))), torch.from_numpy(rng.uniform(0.5, 2, (*batch, d)))
    )


@pytest.mark.parametrize(("d", "k0", "k1"), [(1, 1, 1), (20, 3, 2), (60, 1, 5)])
def test_agrees_with_the_dense_form(rng, d, k0, k1) -> None:
    first, second = low_rank(rng, d, k0, (4, 1)), low_rank(rng, d, k1, (3,))
    diagonal = Diagonal(torch.from_numpy(rng.uniform(0.5, 2, d)))
    for a, b in [(first, second), (first, diagonal), (diagonal, second)]:
        delta = torch.from_numpy(rng.normal(size=(4, 3, d)))
        wanted = kl_of_gaussians(Gaussian(torch.zeros_like(delta), a), Gaussian(delta, b))
        torch.testing.assert_close(low_rank_kl(delta, a, b), wanted, rtol=1e-12, atol=0)


def test_zero_exactly_for_equal_ones_and_never_below(rng) -> None:
    one = low_rank(rng, 40, 3, (5,))
    delta = torch.zeros(5, 40, dtype=torch.float64)
    assert (low_rank_kl(delta, one, one) == 0).all()
    near = LowRank(one.columns * (1 + 1e-12), one.variances)
    assert (low_rank_kl(delta, one, near) >= 0).all()


def test_of_many_dimensions_nothing_dense_is_made(rng) -> None:
    d = 20_000  # a dense covariance would have 3.2 GB
    p, q = (
        LowRankMultivariateNormal(
            torch.zeros(d), torch.from_numpy(rng.normal(size=(d, 2))).float(), torch.ones(d)
        )
        for _ in range(2)
    )
    spherical = Independent(Normal(torch.zeros(d), torch.ones(d)), 1)
    assert float(closed_form(p, p)) == 0
    assert float(closed_form(p, q)) > 0
    # KL to the identity: 1/2 (|W|^2 - log det(I + W^T W)).
    W = p.cov_factor.double()
    wanted = 0.5 * (W.square().sum() - torch.logdet(torch.eye(2) + W.mT @ W))
    torch.testing.assert_close(closed_form(p, spherical).double(), wanted, rtol=1e-6, atol=0)


@pytest.mark.parametrize("small", [1e-8, 1e-20])
def test_small_noise_on_the_diagonal_is_not_lost(exact, rng, small) -> None:
    """Beside W W^T, D is below rounding: adding the two and factoring the sum would fail."""
    W = rng.normal(size=(3, 1))
    p, q = (
        LowRankMultivariateNormal(
            torch.zeros(3, dtype=torch.float64),
            torch.from_numpy(W),
            torch.full((3,), noise, dtype=torch.float64),
        )
        for noise in (small, 2 * small)
    )
    # In the direction of W both are nearly alike; in the two others the variances have the ratio 1/2.
    wanted = 2 * 0.5 * (0.5 - 1 + np.log(2))
    assert float(closed_form(p, q)) == pytest.approx(wanted, rel=1e-6)


def test_gradients(rng) -> None:
    one, other = low_rank(rng, 4, 2), low_rank(rng, 4, 1)
    leaves = [
        value.requires_grad_()
        for value in (
            torch.from_numpy(rng.normal(size=4)),
            one.columns,
            one.variances,
            other.columns,
            other.variances,
        )
    ]

    def build(delta, W0, D0, W1, D1):
        return low_rank_kl(delta, LowRank(W0, D0), LowRank(W1, D1))

    assert torch.autograd.gradcheck(build, leaves)
    assert torch.autograd.gradgradcheck(build, leaves)
