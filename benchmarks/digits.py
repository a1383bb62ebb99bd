"""scikit-learn's 1,797 digits: accuracy of the default procedure over seeds, the plain one and k-means.

    python benchmarks/digits.py [--seeds 0-9] [--out digits.json]

One setting of everything: no option but the number of groups. Labels score and choose nothing. "plain" is the
pure bound with a learned q(z|w,x) and nothing else, the procedure of the model's source.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
from _figures import over_seeds, parse_seeds, show, show_rows, write
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits

from mixtura import GMVAE, runtime
from mixtura.clustering import accuracy, nmi


def run(name: str, seed: int, images: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """Fit once and return the figures."""
    started = time.perf_counter()
    row: dict[str, Any] = {"method": name, "seed": seed}
    if name == "k-means":
        groups = KMeans(10, n_init=10, random_state=seed).fit_predict(images.reshape(len(images), -1))
    else:
        options = {"default": {}, "plain": {"procedure": "plain", "responsibilities": "amortised"}}[name]
        model = GMVAE(10, random_state=seed, **options).fit(images)
        groups = model.labels_
        row |= model.bound_.as_dict() | {"gap": model.gap_}
    row["seconds"] = time.perf_counter() - started
    return row | {"accuracy": accuracy(labels, groups), "nmi": nmi(labels, groups)}


def main() -> None:
    """Run every method over the seeds."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", default="0-9")
    parser.add_argument("--methods", default="k-means,plain,default")
    parser.add_argument("--out", default=None, help="JSON file for the figures")
    arguments = parser.parse_args()
    digits = load_digits()
    rows: list[dict[str, Any]] = []
    summary: dict[str, Any] = {}
    for method in arguments.methods.split(","):
        ours = [run(method, seed, digits.images, digits.target) for seed in parse_seeds(arguments.seeds)]
        keys = ["method", "seed", "accuracy", "nmi", "seconds"] + (["bound"] if "bound" in ours[0] else [])
        show_rows(ours, keys)
        summary[method] = {key: over_seeds(row[key] for row in ours) for key in ("accuracy", "nmi")}
        summary[method]["seconds"] = over_seeds((row["seconds"] for row in ours), worst="max")
        if "bound" in ours[0]:
            summary[method]["bound"] = over_seeds(row["bound"] for row in ours)
        rows += ours
    for method, figures in summary.items():
        for key, values in figures.items():
            show(f"{method} {key}", values)
    write(arguments.out, {"data": "digits", "runs": rows, "summary": summary, "machine": runtime.describe()})


if __name__ == "__main__":
    main()
