from __future__ import annotations

import numpy as np
import pytest
import torch

from mixtura.divergence.factors import Diagonal, Lower, Precision
from mixtura.divergence.gaussian import kl_of_gaussians
from mixtura.divergence.nearly_equal import refine_nearly_equal
from mixtura.divergence.parametrisation import Gaussian


def factored(S: torch.Tensor, kind: type) -> Lower | Precision:
    if kind is Lower:
        return Lower(torch.linalg.cholesky(S), S)
    return Precision(torch.linalg.cholesky(S.flip(-2, -1)).flip(-2, -1), S)


@pytest.mark.parametrize("kind", [Lower, Precision])
@pytest.mark.parametrize("gap", [1e-3, 1e-6, 1e-9, 1e-13])
def test_every_gap_keeps_its_digits(exact, rng, random_covariance, kind, gap) -> None:
    S = random_covariance(rng, 5, 10.0)
    change = rng.normal(size=(5, 5)) * gap
    T = S + S * (change + change.T)
    zero = torch.zeros(5, dtype=torch.float64)
    p, q = (Gaussian(zero, factored(torch.from_numpy(each), kind)) for each in (S, T))
    pair = (S, T) if kind is Lower else (T, S)
    wanted = exact.from_covariances(np.zeros(5), pair[0], np.zeros(5), pair[1])
    assert exact.relative_error(float(kl_of_gaussians(p, q)), wanted) < 1e-13


def test_a_batch_is_refined_entry_by_entry(rng, random_covariance) -> None:
    S = torch.from_numpy(np.stack([random_covariance(rng, 4, 10.0) for _ in range(6)]))
    T = S.clone()
    T[::2] *= 1 + 1e-7
    T[1::2] = S[1::2].flip(0) * 3
    zero = torch.zeros(4, dtype=torch.float64)
    together = kl_of_gaussians(Gaussian(zero, factored(S, Lower)), Gaussian(zero, factored(T, Lower)))
    alone = [
        kl_of_gaussians(Gaussian(zero, factored(a, Lower)), Gaussian(zero, factored(b, Lower)))
        for a, b in zip(S, T, strict=True)
    ]
    torch.testing.assert_close(together, torch.stack(alone), rtol=1e-12, atol=0)


def test_one_covariance_against_many_broadcasts(rng, random_covariance) -> None:
    S = torch.from_numpy(random_covariance(rng, 3, 10.0))
    many = S * (1 + torch.tensor([1e-3, 1e-6, 1e-9], dtype=torch.float64)[:, None, None])
    zero = torch.zeros(3, dtype=torch.float64)
    found = kl_of_gaussians(Gaussian(zero, factored(S, Lower)), Gaussian(zero, factored(many, Lower)))
    gap = torch.tensor([1e-3, 1e-6, 1e-9], dtype=torch.float64)
    wanted = 1.5 * (torch.log1p(gap) - gap / (1 + gap))
    torch.testing.assert_close(found[:1], wanted[:1], rtol=1e-10, atol=0)
    torch.testing.assert_close(found, 0.75 * gap**2, rtol=2e-3, atol=0)


def test_without_a_source_nothing_is_touched() -> None:
    value, one = torch.tensor(1e-20), torch.ones(1, 1)
    for factor0, factor1 in [
        (Lower(one), Lower(one, one)),
        (Lower(one, one), Precision(one, one)),
        (Diagonal(one[0]), Lower(one, one)),
    ]:
        assert refine_nearly_equal(value, torch.tensor(1.0), one, factor0, factor1) is value
