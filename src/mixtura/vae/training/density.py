"""Training for log p(x) and nothing else: bounds of several draws, averaged weights, any model and rows.

It takes a new model or a fitted one, and trains encoder, prior and decoder. Groups are neither looked for nor
held: what p(z|w) says of the rows may change.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import torch
from torch import Tensor, nn

from mixtura.errors import InputError
from mixtura.vae.model import GaussianMixtureVAE
from mixtura.vae.objectives import elbo, iwae
from mixtura.vae.prior import GaussianMixturePrior
from mixtura.vae.training.loop import LoopSettings, run_stage
from mixtura.vae.training.placement import Placement
from mixtura.vae.training.schedule import CosineRate, share_steps

_SCATTER = 0.3


@dataclass(frozen=True)
class DensityPlan:
    """How long and by what a model is trained for its density.

    Parameters
    ----------
    epochs : float
        Passes over the rows, both phases together.
    batch_size : int
        Rows of a step.
    learning_rate : float
        Peak rate of Adam, from which it falls to zero as a cosine over each phase.
    importance_share : float
        Share of the steps that climb the importance-weighted bound, after all others climbed the ELBO.
    n_draws : int
        Draws of w for each row in that phase; a step takes nearly so many times as long.
    importance_rate : float
        Peak rate of that phase, relative to ``learning_rate``.
    averaging : float
        Decay of the running mean of the weights, which the model has in the end; 0 keeps the last ones.

    Raises
    ------
    InputError
        If a value is outside its range.

    Examples
    --------
    >>> DensityPlan(epochs=10).batch_size
    100
    """

    epochs: float
    batch_size: int = 100
    learning_rate: float = 2e-3
    importance_share: float = 0.1
    n_draws: int = 5
    importance_rate: float = 0.3
    averaging: float = 0.0

    def __post_init__(self) -> None:
        """Check every value."""
        for name in ("batch_size", "n_draws"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
                raise InputError(f"{name} must be a whole number of at least 1, not {value!r}")
        ranges = {"epochs": (1e-6, 1e6), "learning_rate": (1e-7, 1.0), "importance_share": (0.0, 1.0)}
        ranges |= {"importance_rate": (1e-3, 10.0), "averaging": (0.0, 0.99999)}
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Real) or not low <= float(value) <= high:
                raise InputError(f"{name} must be a number between {low:g} and {high:g}, not {value!r}")


class DensityObjective(nn.Module):
    """The mean over rows of a bound of several draws, for `run_stage`.

    Parameters
    ----------
    model : GaussianMixtureVAE
        What is trained.
    weighted : bool
        The importance-weighted bound with its doubly reparameterised gradient, or the ELBO with its path
        derivative.
    """

    def __init__(self, model: GaussianMixtureVAE, weighted: bool) -> None:
        super().__init__()
        self.model = model
        self.weighted = weighted

    def forward(self, x: Tensor, noise: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Return the terms of the bound of one draw, (n,) each, and the mean objective of the batch."""
        found = (iwae if self.weighted else elbo)(self.model, x, noise)
        return found.free_energy.as_dict(), found.surrogate.mean()


class WeightAverage:
    """A running mean of parameters: mean <- decay mean + (1 - decay) value.

    It averages the noise of the steps out (Polyak and Juditsky 1992, here with a window of the last steps).
    Over the first steps the decay is (1 + t) / (10 + t), so that the starting values do not stay in it.

    Parameters
    ----------
    parameters : list of nn.Parameter
        What is averaged.
    decay : float
        About 1 / (1 - decay) steps are remembered.

    Examples
    --------
    >>> weight = nn.Parameter(torch.zeros(1))
    >>> average = WeightAverage([weight], decay=0.9)
    >>> with torch.no_grad():
    ...     for value in range(100):
    ...         _ = weight.fill_(value)
    ...         average.take()
    >>> average.put()
    >>> round(weight.item(), 1)
    90.1
    """

    def __init__(self, parameters: list[nn.Parameter], decay: float) -> None:
        self.parameters = parameters
        self.decay = decay
        self.means = [parameter.detach().clone() for parameter in parameters]
        self.n_taken = 0

    @torch.no_grad()
    def take(self) -> None:
        """Take the present values into the mean."""
        decay = min(self.decay, (1 + self.n_taken) / (10 + self.n_taken))
        torch._foreach_lerp_(self.means, [parameter.detach() for parameter in self.parameters], 1.0 - decay)
        self.n_taken += 1

    @torch.no_grad()
    def put(self) -> None:
        """Give the parameters their means."""
        for parameter, mean in zip(self.parameters, self.means, strict=True):
            parameter.copy_(mean)


def train_density(
    model: GaussianMixtureVAE,
    x: Tensor,
    plan: DensityPlan,
    *,
    placement: Placement,
    generator: torch.Generator,
    on_event: Callable[[dict[str, Any]], None] | None = None,
) -> list[dict[str, Any]]:
    """Train encoder, prior and decoder for log p(x), in place, and return the log.

    Parameters
    ----------
    model : GaussianMixtureVAE
        New or fitted, on the device of ``placement``; a learned q(z|w, x) is left as it is. Where all its
        components are equal, as in a new one, their means are first drawn from N(0, 0.3^2 I).
    x : Tensor of shape (n, n_encoded)
        Encoded rows, on the same device.
    plan : DensityPlan
        Length, rates, draws.
    placement : Placement
        Device and precision.
    generator : torch.Generator
        On the device: order of rows and noise.
    on_event : callable, optional
        Called with each entry of the log, one an epoch.

    Raises
    ------
    TrainingError
        If the objective or its gradient is not finite again and again.

    Examples
    --------
    >>> from mixtura.vae import Settings, build_model
    >>> generator = torch.Generator().manual_seed(0)
    >>> x = torch.randn((256, 4), generator=generator)
    >>> model = build_model(Settings(n_components=1, latent_dim=2), n_encoded=4, domain="real",
    ...                     generator=generator)
    >>> log = train_density(model, x, DensityPlan(epochs=20, importance_share=0.2),
    ...                     placement=Placement(), generator=generator)
    >>> log[-1]["bound"] > log[0]["bound"]
    True
    """
    n_rows, batch_size = len(x), min(plan.batch_size, len(x))
    steps_per_epoch = math.ceil(n_rows / batch_size)
    total = max(1, round(plan.epochs * steps_per_epoch))
    shares = (1.0 - plan.importance_share, plan.importance_share)
    phases = [(False, 1.0), (True, plan.importance_rate)]
    kept = [(phase, share) for phase, share in zip(phases, shares, strict=True) if share > 0]
    _part_components(model.prior, generator)
    model.requires_grad_(True)
    model.responsibilities.requires_grad_(False)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    average = WeightAverage(parameters, plan.averaging)
    events: list[dict[str, Any]] = []
    steps_before = 0
    for ((weighted, factor), _), n_steps in zip(kept, share_steps(total, [s for _, s in kept]), strict=True):
        if n_steps == 0:
            continue
        n_draws = plan.n_draws if weighted else 1

        def make_batch(rows: Tensor, n_draws: int = n_draws) -> tuple[Tensor, Tensor]:
            shape = (n_draws, len(rows), model.latent_dim)
            noise = torch.randn(shape, generator=generator, device=x.device, dtype=x.dtype)
            return x.index_select(0, rows), noise

        def on_epoch(values: dict[str, float], weighted: bool = weighted, before: int = steps_before) -> None:
            epoch = round((before + values.pop("steps")) / steps_per_epoch, 3)
            events.append({"stage": "importance" if weighted else "elbo", "epoch": epoch, **values})
            if on_event is not None:
                on_event(events[-1])

        run_stage(
            placement,
            DensityObjective(model, weighted),
            parameters,
            make_batch,
            LoopSettings(
                n_steps,
                n_rows,
                batch_size,
                CosineRate(factor * plan.learning_rate),
                (lambda done: average.take()) if plan.averaging > 0 else None,
            ),
            generator,
            on_epoch,
        )
        steps_before += n_steps
    if plan.averaging > 0:
        average.take()
        average.put()
    model.requires_grad_(True).eval()
    return events


@torch.no_grad()
def _part_components(prior: GaussianMixturePrior, generator: torch.Generator) -> None:
    """Draw mu_k from N(0, 0.3^2 I) where all are equal: with equal gradients they would never part.

    Means that lie further apart than the components' width are a prior that no code agrees with at first.
    """
    means = prior.means
    if len(means) > 1 and bool((means == means[0]).all()):
        draw = torch.randn(means.shape, generator=generator, device=means.device, dtype=means.dtype)
        means.copy_(_SCATTER * draw)
