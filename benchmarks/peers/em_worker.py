"""Gaussian mixtures of pomegranate and torchgmm; runs in an environment of their own.

    python em_worker.py pomegranate|torchgmm

Reads one question a line, {"rows", "start", "k", "covariance_type", "dtype", "iterations", "reg_covar",
"seed", "limit", "out"}, where rows, start and out are paths of NumPy files, and answers each with one line,
{"cpu", "wall", "error"}. With a start, so many iterations of EM from there; without, what the library does by
default. The parameters that a fit ends with go to out. The limit is in seconds of the processor. What is
timed is making the model and fitting it to rows that are tensors already.
"""

from __future__ import annotations

import json
import logging
import signal
import sys
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np
import torch

Parameters = dict[str, torch.Tensor]
Fitted = Callable[[], Parameters]


def pomegranate(question: dict[str, Any], rows: torch.Tensor, start: Parameters | None) -> tuple[Any, Fitted]:
    """Return the function that fits, and the one that reads the parameters."""
    from pomegranate.distributions import Normal
    from pomegranate.gmm import GeneralMixtureModel

    kind, k = question["covariance_type"], question["k"]
    made: list[Any] = []

    def fit() -> None:
        if start is None:
            parts = [Normal(covariance_type=kind) for _ in range(k)]
            model = GeneralMixtureModel(parts, random_state=question["seed"])
        else:
            parts = [
                Normal(mean, covariance, covariance_type=kind)
                for mean, covariance in zip(start["means"], start["covariances"], strict=True)
            ]
            model = GeneralMixtureModel(
                parts, start["weights"], max_iter=question["iterations"], tol=-float("inf")
            ).to(rows.dtype)
        made.append(model)
        model.fit(rows)

    def parameters() -> Parameters:
        return {
            "weights": made[-1].priors,
            "means": torch.stack([part.means for part in made[-1].distributions]),
            "covariances": torch.stack([part.covs for part in made[-1].distributions]),
        }

    return fit, parameters


def torchgmm(question: dict[str, Any], rows: torch.Tensor, start: Parameters | None) -> tuple[Any, Fitted]:
    """Return the function that fits, and the one that reads the parameters."""
    from torchgmm.bayes import GaussianMixture

    trainer = {"enable_progress_bar": False, "accelerator": "cpu", "precision": 64}
    if rows.dtype == torch.float32:
        trainer["precision"] = 32
    made: list[Any] = []

    def fit() -> None:
        if start is None:
            torch.manual_seed(question["seed"])
            more: dict[str, Any] = {}
        else:
            # A tolerance of 0 leaves out the check for convergence.
            more = {
                "init_means": start["centres"],
                "convergence_tolerance": 0,
                "covariance_regularization": question["reg_covar"],
            }
            trainer["max_epochs"] = question["iterations"]
        kind = question["covariance_type"]
        made.append(
            GaussianMixture(question["k"], covariance_type=kind, trainer_params=dict(trainer), **more).fit(
                rows
            )
        )

    def parameters() -> Parameters:
        model = made[-1].model_
        return {"weights": model.component_probs, "means": model.means, "covariances": model.covariances}

    return fit, parameters


PEERS = {"pomegranate": pomegranate, "torchgmm": torchgmm}


def answered(peer: str, question: dict[str, Any]) -> dict[str, Any]:
    """Fit once, write the parameters, and return the times."""
    dtype = getattr(torch, question["dtype"])
    rows = torch.tensor(np.load(question["rows"]), dtype=dtype)
    start = None
    if question["start"] is not None:
        with np.load(question["start"]) as arrays:
            start = {name: torch.tensor(arrays[name], dtype=dtype) for name in arrays.files}
    fit, parameters = PEERS[peer](question, rows, start)
    torch.set_num_threads(1)  # here, as importing pomegranate sets another number
    error, started, started_cpu = None, time.perf_counter(), time.process_time()
    signal.setitimer(signal.ITIMER_PROF, question["limit"])
    try:
        fit()
    except Exception as found:  # whatever it is, the table names it
        error = (str(found).strip().splitlines() or [type(found).__name__])[0][:200]
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    times = {"cpu": time.process_time() - started_cpu, "wall": time.perf_counter() - started}
    if error is None:
        arrays = {name: values.detach().double().numpy() for name, values in parameters().items()}
        np.savez(question["out"], **arrays)
    return {**times, "error": error}


def stop(*_: Any) -> None:
    """Interrupt a fit that is past its limit."""
    raise TimeoutError("stopped at the limit of time")


def main() -> None:
    """Answer until there is no more question."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    signal.signal(signal.SIGPROF, stop)
    answers, sys.stdout = sys.stdout, sys.stderr  # what a library prints is no answer
    peer = sys.argv[1]
    print(
        json.dumps({"versions": {peer: version(peer), "torch": torch.__version__}}), file=answers, flush=True
    )
    for line in sys.stdin:
        print(json.dumps(answered(peer, json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
