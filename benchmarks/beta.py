"""Total correlation, mutual information and reconstruction of a VAE against beta, on MNIST.

    MIXTURA_DATA=... python benchmarks/beta.py [--seeds 0-1] [--rows 20000] [--epochs 15] [--betas 0.5,1]
                                               [--figure beta.png] [--out beta.json]

The total correlation is that of the aggregated posterior of 10,000 training images, by 2,048 draws each of
which meets all of them, with its standard error; beside it what else beta presses on, and that of the mean
codes.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from _figures import over_seeds, parse_seeds, show, show_rows, write

from mixtura import VAE, runtime

BETAS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
KEYS = ("beta", "seed", "total_correlation", "tc_se", "mutual_information", "dimension_wise_kl", "kl")
MORE = ("active_units", "tc_of_means", "reconstruction", "bound", "seconds")


def run(beta: float, seed: int, images: np.ndarray, epochs: int) -> dict[str, Any]:
    """Fit once and return the figures."""
    started = time.perf_counter()
    model = VAE(10, beta=beta, max_epochs=epochs, random_state=seed).fit(images)
    told = model.information_
    return {
        "beta": beta,
        "seed": seed,
        "total_correlation": told.total_correlation,
        "tc_se": told.total_correlation_se,
        "mutual_information": told.mutual_information,
        "dimension_wise_kl": told.dimension_wise_kl,
        "kl": told.kl,
        "active_units": told.active_units,
        "tc_of_means": told.total_correlation_of_means,
        "reconstruction": model.bound_.gains["reconstruction"],
        "bound": model.bound_.bound,
        "seconds": time.perf_counter() - started,
    }


def draw(rows: list[dict[str, Any]], betas: list[float], path: str) -> None:
    """Write the figure: what falls with beta on the left, the reconstruction on the right."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    for key in ("total_correlation", "mutual_information", "dimension_wise_kl", "tc_of_means"):
        axes[0].plot(betas, [_mean(rows, beta, key) for beta in betas], "o-", label=key.replace("_", " "))
    axes[0].legend(frameon=False)
    axes[0].set(ylabel="nats")
    axes[1].plot(betas, [_mean(rows, beta, "reconstruction") for beta in betas], "o-")
    axes[1].set(ylabel="reconstruction, nats")
    for one in axes:
        one.set_xscale("log", base=2)
        one.set_xlabel("beta")
    figure.savefig(path)


def _mean(rows: list[dict[str, Any]], beta: float, key: str) -> float:
    return float(np.mean([row[key] for row in rows if row["beta"] == beta]))


def main() -> None:
    """Fit every beta over the seeds."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", default="0-1")
    parser.add_argument("--rows", type=int, default=20_000, help="training images")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--betas", default=",".join(f"{beta:g}" for beta in BETAS))
    parser.add_argument("--figure", default=None, help="file for the figure")
    parser.add_argument("--out", default=None, help="JSON file for the figures")
    arguments = parser.parse_args()
    if "MIXTURA_DATA" not in os.environ:
        print("MIXTURA_DATA is not set, so there is no mnist.npz to run on")
        return
    with np.load(Path(os.environ["MIXTURA_DATA"]) / "mnist.npz") as file:
        images = file["x_train"][: arguments.rows]
    rows, betas = [], [float(beta) for beta in arguments.betas.split(",")]
    for seed in parse_seeds(arguments.seeds):
        for beta in betas:
            rows.append(run(beta, seed, images, arguments.epochs))
            show_rows(rows[-1:], KEYS + MORE)
    summary: dict[str, Any] = {}
    for beta in betas:
        own = [row for row in rows if row["beta"] == beta]
        summary[f"{beta:g}"] = {key: over_seeds(row[key] for row in own) for key in KEYS[2:] + MORE[:-1]}
        for key in ("total_correlation", "mutual_information", "reconstruction"):
            show(f"beta {beta:g} {key}", summary[f"{beta:g}"][key])
    if arguments.figure is not None:
        draw(rows, betas, arguments.figure)
    write(arguments.out, {"data": "mnist", "runs": rows, "summary": summary, "machine": runtime.describe()})


if __name__ == "__main__":
    main()
