"""log p(x) of grey MNIST: the default GM-VAE beside plain VAEs with the same networks, floor and epochs.

    MIXTURA_DATA=... python benchmarks/density_grey.py [--seeds 0] [--draws 500] [--rows 2000] [--out F]

A plain VAE is one component. "vae" climbs the pure bound alone, for the passes over the data that the
GM-VAE's stages make in all, lessons of q(z|w,x) included; "vae by stages" has the stages of the GM-VAE. log
p(x) is estimated by importance weighting on the first test images, a density over pixels of 0 to 255, in nats
per image, with its Monte Carlo error and effective sample size. No label is read.
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

KEYS = ("model", "seed", "epochs", "test", "mc_se", "ess", "row_se", "train", "bound", "seconds")


def run(
    name: str, model: GMVAE, train: np.ndarray, test: np.ndarray, arguments: argparse.Namespace
) -> tuple[dict[str, Any], np.ndarray]:
    """Fit once and return the figures, and the scores of the test images."""
    started = time.perf_counter()
    model.fit(train)
    seconds = time.perf_counter() - started
    found = model.log_likelihood(test[: arguments.rows], arguments.draws)
    seen = model.log_likelihood(train[: arguments.rows], arguments.draws)
    row = {
        "model": name,
        "seed": model.random_state,
        "epochs": model.n_epochs_,
        "test": found.mean,
        "mc_se": found.standard_error,
        "ess": found.effective_sample_size,
        "row_se": float(found.per_row.std(ddof=1) / len(found.per_row) ** 0.5),
        "train": seen.mean,
        "bound": model.bound_.bound,
        "seconds": seconds,
    }
    show_rows([row], KEYS)
    return row, found.per_row


def main() -> None:
    """Fit and score both models over the seeds."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--draws", type=int, default=500, help="of w for each image")
    parser.add_argument("--rows", type=int, default=2_000, help="images that are scored")
    parser.add_argument("--quick", action="store_true", help="3,000 images, two epochs")
    parser.add_argument("--out", default=None, help="JSON file for the figures")
    arguments = parser.parse_args()
    if "MIXTURA_DATA" not in os.environ:
        print("MIXTURA_DATA is not set, so there is no mnist.npz to run on")
        return
    with np.load(Path(os.environ["MIXTURA_DATA"]) / "mnist.npz") as file:
        train, test = file["x_train"], file["x_test"]
    max_epochs = None
    if arguments.quick:
        train, max_epochs, arguments.draws, arguments.rows = train[:3_000], 2, 16, 500
    rows, differences = [], []
    for seed in parse_seeds(arguments.seeds):
        ours = GMVAE(10, random_state=seed, max_epochs=max_epochs)
        row, scores = run("gmvae", ours, train, test, arguments)
        rows.append(row)
        plain: dict[str, Any] = {"procedure": "plain", "responsibilities": "exact"}
        for name, options in (("vae", plain), ("vae by stages", {})):
            model = GMVAE(1, random_state=seed, max_epochs=ours.n_epochs_, **options)
            other, theirs = run(name, model, train, test, arguments)
            rows.append(other)
            gain = scores - theirs
            difference = {
                "seed": seed,
                "above": name,
                "gain": float(gain.mean()),
                "row_se": float(gain.std(ddof=1) / len(gain) ** 0.5),
                # The draws of the models meet different posteriors, so that their errors are taken as apart.
                "mc_se": float(np.hypot(row["mc_se"], other["mc_se"])),
            }
            show_rows([difference], list(difference))
            differences.append(difference)
    summary = {
        name: over_seeds(difference["gain"] for difference in differences if difference["above"] == name)
        for name in ("vae", "vae by stages")
    }
    for name, values in summary.items():
        show(f"gmvae above {name}", values)
    document = {"data": "mnist, pixels of 0 to 255", "runs": rows, "differences": differences}
    write(arguments.out, document | {"summary": summary, "machine": runtime.describe()})


if __name__ == "__main__":
    main()
