"""From encoded rows to a trained model: the stages of a plan, one after the other."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from mixtura.clustering import GroupEvidence, numbered_alike
from mixtura.errors import InputError
from mixtura.vae.importance import row_blocks
from mixtura.vae.likelihood import GaussianLikelihood
from mixtura.vae.model import GaussianMixtureVAE
from mixtura.vae.networks import initialise
from mixtura.vae.posterior import AmortisedResponsibilities
from mixtura.vae.settings import Settings
from mixtura.vae.training.dense_step import dense_step
from mixtura.vae.training.groups import Start, find_groups
from mixtura.vae.training.loop import LoopSettings, run_stage
from mixtura.vae.training.objective import StageObjective
from mixtura.vae.training.schedule import CosineRate, GeometricRamp, share_steps
from mixtura.vae.training.stages import (
    Stage,
    gently,
    group_weight,
    plan,
    training_std_floor,
    without_groups,
)
from mixtura.vae.training.start import MAX_ROW_COLUMNS, mean_codes, set_prior_from_groups
from mixtura.vae.training.transforms import AffineTransform

_FLOOR_FALLS = 0.3  # of the last stage: what is left trains at the floor that was asked for
# Up to so many rows the stages that look for groups run twice: it is seconds, and one start in ten is poor.
_RESTART_ROWS = 10_000
_VIEWS = 4  # transforms over which a code is averaged before the graph is made

Event = dict[str, Any]


@dataclass
class TrainingRecord:
    """What training did.

    Parameters
    ----------
    events : list of dict
        The log, one entry for each epoch and one for each thing that a stage did.
    rollbacks : list of str
        Steps that were not finite, in words.
    n_epochs : int
        Passes over the data.
    evidence : GroupEvidence, optional
        Whether the first groups describe held-out rows better than none; None where none were looked for.
    start : Start, optional
        The groups that training last started from.
    """

    events: list[Event] = field(default_factory=list)
    rollbacks: list[str] = field(default_factory=list)
    n_epochs: int = 0
    evidence: GroupEvidence | None = None
    start: Start | None = None


def default_epochs(n_rows: int) -> int:
    """Return how many passes over the data a fit makes unless told.

    28 from 60,000 rows up; fewer rows get more passes, so that the number of steps shrinks slowly. Below
    200 rows a step takes the same time whatever their number, and 64 passes take under half a second.

    Examples
    --------
    >>> default_epochs(60_000), default_epochs(1_797), default_epochs(50)
    (28, 162, 64)
    """
    if n_rows < 200:
        return 64
    return round(min(180.0, max(28.0, 28.0 * math.sqrt(60_000 / n_rows))))


def default_batch_size(n_rows: int) -> int:
    """Return the rows of a step unless told: 256, fewer where that leaves less than 14 steps an epoch.

    Examples
    --------
    >>> default_batch_size(60_000), default_batch_size(1_797), default_batch_size(50)
    (256, 128, 64)
    """
    return 256 if n_rows >= 14 * 256 else 128 if n_rows >= 1000 else 64


def default_learning_rate(n_steps: int) -> float:
    """Return Adam's peak rate unless told: 1.5e-3 for 5,600 steps and more, up to 1e-2 for short runs.

    Examples
    --------
    >>> default_learning_rate(5_600), round(default_learning_rate(1_400), 6), default_learning_rate(64)
    (0.0015, 0.003, 0.01)
    """
    return min(1e-2, 1.5e-3 * max(1.0, math.sqrt(5_600 / n_steps)))


@dataclass(eq=False)
class _StartState:
    """What the stages that look for groups came to."""

    weights: dict[str, Tensor]
    groups: Tensor | None
    start: Start | None
    evidence: GroupEvidence | None

    @property
    def modularity(self) -> float:
        """Of the last groups; none where they are not the graph's."""
        found = None if self.start is None else self.start.modularity
        return -1.0 if found is None else found


class Trainer:
    """Runs the stages of a plan on one model and one set of rows.

    Parameters
    ----------
    model : GaussianMixtureVAE
        Trained in place.
    x : Tensor of shape (n, n_encoded)
        Encoded rows, float32, on the CPU; moved to the device whole.
    settings : Settings
        Procedure and rates.
    fabric : Fabric
        Device and precision.
    generator : torch.Generator
        On the device: noise, order of rows, transforms.
    numpy_generator : numpy.random.Generator
        Of the groups' starts.
    image_shape : tuple of int, optional
        Where rows are flattened images.
    on_event : callable, optional
        Called with each entry of the log.
    stages : sequence of Stage, optional
        What to run; the plan of the settings unless given.
    """

    def __init__(
        self,
        model: GaussianMixtureVAE,
        x: Tensor,
        settings: Settings,
        fabric: Fabric,
        generator: torch.Generator,
        numpy_generator: np.random.Generator,
        *,
        image_shape: tuple[int, ...] | None = None,
        on_event: Callable[[Event], None] | None = None,
        stages: Sequence[Stage] | None = None,
    ) -> None:
        self.model = model.to(fabric.device)
        self.x = x.to(fabric.device)
        self.settings = settings
        self.fabric = fabric
        self.generator = generator
        self.numpy_generator = numpy_generator
        self.transform = choose_transform(settings, image_shape)
        self.moving: AffineTransform | None = None  # the transform, in stages that look at it
        self.on_event = on_event or (lambda event: None)
        self.groups: Tensor | None = None
        self.probabilities: Tensor | None = None
        self.record = TrainingRecord()
        self.domain = (
            model.likelihood.domain if isinstance(model.likelihood, GaussianLikelihood) else "binary"
        )
        self.on_rows = self.domain == "real" and x.shape[1] <= MAX_ROW_COLUMNS
        self.training_floor = max(settings.std_floor, training_std_floor(x.shape[1], self.domain))
        self.stages = stages or plan(settings, self.training_floor, group_weight(x.shape[1]))
        n_rows = len(x)
        self.batch_size = min(n_rows, settings.batch_size or default_batch_size(n_rows))
        self.steps_per_epoch = math.ceil(n_rows / self.batch_size)
        self.n_epochs = settings.max_epochs or default_epochs(n_rows)
        total = self.n_epochs * self.steps_per_epoch
        self.stage_steps = share_steps(total, [stage.share for stage in self.stages])
        self.total_steps = sum(self.stage_steps)
        # How many of the first stages look for the groups, and how often they are run.
        self.n_first = sum(stage.z == "groups" or stage.name == "pretrain" for stage in self.stages)
        restarts = (
            settings.max_epochs is None
            and settings.start in ("auto", "graph")
            and 200 <= n_rows <= _RESTART_ROWS
            and not self.on_rows
            and self.n_first not in (0, len(self.stages))
        )
        self.n_starts = 2 if restarts else 1
        if restarts:
            self.stages = (*self.stages[: self.n_first], *self.stages)
            self.stage_steps = [*self.stage_steps[: self.n_first], *self.stage_steps]
            self.n_epochs = math.ceil(sum(self.stage_steps) / self.steps_per_epoch)

    def run(self) -> TrainingRecord:
        """Run every stage and return the record; the model is left in evaluation mode."""
        steps_before = 0
        if self.settings.procedure == "plain":
            self._scatter_components()
        elif isinstance(self.model.responsibilities, AmortisedResponsibilities):
            self.model.responsibilities.forget_codes()
        starts: list[_StartState] = []
        for i, (stage, n_steps) in enumerate(zip(self.stages, self.stage_steps, strict=True)):
            if self.n_starts > 1 and i > 0 and i % self.n_first == 0 and len(starts) < self.n_starts:
                starts.append(self._state())
                if len(starts) < self.n_starts:
                    self._restart()
                else:
                    self._keep_best(starts, stage)
            self._run(stage, n_steps, steps_before)
            steps_before += n_steps
        self.record.n_epochs = self.n_epochs
        self.model.requires_grad_(True).eval()
        return self.record

    def _state(self) -> _StartState:
        weights = {name: value.clone() for name, value in self.model.state_dict().items()}
        return _StartState(weights, self.groups, self.record.start, self.record.evidence)

    def _restart(self) -> None:
        """Begin anew: other weights, no groups."""
        generator = torch.Generator().manual_seed(int(self.numpy_generator.integers(2**31)))
        initialise(self.model, generator)
        self.model.prior.reset()
        if isinstance(self.model.responsibilities, AmortisedResponsibilities):
            self.model.responsibilities.forget_codes()
        self.groups = self.record.start = self.record.evidence = None

    def _keep_best(self, starts: list[_StartState], stage: Stage) -> None:
        """Go on from the start whose groups have the largest modularity on the graph of their own codes."""
        best = max(starts, key=lambda state: state.modularity)
        self.model.load_state_dict(best.weights)
        self.groups, self.record.start, self.record.evidence = best.groups, best.start, best.evidence
        found = " and ".join(f"{state.modularity:.4f}" for state in starts)
        self._emit(
            {"stage": stage.name, "message": f"starts of modularity {found}: number {starts.index(best) + 1}"}
        )

    def _run(self, stage: Stage, n_steps: int, steps_before: int) -> None:
        model, settings = self.model, self.settings
        if stage.regroup:
            self._regroup(stage)
        parts = {
            name: getattr(model, name) for name in ("posterior", "responsibilities", "prior", "likelihood")
        }
        for name, part in parts.items():
            part.requires_grad_(name in stage.parts)
        parameters = [p for p in model.parameters() if p.requires_grad]
        if self.record.evidence is not None and not self.record.evidence.better:
            stage = without_groups(stage)
        if self.probabilities is not None:
            stage = gently(stage)
        objective = StageObjective(model, stage)
        looks = stage.transform or stage.group_weight > 0 or stage.teacher is not None
        self.moving = self.transform if looks else None
        floor = self._floor(stage)
        weight = GeometricRamp(stage.prior_weight, 1.0, until=0.5)

        def on_step(done: float) -> None:
            objective.prior_weight = weight(done)
            if isinstance(model.likelihood, GaussianLikelihood):
                model.likelihood.std_floor.fill_(floor(done))

        def on_epoch(values: dict[str, float]) -> None:
            steps = values.pop("steps")
            self._emit(
                {
                    "stage": stage.name,
                    "z": stage.z,
                    "epoch": round((steps_before + steps) / self.steps_per_epoch, 3),
                    "of": self.n_epochs,
                    **values,
                }
            )

        peak = settings.learning_rate or default_learning_rate(self.total_steps)
        rate = CosineRate(peak)
        if n_steps == 0:
            on_step(1.0)
            if stage.follow:
                self._follow(stage)
            return
        result = run_stage(
            self.fabric,
            objective,
            parameters,
            self._batch,
            LoopSettings(n_steps, len(self.x), self.batch_size, rate, on_step),
            self.generator,
            on_epoch,
            dense_step(self.fabric, objective, parameters),
        )
        self.record.rollbacks += result.rollbacks
        # A schedule longer than its run would leave the last value unreached, silently.
        assert result.done == 1.0
        assert objective.prior_weight == 1.0
        if isinstance(model.likelihood, GaussianLikelihood):
            assert math.isclose(float(model.likelihood.std_floor), floor.end, rel_tol=1e-6)
        if stage.follow:
            self._follow(stage)

    def _batch(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor | None, Tensor | None]:
        x = self.x.index_select(0, rows)
        noise = torch.randn((len(rows), self.model.latent_dim), generator=self.generator, device=x.device)
        moved = x if self.moving is None else self.moving(x, self.generator)
        groups = None if self.groups is None else self.groups.index_select(0, rows)
        sure = None if self.probabilities is None else self.probabilities.index_select(0, rows)
        return x, noise, moved, groups, sure

    def _floor(self, stage: Stage) -> GeometricRamp:
        floor = self.training_floor
        return GeometricRamp(*(stage.std_floor or (floor, floor)), until=_FLOOR_FALLS)

    def _regroup(self, stage: Stage) -> None:
        """Find the groups, on the rows of a small table or on the codes, and start the mixture from them."""
        transform, n_views = self.transform, 1 if self.transform is None else _VIEWS
        view = None if transform is None else lambda block: transform(block, self.generator)
        loc, variance = mean_codes(self.model, self.x, view, n_views)
        on_rows = self.on_rows
        if self.groups is None or not on_rows:
            points = (self.x if on_rows else loc).float().cpu().numpy()
            start = find_groups(
                points,
                self.model.n_components,
                self.settings.start,
                self.numpy_generator,
                on_rows=on_rows,
            )
            labels = start.labels
            if self.groups is not None:
                labels = numbered_alike(labels, self.groups.cpu().numpy(), self.model.n_components)
            self.groups = torch.from_numpy(labels).to(self.x.device)
            self.record.evidence = self.record.evidence or start.evidence
            self.record.start = start
            if on_rows and start.probabilities is not None:
                self.probabilities = torch.from_numpy(start.probabilities).to(self.x)
            self._emit(
                {"stage": stage.name, "message": f"{start.message}, on {'rows' if on_rows else 'codes'}"}
            )
        set_prior_from_groups(self.model, loc, variance, self.groups)

    def _scatter_components(self) -> None:
        """Draw mu_k from N(0, I): equal components would get equal gradients and never part."""
        shape = self.model.prior.means.shape
        draw = torch.randn(shape, generator=self.generator, device=self.x.device)
        self.model.prior.set_components(draw, torch.ones(shape, device=self.x.device))

    @torch.no_grad()
    def _follow(self, stage: Stage) -> None:
        """Set the groups to argmax q(z|w, x) at the mean codes."""
        model = self.model
        loc, _ = mean_codes(model, self.x)
        prior = model.prior()
        groups = torch.cat(
            [
                model.responsibilities(loc[rows], self.x[rows], prior).argmax(-1)
                for rows in row_blocks(len(loc), model.values_per_row)
            ]
        )
        assert self.groups is not None
        moved = float((groups != self.groups).double().mean())
        self.groups = groups
        self._emit(
            {"stage": stage.name, "message": f"groups follow q(z|w,x): {moved:.2%} of rows changed group"}
        )

    def _emit(self, event: Event) -> None:
        self.record.events.append(event)
        self.on_event(event)


def choose_transform(settings: Settings, image_shape: tuple[int, ...] | None) -> AffineTransform | None:
    """Return the encoder's transform: small affine maps for grey images unless told otherwise."""
    if settings.transforms == "affine" and image_shape is None:
        raise InputError("transforms='affine' needs images, and these rows are a table; leave it out")
    if settings.procedure == "plain" or settings.transforms is None or image_shape is None:
        return None
    grey = len(image_shape) == 2 or image_shape[2] == 1
    if settings.transforms == "affine" or (grey and min(image_shape[:2]) >= 8):
        return AffineTransform(image_shape)
    return None
