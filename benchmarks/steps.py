"""The step of training against PyTorch, pythae and JAX: rows a second, and time to the same bound.

    python benchmarks/steps.py [--cases small,large] [--seconds 2] [--turns 3] [--json steps.json]

Every side trains a variational autoencoder with a Bernoulli likelihood in float32 on one thread, by Adam, on
batches of 256 of the same rows. "products" are the matrix products of forward and backward alone, the limit.
Where the processor multiplies bfloat16 matrices, "bfloat16" is mixtura with such products, as a fit of large
networks takes them there by itself, "low products" are its limit, and "low fused" is "fused" under PyTorch's
autocast.
"mixtura" is its own loop over a stage with K = 1, everything in it: batches, noise, the clip, the guard, the
means for the log. "K = 10" is the model with ten groups and a trained prior, which is more work than any peer
does, "Gaussian" the same with a learned mean and variance of every column, and "autograd" what a stage runs
on where no gradient is derived, with K = 10. "eager" is a plain VAE written as short as PyTorch lets, "fused"
with the fused form of Adam. pythae runs its own training loop; JAX compiles an epoch into one scan, which is
not counted. Both run in environments of their own, made on the first run (build/peers).

Rows are counted by the second of the processor, so that this is the rate of a machine with nothing else to
do; medians over turns, in which all sides follow one another.

The second table is the time to the same bound on the small networks: from the same weights mixtura, with
K = 1 and the prior held at N(0, I), and eager PyTorch with fused Adam train until the bound on held-out rows,
looked at after every epoch and outside the time, is the best that PyTorch reaches in 30 epochs at a constant
rate. "mixtura" has that rate too; "schedule" is what `VAE` does by its schedules in 20 epochs, at a peak rate
of 5e-3.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from _figures import write
from _step_sides import (
    PINNED,
    Case,
    Eager,
    Ours,
    Products,
    Side,
    Worker,
    eager_trainer,
    install,
    network,
    trainer,
)
from threadpoolctl import threadpool_limits

from mixtura import runtime
from mixtura.vae.bound import evidence_lower_bound
from mixtura.vae.model import GaussianMixtureVAE
from mixtura.vae.training.schedule import CosineRate
from mixtura.vae.training.stages import Stage
from mixtura.vae.training.vae_stages import vae_plan

CASES = {
    "small": Case("small", (20, 64, 64, 8), 12_800),
    "large": Case("large", (784, 500, 500, 2000, 10), 2_560),
}
EPOCHS = 30
OWN_EPOCHS, OWN_RATE = 20, 5e-3
HELD = Stage("benchmark", 1, parts=("posterior", "likelihood"))


def held_out_bound(model: GaussianMixtureVAE, x: torch.Tensor) -> float:
    """Return the mean bound of rows with noise that never changes."""
    noise = torch.randn((len(x), model.latent_dim), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return float(evidence_lower_bound(model, x, noise).bound.double().mean())


def path(name: str, case: Case, seed: int) -> list[tuple[float, float]]:
    """Return seconds of the processor so far and the held-out bound, epoch by epoch."""
    model = network(case, 1, seed=seed)
    x, held_out = (torch.from_numpy(case.rows(part)) for part in (1, 2))
    n_steps = -(-len(x) // case.batch_size)
    seconds, resumed, found = 0.0, 0.0, []

    def look() -> None:
        nonlocal seconds, resumed
        seconds += time.process_time() - resumed
        found.append((seconds, held_out_bound(model, held_out)))
        resumed = time.process_time()

    start = {key: value.clone() for key, value in model.state_dict().items()}
    if name == "fused":
        eager_trainer(model, x, case, fused=True)(1)
    else:
        trainer(model, x, case, stage=HELD)(1)
    # What is made once, such as the threads of a library, is no part of an epoch.
    model.load_state_dict(start)
    if name == "fused":
        train = eager_trainer(model, x, case, fused=True)
        resumed = time.process_time()
        for _ in range(EPOCHS):
            train(n_steps)
            look()
    elif name == "mixtura":
        train = trainer(model, x, case, stage=HELD, on_epoch=look)
        resumed = time.process_time()
        train((EPOCHS + EPOCHS // 2) * n_steps)
    else:
        total = OWN_EPOCHS * n_steps
        (stage,) = vae_plan(std_floor=(1.0, 1.0))
        train = trainer(model, x, case, stage=stage, rate=CosineRate(OWN_RATE), on_epoch=look)
        resumed = time.process_time()
        train(total)
    return found


def to_the_same_bound(case: Case, seeds: Sequence[int]) -> list[dict[str, Any]]:
    """Return one row for each seed."""
    rows = []
    for seed in seeds:
        found = {name: path(name, case, seed) for name in ("fused", "mixtura", "schedule")}
        goal = max(bound for _, bound in found["fused"])
        seconds = {
            name: next((at for at, bound in each if bound >= goal), None) for name, each in found.items()
        }
        best = {name: max(bound for _, bound in each) for name, each in found.items()}
        rows.append({"seed": seed, "bound": goal, "best": best, "seconds": seconds})
    return rows


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cases", default="small,large", help="some of: " + ", ".join(CASES))
    parser.add_argument("--seconds", type=float, default=2.0, help="of the processor, for a side and a turn")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--json", default=None, help="file for the figures")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    problems = {name: install(name) for name in PINNED}
    for name, problem in problems.items():
        if problem:
            print(f"{name} could not be installed: {problem}")
    sides: list[Side] = [
        Products("products", torch.float32),
        Ours("mixtura", 1),
        Ours("K = 10", 10),
        Ours("Gaussian", 10, likelihood="gaussian"),
        Ours("autograd", 10, derived=False),
        Eager("eager", fused=False),
        Eager("fused", fused=True),
    ]
    if runtime.has_fast_bfloat16_cpu():
        sides += [Products("low products", torch.bfloat16), Eager("low fused", fused=True, low=True)]
        sides.append(Ours("bfloat16", 1, precision="bf16-mixed"))
    rates = []
    with tempfile.TemporaryDirectory() as scratch, threadpool_limits(1):
        workers = [Worker(name, Path(scratch)) for name, problem in problems.items() if not problem]
        sides += workers
        for name in arguments.cases.split(","):
            case = CASES[name]
            turns: dict[str, list[float]] = {side.name: [] for side in sides}
            for _ in range(arguments.turns):
                for side in sides:
                    turns[side.name].append(side.rows_per_second(case, arguments.seconds))
            median = {side: statistics.median(each) for side, each in turns.items()}
            print(f"{'-'.join(map(str, case.sizes))}: rows a second; share of the products; mixtura over it")
            low = median.get("bfloat16")
            for label, rate in median.items():
                line = f"  {label:<12} {rate:>10,.0f}  {rate / median['products']:.3f}  "
                line += f"{median['mixtura'] / rate:.2f}"
                print(line if low is None else f"{line}  bfloat16 over it {low / rate:.2f}", flush=True)
            rates.append({"case": case._asdict(), "rows_per_second": median, "turns": turns})
        for worker in workers:
            worker.close()
        same = to_the_same_bound(CASES["small"], range(arguments.turns))
    print(f"seconds to the held-out bound of {EPOCHS} epochs of fused, {CASES['small'].sizes}")
    for row in same:
        theirs = row["seconds"]["fused"]
        line = f"  seed {row['seed']}  bound {row['bound']:.3f}  fused {theirs:.2f}"
        for name in ("mixtura", "schedule"):
            ours = row["seconds"][name]
            line += f"  {name} " + ("not reached" if ours is None else f"{ours:.2f} ({theirs / ours:.2f})")
        print(line)
    machine = {**runtime.describe(), **{k: " ".join(v) for k, v in PINNED.items()}, "threads used": 1}
    write(arguments.json, {"rates": rates, "same_bound": same, "machine": machine})


if __name__ == "__main__":
    main()
