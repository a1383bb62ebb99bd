"""What each stage of the GM-VAE's training buys: the default procedure with one thing left out or replaced.

    python benchmarks/ablation.py [--seeds 0-2] [--cases default,one-round] [--out ablation.json]

The 1,797 digits that come with scikit-learn, four fifths to train on and one to hold out. Every case gets
the same number of epochs, but for what lessons, which have a most, leave of them. Labels score and choose
nothing. Accuracy is that of q(z|x) on the held-out rows, and of p(z|w) at the same codes; bound, gap
E KL(q(z|w,x) || p(z|w)) and importance-weighted log p(x) are in nats per observation, on the held-out rows.
"default" is the learned q(z|w,x), "regularised" the exact one.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from _figures import over_seeds, parse_seeds, show, show_rows, write
from sklearn.datasets import load_digits

from mixtura import runtime
from mixtura.clustering import accuracy
from mixtura.data import Encoding
from mixtura.vae import Settings, fit_model
from mixtura.vae.fit import scoring_noise
from mixtura.vae.importance import estimate_log_likelihood
from mixtura.vae.inference import codes, estimate_bound, responsibilities
from mixtura.vae.training.stages import ALL_PARTS, Stage, group_weight, plan, training_std_floor

Stages = tuple[Stage, ...]
SHAPE = (8, 8)
KEYS = ("accuracy", "accuracy of p(z|w)", "bound", "gap", "log p(x)", "seconds")


def without(*names: str) -> Callable[[Stages], Stages]:
    """Return a change that leaves stages out by the beginnings of their names."""
    return lambda stages: tuple(stage for stage in stages if not stage.name.startswith(names))


def one_round(stages: Stages) -> Stages:
    """Find the groups once, and teach as long as the rounds together would have."""
    lessons = [stage for stage in stages if stage.name.startswith("taught")]
    share = sum(stage.share for stage in lessons)
    most = sum(stage.most_epochs or 0.0 for stage in lessons) or None
    once = replace(lessons[0], share=share, most_epochs=most)
    rest = [replace(stage, regroup=False) for stage in stages if not stage.name.startswith("taught")]
    return (rest[0], once, *rest[1:])


def brief_pretraining(stages: Stages) -> Stages:
    """Pretrain for a third of the epochs."""
    return (replace(stages[0], share=stages[0].share / 3), *stages[1:])


def slow_density(stages: Stages) -> Stages:
    """Train the density at the rate of the other stages."""
    return (*stages[:-1], replace(stages[-1], rate=1.0))


def no_decay(stages: Stages) -> Stages:
    """Train the density without decay of the weights."""
    return (*stages[:-1], replace(stages[-1], weight_decay=0.0))


def taught_on(stages: Stages) -> Stages:
    """Go on teaching q(z|x) the groups while the density is trained."""
    return (*stages[:-1], replace(stages[-1], parts=ALL_PARTS, teacher="groups"))


def low_floor(stages: Stages) -> Stages:
    """Train at the final floor from the first stage on."""
    floor = stages[-1].std_floor
    assert floor is not None
    return tuple(replace(stage, std_floor=(floor[1], floor[1])) for stage in stages)


CASES: dict[str, tuple[dict[str, Any], Callable[[Stages], Stages]]] = {
    "default": ({}, lambda stages: stages),
    "brief-pretraining": ({}, brief_pretraining),
    "no-pretraining": ({}, without("pretrain")),
    "one-round": ({}, one_round),
    "no-transforms": ({"transforms": None}, lambda stages: stages),
    "low-floor": ({}, low_floor),
    "slow-density": ({}, slow_density),
    "no-decay": ({}, no_decay),
    "taught-on": ({}, taught_on),
    "no-density": ({}, without("density")),
    "regularised": ({"responsibilities": "exact"}, lambda stages: stages),
    "plain": ({"procedure": "plain"}, lambda stages: stages),
}


def run(name: str, seed: int) -> dict[str, Any]:
    """Return the figures of one case and seed."""
    options, change = CASES[name]
    digits = load_digits()
    rows = digits.images.reshape(len(digits.images), -1)
    order = np.random.default_rng(0).permutation(len(rows))
    held, train = order[: len(rows) // 5], order[len(rows) // 5 :]
    encoding = Encoding.fit(rows[train], likelihood="gaussian", image_shape=SHAPE, names=None, binarise=None)
    settings = Settings(n_components=10, **options)
    settings = replace(settings, std_floor=max(settings.std_floor, encoding.least_std))
    floor = max(settings.std_floor, training_std_floor(rows.shape[1], encoding.domain))
    stages: Sequence[Stage] = change(plan(settings, floor, group_weight(rows.shape[1])))
    started = time.perf_counter()
    trained = fit_model(
        torch.from_numpy(encoding.encode(rows[train], np.float32)),
        settings,
        domain=encoding.domain,
        seed=seed,
        image_shape=SHAPE,
        log_determinant=encoding.log_determinant,
        stages=stages,
    )
    seconds = time.perf_counter() - started
    model, x = trained.model, torch.from_numpy(encoding.encode(rows[held], np.float64))
    groups = responsibilities(model, x, scoring_noise(model, seed, 16)).argmax(-1)
    exact = model.prior().log_responsibilities(codes(model, x)).argmax(-1)
    held_out = estimate_bound(model, x, 64, torch.Generator().manual_seed(seed))
    return {
        "case": name,
        "seed": seed,
        "accuracy": accuracy(digits.target[held], groups.numpy()),
        "accuracy of p(z|w)": accuracy(digits.target[held], exact.numpy()),
        "bound": held_out.free_energy.bound,
        "gap": held_out.gap,
        "log p(x)": estimate_log_likelihood(model, x, scoring_noise(model, seed, 64)).mean,
        "seconds": seconds,
    }


def main() -> None:
    """Run every case over the seeds."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", default="0-2")
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--out", default=None, help="JSON file for the figures")
    arguments = parser.parse_args()
    runs: list[dict[str, Any]] = []
    summary: dict[str, Any] = {}
    for name in arguments.cases.split(","):
        found = [run(name, seed) for seed in parse_seeds(arguments.seeds)]
        show_rows(found, ("case", "seed", *KEYS))
        worst = {"seconds": "max", "gap": "max"}
        summary[name] = {
            key: over_seeds((row[key] for row in found), worst=worst.get(key, "min")) for key in KEYS
        }
        runs += found
    for name, figures in summary.items():
        for key, values in figures.items():
            show(f"{name} {key}", values)
    write(arguments.out, {"runs": runs, "summary": summary, "machine": runtime.describe()})


if __name__ == "__main__":
    main()
