"""Those who train a variational autoencoder, behind one face: rows that went through in so many seconds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from mixtura.vae import GaussianMixtureVAE, Settings, build_model
from mixtura.vae.training.dense_step import dense_step
from mixtura.vae.training.loop import LoopSettings, run_stage
from mixtura.vae.training.objective import StageObjective
from mixtura.vae.training.placement import Placement
from mixtura.vae.training.schedule import GeometricRamp
from mixtura.vae.training.stages import ALL_PARTS, Stage

_HERE = Path(__file__).resolve().parent
_HOME = _HERE.parent / "build" / "peers"
# PyTorch first and by itself, from where mixtura's own came; the rest must not replace it.
PINNED = {"pythae": ("torch==2.13.0", "pythae==0.1.2"), "jax": ("jax==0.10.2", "jaxlib==0.10.2")}

WHOLE = Stage("benchmark", 1)

Rate = Callable[[], int]
"""Trains for a moment and returns how many rows went through."""


Precision = Literal["32-true", "bf16-mixed"]


class Case(NamedTuple):
    """Networks, from the rows to the codes, and made rows in {0, 1} with something to learn."""

    name: str
    sizes: tuple[int, ...]
    n_rows: int
    batch_size: int = 256
    rate: float = 1e-3

    def rows(self, seed: int) -> np.ndarray[Any, Any]:
        """Return rows whose probabilities follow a few smooth factors."""
        rng = np.random.default_rng(seed)
        loadings = np.random.default_rng(0).normal(size=(4, self.sizes[0]))
        logits = 1.5 * rng.normal(size=(self.n_rows, 4)) @ loadings
        return (rng.random(logits.shape) < 1 / (1 + np.exp(-logits))).astype(np.float32)


class Side(Protocol):
    """Whoever trains."""

    @property
    def name(self) -> str:
        """What the table calls it."""

    def rows_per_second(self, case: Case, seconds: float) -> float:
        """Train about so many seconds of the processor and return rows a second of it."""


def network(case: Case, k: int, *, likelihood: str = "bernoulli", seed: int = 0) -> GaussianMixtureVAE:
    """Return a new model of mixtura with the networks of a case."""
    chosen: dict[str, Any] = {"likelihood": likelihood, "latent_dim": case.sizes[-1]}
    model = build_model(
        # A learned q(z|w, x) would be a network that no peer has.
        Settings(n_components=k, hidden=case.sizes[1:-1], responsibilities="exact", **chosen),
        n_encoded=case.sizes[0],
        domain="binary" if likelihood == "bernoulli" else "real",
        generator=torch.Generator().manual_seed(seed),
    )
    if k > 1:
        draw = torch.randn(model.prior.means.shape, generator=torch.Generator().manual_seed(seed))
        model.prior.set_components(draw, torch.ones_like(draw))
    return model


class Ours:
    """mixtura's loop over a stage, everything in it: batches, clip, guard, Adam, means for the log."""

    def __init__(
        self,
        name: str,
        k: int,
        *,
        likelihood: str = "bernoulli",
        derived: bool = True,
        precision: Precision = "32-true",
    ) -> None:
        self.name = name
        self._k, self._likelihood, self._derived, self._precision = k, likelihood, derived, precision
        self._runs: dict[str, Callable[[int], None]] = {}

    def rows_per_second(self, case: Case, seconds: float) -> float:
        """Train a model that goes on where the last turn ended."""
        if case.name not in self._runs:
            model = network(case, self._k, likelihood=self._likelihood)
            x = torch.from_numpy(case.rows(1))
            self._runs[case.name] = trainer(model, x, case, derived=self._derived, precision=self._precision)
            self._runs[case.name](3)
        run = self._runs[case.name]

        def some() -> int:
            # Every run is a stage of its own, which takes memory anew: as it does once in hundreds of steps.
            n_steps = max(200, 12800 // case.sizes[0])
            run(n_steps)
            return n_steps * case.batch_size

        return timed(some, seconds)


def trainer(
    model: GaussianMixtureVAE,
    x: Tensor,
    case: Case,
    *,
    derived: bool = True,
    precision: Precision = "32-true",
    stage: Stage = WHOLE,
    rate: Callable[[float], float] | None = None,
    on_epoch: Callable[[], None] = lambda: None,
) -> Callable[[int], None]:
    """Return a function that runs so many steps of a stage, at the constant rate of the case unless told."""
    for part in ALL_PARTS:
        getattr(model, part).requires_grad_(part in stage.parts)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    generator = torch.Generator().manual_seed(0)
    placement = Placement(precision=precision)
    objective = StageObjective(model, stage)
    weight = GeometricRamp(stage.prior_weight, stage.beta, until=stage.rise)

    def on_step(done: float) -> None:
        objective.prior_weight = weight(done)

    def batch(rows: Tensor) -> tuple[Any, ...]:
        chosen = x.index_select(0, rows)
        return chosen, torch.randn((len(rows), model.latent_dim), generator=generator), chosen, None, None

    def run(n_steps: int) -> None:
        run_stage(
            placement,
            objective,
            parameters,
            batch,
            LoopSettings(n_steps, len(x), case.batch_size, rate or (lambda done: case.rate), on_step),
            generator,
            lambda values: on_epoch(),
            dense_step(placement, objective, parameters) if derived else None,
        )

    return run


class Eager:
    """A VAE in PyTorch as short as it can be written, with the optimiser's fused form or its default."""

    def __init__(self, name: str, *, fused: bool, low: bool = False) -> None:
        self.name = name
        self._fused, self._low = fused, low
        self._runs: dict[str, Callable[[int], None]] = {}

    def rows_per_second(self, case: Case, seconds: float) -> float:
        """Train a model that goes on where the last turn ended."""
        if case.name not in self._runs:
            model, x = network(case, 1), torch.from_numpy(case.rows(1))
            self._runs[case.name] = eager_trainer(model, x, case, fused=self._fused)
            self._runs[case.name](3)
        run = self._runs[case.name]

        def some() -> int:
            n_steps = max(5, 12800 // case.sizes[0])
            # As PyTorch has it: products of networks in bfloat16, under its autocast.
            with torch.autocast("cpu", torch.bfloat16, enabled=self._low):
                run(n_steps)
            return n_steps * case.batch_size

        return timed(some, seconds)


def eager_trainer(model: GaussianMixtureVAE, x: Tensor, case: Case, *, fused: bool) -> Callable[[int], None]:
    """Return a function that trains the networks of a model as those of a plain VAE."""
    encoder, decoder = model.posterior.network, model.likelihood.network
    assert isinstance(encoder, nn.Module)
    parameters = [*encoder.parameters(), *decoder.parameters()]
    adam = torch.optim.Adam(parameters, lr=case.rate, fused=fused)
    generator = torch.Generator().manual_seed(0)
    d = case.sizes[-1]

    def run(n_steps: int) -> None:
        left: list[Tensor] = []
        for _ in range(n_steps):
            if not left:
                left = list(torch.randperm(len(x), generator=generator).split(case.batch_size))
            batch = x[left.pop()]
            mean, log_variance = encoder(batch).float().chunk(2, dim=1)
            noise = torch.randn((len(batch), d), generator=generator)
            logits = decoder(mean + torch.exp(0.5 * log_variance) * noise).float()
            cost = functional.binary_cross_entropy_with_logits(logits, batch, reduction="sum")
            divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum()
            loss = (cost + divergence) / len(batch)
            adam.zero_grad()
            loss.backward()
            adam.step()

    return run


class Products:
    """The matrix products of a step and nothing else, the limit of every side in that precision."""

    def __init__(self, name: str, dtype: torch.dtype) -> None:
        self.name = name
        self._dtype = dtype

    def rows_per_second(self, case: Case, seconds: float) -> float:
        """Multiply matrices of the sizes that forward and backward have."""
        n, generator = case.batch_size, torch.Generator().manual_seed(0)
        encoder = (*case.sizes[:-1], 2 * case.sizes[-1])
        layers = []
        for sizes in (encoder, case.sizes[::-1]):
            for a, b in pairwise(sizes):
                shapes = ((n, a), (b, a), (n, b), (n, b), (b, a), (n, a))
                first = sizes is encoder and not layers
                made = (torch.randn(s, generator=generator).to(self._dtype) for s in shapes)
                layers.append((*made, first))

        def some() -> int:
            n_steps = max(5, 12800 // case.sizes[0])
            for _ in range(n_steps):
                for inputs, weight, output, *_ in layers:
                    torch.mm(inputs, weight.T, out=output)
                for inputs, weight, _, gradient, to_weight, back, first in reversed(layers):
                    torch.mm(gradient.T, inputs, out=to_weight)
                    if not first:
                        torch.mm(gradient, weight, out=back)
            return n_steps * n

        return timed(some, seconds)


class Worker:
    """A library in a process and an environment of its own."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self._folder = folder
        one_thread = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        self._process = subprocess.Popen(
            [str(_python(name)), str(_HERE / "peers" / "steps" / f"{name}_worker.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "XLA_FLAGS": one_thread, "JAX_PLATFORMS": "cpu"},
        )

    def rows_per_second(self, case: Case, seconds: float) -> float:
        """Ask the process; it warms up by itself, and does not count that."""
        path = self._folder / f"{case.name}.npy"
        if not path.exists():
            np.save(path, case.rows(1))
        question = {**case._asdict(), "data": str(path), "seconds": seconds}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"the worker of {self.name} has ended")
        answer = json.loads(line)
        return float(answer["rows"] / answer["seconds"])

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def timed(some: Callable[[], int], seconds: float) -> float:
    """Return rows a second of the processor, over about so many seconds."""
    rows, started = 0, time.process_time()
    while time.process_time() - started < seconds:
        rows += some()
    return rows / (time.process_time() - started)


def install(name: str) -> str | None:
    """Make the environment of a peer on the first run; return why it cannot be made, or None."""
    home, pinned = _HOME / f"steps-{name}", PINNED[name]
    ready = home / "ready"
    if ready.exists() and ready.read_text() == str(pinned):
        return None
    if not _python(name).exists():
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
    for packages in (pinned[:1], pinned):
        command = [str(_python(name)), "-m", "pip", "install", "-q", *packages]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            return done.stderr.strip()[-200:]
    ready.write_text(str(pinned))
    return None


def _python(name: str) -> Path:
    return _HOME / f"steps-{name}" / ("Scripts" if os.name == "nt" else "bin") / "python"
