from __future__ import annotations

import pytest
import torch

from mixtura.divergence.factors import Diagonal, Lower, LowRank, Precision


def draw(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


eye = torch.eye(4, dtype=torch.float64)
tril = draw(3, 4, 4).tril(-1) + eye
FACTORS = {
    "lower": (Lower(tril), tril @ tril.mT),
    "diagonal": (Diagonal(draw(3, 4).abs()), torch.diag_embed(draw(3, 4).square())),
    "precision": (Precision(tril.mT), torch.linalg.inv(tril.mT @ tril)),
    "low rank": (
        LowRank(draw(3, 4, 2), draw(3, 4).abs()),
        draw(3, 4, 2) @ draw(3, 4, 2).mT + torch.diag_embed(draw(3, 4).abs()),
    ),
}


@pytest.mark.parametrize("name", FACTORS)
def test_a_factor_is_that_of_its_covariance(name) -> None:
    factor, covariance = FACTORS[name]
    dense = factor.dense()
    torch.testing.assert_close(dense @ dense.mT, covariance)
    torch.testing.assert_close(dense, torch.linalg.cholesky(covariance))
    torch.testing.assert_close(factor.diagonal, dense.diagonal(dim1=-2, dim2=-1))


@pytest.mark.parametrize("name", FACTORS)
def test_whitening_is_the_inverse(name) -> None:
    factor, _ = FACTORS[name]
    torch.testing.assert_close(factor.whiten(factor.dense()), eye.expand(3, 4, 4), rtol=0, atol=1e-12)
    vectors = draw(3, 4)
    back = (factor.dense() @ factor.whiten_vectors(vectors).unsqueeze(-1)).squeeze(-1)
    torch.testing.assert_close(back, vectors)


@pytest.mark.parametrize("shape", [(4,), (5, 4), (2, 5, 4)])
@pytest.mark.parametrize("batch", [(), (1,), (1, 1)])
def test_one_factor_whitens_many_vectors(shape, batch) -> None:
    vectors, one = draw(*shape), tril[0].reshape(*batch, 4, 4)
    found = Lower(one).whiten_vectors(vectors)
    wanted = torch.linalg.solve_triangular(one, vectors.unsqueeze(-1), upper=False).squeeze(-1)
    torch.testing.assert_close(found, wanted)
    assert found.shape == wanted.shape
