"""MNIST from scratch by the command: 60,000 images without labels, scored on the 10,000 test images.

    MIXTURA_DATA=... python benchmarks/mnist.py [--seeds 0-4] [--procedure default|plain] [--out mnist.json]

Each seed is one `mixtura fit` and one `mixtura assign` in processes of their own, so that time and memory are
those of the whole command. Labels score the test images and choose nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from _figures import over_seeds, parse_seeds, show, show_rows, write

from mixtura import runtime

KEYS = ("accuracy", "nmi", "ari", "bound", "log_likelihood", "log_likelihood_se", "seconds", "peak_memory_mb")


def command(*words: str) -> Any:
    """Run ``mixtura`` and return the JSON that it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "mixtura.cli", *words, "--json", "--quiet"], capture_output=True, text=True
    )
    if done.returncode != 0:
        raise SystemExit(f"mixtura {' '.join(words)} ended with {done.returncode}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def run(data: Path, seed: int, options: list[str]) -> dict[str, Any]:
    """Fit on the training images, assign the test images, and return the figures."""
    with tempfile.TemporaryDirectory() as folder:
        fitted = command(
            "fit", str(data), "--array", "x_train", "--components", "10", "--seed", str(seed),
            "--out", f"{folder}/run", *options,
        )  # fmt: skip
        scored = command("assign", f"{folder}/run", str(data), "--array", "x_test", "--labels", "y_test")
    return {key: fitted[key] for key in fitted if key not in {"findings", "versions", "sizes"}} | {
        key: scored[key] for key in ("accuracy", "nmi", "ari")
    }


def main() -> None:
    """Run every seed, one after the other unless told."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", default="0-4")
    parser.add_argument("--procedure", default="default", choices=("default", "plain"))
    parser.add_argument("--responsibilities", default=None, choices=("exact", "amortised"))
    parser.add_argument("--out", default=None, help="JSON file for the figures")
    arguments = parser.parse_args()
    if "MIXTURA_DATA" not in os.environ:
        print("MIXTURA_DATA is not set, so there is no mnist.npz to run on")
        return
    options = ["--procedure", arguments.procedure]
    if arguments.responsibilities or arguments.procedure == "plain":
        options += ["--responsibilities", arguments.responsibilities or "amortised"]
    rows = []
    for seed in parse_seeds(arguments.seeds):
        rows.append(run(Path(os.environ["MIXTURA_DATA"]) / "mnist.npz", seed, options))
        show_rows(rows[-1:], ("seed", *KEYS))
    worst = {"seconds": "max", "peak_memory_mb": "max", "log_likelihood_se": "max"}
    summary = {key: over_seeds((row[key] for row in rows), worst=worst.get(key, "min")) for key in KEYS}
    for key, values in summary.items():
        show(key, values)
    document = {"data": "mnist", "options": options, "runs": rows, "summary": summary}
    write(arguments.out, document | {"machine": runtime.describe()})


if __name__ == "__main__":
    main()
