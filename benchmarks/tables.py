"""Tables, nothing given but the number of groups: the default GM-VAE against k-means and full-covariance EM.

    MIXTURA_DATA=... python benchmarks/tables.py [--seeds 0-4] [--sets penbased,wdbc] [--out tables.json]
    python benchmarks/tables.py --sets seen|held-out|never [--seeds 0-2]

The peers get ten starts each and standardised columns; of the two the better one by label is what the GM-VAE
is held against, which no user could know. The starts from which the GM-VAE chooses without labels are
scored too: the regret is the accuracy of the best of them, by label, less that of the one taken. Labels score
and choose nothing. The sets of the second line are 25 tables of the KEEL repository (`_keel.py`, from PyPI).
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from _figures import over_seeds, parse_seeds, show, write
from _keel import HELD_OUT, NEVER, SEEN, keel_table
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, load_iris, load_wine

from mixtura import GMVAE, GaussianMixture, runtime
from mixtura.clustering import accuracy, ari
from mixtura.vae.training.groups import find_groups
from mixtura.vae.training.methods import METHODS

FILES = ("penbased", "letter", "twonorm", "wdbc", "banknote", "thyroid")
LOADED = {"digits": load_digits, "iris": load_iris, "wine": load_wine}
KEEL = {"seen": SEEN, "held-out": HELD_OUT, "never": NEVER}
DEFAULT = "digits,penbased,letter,twonorm,wdbc,banknote,thyroid,iris,wine"


def table(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return rows, images of digits as such, and labels."""
    if name in LOADED:
        found = LOADED[name]()
        return (found.images if name == "digits" else found.data), found.target
    if any(name in names for names in KEEL.values()):
        return keel_table(name)
    folder = os.environ.get("MIXTURA_DATA")
    if not folder:
        raise SystemExit("set MIXTURA_DATA to the folder of the data, or name --sets digits,iris,wine")
    with np.load(Path(folder) / f"{name}.npz") as file:
        return file["X"].astype(np.float64), file["y"]


def standardised(rows: np.ndarray) -> np.ndarray:
    """Return columns of mean 0 and standard deviation 1, without the constant ones."""
    flat = rows.reshape(len(rows), -1)
    flat = flat[:, flat.std(axis=0) > 0]
    return (flat - flat.mean(axis=0)) / flat.std(axis=0)


def run(name: str, seed: int) -> tuple[dict[str, Any], np.ndarray]:
    """Return the figures of one data set and seed, and the groups of the GM-VAE."""
    rows, labels = table(name)
    k, flat = len(np.unique(labels)), standardised(rows)
    kmeans = KMeans(k, n_init=10, random_state=seed).fit_predict(flat)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mixture = GaussianMixture(k, n_init=10, random_state=seed).fit(flat).predict(flat)
        started = time.perf_counter()
        model = GMVAE(k, random_state=seed).fit(rows)
        seconds = time.perf_counter() - started
    figures: dict[str, Any] = {
        "data": name,
        "seed": seed,
        "k-means": accuracy(labels, kmeans),
        "full GMM": accuracy(labels, mixture),
        "mixtura": accuracy(labels, model.labels_),
        "ari": ari(labels, model.labels_),
        "bound": model.bound_.bound,
        "seconds": seconds,
        "findings": [finding.name for finding in model.findings_],
    }
    figures["ahead"] = figures["mixtura"] - max(figures["k-means"], figures["full GMM"])
    if rows.ndim == 2:
        points = flat.astype(np.float32)
        starts = {
            method: accuracy(
                labels, find_groups(points, k, method, np.random.default_rng(seed), on_rows=True).labels
            )
            for method in METHODS
        }
        start = find_groups(points, k, "auto", np.random.default_rng(seed), on_rows=True)
        taken = accuracy(labels, start.labels)
        figures |= {"starts": starts, "start": taken, "chosen": start.message}
        figures["regret"] = max(*starts.values(), taken) - taken
    return figures, np.asarray(model.labels_)


def main() -> None:
    """Run every data set over the seeds."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", default="0-4")
    parser.add_argument("--sets", default=DEFAULT)
    parser.add_argument("--out", default=None, help="JSON file for the figures")
    arguments = parser.parse_args()
    runs: list[dict[str, Any]] = []
    summary: dict[str, Any] = {}
    for name in [name for part in arguments.sets.split(",") for name in KEEL.get(part, (part,))]:
        found = [run(name, seed) for seed in parse_seeds(arguments.seeds)]
        rows, groups = [row for row, _ in found], [labels for _, labels in found]
        summary[name] = {
            key: over_seeds(row[key] for row in rows) for key in ("k-means", "full GMM", "mixtura", "ahead")
        }
        summary[name]["seconds"] = over_seeds((row["seconds"] for row in rows), worst="max")
        if "regret" in rows[0]:
            summary[name]["regret"] = over_seeds((row["regret"] for row in rows), worst="max")
        pairs = [ari(first, second) for i, first in enumerate(groups) for second in groups[:i]]
        if pairs:
            summary[name]["agreement of seeds (ARI)"] = over_seeds(pairs)
        for key, values in summary[name].items():
            show(f"{name} {key}", values)
        runs += rows
    for key in ("k-means", "full GMM", "mixtura", "ahead"):
        show(
            f"mean of {len(summary)} tables, {key}",
            over_seeds(values[key]["mean"] for values in summary.values()),
        )
    write(arguments.out, {"runs": runs, "summary": summary, "machine": runtime.describe()})


if __name__ == "__main__":
    main()
