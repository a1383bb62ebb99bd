from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch

from mixtura.vae import Settings, fit_model
from mixtura.vae.training import procedure
from mixtura.vae.training.loop import LoopResult
from mixtura.vae.training.procedure import choose_transform
from mixtura.vae.training.stages import ALL_PARTS, Stage, plan

SMALL = Settings(n_components=3, latent_dim=2, hidden=(8,), max_epochs=10, batch_size=16)
KINDS = list(product(("default", "plain"), ("exact", "amortised")))


def table(n: int = 33) -> torch.Tensor:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(n, 4)) + 5 * rng.integers(0, 3, n)[:, None]
    return torch.from_numpy((rows - rows.mean(0)) / rows.std(0)).float()


def images(n: int = 20) -> torch.Tensor:
    rng = np.random.default_rng(0)
    pictures = rng.random((n, 8, 9)) * 0.3
    pictures[: n // 2, :4] += 0.6
    return torch.from_numpy(pictures.reshape(n, -1)).float()


def settings(kind: tuple[str, str]) -> Settings:
    return replace(SMALL, procedure=kind[0], responsibilities=kind[1])


@pytest.fixture
def spied(monkeypatch) -> list[dict[str, Any]]:
    """Every stage that is run: its name, its parts, and which tensors of the model it changed."""
    stages: list[dict[str, Any]] = []
    run_stage = procedure.run_stage

    def spy(placement, objective, *arguments) -> LoopResult:
        before = {name: value.clone() for name, value in objective.model.state_dict().items()}
        result = run_stage(placement, objective, *arguments)
        after = objective.model.state_dict()
        changed = {name for name, value in before.items() if not torch.equal(value, after[name])}
        stages.append({"stage": objective.stage, "changed": changed, "result": result})
        return result

    monkeypatch.setattr(procedure, "run_stage", spy)
    return stages


@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_stages_train_their_own_parts_and_nothing_else(kind, spied) -> None:
    trained = fit_model(table(), settings(kind), domain="real", seed=0)
    expected = plan(settings(kind), on_rows=True)
    assert [spy["stage"].name for spy in spied] == [stage.name for stage in expected]
    parameters = {name for name, _ in trained.model.named_parameters()}
    if kind[0] == "default":
        parameters.discard("responsibilities.from_w.weight")  # q(z|w, x) is one of x alone there
    for spy in spied:
        own = {name for name in parameters if name.partition(".")[0] in spy["stage"].parts}
        assert spy["changed"] & parameters, spy["stage"].name
        assert spy["changed"] <= own | {"likelihood.std_floor"}, spy["stage"].name
    assert parameters <= set().union(*(spy["changed"] for spy in spied))


@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_schedules_end_where_they_should(kind, spied) -> None:
    chosen = replace(settings(kind), std_floor=0.07)
    trained = fit_model(table(), chosen, domain="real", seed=0)
    assert float(trained.model.likelihood.std_floor) == pytest.approx(0.07)
    assert all(spy["result"].done == 1.0 for spy in spied)
    epochs = [event for event in trained.record.events if "epoch" in event]
    assert epochs[-1]["epoch"] == epochs[-1]["of"] == trained.record.n_epochs
    assert epochs[-1]["learning_rate"] < 0.3 * max(event["learning_rate"] for event in epochs)


@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_a_schedule_longer_than_its_run_does_not_pass_silently(kind, monkeypatch) -> None:
    monkeypatch.setattr(procedure, "run_stage", lambda *arguments: LoopResult(done=0.9))
    with pytest.raises(AssertionError):
        fit_model(table(), settings(kind), domain="real", seed=0)


@pytest.mark.parametrize("max_epochs", [1, 2, 10])
def test_max_epochs_is_how_often_the_data_are_passed(max_epochs) -> None:
    chosen = replace(SMALL, procedure="plain", max_epochs=max_epochs)
    trained = fit_model(table(), chosen, domain="real", seed=0)
    assert trained.record.n_epochs == max_epochs
    assert sum("epoch" in event for event in trained.record.events) == max_epochs


def test_the_log_has_the_terms_of_every_epoch_and_adds_up() -> None:
    heard: list[dict[str, Any]] = []
    trained = fit_model(table(), SMALL, domain="real", seed=0, on_event=heard.append)
    assert heard == trained.record.events
    assert {"stage"} <= set.intersection(*(set(event) for event in heard))
    for event in heard:
        if "message" in event:
            continue
        if "teacher_kl" in event:
            assert event["teacher_kl"] >= 0
            assert event["objective"] == -event["teacher_kl"]
            continue
        costs = event["cluster"] + event["conditional_prior"]
        assert event["bound"] == pytest.approx(event["reconstruction"] - costs, rel=1e-6)
        assert event["cluster"] >= -1e-6
        assert np.isfinite([value for value in event.values() if isinstance(value, float)]).all()
    order = [event["epoch"] for event in heard if "epoch" in event]
    assert order == sorted(order)


def test_objective_and_bound_are_one_in_the_plain_procedure() -> None:
    trained = fit_model(table(), replace(SMALL, procedure="plain"), domain="real", seed=0)
    for event in trained.record.events:
        assert event["objective"] == pytest.approx(event["bound"], rel=1e-5)


@pytest.mark.parametrize("responsibilities", ["exact", "amortised"])
def test_plain_trains_every_parameter_and_raises_the_bound(responsibilities, spied) -> None:
    chosen = replace(SMALL, procedure="plain", responsibilities=responsibilities, max_epochs=60)
    trained = fit_model(table(), chosen, domain="real", seed=0)
    bounds = [event["bound"] for event in trained.record.events]
    assert np.mean(bounds[-10:]) > bounds[0] + 0.2
    (spy,) = spied
    assert {name for name, _ in trained.model.named_parameters()} <= spy["changed"]
    assert {name.partition(".")[0] for name in spy["changed"]} >= set(ALL_PARTS) - {"responsibilities"}


@pytest.mark.parametrize("responsibilities", ["exact", "amortised"])
def test_components_part_from_one_another(responsibilities) -> None:
    """Components that start alike get equal gradients and would stay alike for ever."""
    for kind in ("default", "plain"):
        chosen = replace(SMALL, procedure=kind, responsibilities=responsibilities)
        means = fit_model(table(), chosen, domain="real", seed=0).model.prior.means
        assert torch.pdist(means).min() > 1e-3, kind


def test_transforms_are_for_the_encoder_alone(monkeypatch) -> None:
    """With transforms the objective gets x as it is, and what is moved beside it."""
    batches = []
    batch = procedure.Trainer._batch

    def spy(self, rows):
        x, noise, moved, *others = batch(self, rows)
        batches.append((x, moved))
        return x, noise, moved, *others

    monkeypatch.setattr(procedure.Trainer, "_batch", spy)
    data = images()
    fit_model(data, replace(SMALL, n_components=2), domain="unit", seed=0, image_shape=(8, 9))
    rows = {tuple(row) for row in data.tolist()}
    assert all(tuple(row) in rows for x, _ in batches for row in x.tolist())
    assert any(not torch.equal(x, moved) for x, moved in batches)


@pytest.mark.parametrize(
    ("transforms", "procedure_name", "shape", "expected"),
    [
        ("auto", "default", (28, 28), True),
        ("auto", "default", (28, 28, 1), True),
        ("auto", "default", (28, 28, 3), False),
        ("affine", "default", (28, 28, 3), True),
        (None, "default", (28, 28), False),
        ("auto", "default", None, False),
        ("affine", "plain", (28, 28), False),
    ],
)
def test_transforms_are_chosen_from_the_shape(transforms, procedure_name, shape, expected) -> None:
    chosen = Settings(transforms=transforms, procedure=procedure_name)
    assert (choose_transform(chosen, shape) is not None) == expected


def test_every_row_is_seen_equally_often(monkeypatch) -> None:
    seen: Counter[int] = Counter()
    batch = procedure.Trainer._batch

    def spy(self, rows):
        seen.update(rows.tolist())
        return batch(self, rows)

    monkeypatch.setattr(procedure.Trainer, "_batch", spy)
    fit_model(table(), replace(SMALL, procedure="plain", max_epochs=4), domain="real", seed=0)
    assert set(seen.values()) == {4}
    assert len(seen) == 33


def test_images_are_taught_in_rounds_and_the_groups_found_anew_before_each(spied) -> None:
    rows = torch.cat([images(100), images(110).flip(1)])
    chosen = replace(SMALL, n_components=2, max_epochs=None, batch_size=128)
    trained = fit_model(rows, chosen, domain="unit", seed=0, image_shape=(8, 9))
    stages = plan(chosen)
    assert [spy["stage"].name for spy in spied] == [stage.name for stage in stages]
    messages = [event for event in trained.record.events if "message" in event]
    assert [event["stage"] for event in messages] == [stage.name for stage in stages if stage.regroup]
    assert messages[0]["message"].endswith("on codes")
    assert all(event["message"].endswith("on codes and features") for event in messages[1:])
    passes = Counter(event["stage"] for event in trained.record.events if "epoch" in event)
    assert all(passes[stage.name] <= (stage.most_epochs or 400) for stage in stages)
    epochs = [event for event in trained.record.events if "epoch" in event]
    assert epochs[-1]["epoch"] == pytest.approx(epochs[-1]["of"], abs=1)


@pytest.mark.parametrize("given", [None, 1e-3])
def test_the_rate_of_a_stage_is_relative_to_that_of_the_run(given, spied) -> None:
    stages = (Stage("slow", 1.0, z="exact"), Stage("fast", 1.0, z="exact", rate=3.0))
    chosen = replace(SMALL, learning_rate=given, responsibilities="exact", max_epochs=8)
    fit_model(table(), chosen, domain="real", seed=0, stages=stages)
    slow, fast = (spy["result"].last_rate for spy in spied)
    assert fast == pytest.approx(3.0 * slow, rel=1e-9)


def test_noise_is_not_taught_as_groups(spied) -> None:
    noise = torch.from_numpy(np.random.default_rng(0).random((300, 72))).float()
    chosen = replace(SMALL, max_epochs=4)
    trained = fit_model(noise, chosen, domain="unit", seed=0)
    assert not trained.record.evidence.better
    taught = [spy["stage"] for spy in spied if spy["stage"].name != "pretrain"]
    assert {stage.teacher for stage in taught} == {"prior"}
    assert all(stage.parts == ALL_PARTS for stage in taught)
    assert sum("on codes" in event.get("message", "") for event in trained.record.events) == 1


@pytest.mark.parametrize("rise", [0.1, 0.5])
def test_the_weight_of_the_prior_rises_over_its_share_of_a_stage(rise, monkeypatch) -> None:
    run_stage, weights = procedure.run_stage, []

    def spy(placement, objective, parameters, batch, loop, *rest) -> LoopResult:
        def on_step(done: float) -> None:
            loop.on_step(done)
            weights.append((done, objective.prior_weight))

        return run_stage(placement, objective, parameters, batch, replace(loop, on_step=on_step), *rest)

    monkeypatch.setattr(procedure, "run_stage", spy)
    stages = [Stage("a", 1, z="exact", prior_weight=0.05, rise=rise)]
    fit_model(table(), settings(("plain", "exact")), domain="real", seed=0, stages=stages)
    assert weights[0][1] == 0.05
    assert all((weight == 1.0) == (done >= rise) for done, weight in weights)


@pytest.mark.parametrize("responsibilities", ["exact", "amortised"])  # derived, and by autograd
def test_matrices_of_encoder_and_decoder_decay_and_nothing_else(responsibilities) -> None:
    chosen, kind = settings(("plain", responsibilities)), "conv" if responsibilities == "amortised" else "mlp"
    chosen = replace(chosen, network=kind, hidden=(8,), max_epochs=1, learning_rate=1e-7)
    models = [
        fit_model(
            images(),
            chosen,
            domain="unit",
            seed=0,
            image_shape=(8, 9),
            stages=[Stage("a", 1, z="exact", weight_decay=decay)],
        ).model
        for decay in (0.0, 1e5)
    ]
    (_, first), (_, second) = (list(zip(*model.named_parameters(), strict=True)) for model in models)
    for (name, _), before, after in zip(models[0].named_parameters(), first, second, strict=True):
        network = name.startswith(("posterior", "likelihood"))
        ratio = float(after.norm() / before.norm()) if float(before.norm()) > 0 else 1.0
        assert (ratio < 0.999) == (network and before.dim() > 1), name
