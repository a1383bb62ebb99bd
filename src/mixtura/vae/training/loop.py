"""One stage's optimisation: batches, steps, a guard against what is not finite. It knows no model."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from mixtura import runtime
from mixtura.errors import TrainingError
from mixtura.vae.training.placement import Placement

_MAX_ROLLBACKS = 3
_CLIP_FACTOR = 5.0


@dataclass(frozen=True)
class Gradient:
    """What is said of a gradient: sums over rows of the terms and the objective, and whether it is finite."""

    sums: Mapping[str, Tensor | float]
    n_rows: int
    is_finite: bool


class Step(Protocol):
    """How a gradient is found and followed."""

    def propose(self, batch: tuple[Any, ...]) -> Gradient:
        """Compute the objective and its gradient on a batch."""

    def accept(self, rate: float, decay: float = 0.0) -> None:
        """Follow the gradient that was proposed last, at a rate, and take a share of the weights."""

    def explain(self, rows: Tensor) -> str:
        """Return what was not finite in what was proposed last, of rows of these numbers."""

    def save(self) -> None:
        """Keep the present parameters."""

    def restore(self) -> None:
        """Go back to the parameters last kept, and forget the steps since."""

    def close(self) -> None:
        """Let go of the parameters."""


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
    weight_decay : float
        Every step takes so much, times the rate, of the weights: decoupled weight decay (Loshchilov and
        Hutter 2019, algorithm 2).
    """

    n_steps: int
    n_rows: int
    batch_size: int
    rate: Callable[[float], float]
    on_step: Callable[[float], None] | None = None
    weight_decay: float = 0.0


@dataclass
class LoopResult:
    """What a stage came to: rollbacks in words, and the schedule's last values."""

    rollbacks: list[str] = field(default_factory=list)
    last_rate: float = float("nan")
    done: float = 0.0


def run_stage(
    placement: Placement,
    objective: nn.Module,
    parameters: list[nn.Parameter],
    make_batch: Callable[[Tensor], tuple[Any, ...]],
    settings: LoopSettings,
    generator: torch.Generator,
    on_epoch: Callable[[dict[str, float]], None],
    step: Step | None = None,
) -> LoopResult:
    """Maximise an objective by Adam with clipped gradients.

    Parameters
    ----------
    placement : Placement
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
    step : Step, optional
        How gradients of the objective are found and followed; by autograd unless given.

    Raises
    ------
    TrainingError
        If the objective or its gradient is not finite again and again; the message names the term and the
        rows. The parameters are then those of the last finite state.
    """
    step = AutogradStep(placement, objective, parameters) if step is None else step
    try:
        with runtime.flushed_denormals():
            return _run(step, make_batch, settings, generator, on_epoch)
    finally:
        step.close()


def _run(
    step: Step,
    make_batch: Callable[[Tensor], tuple[Any, ...]],
    settings: LoopSettings,
    generator: torch.Generator,
    on_epoch: Callable[[dict[str, float]], None],
) -> LoopResult:
    result = LoopResult()
    means = _RunningMeans()
    slowdown = 1.0
    batches = _batches(settings.n_rows, settings.batch_size, generator)
    for i in range(settings.n_steps):
        # The last step runs at the end of every schedule exactly, but at no rate of zero: it is a step too.
        done = i / (settings.n_steps - 1) if settings.n_steps > 1 else 1.0
        result.done, result.last_rate = done, settings.rate((i + 0.5) / settings.n_steps)
        if settings.on_step is not None:
            settings.on_step(done)
        rows, ends_epoch = next(batches)
        gradient = step.propose(make_batch(rows))
        if gradient.is_finite:
            rate = slowdown * result.last_rate
            step.accept(rate, rate * settings.weight_decay)
            means.add(gradient)
        else:
            message = step.explain(rows)
            result.rollbacks.append(message)
            step.restore()
            if len(result.rollbacks) > _MAX_ROLLBACKS:
                raise TrainingError(
                    f"{message}, {len(result.rollbacks)} times in spite of smaller steps; the last finite "
                    "state was kept: scale the data, raise std_floor or lower learning_rate"
                )
            slowdown *= 0.5
        if means.n_rows > 0 and (ends_epoch or i == settings.n_steps - 1):
            on_epoch({**means.take(), "learning_rate": slowdown * result.last_rate, "steps": i + 1})
            if means.steps_since_snapshot >= 50 or i == settings.n_steps - 1:
                step.save()
                means.steps_since_snapshot = 0
    return result


def _batches(n_rows: int, batch_size: int, generator: torch.Generator) -> Iterator[tuple[Tensor, bool]]:
    """Yield row numbers without end, each epoch a new order, and whether an epoch ends there."""
    while True:
        order = torch.randperm(n_rows, generator=generator, device=generator.device)
        for first in range(0, n_rows, batch_size):
            yield order[first : first + batch_size], first + batch_size >= n_rows


class AutogradStep:
    """Gradients by autograd, clipped to a multiple of their running norm, followed by Adam.

    Parameters
    ----------
    placement : Placement
        Device and precision.
    objective : nn.Module
        Its forward returns a dict of the bound and its terms, (n,) each, and the scalar to be maximised.
    parameters : list of nn.Parameter
        What is trained.
    weights : sequence of nn.Parameter
        What of it decays.
    """

    def __init__(
        self,
        placement: Placement,
        objective: nn.Module,
        parameters: list[nn.Parameter],
        weights: Sequence[nn.Parameter] = (),
    ) -> None:
        self._weights = [weight.detach() for weight in weights]
        self._fabric = placement.fabric
        self._parameters = parameters
        self._optimiser = torch.optim.Adam(parameters, fused=True)
        self._module, self._wrapped = self._fabric.setup(objective, self._optimiser)
        self._mean_norm: Tensor | None = None
        self.save()

    def propose(self, batch: tuple[Any, ...]) -> Gradient:
        """Compute the objective and its gradient on a batch: the arguments of the objective's forward."""
        terms, value = self._module(*batch)
        self._wrapped.zero_grad(set_to_none=True)
        self._fabric.backward(-value)
        self._terms, self._value = terms, value.detach()
        self._gradients = [p.grad for p in self._parameters if p.grad is not None]
        self._norm = torch.nn.utils.get_total_norm(self._gradients)
        n = len(next(iter(terms.values())))
        sums = {name: term.detach().double().sum() for name, term in terms.items()}
        sums["objective"] = self._value.double() * n
        return Gradient(sums, n, bool(torch.isfinite(self._value + self._norm)))

    def accept(self, rate: float, decay: float = 0.0) -> None:
        """Follow the gradient that was proposed last, clipped, at a rate, and take a share of the weights."""
        norm, mean = self._norm, self._mean_norm
        if mean is None or mean == 0:
            self._mean_norm = norm.clone()
        else:
            torch._foreach_mul_(self._gradients, (_CLIP_FACTOR * mean / norm.clamp(min=1e-30)).clamp(max=1.0))
            # Clipped, so that one outlier cannot lift it.
            self._mean_norm = 0.98 * mean + 0.02 * torch.minimum(norm, _CLIP_FACTOR * mean)
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        self._wrapped.step()
        if decay > 0 and self._weights:
            torch._foreach_mul_(self._weights, 1.0 - decay)

    def explain(self, rows: Tensor) -> str:
        """Return what was not finite in what was proposed last."""
        return name_non_finite(self._terms, self._value, rows)

    def save(self) -> None:
        """Keep the present parameters."""
        self._saved = [parameter.detach().clone() for parameter in self._parameters]

    @torch.no_grad()
    def restore(self) -> None:
        """Go back to the parameters last kept."""
        for parameter, value in zip(self._parameters, self._saved, strict=True):
            parameter.copy_(value)
        # Moments that have met a value that is not finite would carry it into every later step.
        self._optimiser.state.clear()

    def close(self) -> None:
        """Let go of the parameters: nothing to do."""


class _RunningMeans:
    """Means of the terms over the rows of an epoch."""

    def __init__(self) -> None:
        self.sums: dict[str, Tensor | float] = {}
        self.n_rows = 0
        self.started = time.perf_counter()
        self.steps_since_snapshot = 0

    def add(self, gradient: Gradient) -> None:
        for name, total in gradient.sums.items():
            self.sums[name] = self.sums.get(name, 0.0) + total
        self.n_rows += gradient.n_rows
        self.steps_since_snapshot += 1

    def take(self) -> dict[str, float]:
        now = time.perf_counter()
        values = {name: float(total) / max(1, self.n_rows) for name, total in self.sums.items()}
        values["seconds"] = now - self.started
        self.sums, self.n_rows, self.started = {}, 0, now
        return values


def name_non_finite(terms: Mapping[str, Tensor], value: Tensor, rows: Tensor) -> str:
    """Return in words which term of an objective is not finite, and at which rows.

    Examples
    --------
    >>> terms = {"cost": torch.tensor([0.0, torch.inf])}
    >>> name_non_finite(terms, terms["cost"].mean(), torch.tensor([7, 9]))
    "the term 'cost' was not finite at 1 rows of a step (such as [9])"
    """
    for name, term in terms.items():
        if name == "bound":  # the sum of the others: one of them is the cause
            continue
        bad = ~torch.isfinite(term.detach())
        if bad.any():
            found = rows[bad][:5].tolist()
            return f"the term {name!r} was not finite at {int(bad.sum())} rows of a step (such as {found})"
    where = "objective" if not torch.isfinite(value.detach()) else "gradient of the objective"
    return f"the {where} was not finite on a step of {len(rows)} rows (such as {rows[:5].tolist()})"
