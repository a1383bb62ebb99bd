"""What a user waits for before any work is done: import, --help, and a default fit of 50 rows.

    python benchmarks/startup.py [--repeats 7] [--out startup.json]

The first two are whole processes beside a bare `python -c pass`; the fit is timed inside a warm process, as
the median of repeats, on as many threads as torch takes by itself.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

from _figures import write
from sklearn.datasets import make_blobs

from mixtura import GMVAE, runtime


def process_seconds(arguments: list[str], repeats: int) -> float:
    """Return the median wall time of a Python process."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def fit_seconds(repeats: int) -> list[float]:
    """Return the wall times of default fits of 50 rows, after one that loads everything."""
    points, _ = make_blobs(50, random_state=1)
    times = []
    for seed in range(repeats + 1):
        started = time.perf_counter()
        GMVAE(random_state=seed).fit(points)
        times.append(time.perf_counter() - started)
    return times[1:]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--out", default=None, help="JSON file for the figures")
    arguments = parser.parse_args()
    fits = fit_seconds(arguments.repeats)
    figures = {
        "python_seconds": process_seconds(["-c", "pass"], arguments.repeats),
        "import_seconds": process_seconds(["-c", "import mixtura"], arguments.repeats),
        "help_seconds": process_seconds(["-m", "mixtura.cli", "--help"], arguments.repeats),
        "fit_50_rows_seconds": statistics.median(fits),
        "fit_50_rows_worst_seconds": max(fits),
    }
    for name, value in figures.items():
        print(f"{name:<28} {value:.3f}")
    write(arguments.out, {**figures, "machine": runtime.describe()})


if __name__ == "__main__":
    main()
