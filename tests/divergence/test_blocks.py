from __future__ import annotations

import pytest
import torch
from torch.distributions import MultivariateNormal

from mixtura.divergence.blocks import block_length, fill_blocks
from mixtura.divergence.closed_form import closed_form


def test_a_block_is_never_empty() -> None:
    assert [block_length(d) for d in (1, 512, 513, 10_000)] == [2**18, 1, 1, 1]


def test_what_is_cut() -> None:
    assert not fill_blocks(torch.zeros(512, 512))
    assert not fill_blocks(torch.zeros(1, 600, 600))
    assert fill_blocks(torch.zeros(1, 2, 600, 600))
    assert not fill_blocks(torch.zeros(2, 600, 600, device="meta"))


@pytest.mark.parametrize("kind", ["covariance_matrix", "precision_matrix", "scale_tril"])
@pytest.mark.parametrize("batch", [(1200,), (4, 300)])
def test_a_batch_of_many_blocks_is_the_loop(kind, batch) -> None:
    generator = torch.Generator().manual_seed(0)

    def draw() -> MultivariateNormal:
        A = torch.randn(*batch, 20, 40, generator=generator, dtype=torch.float64)
        matrix = A @ A.mT
        if kind == "scale_tril":
            matrix = torch.linalg.cholesky(matrix)
        return MultivariateNormal(A[..., 0], **{kind: matrix}, validate_args=False)

    p, q = draw(), draw()
    q.loc.requires_grad_()
    together = closed_form(p, q)
    at = tuple(size - 1 for size in batch)
    one, other = (
        MultivariateNormal(normal.loc[at], **{kind: getattr(normal, kind)[at]}, validate_args=False)
        for normal in (p, q)
    )
    torch.testing.assert_close(together[at], closed_form(one, other), rtol=1e-13, atol=0)
    (gradient,) = torch.autograd.grad(together.sum(), q.loc)
    assert torch.isfinite(gradient).all()
