"""With 30% of the entries removed: values integrated out, against imputation followed by plain EM.

    MIXTURA_DATA=... python benchmarks/missing.py [--seeds 0-9] [--share 0.3] [--json missing.json]

Six tables of numbers, complete rows alone, in units of their standard deviations, as many components as the
table has groups. Each seed splits rows 70 to 30, removes entries of the training rows at random, and starts
every method at the same parameters: k-means on the rows that scikit-learn's KNNImputer filled, which
favours it. "mixtura" integrates what is missing out; "k-nearest" and "mean" run the same EM on rows that
scikit-learn filled; "complete" is EM on the training rows before anything was removed, the best to be had.
The covariance type is that of the least BIC of "complete". "rows a parameter": where they are few, a
likelihood says little, with or without what is missing.

held out      log p of complete held-out rows, in nats a row
parameters    root mean square difference from the parameters of "complete", components matched
entries       root mean square error of the removed entries once filled
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as parquet
from _figures import over_seeds, parse_seeds, write
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.impute import KNNImputer, SimpleImputer

from mixtura import runtime
from mixtura.em.engine import run_em
from mixtura.em.family import Array
from mixtura.em.gaussian import COVARIANCE_TYPES, GaussianParameters
from mixtura.em.imputation import impute
from mixtura.em.missing import missing_family
from mixtura.em.patterns import PatternSource
from mixtura.em.source import ArraySource
from mixtura.em.steps import MixtureParameters, e_step

METHODS = ("mixtura", "k-nearest", "mean", "complete")
FIGURES = ("held out", "parameters", "entries")
# The same for all, in squared standard deviations: no covariance collapses.
RIDGE = 1e-3
ITERATIONS, TOLERANCE = 500, 1e-6
# Rows of a table, for the sake of the nearest neighbours.
MOST = 3000


def tables(folder: Path) -> Iterator[tuple[str, Array, int]]:
    """Yield name, complete rows and number of groups of each table."""
    for name, groups in (("banknote", 2), ("thyroid", 3), ("wdbc", 2), ("magic", 2)):
        rows = np.load(folder / f"{name}.npz")["X"].astype(float)
        yield name, np.random.default_rng(0).permutation(rows)[:MOST], groups
    penguins = ("bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g")
    for name, columns, groups in (("penguins", penguins, 3), ("faithful", ("eruptions", "waiting"), 2)):
        table = parquet.read_table(folder / f"{name}.parquet", columns=list(columns))
        rows = np.column_stack([column.to_numpy() for column in table.columns]).astype(float)
        yield name, rows[~np.isnan(rows).any(axis=1)], groups


def remove(rows: Array, share: float, random: np.random.Generator) -> Array:
    """Return rows with a share of their entries removed; every row keeps one."""
    holes = random.random(rows.shape) < share
    empty = np.flatnonzero(holes.all(axis=1))
    holes[empty, random.integers(rows.shape[1], size=len(empty))] = False
    return np.where(holes, np.nan, rows)


def started(rows: Array, groups: int, seed: int) -> MixtureParameters:
    """Return weights, means and full covariances of the groups of k-means."""
    labels = KMeans(groups, n_init=10, random_state=seed).fit_predict(rows)
    members = [rows[labels == k] for k in range(groups)]
    ridge = RIDGE * np.eye(rows.shape[1])
    covariances = np.array([np.cov(some.T, bias=True) + ridge for some in members])
    means = np.array([some.mean(axis=0) for some in members])
    weights = np.array([len(some) / len(rows) for some in members])
    return MixtureParameters(np.log(weights), GaussianParameters(means, covariances))


def of_type(kind: str, start: MixtureParameters) -> MixtureParameters:
    """Return the start with covariances of a type."""
    matrices = start.components.covariances
    variances = np.einsum("kii->ki", matrices)
    covariances = {
        "full": matrices,
        "tied": np.einsum("k,kij->ij", np.exp(start.log_weights), matrices),
        "diag": variances,
        "spherical": variances.mean(axis=1),
    }[kind]
    return MixtureParameters(start.log_weights, GaussianParameters(start.components.means, covariances))


def fitted(kind: str, rows: Array, start: MixtureParameters) -> tuple[MixtureParameters, float]:
    """Run EM on rows with or without NaN, and return its end and the log-likelihood there."""
    family = COVARIANCE_TYPES[kind](*start.components.means.shape, reg_covar=RIDGE)

    def met(bounds: list[float]) -> str | None:
        return "close" if len(bounds) > 1 and abs(bounds[-1] - bounds[-2]) < TOLERANCE else None

    source = PatternSource(rows)
    result = run_em(missing_family(family), source, start, criterion=met, max_iter=ITERATIONS, exact=False)
    return result.theta, result.lower_bound * len(rows)


def size(kind: str, groups: int, d: int) -> int:
    """Return the number of free parameters."""
    square = d * (d + 1) // 2
    covariances = {"full": groups * square, "tied": square, "diag": groups * d, "spherical": groups}
    return groups - 1 + groups * d + covariances[kind]


def difference(kind: str, ours: MixtureParameters, reference: MixtureParameters) -> float:
    """Return the root mean square difference of weights, means and covariances of matched components."""
    a, b = ours.components, reference.components
    apart = ((a.means[:, None] - b.means[None]) ** 2).sum(axis=2)
    order = linear_sum_assignment(apart)[1]
    family = COVARIANCE_TYPES[kind](*a.means.shape)
    errors = [
        np.exp(ours.log_weights) - np.exp(reference.log_weights[order]),
        a.means - b.means[order],
        family.expand(a.covariances) - family.expand(b.covariances)[order],
    ]
    return float(np.sqrt(np.mean(np.concatenate([error.ravel() for error in errors]) ** 2)))


def run(name: str, rows: Array, groups: int, seed: int, share: float) -> Iterator[dict[str, Any]]:
    """Yield the figures of every method on one split."""
    random = np.random.default_rng(seed)
    order = random.permutation(len(rows))
    cut, d = int(0.7 * len(rows)), rows.shape[1]
    centre, unit = rows[order[:cut]].mean(axis=0), rows[order[:cut]].std(axis=0)
    scaled = (rows[order] - centre) / unit
    training, held_out = scaled[:cut], scaled[cut:]
    holes = remove(training, share, random)
    removed = np.isnan(holes)
    used = {
        "mixtura": holes,
        "k-nearest": KNNImputer().fit_transform(holes),
        "mean": SimpleImputer().fit_transform(holes),
        "complete": training,
    }
    start = started(used["k-nearest"], groups, seed)
    ends = {kind: fitted(kind, training, of_type(kind, start)) for kind in COVARIANCE_TYPES}
    kind = min(ends, key=lambda kind: size(kind, groups, d) * np.log(cut) - 2 * ends[kind][1])
    best = ends[kind][0]
    family = COVARIANCE_TYPES[kind](groups, d)
    for method in METHODS:
        begun = time.perf_counter()
        theta, _ = fitted(kind, used[method], of_type(kind, start))
        seconds = time.perf_counter() - begun
        guess = impute(family, theta, holes) if method in ("mixtura", "complete") else used[method]
        yield {
            "table": name,
            "seed": seed,
            "method": method,
            "covariances": kind,
            "rows": cut / size(kind, groups, d),
            "held out": e_step(family, ArraySource(held_out), theta).log_likelihood / len(held_out),
            "parameters": difference(kind, theta, best),
            "entries": float(np.sqrt(np.mean((guess - training)[removed] ** 2))),
            "seconds": seconds,
        }


def report(name: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Print one table's summary, and return it."""
    kinds = sorted({row["covariances"] for row in rows})
    print(f"{name}: covariances {', '.join(kinds)}; rows {min(row['rows'] for row in rows):.1f} a parameter")
    by_method = {method: [row for row in rows if row["method"] == method] for method in METHODS}
    summary: dict[str, Any] = {}
    for method, own in by_method.items():
        summary[method] = {
            key: over_seeds((row[key] for row in own), worst="min" if key == "held out" else "max")
            for key in (*FIGURES, "seconds")
        }
        cells = "  ".join(
            f"{key} {summary[method][key]['mean']:9.4f} ± {summary[method][key]['sd']:7.4f}"
            f" worst {summary[method][key]['worst']:9.4f}"
            for key in FIGURES
        )
        print(f"  {method:<10} {cells}  {summary[method]['seconds']['mean']:.2f} s", flush=True)
    for peer in ("k-nearest", "mean"):
        pairs = list(zip(by_method["mixtura"], by_method[peer], strict=True))
        wins = {
            key: sum((a[key] > b[key]) if key == "held out" else (a[key] < b[key]) for a, b in pairs)
            for key in FIGURES
        }
        gain = over_seeds(a["held out"] - b["held out"] for a, b in pairs)
        summary[f"mixtura against {peer}"] = {"better in": wins, "of": len(pairs), "held-out gain": gain}
        counts = ", ".join(f"{key} {count}" for key, count in wins.items())
        print(
            f"  mixtura better than {peer} in {counts} of {len(pairs)} seeds; held out by "
            f"{gain['mean']:.3f} ± {gain['sd']:.3f} nats a row, least {gain['worst']:.3f}"
        )
    return summary


def main() -> None:
    """Run every table over the seeds."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", default="0-9")
    parser.add_argument("--share", type=float, default=0.3, help="of the entries that are removed")
    parser.add_argument("--json", default=None, help="file for the figures")
    arguments = parser.parse_args()
    if "MIXTURA_DATA" not in os.environ:
        print("MIXTURA_DATA is not set, so there are no tables to run on")
        return
    runs: list[dict[str, Any]] = []
    summary: dict[str, Any] = {}
    for name, rows, groups in tables(Path(os.environ["MIXTURA_DATA"])):
        own = [
            row
            for seed in parse_seeds(arguments.seeds)
            for row in run(name, rows, groups, seed, arguments.share)
        ]
        summary[name] = report(name, own)
        runs += own
    document = {"share": arguments.share, "runs": runs, "summary": summary, "machine": runtime.describe()}
    write(arguments.json, document)


if __name__ == "__main__":
    main()
