"""EM beside scikit-learn's: seconds an iteration, extra memory, log-likelihood, from the same start.

    python benchmarks/em.py [--repeats 5] [--threads 2] [--out em.json]

Both sides may use the same threads, unless told as many as there are processors, which is what each takes by
itself: scikit-learn for its matrix products, mixtura for parts of the rows. They run the same number of
iterations on the same data, by turns in one process; the ratio is of medians. Extra memory is the peak of
what a fit allocates beyond the data, measured in a run of its own.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
import tracemalloc
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from _figures import write
from threadpoolctl import threadpool_limits

from mixtura import runtime

ITERATIONS = 5


@dataclass(frozen=True)
class Case:
    """One line of the table."""

    covariance_type: str
    n: int
    d: int
    k: int


CASES = (
    Case("full", 100_000, 16, 16),
    Case("diag", 1_000_000, 8, 8),
    Case("tied", 100_000, 16, 16),
    Case("spherical", 1_000_000, 8, 8),
)


def made(case: Case) -> tuple[np.ndarray, dict[str, Any]]:
    """Return rows of a mixture, and the start that both sides take."""
    rng = np.random.default_rng(0)
    centres = 3 * rng.normal(size=(case.k, case.d))
    rows = centres[rng.integers(case.k, size=case.n)] + rng.normal(size=(case.n, case.d))
    identity = {
        "full": np.tile(np.eye(case.d), (case.k, 1, 1)),
        "tied": np.eye(case.d),
        "diag": np.ones((case.k, case.d)),
        "spherical": np.ones(case.k),
    }[case.covariance_type]
    start = {
        "weights_init": np.full(case.k, 1 / case.k),
        "means_init": rows[: case.k].copy(),
        "precisions_init": identity,
    }
    return rows, start


def model(side: str, case: Case, start: dict[str, Any], iterations: int) -> Any:
    """Return an estimator of one side that runs a fixed number of iterations."""
    if side == "mixtura":
        from mixtura import GaussianMixture
    else:
        from sklearn.mixture import GaussianMixture
    return GaussianMixture(
        case.k,
        covariance_type=case.covariance_type,
        tol=0.0,
        max_iter=iterations,
        init_params="random_from_data",
        random_state=0,
        **start,
    )


def seconds(side: str, case: Case, rows: np.ndarray, start: dict[str, Any]) -> float:
    """Return the wall time of one iteration: of a long fit less a short one."""
    times = []
    for iterations in (1, 1 + ITERATIONS):
        started = time.perf_counter()
        model(side, case, start, iterations).fit(rows)
        times.append(time.perf_counter() - started)
    return (times[1] - times[0]) / ITERATIONS


def extra_megabytes(side: str, case: Case, rows: np.ndarray, start: dict[str, Any]) -> float:
    """Return the peak of what a fit allocates."""
    estimator = model(side, case, start, 2)
    tracemalloc.start()
    estimator.fit(rows)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / 1e6


def measured(case: Case, repeats: int) -> dict[str, Any]:
    """Return the figures of one case."""
    rows, start = made(case)
    sides = ("mixtura", "scikit-learn")
    for side in sides:  # imports, and the first pages of memory
        model(side, case, start, 1).fit(rows)
    times: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(repeats):
        for side in sides:
            times[side].append(seconds(side, case, rows, start))
    medians = {side: statistics.median(times[side]) for side in sides}
    memory = {side: extra_megabytes(side, case, rows, start) for side in sides}
    scores = {side: float(model(side, case, start, 1 + ITERATIONS).fit(rows).score(rows)) for side in sides}
    return {
        "covariance_type": case.covariance_type,
        "n": case.n,
        "d": case.d,
        "k": case.k,
        "seconds": medians,
        "ratio": medians["scikit-learn"] / medians["mixtura"],
        "ratio_of_minima": min(times["scikit-learn"]) / min(times["mixtura"]),
        "extra_mb": memory,
        "log_likelihood_difference": abs(scores["mixtura"] - scores["scikit-learn"]),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=runtime.n_threads(), help="for both sides")
    parser.add_argument("--out", default=None, help="JSON file for the figures")
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", str(arguments.threads))
    heads = {"s/iteration": 13, "scikit-learn": 13, "times": 6, "of minima": 9}
    heads |= {"extra MB": 8, "sklearn": 8, "log-lik.": 9}
    print(f"{'':<34} " + " ".join(f"{head:>{width}}" for head, width in heads.items()))
    figures = []
    with threadpool_limits(arguments.threads), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for case in CASES:
            line = measured(case, arguments.repeats)
            figures.append(line)
            name = f"{case.covariance_type} n={case.n:,} d={case.d} K={case.k}"
            print(
                f"{name:<34} {line['seconds']['mixtura']:>13.4f} {line['seconds']['scikit-learn']:>13.4f} "
                f"{line['ratio']:>6.2f} {line['ratio_of_minima']:>9.2f} {line['extra_mb']['mixtura']:>8.1f} "
                f"{line['extra_mb']['scikit-learn']:>8.1f} {line['log_likelihood_difference']:>9.1e}",
                flush=True,
            )
    write(arguments.out, {"cases": figures, "machine": runtime.describe()})


if __name__ == "__main__":
    main()
