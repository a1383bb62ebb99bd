from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from mixtura.errors import InputError, TrainingError
from mixtura.vae import Settings, build_model, evidence_lower_bound, fit_model
from mixtura.vae.distributions import DiagonalGaussian
from mixtura.vae.fit import number_groups, scoring_noise
from mixtura.vae.inference import estimate_bound
from mixtura.vae.likelihood import GaussianLikelihood
from mixtura.vae.training.stages import plan

# The start by default tries many, which takes most of a short fit: where it matters it is named.
SMALL = Settings(n_components=2, latent_dim=2, hidden=(8,), max_epochs=7, batch_size=16, start="kmeans")


def rows(domain: str = "real", n: int = 40, n_features: int = 4) -> torch.Tensor:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(n, n_features)) + 4 * (np.arange(n) % 2)[:, None] - 2
    if domain == "binary":
        return torch.from_numpy((values > 0).astype(np.float32))
    return torch.from_numpy(1 / (1 + np.exp(-values)) if domain == "unit" else values / 2.2).float()


def fit(settings: Settings = SMALL, domain: str = "real", seed: int = 0, **rest: Any) -> Any:
    x = rest.pop("x", None)
    return fit_model(rows(domain) if x is None else x, settings, domain=domain, seed=seed, **rest)


def assert_same_bits(a: torch.nn.Module, b: torch.nn.Module) -> None:
    for name, value in a.state_dict().items():
        assert torch.equal(value, b.state_dict()[name]), name


def mean_bound(trained: Any, x: torch.Tensor) -> float:
    return estimate_bound(trained.model, x.double(), 32, torch.Generator().manual_seed(1)).free_energy.bound


KINDS = [
    replace(SMALL, start="auto"),
    replace(SMALL, procedure="plain"),
    replace(SMALL, responsibilities="amortised", covariance_type="diag"),
    replace(SMALL, procedure="plain", responsibilities="amortised"),
]


@pytest.mark.parametrize("settings", KINDS, ids=range(len(KINDS)))
def test_same_seed_same_bits_other_seed_other_bits(settings) -> None:
    first, again, other = (fit(settings, seed=seed) for seed in (3, 3, 4))
    assert_same_bits(first.model, again.model)
    for a, b in zip(first.record.events, again.record.events, strict=True):
        assert {k: v for k, v in a.items() if k != "seconds"} == {
            k: v for k, v in b.items() if k != "seconds"
        }
    assert not torch.equal(first.model.prior.means, other.model.prior.means)
    assert not torch.equal(first.model.likelihood.network[0].weight, other.model.likelihood.network[0].weight)


OTHER = {
    "n_components": 4,
    "latent_dim": 3,
    "responsibilities": "exact",
    "inference": "wake",
    "procedure": "plain",
    "covariance_type": "diag",
    "weights": "learned",
    "max_epochs": 8,
    "batch_size": 8,
    "network": "conv",
    "hidden": (9,),
    "transforms": None,
    "start": "kmeans",
    "std_floor": 0.1,
    "learning_rate": 1e-4,
    "precision": "bfloat16",
}


def test_every_setting_is_tried_below() -> None:
    assert set(Settings.names()) - set(OTHER) == {"likelihood", "device"}  # each has tests of its own


BASE = replace(SMALL, n_components=3, start="graph")


def fit_images(settings: Settings) -> dict[str, torch.Tensor]:
    x = torch.rand(40, 64, generator=torch.Generator().manual_seed(0))
    return fit(settings, "unit", x=x, image_shape=(8, 8)).model.state_dict()


@pytest.fixture(scope="module")
def base_state() -> dict[str, torch.Tensor]:
    return fit_images(BASE)


@pytest.mark.parametrize("name", OTHER)
def test_every_setting_changes_something(base_state, name) -> None:
    other = fit_images(replace(BASE, **{name: OTHER[name]}))
    assert any(
        key not in other or value.shape != other[key].shape or not torch.equal(value, other[key])
        for key, value in base_state.items()
    )


def test_no_global_random_state_is_touched() -> None:
    before = torch.random.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    settings = replace(SMALL, responsibilities="amortised", start="auto")
    fit(settings, "unit", x=rows("unit", 20, 64), image_shape=(8, 8))
    assert torch.equal(torch.random.get_rng_state(), before[0])
    np.testing.assert_array_equal(np.random.get_state()[1], before[1])
    assert random.getstate() == before[2]


def test_global_random_states_do_not_matter() -> None:
    first = fit()
    torch.manual_seed(5)
    np.random.seed(5)
    assert_same_bits(first.model, fit().model)


def test_no_global_setting_of_torch_is_changed() -> None:
    def state() -> tuple[Any, ...]:
        return (
            torch.get_default_dtype(),
            torch.get_num_threads(),
            torch.get_float32_matmul_precision(),
            torch.are_deterministic_algorithms_enabled(),
            torch.is_grad_enabled(),
        )

    before = state()
    fit()
    assert state() == before


def test_the_model_is_ready_to_score() -> None:
    trained = fit(log_determinant=-1.25)
    assert not trained.model.training
    for tensor in trained.model.state_dict().values():
        assert tensor.dtype == torch.float64
        assert tensor.device.type == "cpu"
    assert not any(parameter.requires_grad for parameter in trained.model.parameters())
    assert float(trained.model.log_determinant) == -1.25
    assert (trained.device, trained.precision) == ("cpu", "32-true")


@pytest.mark.parametrize("domain", ["real", "unit", "binary"])
@pytest.mark.parametrize("procedure", ["default", "plain"])
def test_training_raises_the_bound_in_every_domain(procedure, domain) -> None:
    likelihood = "bernoulli" if domain == "binary" else "gaussian"
    settings = replace(SMALL, likelihood=likelihood, procedure=procedure, max_epochs=30)
    untrained = build_model(settings, n_encoded=4, domain=domain, generator=torch.Generator().manual_seed(0))
    before = estimate_bound(untrained, rows(domain), 32, torch.Generator().manual_seed(1)).free_energy.bound
    assert mean_bound(fit(settings, domain), rows(domain)) > before + 0.1


@pytest.mark.parametrize("n", [1, 2, 5, 16, 17, 33, 49])
@pytest.mark.parametrize("procedure", ["default", "plain"])
def test_any_number_of_rows_fits(procedure, n) -> None:
    """17, 33 and 49 leave a last batch of one row; 1 and 2 are hardly any data at all."""
    x = rows(n=n)
    settings = replace(
        SMALL, n_components=min(2, n), procedure=procedure, responsibilities="amortised", start="auto"
    )
    trained = fit(settings, x=x)
    assert np.isfinite(mean_bound(trained, x))
    assert trained.record.rollbacks == []


@pytest.mark.parametrize(
    "x",
    [
        torch.ones(20, 3),
        torch.zeros(20, 3),
        torch.cat([torch.zeros(19, 3), torch.full((1, 3), 4.0)]),
        torch.eye(3).repeat(7, 1),
        torch.full((20, 1), 1e-30),
    ],
    ids=["ones", "zeros", "outlier", "duplicates", "tiny"],
)
@pytest.mark.parametrize("responsibilities", ["exact", "amortised"])
def test_degenerate_rows_fit_without_nan(responsibilities, x) -> None:
    trained = fit(replace(SMALL, n_components=3, responsibilities=responsibilities, start="auto"), x=x)
    assert np.isfinite(mean_bound(trained, x))


@pytest.mark.parametrize("n_components", [1, 5])
def test_one_group_and_as_many_as_rows(n_components) -> None:
    x = rows(n=5)
    settings = replace(SMALL, n_components=n_components, start="auto")
    assert np.isfinite(mean_bound(fit(settings, x=x), x))


def test_convolutions_train_on_tiny_images() -> None:
    x = rows("unit", 24, 9 * 8 * 3)
    settings = replace(SMALL, network="conv")
    trained = fit(settings, "unit", x=x, image_shape=(9, 8, 3))
    assert np.isfinite(mean_bound(trained, x))
    assert_same_bits(trained.model, fit(settings, "unit", x=x, image_shape=(9, 8, 3)).model)


class Spoilt(GaussianLikelihood):
    """A likelihood whose variance turns NaN for one row on some calls."""

    calls = 0
    spoil: tuple[int, ...] = ()

    def forward(self, w: torch.Tensor) -> DiagonalGaussian:
        p = super().forward(w)
        if not torch.is_grad_enabled():
            return p
        call, type(self).calls = self.calls, self.calls + 1
        if call not in self.spoil:
            return p
        scale = p.base_dist.scale.clone()
        scale[0] = torch.nan
        return DiagonalGaussian(p.base_dist.loc, scale)


@pytest.fixture
def spoilt(monkeypatch):
    """Make the likelihood fail on the calls that are named."""

    def spoil(*calls: int) -> None:
        monkeypatch.setattr(Spoilt, "calls", 0)
        monkeypatch.setattr(Spoilt, "spoil", calls)
        monkeypatch.setattr("mixtura.vae.model.GaussianLikelihood", Spoilt)

    return spoil


@pytest.mark.parametrize("procedure", ["default", "plain"])
def test_nan_is_named_undone_and_survived(procedure, spoilt) -> None:
    spoilt(3)
    trained = fit(replace(SMALL, procedure=procedure))
    (message,) = trained.record.rollbacks
    assert "'reconstruction'" in message
    assert "1 rows" in message
    assert all(torch.isfinite(value).all() for value in trained.model.state_dict().values())
    assert np.isfinite(mean_bound(trained, rows()))


def test_nan_without_end_is_an_error_in_one_line(spoilt) -> None:
    spoilt(*range(2, 10_000))
    with pytest.raises(TrainingError, match="'reconstruction' was not finite at 1 rows") as caught:
        fit()
    assert "\n" not in str(caught.value)


def test_nan_in_the_data_is_named_by_its_row() -> None:
    x = rows(n=12)
    x[7, 1] = torch.nan
    with pytest.raises(TrainingError, match=r"not finite at 1 rows of a step \(such as \[7\]\)"):
        fit(replace(SMALL, procedure="plain"), x=x)


def test_bfloat16_products_give_a_bound_near_the_one_in_float32() -> None:
    x = rows(n=60)
    low, full = (
        fit(replace(SMALL, procedure="plain", precision=precision, max_epochs=40), x=x)
        for precision in ("bfloat16", "float32")
    )
    assert (low.precision, full.precision) == ("bf16-mixed", "32-true")
    assert mean_bound(low, x) == pytest.approx(mean_bound(full, x), abs=0.25)
    assert all(np.isfinite(event["bound"]) for event in low.record.events)


def test_bfloat16_leaves_densities_in_float32(make_model, make_rows) -> None:
    model, x = make_model("real", "amortised", latent_dim=2).float(), make_rows("real", 6).float()
    noise = torch.randn(6, 2, generator=torch.Generator().manual_seed(0))
    exact = evidence_lower_bound(model, x, noise)
    with torch.autocast("cpu", torch.bfloat16):
        low = evidence_lower_bound(model, x, noise)
    for name, value in low.as_dict().items():
        assert value.dtype == torch.float32, name
        torch.testing.assert_close(value, exact.as_dict()[name], rtol=0.1, atol=0.3)


def test_unknown_devices_are_refused() -> None:
    with pytest.raises(InputError, match="device"):
        fit(replace(SMALL, device="tpu"))


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("responsibilities", ["exact", "amortised"])
def test_fits_on_a_gpu(responsibilities, precision) -> None:
    x = rows("unit", 200, 64)
    settings = replace(SMALL, responsibilities=responsibilities, precision=precision, max_epochs=20)
    on_gpu = fit(replace(settings, device="cuda"), "unit", x=x, image_shape=(8, 8))
    again = fit(replace(settings, device="cuda"), "unit", x=x, image_shape=(8, 8))
    assert on_gpu.device.startswith("cuda")
    assert_same_bits(on_gpu.model, again.model)
    assert mean_bound(on_gpu, x) > mean_bound(fit(replace(settings, max_epochs=1), "unit", x=x), x)


def test_groups_are_numbered_by_falling_size(make_model, make_rows) -> None:
    model, x = make_model("real", "amortised", latent_dim=2), make_rows("real", 7)
    noise = torch.zeros(7, 2, dtype=torch.float64)
    with torch.no_grad():
        before = evidence_lower_bound(model, x, noise).bound
        means = model.prior.means.clone()
        labels = number_groups(model, np.array([2, 2, 2, 2, 0, 0, 1]))
        torch.testing.assert_close(evidence_lower_bound(model, x, noise).bound, before)
    np.testing.assert_array_equal(labels, [0, 0, 0, 0, 1, 1, 2])
    torch.testing.assert_close(model.prior.means.detach(), means[[2, 0, 1]])


def test_empty_groups_are_numbered_last_and_equal_ones_keep_their_order(make_model) -> None:
    model = make_model("real", weights=(0.25, 0.25, 0.25, 0.25))
    np.testing.assert_array_equal(number_groups(model, np.array([3, 1, 3, 1])), [1, 0, 1, 0])


def test_scoring_noise_depends_on_its_seed_alone(make_model) -> None:
    model = make_model("real", latent_dim=2)
    before = torch.random.get_rng_state()
    noise = scoring_noise(model, 5, 8)
    assert noise.shape == (8, 2)
    assert noise.dtype == torch.float64
    assert torch.equal(noise, scoring_noise(model, 5, 8))
    assert not torch.equal(noise, scoring_noise(model, 6, 8))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_stages_of_ones_own_are_what_is_run() -> None:
    stages = plan(SMALL)[:-1]
    trained = fit_model(rows(), SMALL, domain="real", seed=0, stages=stages)
    names = dict.fromkeys(event["stage"] for event in trained.record.events if "epoch" in event)
    assert list(names) == [stage.name for stage in stages]
