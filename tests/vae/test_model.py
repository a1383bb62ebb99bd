from __future__ import annotations

import pytest
import torch

from mixtura.errors import InputError
from mixtura.vae import Settings, build_model, evidence_lower_bound
from mixtura.vae.model import default_hidden
from mixtura.vae.networks import ConvDecoder, ConvEncoder
from mixtura.vae.posterior import AmortisedResponsibilities, ExactResponsibilities


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_same_seed_same_weights_and_no_global_state() -> None:
    settings = Settings(n_components=3, responsibilities="amortised")
    before = torch.random.get_rng_state()
    first, again, other = (
        build_model(settings, n_encoded=6, domain="real", generator=seeded(s)).state_dict() for s in (0, 0, 1)
    )
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(value, again[name]) for name, value in first.items())
    assert any(not torch.equal(value, other[name]) for name, value in first.items())


def test_without_a_generator_the_weights_are_zero() -> None:
    settings = Settings(n_components=3, responsibilities="amortised")
    model = build_model(settings, n_encoded=6, domain="real")
    assert all((parameter == 0).all() for parameter in model.parameters())


def test_every_part_is_filled_and_finite() -> None:
    settings = Settings(n_components=3, responsibilities="amortised")
    model = build_model(settings, n_encoded=6, domain="real", generator=seeded())
    for name in ("posterior", "responsibilities", "likelihood"):
        for parameter in getattr(model, name).parameters():
            assert torch.isfinite(parameter).all()
            assert parameter.abs().max() > 0


@pytest.mark.parametrize("shape", [(7, 9), (28, 28), (33, 20, 3), (64, 64, 3)], ids=str)
@pytest.mark.parametrize("network", ["mlp", "conv"])
@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
def test_models_of_images_have_a_bound(likelihood, network, shape) -> None:
    n = torch.Size(shape).numel()
    settings = Settings(n_components=3, likelihood=likelihood, network=network, hidden=(16,))
    domain = "binary" if likelihood == "bernoulli" else "unit"
    model = build_model(settings, n_encoded=n, domain=domain, image_shape=shape, generator=seeded())
    x = torch.rand(2, n, generator=seeded()).round()
    terms = evidence_lower_bound(model, x, torch.zeros(2, model.latent_dim))
    assert terms.bound.shape == (2,)
    assert torch.isfinite(terms.bound).all()
    assert isinstance(model.posterior.network, ConvEncoder) == (network == "conv")
    assert isinstance(model.likelihood.network, ConvDecoder) == (network == "conv")


def test_conv_learns_tiny_images() -> None:
    """A few steps on bright and dark halves raise the bound."""
    shape, generator = (8, 9, 1), seeded()
    x = torch.full((16, *shape), 0.2)
    x[:8, :4] = 0.8
    x[8:, 4:] = 0.8
    x = x.reshape(16, -1)
    settings = Settings(n_components=2, latent_dim=2, network="conv", hidden=(16,))
    model = build_model(settings, n_encoded=72, domain="unit", image_shape=shape, generator=generator)
    optimiser = torch.optim.Adam(model.parameters(), lr=5e-3)
    bounds = []
    for _ in range(60):
        bound = evidence_lower_bound(model, x, torch.randn(16, 2, generator=generator)).bound.mean()
        optimiser.zero_grad()
        (-bound).backward()
        optimiser.step()
        bounds.append(float(bound.detach()))
    assert bounds[-1] > bounds[0] + 20
    picture = model.likelihood(model.posterior(x).base_dist.loc).mean.detach().reshape(16, 8, 9)
    assert (picture[:8, :4].mean() > picture[:8, 4:].mean() + 0.2).all()


def test_sizes_are_chosen_from_the_data() -> None:
    for n_encoded, latent_dim in ((3, 3), (10, 10), (50, 10)):
        assert build_model(Settings(), n_encoded=n_encoded, domain="real").latent_dim == latent_dim
    assert build_model(Settings(latent_dim=4), n_encoded=2, domain="real").latent_dim == 4
    assert build_model(Settings(n_components=5), n_encoded=2, domain="real").n_components == 5
    model = build_model(Settings(hidden=(7, 5), latent_dim=2), n_encoded=3, domain="real")
    assert [tuple(p.shape) for p in model.posterior.network.parameters() if p.ndim == 2] == [
        (7, 3),
        (5, 7),
        (4, 5),
    ]
    assert [tuple(p.shape) for p in model.likelihood.network.parameters() if p.ndim == 2] == [
        (5, 2),
        (7, 5),
        (6, 7),
    ]


def test_hidden_layers_grow_with_the_features() -> None:
    widths = [default_hidden(n, "mlp")[0] for n in (1, 47, 48, 400, 401, 10_000)]
    assert widths == sorted(widths)
    assert default_hidden(4096, "conv") == (256,)


@pytest.mark.parametrize(
    ("responsibilities", "kind"), [("exact", ExactResponsibilities), ("amortised", AmortisedResponsibilities)]
)
def test_permuting_components_changes_no_density(responsibilities, kind, make_model, make_rows) -> None:
    model, x = make_model("real", responsibilities, latent_dim=2), make_rows("real", 4)
    assert isinstance(model.responsibilities, kind)
    noise = torch.randn(4, 2, generator=seeded(), dtype=torch.float64)
    with torch.no_grad():
        before = evidence_lower_bound(model, x, noise)
        w = model.posterior(x).reparameterise(noise)
        r = model.responsibilities(w, x, model.prior())
        order = torch.tensor([2, 0, 1])
        model.permute_components(order)
        after = evidence_lower_bound(model, x, noise)
        for name, value in before.as_dict().items():
            torch.testing.assert_close(after.as_dict()[name], value)
        torch.testing.assert_close(model.responsibilities(w, x, model.prior()), r[:, order])


def test_state_goes_into_an_empty_model_and_scores_alike(case, make_model, make_rows) -> None:
    model, x, noise = make_model(*case, log_determinant=0.3), make_rows(case[0], 4), torch.zeros(4, 1)
    empty = make_model(*case, seed=1, weights=(0.4, 0.4, 0.2))
    empty.load_state_dict(model.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(
            evidence_lower_bound(empty, x, noise.double()).bound,
            evidence_lower_bound(model, x, noise.double()).bound,
            rtol=0,
            atol=0,
        )


def test_convolutions_need_images() -> None:
    with pytest.raises(InputError, match=r"network='conv' needs images.*; use"):
        build_model(Settings(network="conv"), n_encoded=4, domain="real")


def test_convolutions_have_one_hidden_layer() -> None:
    with pytest.raises(InputError, match=r"hidden=\(8, 4\).*one"):
        build_model(Settings(network="conv", hidden=(8, 4)), n_encoded=64, domain="unit", image_shape=(8, 8))
