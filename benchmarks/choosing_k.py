"""Choosing K: how often each criterion finds the number of groups, and what its choice costs in density.

    MIXTURA_DATA=... python benchmarks/choosing_k.py [--seeds 0-1] [--starts 1,5] [--out choosing_k.json]

Made rows are of K Gaussians whose number is known; the cost of a choice is the mean log p(x) of 20,000 fresh
rows under the best K tried, less that under the one chosen, in nats per observation. Of real tables the
labels only score: the adjusted Rand index of the groups with the K that is chosen. Where MIXTURA_DATA is not
set, iris and wine are the only ones. Every criterion sees the same fits.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from _figures import parse_seeds, write
from sklearn.datasets import load_iris, load_wine
from sklearn.metrics import adjusted_rand_score

from mixtura import GaussianMixture, runtime
from mixtura.selection import Selection, select_components

CRITERIA = ("held_out", "one_se", "bic", "icl")
CASES = tuple(itertools.product((1, 3, 6), (2, 5), (200, 1000)))
TRIED = range(1, 9)
FRESH, APART = 20_000, 3.0


def made(k: int, d: int, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows to choose from and fresh ones, of K Gaussians whose centres are apart."""
    rng = np.random.default_rng(1000 * k + 100 * d + n + 7919 * seed)
    while True:
        centres = APART * max(1.0, k ** (1 / d)) / 1.5 * rng.normal(size=(k, d))
        distances = np.linalg.norm(centres[:, None] - centres[None], axis=2) + np.diag(np.full(k, np.inf))
        if distances.min() > APART:
            break
    turns = np.stack([np.linalg.qr(rng.normal(size=(d, d)))[0] for _ in range(k)])
    factors = turns * np.sqrt(rng.uniform(0.4, 1.6, (k, 1, d)))
    weights = rng.dirichlet(np.full(k, 5.0))

    def drawn(count: int) -> np.ndarray:
        group = rng.choice(k, size=count, p=weights)
        return centres[group] + np.einsum("nij,nj->ni", factors[group], rng.normal(size=(count, d)))

    return drawn(n), drawn(FRESH)


def real() -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield tables of measurements with their labels."""
    for name, (rows, labels) in {
        "iris": load_iris(return_X_y=True),
        "wine": load_wine(return_X_y=True),
    }.items():
        yield name, rows, labels
    if "MIXTURA_DATA" not in os.environ:
        print("MIXTURA_DATA is not set, so banknote, thyroid and penguins are left out")
        return
    folder = Path(os.environ["MIXTURA_DATA"])
    for name in ("banknote", "thyroid"):
        with np.load(folder / f"{name}.npz") as file:
            yield name, file["X"].astype(np.float64), file["y"]
    import pyarrow.parquet as pq

    table = pq.read_table(folder / "penguins.parquet")
    names = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
    rows = np.column_stack([table[name].to_numpy().astype(np.float64) for name in names])
    whole = ~np.isnan(rows).any(axis=1)
    yield "penguins", rows[whole], table["species"].to_numpy()[whole]


def selected(rows: np.ndarray, starts: int, seed: int) -> Selection:
    """Return the table for some rows."""
    mixture = GaussianMixture(n_init=starts, random_state=0)
    return select_components(rows, TRIED, estimator=mixture, random_state=seed)


def refitted(rows: np.ndarray, starts: int) -> list[GaussianMixture]:
    """Return a mixture of each K fitted to all rows, as in the table."""
    return [GaussianMixture(k, n_init=starts, random_state=0).fit(rows) for k in TRIED]


def on_made(starts: int, seeds: list[int]) -> dict[str, dict[str, float]]:
    """Return how often each criterion finds K, how far it is off, and what its choice costs."""
    found: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for (k, d, n), seed in itertools.product(CASES, seeds):
        rows, fresh = made(k, d, n, seed)
        selection = selected(rows, starts, seed)
        scores = [mixture.score(fresh) for mixture in refitted(rows, starts)]
        for name in CRITERIA:
            chosen = selection.best[name]
            found[name].append((chosen - k, max(scores) - scores[chosen - TRIED[0]]))
    return {
        name: {
            "found": statistics.fmean(error == 0 for error, _ in pairs),
            "fewer": statistics.fmean(error < 0 for error, _ in pairs),
            "more": statistics.fmean(error > 0 for error, _ in pairs),
            "cost": statistics.fmean(cost for _, cost in pairs),
            "worst": max(cost for _, cost in pairs),
        }
        for name, pairs in found.items()
    }


def on_real(seeds: list[int]) -> list[dict[str, Any]]:
    """Return the K that each criterion chooses of real tables, by seed of the folds, and the mean index."""
    lines = []
    for table, rows, labels in real():
        indices = [adjusted_rand_score(labels, mixture.predict(rows)) for mixture in refitted(rows, 5)]
        tables = [selected(rows, 5, seed) for seed in seeds]
        for name in CRITERIA:
            chosen = [selection.best[name] for selection in tables]
            index = statistics.fmean(indices[k - TRIED[0]] for k in chosen)
            lines.append(
                {
                    "table": table,
                    "groups": len(set(labels)),
                    "criterion": name,
                    "chosen": chosen,
                    "ari": index,
                }
            )
    return lines


def main() -> None:
    """Run everything, print the tables, and write them where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", default="0-1")
    parser.add_argument("--starts", default="1,5", help="starts of each fit on made rows")
    parser.add_argument("--out")
    options = parser.parse_args()
    seeds, began = parse_seeds(options.seeds), time.perf_counter()
    by_starts = {}
    for starts in parse_seeds(options.starts):
        by_starts[starts] = on_made(starts, seeds)
        print(f"made rows, {len(CASES) * len(seeds)} tables, best of {starts} start(s)")
        for name, figures in by_starts[starts].items():
            print(
                f"  {name:<10}" + "  ".join(f"{key} {value:6.3f}" for key, value in figures.items()),
                flush=True,
            )
    lines = on_real(seeds)
    print("real tables, best of 5 starts; K by the seed of the folds")
    for line in lines:
        print(
            f"  {line['table']:<10} {line['groups']} groups  {line['criterion']:<10} "
            f"ari {line['ari']:.3f}  K {line['chosen']}"
        )
    seconds = time.perf_counter() - began
    print(f"seconds {seconds:.0f}")
    write(
        options.out,
        {"made": by_starts, "real": lines, "seeds": seeds, "seconds": seconds, "machine": runtime.describe()},
    )


if __name__ == "__main__":
    main()
