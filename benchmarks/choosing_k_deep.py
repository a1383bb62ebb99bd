"""How many groups: one over-specified GM-VAE merged, by several criteria, and an over-specified EM mixture.

    MIXTURA_DATA=... python benchmarks/choosing_k_deep.py [--seeds 0-2] [--components 20] [--out deep.json]

A GM-VAE with 20 components is fitted to each table, and its components are merged by each criterion of
`mixtura.merge_components`; the same is done with the Gaussian mixture that BIC chooses among 1 to 8. Printed
are the number of groups chosen, its adjusted Rand index, and the index on the same path where the number of
labels is taken, which is what the path is worth. Labels score and choose nothing. Noise, uniform and skewed
rows are one group, whose index is 1 for one group and 0 for more.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from _figures import over_seeds, parse_seeds, write
from sklearn.datasets import load_digits, load_iris, load_wine, make_moons

from mixtura import GMVAE, GaussianMixture, merge_components, runtime
from mixtura.clustering import ari

CRITERIA = ("icl", "misclassification", "entropy")
FILES = ("thyroid", "banknote", "wdbc", "twonorm", "penbased")
SETS = "iris,wine,penguins,thyroid,banknote,wdbc,unequal,moons,noise,uniform,skewed,twonorm,penbased,digits"
ROWS, EPOCHS = 2_000, 60
TRIED = range(1, 9)


def table(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and labels, at most 2,000 of them; made tables are always the same."""
    rng = np.random.default_rng(1234)
    none = np.zeros(1000, dtype=int)
    if name == "digits":
        found = load_digits()
        return found.images, found.target
    if name in ("iris", "wine"):
        rows, labels = {"iris": load_iris, "wine": load_wine}[name](return_X_y=True)
        return rows, labels
    made = {
        "noise": lambda: (rng.normal(size=(1000, 5)), none),
        "uniform": lambda: (rng.uniform(size=(1000, 4)), none),
        "skewed": lambda: (np.exp(0.7 * rng.normal(size=(1000, 3))), none),
        "moons": lambda: make_moons(600, noise=0.07, random_state=3),
        "unequal": lambda: unequal(rng),
    }
    if name in made:
        return made[name]()
    folder = os.environ.get("MIXTURA_DATA")
    if not folder:
        raise SystemExit("set MIXTURA_DATA to the folder of the data, or name --sets iris,wine,moons,noise")
    if name == "penguins":
        import pyarrow.parquet as pq

        columns = pq.read_table(Path(folder) / "penguins.parquet")
        names = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
        rows = np.column_stack([columns[name].to_numpy().astype(np.float64) for name in names])
        whole = ~np.isnan(rows).any(axis=1)
        species = columns["species"].to_numpy()[whole].astype(str)
        return rows[whole], np.unique(species, return_inverse=True)[1]
    with np.load(Path(folder) / f"{name}.npz") as file:
        rows, labels = file["X"].astype(np.float64), file["y"]
    if len(rows) > ROWS:
        part = rng.choice(len(rows), ROWS, replace=False)
        rows, labels = rows[part], labels[part]
    return rows, labels


def unequal(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return four Gaussian groups of a half, a quarter, and less."""
    labels = rng.choice(4, size=800, p=[0.5, 0.25, 0.15, 0.1])
    return 4 * rng.normal(size=(4, 6))[labels] + rng.normal(size=(800, 6)), labels


def merged(model: Any, rows: np.ndarray, labels: np.ndarray) -> dict[str, dict[str, float]]:
    """Return the figures of each criterion."""
    n_labels, figures = len(set(labels)), {}
    for criterion in CRITERIA:
        merging = merge_components(model, rows, criterion=criterion)
        on_path = min(n_labels, len(merging.n_groups))
        figures[criterion] = {
            "groups": merging.chosen,
            "ari": ari(labels, merging.labels),
            "ari at the number of labels": ari(labels, merging.labels_at(on_path)),
        }
    return figures


def run(name: str, seed: int, k: int, responsibilities: str) -> dict[str, Any]:
    """Return the figures of one table and seed."""
    rows, labels = table(name)
    flat = rows.reshape(len(rows), -1)
    spread = flat.std(axis=0)
    flat = (flat[:, spread > 0] - flat[:, spread > 0].mean(axis=0)) / spread[spread > 0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        started = time.perf_counter()
        epochs = EPOCHS if len(rows) > 1_500 else None
        deep = GMVAE(k, responsibilities=responsibilities, random_state=seed, max_epochs=epochs).fit(rows)
        seconds = time.perf_counter() - started
        started = time.perf_counter()
        found = {"gmvae": merged(deep, rows, labels)}
        merging_seconds = time.perf_counter() - started
        if flat.shape[1] <= 32:
            fits = [GaussianMixture(n, n_init=2, random_state=seed).fit(flat) for n in TRIED]
            best = min(fits, key=lambda fit: fit.bic(flat))
            bic = {"groups": best.n_components, "ari": ari(labels, best.predict(flat))}
            found["em"] = {**merged(best, flat, labels), "bic alone": bic}
    return {
        "data": name,
        "seed": seed,
        "labels": len(set(labels)),
        "held": int((np.bincount(deep.labels_, minlength=k) > 0).sum()),
        "seconds": seconds,
        "merging_seconds": merging_seconds,
        **found,
    }


def main() -> None:
    """Run all tables and seeds, print a line for each criterion, and the means over tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", default="0-2")
    parser.add_argument("--sets", default=SETS)
    parser.add_argument("--components", type=int, default=20, help="of the GM-VAE")
    parser.add_argument("--responsibilities", choices=("exact", "amortised"), default="amortised")
    parser.add_argument("--out")
    options = parser.parse_args()
    runs = []
    means: dict[str, list[float]] = defaultdict(list)
    for name in options.sets.split(","):
        own = [
            run(name, seed, options.components, options.responsibilities)
            for seed in parse_seeds(options.seeds)
        ]
        runs += own
        first = own[0]
        held = [one["held"] for one in own]
        seconds = over_seeds(one["seconds"] for one in own)["mean"]
        print(
            f"{name}: {first['labels']} by label, {held} of {options.components} held rows, {seconds:.0f} s"
        )
        for kind in ("gmvae", "em"):
            for criterion in first.get(kind, {}):
                cells = [one[kind][criterion] for one in own]
                index = over_seeds(cell["ari"] for cell in cells)
                key = "ari at the number of labels"
                known = [cell[key] for cell in cells if key in cell]
                at = f"  {np.mean(known):.2f} at the number of labels" if known else ""
                groups = ", ".join(str(cell["groups"]) for cell in cells)
                print(
                    f"  {kind:<6}{criterion:<18} groups {groups:<12} ari {index['mean']:.2f}"
                    f" worst {index['worst']:.2f}{at}",
                    flush=True,
                )
                means[f"{kind} {criterion}"].append(index["mean"])
                off = np.mean([abs(cell["groups"] - first["labels"]) for cell in cells])
                means[f"{kind} {criterion}, off by"].append(float(off))
    summary = {name: float(np.mean(values)) for name, values in means.items()}
    for name, value in summary.items():
        print(f"mean over tables  {name:<36} {value:.2f}")
    write(
        options.out,
        {"runs": runs, "summary": summary, "components": options.components, "machine": runtime.describe()},
    )


if __name__ == "__main__":
    main()
