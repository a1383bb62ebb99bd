"""EM against scikit-learn, pomegranate and torchgmm: time to the same log-likelihood on ten tables.

    MIXTURA_DATA=... python benchmarks/em_peers.py [--tables faithful,wdbc] [--quick] [--json em_peers.json]

Every library fits the same standardised rows with as many components as the table has groups, covariances
full and diagonal, from one start: the centres of scikit-learn's k-means, and weights, means and covariances
of the rows nearest to each. torchgmm takes centres alone and finds the same moments itself, in its time.
1e-6 is added to every variance, except by pomegranate, which has no such parameter that does anything.

The target is 1e-3 nats per observation below where plain EM ends. "its" is the number of its iterations to
there; a library that has not arrived after as many goes on by a few until it has, or is reported with its
gap. The time is that of one whole fit, checks of the input included, with the fewest iterations that reach
the target, as SciPy judges the parameters it returns. "squarem" is mixtura with acceleration="squarem" and
"sq." its own fewest iterations.

The tables hold time of the processor: one thread everywhere, so this is the wall time of a machine with
nothing else to do. Medians over fits that take turns, after one that does not count unless it is long; the
summary and the JSON have the wall time too, and its minimum. pomegranate and torchgmm run in an environment
of their own, made on the first run (build/peers/em), from tensors that are made beforehand, in float32 or
float64, whichever is quicker there; in float32 alone where it arrives but takes more than 0.7 s.

The second table lets each library start and stop by its own defaults, with full covariances, on four fifths
of at most 20,000 rows, for three seeds, pomegranate and torchgmm in float32, their default: median time, and
the mean and the worst over seeds of the mean log p(x) of the other rows, in nats. "short_runs" is mixtura
with init_params="short_runs". A fit is given up after six seconds.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from _em_figures import ACCELERATED, OURS, PEERS, SEARCHING, heads, ratios, show_first, show_second
from _em_sides import REG_COVAR, Estimator, Fit, Side, Start, Task, Worker, install, log_likelihood
from _figures import write
from _mixture_tables import ORDER, Table, tables
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture as TheirGaussianMixture
from threadpoolctl import threadpool_limits

from mixtura import GaussianMixture, runtime

# Nats per observation.
TOLERANCE = 1e-3
LONGEST = 500
# Seconds that one library may take on one row of the table, over all repeats; a single fit may take longer.
SHARE = 0.7
MOST_REPEATS = 15
QUICK = ("penguins", "digits")
# Seconds of the processor after which a fit by defaults is given up.
PATIENCE = 6.0
# Of a table that is fitted by defaults.
MOST_ROWS = 20_000


def kmeans_start(table: Table, kind: str) -> Start:
    """Return the centres of k-means, and the moments of the rows nearest to them."""
    centres = KMeans(table.k, n_init=1, random_state=0).fit(table.rows).cluster_centers_
    distances = np.stack([((table.rows - centre) ** 2).sum(axis=1) for centre in centres])
    groups = [table.rows[distances.argmin(axis=0) == k] for k in range(table.k)]
    if kind == "full":
        ridge = REG_COVAR * np.eye(table.rows.shape[1])
        covariances = np.array([np.cov(group.T, bias=True) + ridge for group in groups])
    else:
        covariances = np.array([group.var(axis=0) + REG_COVAR for group in groups])
    weights = np.array([len(group) / len(table.rows) for group in groups])
    return Start(centres, weights, np.array([group.mean(axis=0) for group in groups]), covariances)


def target(task: Task) -> tuple[float, Task]:
    """Return the log-likelihood to reach, and the task with the number of plain iterations to it."""
    assert task.start is not None
    covariances, kind = task.start.covariances, task.covariance_type
    estimator: Any = GaussianMixture
    long_run = estimator(
        task.k,
        covariance_type=kind,
        tol=1e-8,
        max_iter=LONGEST,
        reg_covar=REG_COVAR,
        weights_init=task.start.weights,
        means_init=task.start.means,
        precisions_init=np.linalg.inv(covariances) if covariances.ndim == 3 else 1 / covariances,
    ).fit(task.rows)
    path = np.array(long_run.lower_bounds_)
    goal = float(path.max()) - TOLERANCE
    # The entry at t is before M-step t + 1; at least one is timed, however good the start.
    return goal, task._replace(iterations=max(1, int((path >= goal).argmax())))


@dataclass
class Entrant:
    """A library on one row of the table: the task that takes it to the target, and how long it took."""

    side: Side
    task: Task
    gap: float
    fit: Fit
    fits: list[Fit] = field(default_factory=list)

    @property
    def arrived(self) -> bool:
        """Whether the target was reached."""
        return self.gap <= 0


def entrant(side: Side, task: Task, goal: float) -> Entrant:
    """Return one fit and its gap to the goal."""
    fit = side.fit(task)
    return Entrant(side, task, goal - log_likelihood(task.rows, fit), fit)


def plain(side: Side, task: Task, goal: float) -> Entrant:
    """Return what arrives at the iterations of the task or a few more, in the quicker precision."""
    found = []
    for dtype in side.dtypes:
        for extra in (0, 1, 2, 4, 8, 16):
            tried = entrant(side, task._replace(dtype=dtype, iterations=task.iterations + extra), goal)
            if tried.arrived or tried.fit.error:
                break
        found.append(tried)
        if tried.arrived and tried.fit.cpu > SHARE:  # the other precision is not quicker where it counts
            break
    return min(found, key=lambda each: (max(each.gap, 0.0), each.fit.cpu))


def fewest(side: Side, task: Task, goal: float) -> Entrant:
    """Return what arrives with the fewest iterations, by bisection; leaps do not go the plain way."""
    best = entrant(side, task, goal)
    while not best.arrived and best.task.iterations < 4 * LONGEST:
        best = entrant(side, task._replace(iterations=2 * best.task.iterations), goal)
    lower = 0
    while best.arrived and best.task.iterations - lower > 1:
        tried = entrant(side, task._replace(iterations=(lower + best.task.iterations) // 2), goal)
        if tried.arrived:
            best = tried
        else:
            lower = tried.task.iterations
    return best


def seconds(fits: dict[str, list[Fit]]) -> dict[str, dict[str, float]]:
    """Return what the table calls time, in three ways."""
    return {
        "cpu": {name: statistics.median(fit.cpu for fit in each) for name, each in fits.items()},
        "wall": {name: statistics.median(fit.wall for fit in each) for name, each in fits.items()},
        "least_wall": {name: min(fit.wall for fit in each) for name, each in fits.items()},
    }


def compare(sides: Sequence[Side], table: Table, kind: str, share: float) -> dict[str, Any]:
    """Return one row of the first table."""
    goal, task = target(Task(table.rows, table.k, kind, kmeans_start(table, kind)))
    entrants = [(fewest if side.name == ACCELERATED else plain)(side, task, goal) for side in sides]
    running = [each for each in entrants if each.fit.error is None]
    repeats = {}
    for each in running:
        if each.fit.cpu > share:
            each.fits.append(each.fit)
        repeats[each.side.name] = min(MOST_REPEATS, int(share / each.fit.cpu))
    for turn in range(MOST_REPEATS):
        for each in running:
            if turn < repeats[each.side.name]:
                each.fits.append(each.side.fit(each.task))
    return {
        "table": table.name,
        "n": len(table.rows),
        "d": table.rows.shape[1],
        "k": table.k,
        "covariance_type": kind,
        "target": goal,
        "iterations": {each.side.name: each.task.iterations for each in entrants},
        "gaps": {each.side.name: max(0.0, each.gap) for each in entrants},
        "errors": {each.side.name: each.fit.error for each in entrants if each.fit.error},
        "dtypes": {each.side.name: each.task.dtype for each in entrants},
        "repeats": {each.side.name: len(each.fits) for each in running},
        **seconds({each.side.name: each.fits for each in running}),
    }


def by_defaults(sides: Sequence[Side], table: Table, seeds: Sequence[int]) -> dict[str, Any]:
    """Return one row of the second table; what is past the limit once is not tried with other seeds."""
    rows = np.random.default_rng(0).permutation(table.rows)[:MOST_ROWS]
    cut = len(rows) * 4 // 5
    task = Task(rows[:cut], table.k, "full", dtype="float32", limit=PATIENCE)
    found: dict[str, list[Fit]] = {side.name: [] for side in sides}
    for seed in (seeds[0], *seeds):  # the first one warms up
        for side in sides:
            fits = found[side.name]
            if not (fits and fits[-1].cpu > SHARE and (seed == seeds[0] or fits[-1].error)):
                fits.append(side.fit(task._replace(seed=seed)))
    found = {name: fits[-len(seeds) :] for name, fits in found.items()}
    scores = {name: [log_likelihood(rows[cut:], fit) for fit in fits] for name, fits in found.items()}
    errors = {name: next((fit.error for fit in fits if fit.error), None) for name, fits in found.items()}
    return {
        "table": table.name,
        "n": cut,
        **seconds(found),
        "held_out": {name: statistics.fmean(each) for name, each in scores.items() if not errors[name]},
        "worst_held_out": {name: min(each) for name, each in scores.items() if not errors[name]},
        "errors": {name: error for name, error in errors.items() if error},
    }


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tables", default=None, help="some of: " + ", ".join(ORDER))
    parser.add_argument("--quick", action="store_true", help="two small tables, one seed")
    parser.add_argument("--json", default=None, help="file for the figures")
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    named = tuple(arguments.tables.split(",")) if arguments.tables else QUICK if arguments.quick else ORDER
    unknown = sorted(set(named) - set(ORDER))
    if unknown:
        parser.error(f"no table is called {unknown[0]}; choose from {', '.join(ORDER)}")
    folder = Path(os.environ["MIXTURA_DATA"]) if "MIXTURA_DATA" in os.environ else None
    if folder is None:
        print("MIXTURA_DATA is not set, so only the tables that need no file are run")
    ours, theirs = Estimator(OURS, GaussianMixture), Estimator("scikit-learn", TheirGaussianMixture)
    accelerated = Estimator(ACCELERATED, GaussianMixture, acceleration="squarem")
    searching = Estimator(SEARCHING, GaussianMixture, init_params="short_runs")
    problem = install()
    if problem:
        print(f"pomegranate and torchgmm could not be installed: {problem}")
    with tempfile.TemporaryDirectory() as scratch, threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        workers = [] if problem else [Worker(name, Path(scratch)) for name in ("pomegranate", "torchgmm")]
        sides: list[Side] = [ours, accelerated, theirs, *workers]
        everything = list(tables(folder, named))
        if not everything:
            parser.error("none of these tables can be read without MIXTURA_DATA")
        names = [side.name for side in sides]
        print("processor milliseconds to the target; on the right the peers' over mixtura's")
        print(f"{'':<33} {'its':>4} {'sq.':>4} {heads(names)}")
        first = []
        for table in everything:
            for kind in ("full", "diag"):
                first.append(compare(sides, table, kind, SHARE / 4 if arguments.quick else SHARE))
                show_first(first[-1], names)
        sides = [ours, searching, theirs, *workers]
        names = [side.name for side in sides]
        print("by defaults: processor milliseconds; mean and worst held-out log p(x), in the same order")
        print(f"{'':<19} {heads(names)}")
        second = []
        for table in everything:
            second.append(by_defaults(sides, table, (0,) if arguments.quick else (0, 1, 2)))
            show_second(second[-1], names)
        for worker in workers:
            worker.close()
    peers = [name for name in names if name in PEERS]
    summary = [
        {"mode": mode, "of": key} | ratios(rows, peer, side, key)
        for mode, rows, key, side in (
            ("target", first, "cpu", OURS),
            ("target", first, "wall", OURS),
            ("target", first, "least_wall", OURS),
            ("target", first, "cpu", ACCELERATED),
            ("defaults", second, "cpu", OURS),
            ("defaults", second, "wall", OURS),
        )
        for peer in peers
    ]
    print("times as long as mixtura: geometric mean of the rows that arrived, and the least")
    for line in summary:
        print(
            f"{line['mode']:<8} {line['of']:<10} {line['peer']:<12} over {line['ours']:<8} "
            f"{line['geometric_mean']:6.2f} of {line['rows']:>2}, {line['worst']:.2f} ({line['worst_row']})"
        )
    versions = {name: text for worker in workers for name, text in worker.versions.items()}
    machine = {**runtime.describe(), **versions, "threads used": 1}
    write(arguments.json, {"same_start": first, "defaults": second, "summary": summary, "machine": machine})


if __name__ == "__main__":
    main()
