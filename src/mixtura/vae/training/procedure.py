"""From encoded rows to a trained model: the stages of a plan, one after the other."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mixtura.clustering import GroupEvidence
from mixtura.errors import InputError
from mixtura.vae.importance import row_blocks
from mixtura.vae.likelihood import CountLikelihood, ProductLikelihood, gaussian_part
from mixtura.vae.model import MAX_ROW_COLUMNS, GaussianMixtureVAE
from mixtura.vae.posterior import AmortisedResponsibilities
from mixtura.vae.settings import Settings
from mixtura.vae.training.dense_step import dense_step
from mixtura.vae.training.groups import Start
from mixtura.vae.training.loop import AutogradStep, LoopSettings, run_stage
from mixtura.vae.training.objective import StageObjective
from mixtura.vae.training.pace import default_batch_size, default_epochs, default_learning_rate
from mixtura.vae.training.placement import Placement
from mixtura.vae.training.schedule import CosineRate, GeometricRamp, share_steps
from mixtura.vae.training.search import GroupSearch
from mixtura.vae.training.stages import (
    Stage,
    gently,
    group_weight,
    plan,
    training_std_floor,
    without_groups,
)
from mixtura.vae.training.start import mean_codes
from mixtura.vae.training.transforms import AffineTransform

_FLOOR_FALLS = 0.3  # of the last stage: what is left trains at the floor that was asked for

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
    placement : Placement
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
        placement: Placement,
        generator: torch.Generator,
        numpy_generator: np.random.Generator,
        *,
        image_shape: tuple[int, ...] | None = None,
        on_event: Callable[[Event], None] | None = None,
        stages: Sequence[Stage] | None = None,
    ) -> None:
        self.model = model.to(placement.device)
        self.x = x.to(placement.device)
        self.settings = settings
        self.placement = placement
        self.generator = generator
        self.numpy_generator = numpy_generator
        self.transform = choose_transform(settings, image_shape)
        self.moving: AffineTransform | None = None  # the transform, in stages that look at it
        self.n_draws = 1
        self.on_event = on_event or (lambda event: None)
        self.record = TrainingRecord()
        self.learned = isinstance(model.responsibilities, AmortisedResponsibilities)
        self.gaussian = gaussian_part(model.likelihood)
        self.domain = "discrete" if self.gaussian is None else self.gaussian.domain
        table = self.domain == "real" or (
            isinstance(model.likelihood, (CountLikelihood, ProductLikelihood)) and image_shape is None
        )
        self.on_rows = table and x.shape[1] <= MAX_ROW_COLUMNS
        self.search = GroupSearch(
            self.model,
            self.x,
            settings.start,
            on_rows=self.on_rows,
            transform=self.transform,
            generator=generator,
            numpy_generator=numpy_generator,
        )
        self.training_floor = max(settings.std_floor, training_std_floor(x.shape[1], self.domain))
        self.stages = stages or plan(
            settings, self.training_floor, group_weight(x.shape[1]), on_rows=self.on_rows
        )
        n_rows = len(x)
        self.batch_size = min(n_rows, settings.batch_size or default_batch_size(n_rows, on_rows=self.on_rows))
        self.steps_per_epoch = math.ceil(n_rows / self.batch_size)
        self.n_epochs = settings.max_epochs or default_epochs(n_rows, on_rows=self.on_rows)
        total = self.n_epochs * self.steps_per_epoch
        shared = share_steps(total, [stage.share for stage in self.stages])
        self.stage_steps = [
            n_steps
            if stage.most_epochs is None
            else min(n_steps, math.ceil(stage.most_epochs * self.steps_per_epoch))
            for stage, n_steps in zip(self.stages, shared, strict=True)
        ]
        self.total_steps = sum(self.stage_steps)
        self.n_epochs = math.ceil(self.total_steps / self.steps_per_epoch)

    def run(self) -> TrainingRecord:
        """Run every stage and return the record; the model is left in evaluation mode."""
        steps_before = 0
        if self.settings.procedure == "plain":
            self._scatter_components()
        elif isinstance(self.model.responsibilities, AmortisedResponsibilities):
            self.model.responsibilities.forget_codes()
        for stage, n_steps in zip(self.stages, self.stage_steps, strict=True):
            self._run(stage, n_steps, steps_before)
            steps_before += n_steps
        self.record.n_epochs = self.n_epochs
        self.record.start, self.record.evidence = self.search.found.start, self.search.found.evidence
        self.model.requires_grad_(True).eval()
        return self.record

    def _run(self, stage: Stage, n_steps: int, steps_before: int) -> None:
        model, settings = self.model, self.settings
        search = self.search
        # With a learned q(z) the mixture goes on from where the bound has taken it, if there were no groups.
        if stage.regroup and not (search.found.none_better and self.learned):
            message = search.renew()
            if message is not None:
                self._emit({"stage": stage.name, "message": message})
        if search.found.none_better:
            stage = without_groups(stage, learned=self.learned)
        if search.found.probabilities is not None:
            stage = gently(stage)
        parts = {
            name: getattr(model, name) for name in ("posterior", "responsibilities", "prior", "likelihood")
        }
        for name, part in parts.items():
            part.requires_grad_(name in stage.parts)
        parameters = [p for p in model.parameters() if p.requires_grad]
        objective = StageObjective(model, stage, self.generator)
        looks = stage.transform or stage.group_weight > 0 or stage.teacher is not None
        self.moving = self.transform if looks else None
        self.n_draws = stage.n_draws
        floor = self._floor(stage)
        weight = GeometricRamp(stage.prior_weight, stage.beta, until=stage.rise)

        def on_step(done: float) -> None:
            objective.prior_weight = weight(done)
            if self.gaussian is not None:
                self.gaussian.std_floor.fill_(floor(done))

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

        peak = stage.rate * (settings.learning_rate or default_learning_rate(self.total_steps))
        rate = CosineRate(peak)
        if n_steps == 0:
            on_step(1.0)
            if stage.follow:
                self._follow(stage)
            return
        weights = self._matrices() if stage.weight_decay > 0 else []
        step = dense_step(self.placement, objective, parameters, weights) or AutogradStep(
            self.placement, objective, parameters, weights
        )
        result = run_stage(
            self.placement,
            objective,
            parameters,
            self._batch,
            LoopSettings(n_steps, len(self.x), self.batch_size, rate, on_step, stage.weight_decay),
            self.generator,
            on_epoch,
            step,
        )
        self.record.rollbacks += result.rollbacks
        # A schedule longer than its run would leave the last value unreached, silently.
        assert result.done == 1.0
        assert objective.prior_weight == stage.beta
        if self.gaussian is not None:
            assert math.isclose(float(self.gaussian.std_floor), floor.end, rel_tol=1e-6)
        if "posterior" in stage.parts:
            search.forget_codes()
        if stage.teacher is not None:
            search.found = replace(search.found, taught=True)
        if stage.follow:
            self._follow(stage)

    def _batch(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor | None, Tensor | None]:
        x = self.x.index_select(0, rows)
        shape = (len(rows), self.model.latent_dim)
        noise = torch.randn(
            shape if self.n_draws == 1 else (self.n_draws, *shape), generator=self.generator, device=x.device
        )
        moved = x if self.moving is None else self.moving(x, self.generator)
        found = self.search.found
        groups = None if found.groups is None else found.groups.index_select(0, rows)
        sure = None if found.probabilities is None else found.probabilities.index_select(0, rows)
        return x, noise, moved, groups, sure

    def _matrices(self) -> list[nn.Parameter]:
        """Return the weights of the encoder's and the decoder's layers that are trained, biases left out."""
        parts = (self.model.posterior, self.model.likelihood)
        each = (parameter for part in parts for parameter in part.parameters())
        return [parameter for parameter in each if parameter.requires_grad and parameter.dim() > 1]

    def _floor(self, stage: Stage) -> GeometricRamp:
        floor = self.training_floor
        return GeometricRamp(*(stage.std_floor or (floor, floor)), until=_FLOOR_FALLS)

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
        before = self.search.found.groups
        assert before is not None
        moved = float((groups != before).double().mean())
        self.search.found = replace(self.search.found, groups=groups)
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
