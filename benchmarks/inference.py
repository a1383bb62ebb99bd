"""q fitted by each objective to posteriors that are known: errors of mean and variance, and modes left out.

    python benchmarks/inference.py [--seeds 0-2] [--steps 1000] [--out FILE]

Three models with a linear decoder: one whose posterior has independent dimensions, so that the family of q
holds it; one whose posterior is correlated; and a prior of two groups with so much noise that most rows
could be of either. "mean" is the root mean square error of q's mean in posterior standard deviations;
"variance" the geometric mean of q's variances over the posterior's; "mode" the least share, over rows and
modes of more than a fifth, of a mode's mass that q has there. The exact posterior has 0, 1 and 1; "theory"
is what mean-field reverse KL must have.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import torch
from _figures import over_seeds, parse_seeds, show, show_rows, write

from mixtura import runtime
from mixtura.theory.forward_kl import CORRELATED, DIAGONAL, TWO_MODES
from mixtura.theory.known_posterior import (
    OBJECTIVES,
    exact_posterior,
    fit_posterior,
    inference_error,
    known_model,
)

MODELS: dict[str, dict[str, Any]] = {
    "independent": DIAGONAL,
    "correlated": CORRELATED,
    "two modes": TWO_MODES,
}
DRAWS = {"reverse": (1,), "reverse, STL": (1,), "Renyi 1/2": (8,), "IWAE, DReG": (8, 64), "wake": (8, 64)}
KEYS = ("model", "objective", "draws", "seed", "mean", "variance", "mode", "seconds")


def run(model_name: str, objective: str, n_draws: int, seed: int, steps: int) -> dict[str, Any]:
    """Fit once and return the figures."""
    started = time.perf_counter()
    generator = torch.Generator().manual_seed(seed)
    model = known_model(**MODELS[model_name], generator=generator)
    x = fit_posterior(model, objective, n_draws, generator, steps)
    found = inference_error(model, x)
    return {
        "model": model_name,
        "objective": objective,
        "draws": n_draws,
        "seed": seed,
        "mean": found.mean,
        "variance": found.variance,
        "mode": found.least_mode,
        "seconds": time.perf_counter() - started,
    }


def mean_field(model_name: str) -> float:
    """Return what reverse KL's variances are over the posterior's: 1 / (precision_jj variance_jj)."""
    model = known_model(**MODELS[model_name], generator=torch.Generator())
    columns = len(MODELS[model_name]["matrix"])
    covariance = exact_posterior(model, torch.zeros(1, columns, dtype=torch.float64)).covariances[0]
    precision = torch.linalg.inv(covariance)
    return float((1 / (precision.diagonal() * covariance.diagonal())).log().mean().exp())


def main() -> None:
    """Fit every objective to every model over the seeds."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", default="0-2")
    parser.add_argument("--steps", type=int, default=1_000, help="of Adam, 250 rows each")
    parser.add_argument("--out", default=None, help="JSON file for the figures")
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    theory = {name: mean_field(name) for name in ("independent", "correlated")}
    for name, value in theory.items():
        print(f"theory: {name}, reverse, variance {value:.4f}")
    summary: dict[str, Any] = {}
    for model_name in MODELS:
        for objective in OBJECTIVES:
            for n_draws in DRAWS.get(objective, (1,)):
                runs = [
                    run(model_name, objective, n_draws, seed, arguments.steps)
                    for seed in parse_seeds(arguments.seeds)
                ]
                show_rows(runs, KEYS)
                rows += runs
                label = f"{model_name}: {objective}, {n_draws}"
                summary[label] = {
                    key: over_seeds((one[key] for one in runs), worst="max" if key == "mean" else "min")
                    for key in ("mean", "variance", "mode")
                    if key != "mode" or model_name == "two modes"
                }
    for label, figures in summary.items():
        for key, values in figures.items():
            show(f"{label} {key}", values)
    write(arguments.out, {"runs": rows, "theory": theory, "summary": summary, "machine": runtime.describe()})


if __name__ == "__main__":
    main()
