from __future__ import annotations

import mpmath
import pytest
import torch
from torch import Tensor
from torch.func import hessian, vmap

from mixtura.divergence.excess import log_excess, ratio_excess, weighted_difference, weighted_excess

# Forward-mode differentiation makes torch warn of itself.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")

SCALES = [1e-300, 1e-12, 1e-8, 1e-4, 0.05, 0.12, 0.2, 0.24, 0.26, 0.5, 1.0, 3.0, 10.0, 28.0]


def draws(scale: float) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return scale * torch.randn(50, generator=generator, dtype=torch.float64)


def assert_exact(found: Tensor, exact: list[mpmath.mpf], rtol: float) -> None:
    for value, wanted in zip(found.tolist(), exact, strict=True):
        assert value >= 0
        assert abs(value - wanted) <= rtol * abs(wanted) + mpmath.mpf(10) ** -320, (value, float(wanted))


@pytest.mark.parametrize("scale", SCALES[:-3])
def test_log_excess_to_the_last_places(scale) -> None:
    u = draws(scale).abs() * torch.where(draws(1.0) > 0, 1.0, -1.0)
    u = u[u > -0.99]
    with mpmath.workdps(700 if scale < 1e-200 else 60):
        assert_exact(log_excess(u), [mpmath.mpf(x) - mpmath.log1p(mpmath.mpf(x)) for x in u.tolist()], 4e-15)


@pytest.mark.parametrize("scale", SCALES[1:])
def test_ratio_excess_to_the_last_places(scale) -> None:
    l1 = draws(1.0).abs() + 0.1
    l0 = l1 * draws(scale).exp()
    with mpmath.workdps(60):
        ratios = [mpmath.mpf(a) / mpmath.mpf(b) for a, b in zip(l0.tolist(), l1.tolist(), strict=True)]
        assert_exact(ratio_excess(l0, l1), [ratio - 1 - mpmath.log(ratio) for ratio in ratios], 4e-15)


@pytest.mark.parametrize("scale", SCALES[1:])
def test_weighted_excess_to_the_last_places(scale) -> None:
    log_p, t = -20 * draws(1.0).abs(), draws(scale)
    with mpmath.workdps(60):
        pairs = [(mpmath.mpf(a), mpmath.mpf(b)) for a, b in zip(log_p.tolist(), t.tolist(), strict=True)]
        # log p + t is rounded once, which is an error of p exp(t) by half a place of log p + t.
        exact = [mpmath.exp(a) * (mpmath.expm1(b) - b) for a, b in pairs]
        assert_exact(weighted_excess(log_p, t), exact, 1e-14)


def test_far_from_one_nothing_overflows() -> None:
    log_p = torch.tensor([-800.0, -1400.0], dtype=torch.float64)
    assert weighted_excess(log_p, -log_p).tolist() == [1.0, 1.0]
    assert weighted_difference(log_p, -log_p).tolist() == [1.0, 1.0]
    one = torch.ones((), dtype=torch.float64)
    assert float(ratio_excess(1e-150 * one, one)) == pytest.approx(150 * float(mpmath.log(10)) - 1)
    assert float(ratio_excess(0 * one, one)) == float("inf")


def test_equal_means_zero_exactly() -> None:
    x = draws(1.0).abs() + 1e-3
    assert (ratio_excess(x, x) == 0).all()
    assert (weighted_excess(-x, torch.zeros_like(x)) == 0).all()
    assert (log_excess(torch.zeros_like(x)) == 0).all()


POINTS = {
    log_excess: ([0.0, 1e-3, -0.2, 0.3, 5.0, -0.9],),
    ratio_excess: ([1.0, 1.0, 1.2, 3.0, 0.01, 1 + 1e-5], [1.0, 2.0, 1.1, 0.5, 1.0, 1.0]),
    weighted_excess: ([-1.0, -2.0, -0.3, -5.0, -30.0, -3.0], [0.0, 0.1, -0.2, 3.0, 20.0, -4.0]),
}


@pytest.mark.parametrize("function", POINTS, ids=lambda function: function.__name__)
def test_gradients_on_both_sides_of_the_seam(function) -> None:
    points = [torch.tensor(values, dtype=torch.float64, requires_grad=True) for values in POINTS[function]]
    assert torch.autograd.gradcheck(function, points, check_forward_ad=True)
    assert torch.autograd.gradgradcheck(function, points)


@pytest.mark.parametrize("function", POINTS, ids=lambda function: function.__name__)
def test_functional_transforms_agree_with_the_loop(function) -> None:
    points = [torch.tensor(values, dtype=torch.float64) for values in POINTS[function]]
    batched = vmap(hessian(function))(*points)
    alone = torch.stack([hessian(function)(*point) for point in zip(*points, strict=True)])
    torch.testing.assert_close(batched, alone, rtol=0, atol=0)
