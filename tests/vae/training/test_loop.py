from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from typing import Any

import pytest
import torch
from torch import nn

from mixtura.errors import TrainingError
from mixtura.vae.training.loop import AutogradStep, LoopResult, LoopSettings, run_stage
from mixtura.vae.training.placement import Placement

RATE = 0.05


class Parabola(nn.Module):
    """-(a - x)^2 for each row x, which can be spoilt at given calls."""

    def __init__(self, spoil: Callable[[int, dict[str, torch.Tensor]], None] | None = None) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.tensor([3.0, -2.0]))
        self.spoil = spoil or (lambda call, terms: None)
        self.seen: list[torch.Tensor] = []

    def forward(self, x: torch.Tensor) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        self.seen.append(self.a.detach().clone())
        terms = {"fit": -(self.a - x).square().sum(1), "cost": torch.zeros(len(x))}
        self.spoil(len(self.seen) - 1, terms)
        terms = {"bound": terms["fit"] - terms["cost"], **terms}
        return terms, terms["bound"].mean()


class Run:
    """One run of the loop over rows of zeros, with everything that it reports."""

    def __init__(
        self,
        module: Parabola,
        *,
        n_steps: int = 40,
        n_rows: int = 10,
        batch_size: int = 4,
        rate: Callable[[float], float] = lambda done: RATE,
    ) -> None:
        self.epochs: list[dict[str, float]] = []
        self.batches: list[list[int]] = []
        self.done: list[float] = []
        self.result: LoopResult | None = None
        self.module = module

        def make_batch(rows: torch.Tensor) -> tuple[Any, ...]:
            self.batches.append(rows.tolist())
            return (torch.zeros(len(rows), 2),)

        self.settings = LoopSettings(n_steps, n_rows, batch_size, rate, self.done.append)
        self.make_batch = make_batch
        self.step: AutogradStep | None = None

    def __call__(self) -> Run:
        self.result = run_stage(
            Placement(),
            self.module,
            list(self.module.parameters()),
            self.make_batch,
            self.settings,
            torch.Generator().manual_seed(0),
            self.epochs.append,
            self.step,
        )
        return self


def nan_at(calls: set[int], name: str = "fit", rows: tuple[int, ...] = (1, 2)) -> Callable[..., None]:
    def spoil(call: int, terms: dict[str, torch.Tensor]) -> None:
        if call in calls:
            mask = torch.zeros(len(terms[name]), dtype=torch.bool)
            mask[list(rows)] = True
            terms[name] = torch.where(mask, torch.nan, terms[name])

    return spoil


def test_the_objective_is_maximised() -> None:
    run = Run(Parabola(), n_steps=200)()
    assert run.module.a.detach().abs().max() < 0.1
    assert run.epochs[-1]["bound"] > run.epochs[0]["bound"] + 10
    assert run.result.rollbacks == []


@pytest.mark.parametrize(("n_rows", "batch_size"), [(9, 4), (8, 4), (5, 8), (1, 1), (257, 256)])
def test_each_epoch_has_every_row_once_in_a_new_order(n_rows, batch_size) -> None:
    steps = -(-n_rows // batch_size)
    run = Run(Parabola(), n_steps=3 * steps, n_rows=n_rows, batch_size=batch_size)()
    epochs = [list(chain(*run.batches[i * steps : (i + 1) * steps])) for i in range(3)]
    assert all(sorted(epoch) == list(range(n_rows)) for epoch in epochs)
    assert n_rows < 5 or epochs[0] != epochs[1]
    assert max(map(len, run.batches)) == min(n_rows, batch_size)
    assert len(run.epochs) == 3


def test_epochs_report_means_over_rows_whatever_the_batches() -> None:
    run = Run(Parabola(), n_steps=3, n_rows=9, batch_size=4, rate=lambda done: 0.0)()
    (epoch,) = run.epochs
    assert epoch["fit"] == pytest.approx(-13)  # 3^2 + 2^2, the parameters unmoved
    assert epoch["bound"] == epoch["objective"] == pytest.approx(-13)
    assert epoch["steps"] == 3
    assert epoch["seconds"] >= 0


def test_a_stage_that_ends_within_an_epoch_still_reports() -> None:
    run = Run(Parabola(), n_steps=4, n_rows=9, batch_size=4)()
    assert [epoch["steps"] for epoch in run.epochs] == [3, 4]


@pytest.mark.parametrize("n_steps", [1, 2, 7])
def test_schedules_run_from_start_to_end_exactly(n_steps) -> None:
    run = Run(Parabola(), n_steps=n_steps)()
    assert len(run.done) == n_steps
    assert run.done[-1] == run.result.done == 1.0
    assert run.done == sorted(run.done)
    assert n_steps == 1 or run.done[0] == 0.0


def test_the_rate_is_the_schedule_s() -> None:
    run = Run(Parabola(), n_steps=6, n_rows=4, rate=lambda done: RATE * (1 - done))()
    rates = [epoch["learning_rate"] for epoch in run.epochs]
    assert rates == sorted(rates, reverse=True)
    assert 0 < rates[-1] < rates[0] <= RATE
    assert run.result.last_rate == rates[-1]


def test_a_term_that_is_not_finite_is_named_with_its_rows_and_undone() -> None:
    run = Run(Parabola(nan_at({7})))()
    (message,) = run.result.rollbacks
    rows = [run.batches[7][i] for i in (1, 2)]
    assert "'fit'" in message
    assert "2 rows" in message
    assert str(rows) in message
    after = run.module.seen[8]
    assert any(torch.equal(after, seen) for seen in run.module.seen[:8]), "not a state from before"
    assert torch.isfinite(torch.stack(run.module.seen)).all()


def test_training_goes_on_at_half_the_rate() -> None:
    run = Run(Parabola(nan_at({4})), n_steps=200, n_rows=4)()
    assert run.epochs[3]["learning_rate"] == pytest.approx(RATE)
    assert run.epochs[-1]["learning_rate"] == pytest.approx(RATE / 2)
    assert run.module.a.detach().abs().max() < 0.2


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_infinities_are_caught_like_nan(value) -> None:
    def spoil(call: int, terms: dict[str, torch.Tensor]) -> None:
        if call == 2:
            terms["cost"] = torch.full_like(terms["cost"], value)

    run = Run(Parabola(spoil))()
    assert "'cost'" in run.result.rollbacks[0]
    assert torch.isfinite(run.module.a).all()


class Root(nn.Module):
    """sqrt(a), whose value at 0 is finite and whose gradient is not."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.zeros(1))
        self.seen: list[torch.Tensor] = []

    def forward(self, x: torch.Tensor) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        term = self.a.sqrt().expand(len(x))
        return {"bound": term, "fit": term}, term.mean()


def test_a_gradient_that_is_not_finite_is_named_too() -> None:
    run = Run(Root())
    with pytest.raises(TrainingError, match="gradient of the objective was not finite"):
        run()
    assert float(run.module.a.detach()) == 0


def test_trouble_without_end_is_an_error_that_keeps_the_last_finite_state() -> None:
    run = Run(Parabola(nan_at(set(range(10, 1000)))), n_steps=1000, n_rows=12)
    with pytest.raises(TrainingError, match=r"'fit' was not finite at 2 rows.*last finite state") as caught:
        run()
    assert "\n" not in str(caught.value)
    assert len(run.module.seen) < 30
    assert any(torch.equal(run.module.a.detach(), seen) for seen in run.module.seen[:11])


def test_parameters_that_are_not_finite_go_back_to_a_state_that_was() -> None:
    def spoil(call: int, terms: dict[str, torch.Tensor]) -> None:
        if call == 70:
            module.a.data.fill_(torch.nan)
            terms["fit"] = terms["fit"] * module.a.sum()

    module = Parabola(spoil)
    run = Run(module, n_steps=150)()
    assert len(run.result.rollbacks) == 1
    assert any(torch.equal(module.seen[71], seen) for seen in module.seen[:71])
    assert torch.isfinite(module.a).all()


class Watched(Run):
    """A run that keeps the gradient of each step, which is still there when the next one begins."""

    def __call__(self) -> Watched:
        self.gradients: list[torch.Tensor] = []

        def keep(done: float) -> None:
            if self.module.a.grad is not None:
                self.gradients.append(self.module.a.grad.clone())

        self.settings.on_step = keep
        super().__call__()
        return self


def test_ordinary_gradients_are_left_alone() -> None:
    run = Watched(Parabola(), n_steps=30)()
    expected = [2 * a for a in run.module.seen[:29]]  # of what is minimised, a^2
    torch.testing.assert_close(torch.stack(run.gradients), torch.stack(expected))


def test_a_gradient_spike_is_clipped_and_does_not_stall_what_follows() -> None:
    def spoil(call: int, terms: dict[str, torch.Tensor]) -> None:
        if call == 20:
            terms["fit"] = terms["fit"] * 1e6

    run = Watched(Parabola(spoil), n_steps=200)()
    norms = torch.stack(run.gradients).norm(dim=1)
    assert norms[20] < 10 * norms[:20].mean()
    assert run.module.a.detach().abs().max() < 0.2


def test_same_generator_same_bits_and_no_global_state() -> None:
    before = torch.random.get_rng_state()
    first, again = (Run(Parabola())().module.seen[-1] for _ in range(2))
    assert torch.equal(first, again)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_what_is_below_the_normal_floats_is_zero_while_a_stage_runs_and_not_afterwards() -> None:
    tiny, seen = torch.full((4,), 1e-40), []
    Run(Parabola(lambda call, terms: seen.append(bool((tiny * 2).any()))), n_steps=3)()
    assert seen == [False] * 3
    assert (tiny * 2).all()


def test_weights_decay_by_the_rate_beside_the_gradient() -> None:
    run = Run(Parabola(), n_steps=3, rate=lambda done: RATE * (1 + done))
    other = nn.Parameter(torch.tensor([2.0]))
    run.settings = replace(run.settings, weight_decay=0.5)
    run.step = AutogradStep(Placement(), run.module, list(run.module.parameters()), [other])
    run()
    expected = 2.0
    for i in range(3):
        expected *= 1 - 0.5 * RATE * (1 + (i + 0.5) / 3)
    assert float(other.detach()) == pytest.approx(expected, rel=1e-6)
    # The rest goes as it would without.
    assert torch.equal(
        run.module.a, Run(Parabola(), n_steps=3, rate=lambda done: RATE * (1 + done))().module.a
    )
