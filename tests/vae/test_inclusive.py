"""Wake and sleep: gradients against the posterior by quadrature and by enumeration over z."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import integrate
from torch import Tensor

from mixtura.errors import InputError
from mixtura.vae.inclusive import sleep, wake
from mixtura.vae.inference import sample_joint

KINDS = ("exact", "amortised")


def draws(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def gradients(model, value: Tensor) -> dict[str, Tensor]:
    names, parameters = zip(*model.named_parameters(), strict=True)
    found = torch.autograd.grad(value, parameters, allow_unused=True)
    return dict(zip(names, found, strict=True))


def expected_log_posterior(model, oracle, x: Tensor) -> Tensor:
    """Return E_p(w,z|x)[log q(w, z|x)] over a grid of a 1-D w, with a gradient in psi and phi."""
    grid = torch.linspace(-12.0, 12.0, 4001, dtype=torch.float64)[:, None, None]
    w = grid.expand(-1, len(x), -1)
    log_joint = oracle.log_likelihood(x.numpy(), w.numpy()) + oracle.log_prior(w.numpy())
    mass = np.exp(log_joint)
    mass /= integrate.trapezoid(mass, grid.ravel().numpy(), axis=0)
    log_q = model.posterior(x).log_prob(w)
    if hasattr(model.responsibilities, "network"):
        exact = torch.from_numpy(np.exp(oracle.log_exact(w.numpy())))
        log_q = log_q + (exact * model.responsibilities(w, x, model.prior())).sum(-1)
    return torch.trapezoid(torch.from_numpy(mass) * log_q, grid.ravel(), dim=0)


@pytest.mark.parametrize("responsibilities", KINDS)
@pytest.mark.parametrize("domain", ["real", "binary"])
def test_wake_tends_to_the_true_expectation_and_its_gradient(
    domain, responsibilities, make_model, make_oracle, make_rows
) -> None:
    model = make_model(domain, responsibilities, spread=0.4)
    oracle, x = make_oracle(model, domain), make_rows(domain, 3)
    truth = expected_log_posterior(model, oracle, x)
    found = wake(model, x, draws(200_000, 1, 1).expand(-1, 3, -1))
    torch.testing.assert_close(found.value, truth, rtol=0.02, atol=0.02)
    wanted = gradients(model, truth.sum())
    for name, gradient in gradients(model, found.value.sum()).items():
        if name.startswith(("prior", "likelihood")):
            assert gradient is None, name
        elif wanted[name] is not None:
            torch.testing.assert_close(gradient, wanted[name], rtol=0.05, atol=0.02)


@pytest.mark.parametrize("responsibilities", KINDS)
def test_sleep_is_unbiased_and_moves_q_alone(responsibilities, make_model, make_oracle) -> None:
    """Over many dreams the mean is E_p(x)[ E_p(w,z|x)[log q] ], which a grid gives for the same dreams."""
    model = make_model("real", responsibilities, spread=0.4)
    oracle = make_oracle(model, "real")
    generator = torch.Generator().manual_seed(3)
    found = sleep(model, 40_000, generator)
    x, _ = sample_joint(model, 2_000, torch.Generator().manual_seed(4))
    truth = expected_log_posterior(model, oracle, x)
    error = np.hypot(*(float(values.detach().std()) / len(values) ** 0.5 for values in (found, truth)))
    assert abs(float((found.mean() - truth.mean()).detach())) < 4 * error
    wanted = gradients(model, truth.mean())
    for name, gradient in gradients(model, found.mean()).items():
        if name.startswith(("prior", "likelihood")):
            assert gradient is None, name
        elif wanted[name] is not None:
            torch.testing.assert_close(gradient, wanted[name], rtol=0.15, atol=0.05)


def test_the_gradient_of_two_rows_is_the_sum_of_each_ones(make_model, make_rows) -> None:
    model, x = make_model("real", "amortised", latent_dim=2), make_rows("real", 2)
    noise = draws(6, 2, 2)
    both = gradients(model, wake(model, x, noise).value.sum())
    alone = [gradients(model, wake(model, x[i : i + 1], noise[:, i : i + 1]).value.sum()) for i in (0, 1)]
    for name, gradient in both.items():
        if gradient is not None:
            torch.testing.assert_close(gradient, alone[0][name] + alone[1][name])


@torch.no_grad()
def test_the_estimated_divergence_grows_towards_the_true_one(make_model, make_oracle, make_rows) -> None:
    model, x = make_model("real", spread=0.6), make_rows("real", 2)
    oracle = make_oracle(model, "real")
    grid = np.linspace(-12.0, 12.0, 4001)[:, None, None]
    log_joint = oracle.log_likelihood(x.numpy(), grid) + oracle.log_prior(grid)
    log_p = log_joint - np.log(integrate.trapezoid(np.exp(log_joint), grid.ravel(), axis=0))
    log_q = oracle.log_posterior(grid, x.numpy())
    truth = integrate.trapezoid(np.exp(log_p) * (log_p - log_q), grid.ravel(), axis=0)
    few, many = (
        torch.stack([wake(model, x, draws(n, 2, 1, seed=s)).kl for s in range(200)]).mean(0) for n in (2, 200)
    )
    assert (few >= 0).all() and (few < many).all()
    torch.testing.assert_close(many, torch.from_numpy(truth), rtol=0.1, atol=0.05)


def test_a_taught_q_of_z_can_be_left_out(make_model, make_rows) -> None:
    model, x, noise = make_model("real", "amortised", latent_dim=2), make_rows("real", 3), draws(5, 3, 2)
    without = wake(model, x, noise, teach_groups=False).value
    assert (wake(model, x, noise).value < without).all()  # log q(z|w, x) is negative
    assert all(
        gradient is None
        for name, gradient in gradients(model, without.sum()).items()
        if name.startswith("responsibilities")
    )
    generators = [torch.Generator().manual_seed(1) for _ in range(2)]
    one, other = (
        sleep(model, 9, generator, teach_groups=teach)
        for generator, teach in zip(generators, (True, False), strict=True)
    )
    assert (one < other).all()


@pytest.mark.parametrize("shape", [(3, 2), (1, 3, 2)])
def test_one_draw_has_nothing_to_be_weighed_against(shape, make_model, make_rows) -> None:
    with pytest.raises(InputError, match="S at least 2"):
        wake(make_model("real", latent_dim=2), make_rows("real", 3), torch.zeros(shape).double())
