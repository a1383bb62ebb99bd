"""Memory and speed of a fitted GM-VAE's scores on a million rows: predict, transform, score_samples.

    python benchmarks/scoring.py [--rows 1000000] [--columns 20] [--inputs array,map] [--quick] [--out FILE]

Each method runs in a process of its own, so that the peak is that method's and no other's: its resident set
at the most, with Python, PyTorch, the rows and the answer in it. "array" reads the rows into memory first;
"map" hands the estimator a memory-mapped file, whose pages count while they are resident and can be dropped
at any time. The "start" line is a process that loads the model and scores one row.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from _figures import show_rows, write

from mixtura import GMVAE, runtime

METHODS = ("predict", "predict_proba", "transform", "score_samples")
LIMIT_MB = 1000.0


def write_rows(path: Path, n_rows: int, n_columns: int) -> np.ndarray:
    """Write rows of ten overlapping groups block by block, and return 2,000 of them."""
    generator = np.random.default_rng(0)
    centres = 2.5 * generator.normal(size=(10, n_columns))
    rows = np.lib.format.open_memmap(path, "w+", np.float64, (n_rows, n_columns))
    for first in range(0, n_rows, 50_000):
        block = centres[generator.integers(10, size=min(50_000, n_rows - first))]
        rows[first : first + len(block)] = block + generator.normal(size=block.shape)
    rows.flush()
    return np.array(rows[:2_000])


def measure(folder: str, file: str, method: str, kind: str, draws: str) -> dict[str, Any]:
    """Return seconds and peak memory of this process after one method on all rows."""
    model = GMVAE.load(folder).set_params(n_importance_samples=int(draws))
    rows = np.load(file, mmap_mode="r" if kind == "map" else None)
    if method == "start":
        method, rows = "predict", rows[:1]
    before = _peak_mb()
    started = time.perf_counter()
    answer = getattr(model, method)(rows)
    seconds = time.perf_counter() - started
    assert len(answer) == len(rows)
    assert np.isfinite(answer).all()
    return {"seconds": seconds, "rows/s": len(rows) / seconds, "before MB": before, "peak MB": _peak_mb()}


def _peak_mb() -> float:
    """Return the largest resident set of this process so far, in millions of bytes."""
    status = Path("/proc/self/status")
    if status.exists():
        # getrusage would count what the parent held when it forked.
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def main() -> None:
    """Fit once, then score in a process for each method and kind of input."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=20)
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--inputs", default="array,map", help="array: in memory; map: a memory-mapped file")
    parser.add_argument("--draws", type=int, default=64, help="of w for each row, behind score_samples")
    parser.add_argument("--quick", action="store_true", help="20,000 rows and a short fit")
    parser.add_argument("--out", default=None, help="JSON file for the figures")
    parser.add_argument("--measure", nargs=5, default=None, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(*arguments.measure)))
        return
    n_rows = 20_000 if arguments.quick else arguments.rows
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        file, model = Path(folder) / "rows.npy", Path(folder) / "model"
        sample = write_rows(file, n_rows, arguments.columns)
        GMVAE(10, random_state=0, max_epochs=3 if arguments.quick else None).fit(sample).save(model)
        kinds = [kind for kind in arguments.inputs.split(",") if kind]
        asked = [("start", "map")] + [(m, kind) for m in arguments.methods.split(",") for kind in kinds]
        for method, kind in asked:
            command = [
                sys.executable,
                __file__,
                "--measure",
                str(model),
                str(file),
                method,
                kind,
                str(arguments.draws),
            ]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            row = {"method": method, "input": kind, **json.loads(done.stdout)}
            show_rows([row], list(row))
            runs.append(row)
    worst = max(row["peak MB"] for row in runs)
    print(
        f"{n_rows} rows of {arguments.columns} columns: at most {worst:.0f} MB, the limit {LIMIT_MB:.0f} MB"
    )
    write(
        arguments.out,
        {"rows": n_rows, "columns": arguments.columns, "runs": runs, "machine": runtime.describe()}
        | {"summary": {"worst peak MB": worst, "limit MB": LIMIT_MB, "within": worst < LIMIT_MB}},
    )


if __name__ == "__main__":
    main()
