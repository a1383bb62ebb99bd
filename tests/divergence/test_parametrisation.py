from __future__ import annotations

import pytest
import torch
from torch.distributions import (
    Bernoulli,
    Independent,
    LogNormal,
    LowRankMultivariateNormal,
    MultivariateNormal,
    Normal,
)

from mixtura.divergence.factors import Diagonal, Lower, LowRank, Precision
from mixtura.divergence.parametrisation import as_gaussian, compact

S = torch.tensor([[2.0, 0.5], [0.5, 1.0]])
L = torch.linalg.cholesky(S)
READ = {
    "normal": (Normal(torch.zeros(3), 2.0), Diagonal),
    "independent": (Independent(Normal(torch.zeros(3, 2), torch.ones(2)), 1), Diagonal),
    "wrapped": (Independent(MultivariateNormal(torch.zeros(2), S), 0), Lower),
    "covariance": (MultivariateNormal(torch.zeros(3, 2), S), Lower),
    "factor": (MultivariateNormal(torch.zeros(2), scale_tril=L), Lower),
    "precision": (MultivariateNormal(torch.ones(2), precision_matrix=S), Precision),
    "low rank": (LowRankMultivariateNormal(torch.zeros(3, 2), torch.ones(2, 1), torch.ones(2)), LowRank),
}


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_every_parametrisation_is_kept(name, dtype) -> None:
    distribution, kind = READ[name]
    found = as_gaussian(distribution)
    assert isinstance(found.factor, kind)
    mean, tril = found.dense()
    assert mean.dtype == tril.dtype == torch.float64
    scalar = distribution.event_shape == ()
    torch.testing.assert_close(mean.squeeze(-1) if scalar else mean, distribution.mean.double())
    assert tril.shape == (*mean.shape, mean.shape[-1])
    variance = (tril @ tril.mT).diagonal(dim1=-2, dim2=-1)
    wanted = distribution.variance.double()
    torch.testing.assert_close(variance.squeeze(-1) if scalar else variance, wanted, rtol=1e-6, atol=0)
    assert (found.scale is not None) == (kind is Diagonal)


@pytest.mark.parametrize(
    "distribution",
    [
        Bernoulli(0.5),
        LogNormal(0.0, 1.0),
        Independent(Bernoulli(torch.ones(2) / 2), 1),
        Independent(Normal(torch.zeros(2, 2), 1.0), 2),
        Independent(MultivariateNormal(torch.zeros(2, 2), S), 1),
    ],
)
def test_what_is_no_gaussian_vector_is_none(distribution) -> None:
    assert as_gaussian(distribution) is None


def test_subclasses_are_read() -> None:
    class Own(Normal):
        pass

    assert as_gaussian(Own(0.0, 1.0)) is not None


@pytest.mark.parametrize("kind", ["covariance_matrix", "precision_matrix"])
def test_a_small_type_is_factored_anew(kind) -> None:
    matrix = torch.tensor([[1.0, 0.999], [0.999, 1.0]])
    tril = as_gaussian(MultivariateNormal(torch.zeros(2), **{kind: matrix})).dense()[1]
    wide = matrix.double() if kind == "covariance_matrix" else torch.linalg.inv(matrix.double())
    torch.testing.assert_close(tril @ tril.mT, wide, rtol=1e-12, atol=0)


def test_looking_at_other_parameters_changes_nothing() -> None:
    precision = MultivariateNormal(torch.zeros(2), precision_matrix=S)
    assert precision.covariance_matrix is not None
    assert isinstance(as_gaussian(precision).factor, Precision)
    factor = MultivariateNormal(torch.zeros(2), scale_tril=L)
    assert factor.covariance_matrix is not None
    assert as_gaussian(factor).factor.source is None


def test_a_covariance_that_only_torch_can_factor_is_taken_from_torch() -> None:
    # In float32 the last pivot rounds to something positive; in float64 it does not.
    matrix = torch.tensor([[0.1, 0.3], [0.3, 0.9]], dtype=torch.float32)
    matrix[1, 1] = torch.nextafter(matrix[0, 1] ** 2 / matrix[0, 0], torch.tensor(0.0))
    made = MultivariateNormal(torch.zeros(2), scale_tril=torch.eye(2))
    made.__dict__.pop("scale_tril")
    made.covariance_matrix = matrix
    assert as_gaussian(made).dense()[1].equal(torch.eye(2, dtype=torch.float64))


def test_gradients_flow_to_the_parameters() -> None:
    matrix = S.clone().requires_grad_()
    for kind in ("covariance_matrix", "precision_matrix"):
        tril = as_gaussian(MultivariateNormal(torch.zeros(2), **{kind: matrix})).dense()[1]
        (gradient,) = torch.autograd.grad(tril.sum(), matrix)
        assert gradient.dtype == torch.float32
        assert (gradient != 0).any()


def test_compact_keeps_what_differs() -> None:
    values = torch.arange(6.0).reshape(2, 1, 3).expand(2, 5, 3)
    assert compact(values, 1).shape == (2, 1, 3)
    assert compact(values, 1).expand(2, 5, 3).equal(values)
    assert compact(torch.ones(3), 1).shape == (3,)
