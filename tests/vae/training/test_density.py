from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from mixtura.errors import InputError
from mixtura.vae import GaussianMixtureVAE, Settings, build_model, estimate_log_likelihood
from mixtura.vae.objectives import elbo, iwae
from mixtura.vae.training.density import (
    DensityObjective,
    DensityPlan,
    WeightAverage,
    train_density,
)
from mixtura.vae.training.placement import Placement

PLAN = DensityPlan(epochs=2, batch_size=32, learning_rate=5e-3, importance_share=0.0)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def rows(n: int = 128) -> torch.Tensor:
    """Make two stripes of binary pixels, so that there is something to learn."""
    upper = (torch.rand((n, 1), generator=generator(3)) < 0.5).float()
    noise = (torch.rand((n, 8), generator=generator(4)) < 0.1).float()
    return (torch.cat([upper.expand(n, 4), 1 - upper.expand(n, 4)], 1) - noise).abs()


def new_model(n_components: int = 3, seed: int = 0, **settings: Any) -> GaussianMixtureVAE:
    settings = {"responsibilities": "exact"} | settings
    chosen = Settings(
        n_components=n_components, latent_dim=2, likelihood="bernoulli", hidden=(8, 8), **settings
    )
    return build_model(chosen, n_encoded=8, domain="binary", generator=generator(seed))


def train(model: GaussianMixtureVAE, plan: DensityPlan, x: torch.Tensor | None = None, seed: int = 1) -> Any:
    placement = Placement()
    return train_density(
        model, rows() if x is None else x, plan, placement=placement, generator=generator(seed)
    )


@pytest.mark.parametrize("plan", [PLAN, replace(PLAN, importance_share=0.5, averaging=0.9)])
@pytest.mark.parametrize("n_components", [1, 3])
def test_log_p_rises(plan, n_components) -> None:
    model, x, noise = new_model(n_components), rows(), torch.randn((32, 2), generator=generator())
    before = estimate_log_likelihood(model, x, noise).mean
    train(model, replace(plan, epochs=60, learning_rate=2e-2))
    assert estimate_log_likelihood(model, x, noise).mean > before + 1.0
    assert not model.training


def test_log_names_the_phases_and_counts_the_epochs_of_both() -> None:
    events = train(new_model(), replace(PLAN, epochs=4, importance_share=0.5))
    assert [(e["stage"], e["epoch"]) for e in events] == [
        ("elbo", 1.0), ("elbo", 2.0), ("importance", 3.0), ("importance", 4.0),
    ]  # fmt: skip
    assert {"bound", "reconstruction", "cluster", "conditional_prior", "objective"} <= set(events[0])
    # With several draws the objective lies above the bound of one.
    assert events[-1]["objective"] > events[-1]["bound"]


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_one_phase_alone(share) -> None:
    events = train(new_model(), replace(PLAN, importance_share=share))
    assert {e["stage"] for e in events} == {"importance" if share else "elbo"}


def test_same_seed_same_bits_and_global_state_untouched() -> None:
    plan = replace(PLAN, importance_share=0.3, averaging=0.9)
    state = torch.get_rng_state()
    models = [new_model() for _ in range(3)]
    for model, seed in zip(models, (1, 1, 2), strict=True):
        train(model, plan, seed=seed)
    first, second, other = (torch.nn.utils.parameters_to_vector(m.parameters()) for m in models)
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), state)


def test_equal_components_part_and_others_stay_where_they_are() -> None:
    new, placed = new_model(), new_model()
    means = torch.tensor([[3.0, 0.0], [0.0, 3.0], [-3.0, 0.0]])
    placed.prior.set_components(means, torch.ones(3, 2))
    plan = replace(PLAN, epochs=0.25, learning_rate=1e-7)
    train(new, plan)
    train(placed, plan)
    assert torch.pdist(new.prior.means).min() > 0.01
    torch.testing.assert_close(placed.prior.means.detach(), means, atol=1e-4, rtol=0)


def test_a_learned_posterior_of_z_is_left_alone() -> None:
    model = new_model(responsibilities="amortised")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    train(model, PLAN)
    for name, value in model.state_dict().items():
        if name.startswith("responsibilities"):
            assert torch.equal(value, before[name]), name
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_fewer_rows_than_a_batch() -> None:
    assert len(train(new_model(), PLAN, rows(5))) == 2


@pytest.mark.parametrize("weighted", [False, True])
def test_objective_is_the_mean_of_its_bound(weighted) -> None:
    model, x, noise = new_model(), rows(6), torch.randn((4, 6, 2), generator=generator())
    terms, value = DensityObjective(model, weighted)(x, noise)
    expected = (iwae if weighted else elbo)(model, x, noise)
    torch.testing.assert_close(value, expected.value.mean())
    torch.testing.assert_close(terms["bound"], expected.free_energy.bound)


def test_averaged_weights_are_less_noisy() -> None:
    """Values that wander about zero: the mean of the last ones lies closer to it than the last."""
    weight, source = nn.Parameter(torch.zeros(1000)), generator()
    average = WeightAverage([weight], decay=0.99)
    with torch.no_grad():
        for _ in range(500):
            weight.copy_(torch.randn(1000, generator=source))
            average.take()
    average.put()
    assert 0.04 < float(weight.detach().std()) < 0.1  # sqrt((1 - decay) / (1 + decay)) = 0.07


def test_averaging_zero_keeps_the_last_weights() -> None:
    plain, averaged = new_model(), new_model()
    train(plain, PLAN)
    train(averaged, replace(PLAN, averaging=0.9))
    assert not torch.equal(plain.prior.means, averaged.prior.means)
    torch.testing.assert_close(plain.prior.means, averaged.prior.means, atol=0.1, rtol=0)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"epochs": 0}, "epochs must be a number between"),
        ({"epochs": float("nan")}, "epochs must be a number between"),
        ({"epochs": 1, "batch_size": 0}, "batch_size must be a whole number"),
        ({"epochs": 1, "n_draws": 2.5}, "n_draws must be a whole number"),
        ({"epochs": 1, "importance_share": 1.5}, "importance_share must be a number between 0 and 1"),
        ({"epochs": 1, "averaging": 1.0}, "averaging must be a number between 0 and 0.99999"),
        ({"epochs": 1, "learning_rate": True}, "learning_rate must be a number"),
    ],
)
def test_plans_out_of_range_are_refused_in_one_line(values, said) -> None:
    with pytest.raises(InputError, match=said) as caught:
        DensityPlan(**values)
    assert "\n" not in str(caught.value)
