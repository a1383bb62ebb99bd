"""What a GM-VAE's answers are worth: groups where there are none, probabilities, and the anomaly score.

    MIXTURA_DATA=... python benchmarks/trust.py [--seeds 0-2] [--parts groups,calibration,anomaly] [--quick]
                                                [--figure reliability.png] [--out trust.json]

groups: ten are asked of one cloud, Gaussian, skewed or curved: how often the finding "no-groups" says that
there are none, and how often it says so of real tables that have groups.
calibration: made mixtures whose posterior is known, some through a smooth invertible map; on 4,000 new rows,
the expected calibration error of `predict_proba` against the posterior and against the components drawn, with
that of the posterior itself, which is the luck of the draw, and of EM with full covariances.
anomaly: a digit is held out of training; the AUROC of `score_samples` between its images and the others' test
images, beside that of scikit-learn's GaussianMixture and IsolationForest. Labels score and choose nothing.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from _calibration import CASES, Case, draw, matched, reliability
from _figures import over_seeds, parse_seeds, show, show_rows, write
from sklearn.datasets import load_digits, load_iris, load_wine
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline

from mixtura import GMVAE, runtime
from mixtura.clustering import accuracy

TRAIN, TEST = 1_000, 4_000
MNIST_ROWS = 9_000  # 6,000 of them to train on
FILES = ("banknote", "thyroid", "wdbc")


def cloud(name: str, seed: int) -> np.ndarray:
    """Return the rows of one group."""
    generator = np.random.default_rng(seed)
    if name == "skewed 1000x4":
        return np.exp(0.6 * generator.normal(size=(1000, 4)))
    if name == "curved 1000x4":
        rows = generator.normal(size=(1000, 4))
        rows[:, 1] += 0.7 * rows[:, 0] ** 2
        return rows
    n, d = (int(side) for side in name.removeprefix("Gaussian ").split("x"))
    return generator.normal(size=(n, d))


CLOUDS = ("Gaussian 500x5", "Gaussian 2000x20", "Gaussian 200x2", "skewed 1000x4", "curved 1000x4")


def fit(rows: np.ndarray, k: int, seed: int, quick: bool, **options: Any) -> GMVAE:
    """Return the default fit, or a short one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return GMVAE(k, random_state=seed, max_epochs=5 if quick else None, **options).fit(rows)


def groups(seeds: list[int], quick: bool) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return whether groups are denied where there are none, and where there are."""
    runs = []
    tables: dict[str, tuple[np.ndarray, np.ndarray]] = {
        "iris": load_iris(return_X_y=True),
        "wine": load_wine(return_X_y=True),
        "digits": (load_digits().images, load_digits().target),
    }
    folder = os.environ.get("MIXTURA_DATA")
    for name in FILES if folder else ():
        with np.load(Path(str(folder)) / f"{name}.npz") as file:
            tables[name] = (file["X"].astype(np.float64), file["y"])
    clouds, real = (CLOUDS[:1], ["iris"]) if quick else (CLOUDS, list(tables))
    for name in [*clouds, *real]:
        for seed in seeds:
            rows, labels = tables[name] if name in tables else (cloud(name, seed), None)
            k = 10 if labels is None else len(np.unique(labels))
            model = fit(rows, k, seed, quick)
            found = [finding.name for finding in model.findings_]
            run = {"data": name, "seed": seed, "k": k, "grouped": labels is not None}
            run |= {"denied": "no-groups" in found, "right": ("no-groups" in found) == (labels is None)}
            run |= {"surest": float(model.predict_proba(rows).max(axis=1).mean())}
            run |= {"accuracy": float("nan") if labels is None else accuracy(labels, model.labels_)}
            run |= {"findings": found}
            show_rows([run], ["data", "seed", "denied", "surest", "accuracy", "findings"])
            runs.append(run)
    summary = {}
    for grouped, what in ((False, "no groups, said so"), (True, "groups, none denied")):
        summary[what] = over_seeds(float(run["right"]) for run in runs if run["grouped"] == grouped)
        show(what, summary[what])
    return runs, summary


def calibration(seeds: list[int], quick: bool) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return calibration errors over the cases, with the curves."""
    runs = []
    for case in CASES[:1] if quick else CASES:
        for seed in seeds:
            runs.append(calibrate(case, seed, quick))
            keys = ["case", "seed", "ece", "ece of labels", "luck", "ece of EM", "error", "accuracy", "best"]
            show_rows(runs[-1:], keys)
    summary = {
        key: over_seeds((run[key] for run in runs), worst="max")
        for key in ("ece", "ece of labels", "luck", "ece of EM", "error")
    }
    for key, values in summary.items():
        show(f"calibration {key}", values)
    passed = sum(run["ece"] < 0.02 for run in runs)
    print(f"expected calibration error below 0.02 in {passed} of {len(runs)} fits")
    return runs, summary | {"below 0.02": {"fits": passed, "of": len(runs)}}


def calibrate(case: Case, seed: int, quick: bool) -> dict[str, Any]:
    """Return the figures of one case and seed."""
    k = len(case.weights)
    rows, _, _ = draw(case, TRAIN, seed)
    new, labels, posterior = draw(case, TEST, seed)
    options = {} if len(set(case.weights)) == 1 else {"weights": "learned"}
    started = time.perf_counter()
    model = fit(rows, k, seed, quick, **options)
    seconds = time.perf_counter() - started
    ours = matched(model.predict_proba(new), posterior)
    em = GaussianMixture(k, n_init=10, random_state=seed).fit(rows)
    against = reliability(ours, posterior)
    return {
        "case": case.name,
        "seed": seed,
        "ece": against["ece"],
        "ece of labels": reliability(ours, labels)["ece"],
        "luck": reliability(posterior, labels)["ece"],
        "ece of EM": reliability(matched(em.predict_proba(new), posterior), posterior)["ece"],
        "error": float(np.abs(ours - posterior).sum(axis=1).mean() / 2),
        "accuracy": accuracy(labels, ours.argmax(axis=1)),
        "best": accuracy(labels, posterior.argmax(axis=1)),
        "seconds": seconds,
        "curve": against["curve"],
    }


def anomaly(seeds: list[int], quick: bool) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the AUROC of the scores of a digit that was held out."""
    sets = {"digits": (load_digits().images / 16.0, load_digits().target)}
    folder = os.environ.get("MIXTURA_DATA")
    if folder and not quick:
        with np.load(Path(folder) / "mnist.npz") as file:
            sets["mnist"] = _images(file)
    runs = []
    for name, (images, labels) in sets.items():
        held_out = (4,) if quick else (1, 4, 9) if name == "digits" else (4,)
        for digit in held_out:
            for seed in seeds if name == "digits" else seeds[:1]:
                runs.append(detect(name, images, labels, digit, seed, quick))
                keys = ["data", "digit", "seed", "mixtura", "GaussianMixture", "IsolationForest", "seconds"]
                show_rows(runs[-1:], keys)
    summary = {}
    for name in sets:
        for key in ("mixtura", "GaussianMixture", "IsolationForest"):
            summary[f"{name} {key}"] = over_seeds(run[key] for run in runs if run["data"] == name)
            show(f"AUROC {name} {key}", summary[f"{name} {key}"])
    return runs, summary


def _images(file: Any) -> tuple[np.ndarray, np.ndarray]:
    take = np.random.default_rng(0).permutation(len(file["y_train"]))[:MNIST_ROWS]
    return file["x_train"][take] / 255.0, file["y_train"][take]


def detect(
    name: str, images: np.ndarray, labels: np.ndarray, digit: int, seed: int, quick: bool
) -> dict[str, Any]:
    """Return the figures of one digit held out, two thirds of the other digits trained on."""
    known = np.random.default_rng(seed).permutation(np.flatnonzero(labels != digit))
    train, test = known[: 2 * len(known) // 3], known[2 * len(known) // 3 :]
    asked = np.r_[test, np.flatnonzero(labels == digit)]
    strange = labels[asked] == digit
    flat = images.reshape(len(images), -1)
    started = time.perf_counter()
    model = fit(images[train], 9, seed, quick)
    seconds = time.perf_counter() - started
    # Of 784 columns a full covariance is mostly noise: the mixture is given the leading ones, as users do.
    mixture = GaussianMixture(9, reg_covar=1e-3, random_state=seed)
    peers = {
        "GaussianMixture": mixture
        if name == "digits"
        else make_pipeline(PCA(50, random_state=seed), mixture),
        "IsolationForest": IsolationForest(random_state=seed),
    }
    figures = {"mixtura": model.score_samples(images[asked])}
    figures |= {key: peer.fit(flat[train]).score_samples(flat[asked]) for key, peer in peers.items()}
    areas = {key: float(roc_auc_score(strange, -scores)) for key, scores in figures.items()}
    return {"data": name, "digit": digit, "seed": seed, **areas, "seconds": seconds}


def draw_figure(path: str, runs: list[dict[str, Any]]) -> None:
    """Write the reliability curves: one line for each fit, the diagonal where they would be exact."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(5, 5))
    axes.plot([0, 1], [0, 1], color="black", linewidth=1)
    names = list(dict.fromkeys(run["case"] for run in runs))
    for run in runs:
        points = [point for point in run["curve"] if point["share"] >= 0.002]
        axes.plot(
            [point["confidence"] for point in points],
            [point["truth"] for point in points],
            color=f"C{names.index(run['case']) % 10}",
            marker=".",
            linewidth=0.8,
            label=run["case"] if run is next(r for r in runs if r["case"] == run["case"]) else None,
        )
    axes.set(xlabel="probability of the most probable group", ylabel="its true posterior, mean of the bin")
    axes.legend(fontsize=7)
    figure.savefig(path, dpi=150, bbox_inches="tight")


PARTS = {"groups": groups, "calibration": calibration, "anomaly": anomaly}


def main() -> None:
    """Run the parts that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", default="0-2")
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="one case of each part, one seed, short fits")
    parser.add_argument("--figure", default=None, help="file for the reliability curves")
    parser.add_argument("--out", default=None, help="JSON file for the figures")
    arguments = parser.parse_args()
    seeds = [0] if arguments.quick else parse_seeds(arguments.seeds)
    found = {name: PARTS[name](seeds, arguments.quick) for name in arguments.parts.split(",")}
    if arguments.figure and "calibration" in found:
        draw_figure(arguments.figure, found["calibration"][0])
    write(
        arguments.out,
        {name: {"runs": runs, "summary": summary} for name, (runs, summary) in found.items()}
        | {"machine": runtime.describe()},
    )


if __name__ == "__main__":
    main()
