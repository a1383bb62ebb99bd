"""GM-VAE on MNIST with q fitted by reverse KL, asleep and awake: groups, bound, log p(x) and time.

    MIXTURA_DATA=... python benchmarks/inference_mnist.py [--seeds 0-2] [--rows N] [--epochs N]
                                                          [--inferences wake,sleep] [--draws 200] [--out FILE]

One setting of all else. In the default procedure the three differ from when the groups are found;
pretraining is by the bound. Scores are of the 10,000 test images, log p(x) of the first 2,000; labels score
and choose nothing.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from _figures import over_seeds, parse_seeds, show, show_rows, write

from mixtura import GMVAE, runtime
from mixtura.clustering import accuracy

INFERENCES = ("reverse", "wake", "sleep")
FIGURES = ("accuracy", "bound", "log_likelihood", "seconds")
KEYS = ("inference", "seed", "accuracy", "bound", "log_likelihood", "mc_se", "ess", "gap", "seconds")


def main() -> None:
    """Fit and score every kind of inference over the seeds."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", default="0-2")
    parser.add_argument("--inferences", default=",".join(INFERENCES), help="some of them")
    parser.add_argument("--epochs", type=int, default=None, help="passes over the data in all")
    parser.add_argument("--rows", type=int, default=None, help="training images; all unless given")
    parser.add_argument("--draws", type=int, default=200, help="of w for each image behind log p(x)")
    parser.add_argument("--out", default=None, help="JSON file for the figures")
    arguments = parser.parse_args()
    if "MIXTURA_DATA" not in os.environ:
        print("MIXTURA_DATA is not set, so there is no mnist.npz to run on")
        return
    with np.load(Path(os.environ["MIXTURA_DATA"]) / "mnist.npz") as file:
        train, test, labels = file["x_train"][: arguments.rows], file["x_test"], file["y_test"]
    rows: list[dict[str, Any]] = []
    chosen = [name for name in INFERENCES if name in arguments.inferences.split(",")]
    for seed in parse_seeds(arguments.seeds):
        for inference in chosen:
            started = time.perf_counter()
            model = GMVAE(10, inference=inference, max_epochs=arguments.epochs, random_state=seed).fit(train)
            seconds = time.perf_counter() - started
            found = model.log_likelihood(test[:2_000], arguments.draws)
            row = {
                "inference": inference,
                "seed": seed,
                "accuracy": accuracy(labels, model.predict(test)),
                "bound": model.free_energy(test, 1).bound,
                "log_likelihood": found.mean,
                "mc_se": found.standard_error,
                "ess": found.effective_sample_size,
                "gap": model.gap_,
                "seconds": seconds,
            }
            rows.append(row)
            show_rows([row], KEYS)
    summary: dict[str, Any] = {}
    for inference in chosen:
        own = [row for row in rows if row["inference"] == inference]
        summary[inference] = {key: over_seeds(row[key] for row in own) for key in FIGURES}
        for key in FIGURES:
            show(f"{inference} {key}", summary[inference][key])
    write(arguments.out, {"data": "mnist", "runs": rows, "summary": summary, "machine": runtime.describe()})


if __name__ == "__main__":
    main()
