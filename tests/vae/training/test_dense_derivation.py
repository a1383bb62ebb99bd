from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from mixtura.vae import Settings
from mixtura.vae.model import GaussianMixtureVAE, build_model
from mixtura.vae.training.dense_derivation import supports
from mixtura.vae.training.stages import Stage, plan, without_groups
from mixtura.vae.training.vae_stages import vae_plan

EXACT = Settings(n_components=3, latent_dim=2, hidden=(4,), responsibilities="exact")


def made(**changes: Any) -> GaussianMixtureVAE:
    chosen = replace(EXACT, **changes)
    return build_model(chosen, n_encoded=64, domain="unit", image_shape=(8, 8))


def test_what_is_derived_is_said() -> None:
    assert all(supports(made(), stage) for stage in plan(EXACT))
    assert all(supports(made(), stage) for stage in plan(replace(EXACT, procedure="plain")))
    learned = replace(EXACT, responsibilities="amortised")
    for stage in (*plan(learned), *plan(replace(learned, procedure="plain"))):
        assert supports(made(responsibilities="amortised"), stage)
        assert supports(made(responsibilities="amortised"), without_groups(stage, learned=True))
    assert all(supports(made(), stage) for stage in vae_plan(beta=4.0, std_floor=(0.3, 0.05)))
    assert not supports(made(network="conv"), Stage("a", 1))
    assert not supports(made(), Stage("a", 1, teacher="prior"))
    assert not supports(made().bfloat16(), Stage("a", 1))
    activated = made()
    activated.posterior.network[1] = nn.Tanh()
    assert not supports(activated, Stage("a", 1))
    taught = made(responsibilities="amortised")
    taught.responsibilities.network = nn.Sequential(nn.Linear(64, 4), nn.Tanh(), nn.Linear(4, 4))
    assert not supports(taught, Stage("a", 1, teacher="groups"))
    assert supports(taught, Stage("a", 1, z="groups"))


def test_a_field_that_is_not_known_is_left_to_autograd() -> None:
    @dataclass(frozen=True)
    class Later(Stage):
        surprise: float = 0.0

    assert supports(made(), Later("a", 1))
    assert not supports(made(), Later("a", 1, surprise=1.0))
