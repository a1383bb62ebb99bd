"""One stage's optimisation: batches, steps, a guard against what is not finite. It knows no model."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from mixtura.errors import TrainingError

_MAX_ROLLBACKS = 3
_CLIP_FACTOR = 5.0


@dataclass
class LoopSettings:
    """How a stage is run.

    Parameters
    ----------
    n_steps : int
        Steps of the optimiser.
    n_rows, batch_size : int
        Rows of the data and of a step; the last batch of an epoch takes what is left.
    rate : callable
        Fraction of the stage done to Adam's rate.
    on_step : callable, optional
        Called before each step with the fraction of the stage done, for what else is scheduled.
    """

    n_steps: int
    n_rows: int
    batch_size: int
    rate: Callable[[float], float]
    on_step: Callable[[float], None] | None = None


@dataclass
class LoopResult:
    """What a stage came to: rollbacks in words, and the schedule's last values."""

    rollbacks: list[str] = field(default_factory=list)
    last_rate: float = float("nan")
    done: float = 0.0


def run_stage(
    fabric: Fabric,
    objective: nn.Module,
    parameters: list[nn.Parameter],
    make_batch: Callable[[Tensor], tuple[Any, ...]],
    settings: LoopSettings,
    generator: torch.Generator,
    on_epoch: Callable[[dict[str, float]], None],
) -> LoopResult:
    """Maximise an objective by Adam with clipped gradients.

    Parameters
    ----------
    fabric : Fabric
        Device and precision.
    objective : nn.Module
        Its forward returns a dict of the bound and its terms, (n,) each, and the scalar to be maximised.
    parameters : list of nn.Parameter
        What is trained.
    make_batch : callable
        Row numbers of a step to the arguments of the objective's forward.
    settings : LoopSettings
        Steps, batches, schedules.
    generator : torch.Generator
        Of the order of the rows.
    on_epoch : callable
        Called with the mean terms, the objective, the rate and the steps done, once an epoch and at the end.

    Raises
    ------
    TrainingError
        If the objective or its gradient is not finite again and again; the message names the term and the
        rows. The parameters are then those of the last finite state.
    """
    optimiser = torch.optim.Adam(parameters, lr=settings.rate(0.0), fused=True)
    module, wrapped = fabric.setup(objective, optimiser)
    snapshot = _Snapshot(parameters, optimiser)
    result = LoopResult()
    means = _RunningMeans()
    clip = _AdaptiveClip()
    slowdown = 1.0
    batches = _batches(settings.n_rows, settings.batch_size, generator)
    for step in range(settings.n_steps):
        # The last step runs at the end of every schedule exactly, but at no rate of zero: it is a step too.
        done = step / (settings.n_steps - 1) if settings.n_steps > 1 else 1.0
        result.done, result.last_rate = done, settings.rate((step + 0.5) / settings.n_steps)
        for group in optimiser.param_groups:
            group["lr"] = slowdown * result.last_rate
        if settings.on_step is not None:
            settings.on_step(done)
        rows, ends_epoch = next(batches)
        terms, value = module(*make_batch(rows))
        wrapped.zero_grad(set_to_none=True)
        fabric.backward(-value)
        norm = clip(parameters)
        if not torch.isfinite(value.detach() + norm):
            message = _name_non_finite(terms, value, rows)
            result.rollbacks.append(message)
            if len(result.rollbacks) > _MAX_ROLLBACKS:
                snapshot.restore()
                raise TrainingError(
                    f"{message}, {len(result.rollbacks)} times in spite of smaller steps; the last finite "
                    "state was kept: scale the data, raise std_floor or lower learning_rate"
                )
            snapshot.restore()
            slowdown *= 0.5
        else:
            clip.remember(norm)
            wrapped.step()
            means.add(terms, value)
        if means.n_rows > 0 and (ends_epoch or step == settings.n_steps - 1):
            on_epoch({**means.take(), "learning_rate": slowdown * result.last_rate, "steps": step + 1})
            if means.steps_since_snapshot >= 50 or step == settings.n_steps - 1:
                snapshot.take()
                means.steps_since_snapshot = 0
    return result


def _batches(n_rows: int, batch_size: int, generator: torch.Generator) -> Iterator[tuple[Tensor, bool]]:
    """Yield row numbers without end, each epoch a new order, and whether an epoch ends there."""
    while True:
        order = torch.randperm(n_rows, generator=generator, device=generator.device)
        for first in range(0, n_rows, batch_size):
            yield order[first : first + batch_size], first + batch_size >= n_rows


class _AdaptiveClip:
    """Clips the gradient's norm to a multiple of its running mean, whatever the scale of the objective."""

    def __init__(self) -> None:
        self.mean: Tensor | None = None

    def __call__(self, parameters: list[nn.Parameter]) -> Tensor:
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        if self.mean is not None and self.mean > 0:
            torch._foreach_mul_(gradients, (_CLIP_FACTOR * self.mean / norm.clamp(min=1e-30)).clamp(max=1.0))
        return norm

    def remember(self, norm: Tensor) -> None:
        """Take a finite norm into the running mean, clipped so that one outlier cannot lift it."""
        if self.mean is None or self.mean == 0:
            self.mean = norm.clone()
        else:
            self.mean = 0.98 * self.mean + 0.02 * torch.minimum(norm, _CLIP_FACTOR * self.mean)


class _Snapshot:
    """The last finite state of parameters and optimiser."""

    def __init__(self, parameters: list[nn.Parameter], optimiser: torch.optim.Optimizer) -> None:
        self.parameters = parameters
        self.optimiser = optimiser
        self.take()

    def take(self) -> None:
        self.values = [parameter.detach().clone() for parameter in self.parameters]

    @torch.no_grad()
    def restore(self) -> None:
        for parameter, value in zip(self.parameters, self.values, strict=True):
            parameter.copy_(value)
        # Moments that have met a value that is not finite would carry it into every later step.
        self.optimiser.state.clear()


class _RunningMeans:
    """Means of the terms over the rows of an epoch."""

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.n_rows = 0
        self.started = time.perf_counter()
        self.steps_since_snapshot = 0

    @torch.no_grad()
    def add(self, terms: dict[str, Tensor], value: Tensor) -> None:
        n = len(next(iter(terms.values())))
        for name, term in {**terms, "objective": value.detach() * n}.items():
            total = term.detach().double().sum()
            self.sums[name] = self.sums[name] + total if name in self.sums else total
        self.n_rows += n
        self.steps_since_snapshot += 1

    def take(self) -> dict[str, float]:
        now = time.perf_counter()
        values = {name: float(total) / max(1, self.n_rows) for name, total in self.sums.items()}
        values["seconds"] = now - self.started
        self.sums, self.n_rows, self.started = {}, 0, now
        return values


def _name_non_finite(terms: dict[str, Tensor], value: Tensor, rows: Tensor) -> str:
    for name, term in terms.items():
        if name == "bound":  # the sum of the others: one of them is the cause
            continue
        bad = ~torch.isfinite(term.detach())
        if bad.any():
            found = rows[bad][:5].tolist()
            return f"the term {name!r} was not finite at {int(bad.sum())} rows of a step (such as {found})"
    where = "objective" if not torch.isfinite(value.detach()) else "gradient of the objective"
    return f"the {where} was not finite on a step of {len(rows)} rows (such as {rows[:5].tolist()})"
