"""The libraries that fit Gaussian mixtures, behind one face: a fit with its times and its parameters."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from _mixture_tables import Rows
from scipy.linalg import solve_triangular
from scipy.special import logsumexp

_HERE = Path(__file__).resolve().parent
_HOME = _HERE.parent / "build" / "peers" / "em"
# PyTorch first and by itself, from where mixtura's own came; the rest must not replace it.
_TORCH = "torch==2.13.0"
_PINNED = ("pomegranate==1.1.2", "torchgmm==0.1.4", "pytorch-lightning==2.6.6", "torchmetrics==1.9.0")

REG_COVAR = 1e-6


class Start(NamedTuple):
    """Centres, and the moments of the rows that are nearest to each."""

    centres: Rows
    weights: Rows
    means: Rows
    covariances: Rows


class Task(NamedTuple):
    """What is to be fitted; without a start, as the library does by itself."""

    rows: Rows
    k: int
    covariance_type: str
    start: Start | None = None
    iterations: int = 0
    dtype: str = "float64"
    seed: int = 0
    limit: float = 120.0


class Fit(NamedTuple):
    """Seconds of the processor and of the clock, and the parameters or the reason why there are none."""

    cpu: float
    wall: float
    weights: Rows | None = None
    means: Rows | None = None
    covariances: Rows | None = None
    error: str | None = None


class Side(Protocol):
    """One library, and the precisions that it is tried in."""

    @property
    def name(self) -> str:
        """What the table calls it."""

    @property
    def dtypes(self) -> tuple[str, ...]:
        """Names of types of NumPy."""

    def fit(self, task: Task) -> Fit:
        """Return one fit."""


def log_likelihood(rows: Rows, fit: Fit) -> float:
    """Return the mean of log p(x) in float64 by SciPy alone; -inf where there is no density."""
    if fit.weights is None or fit.means is None or fit.covariances is None:
        return float("-inf")
    joint = []
    for weight, mean, covariance in zip(fit.weights, fit.means, fit.covariances, strict=True):
        if covariance.ndim == 2:
            try:
                root = np.linalg.cholesky(covariance)
            except np.linalg.LinAlgError:
                return float("-inf")
            squares = (solve_triangular(root, (rows - mean).T, lower=True) ** 2).sum(axis=0)
            log_det = 2 * np.log(np.diag(root)).sum()
        else:
            squares = ((rows - mean) ** 2 / covariance).sum(axis=1)
            log_det = np.log(covariance).sum()
        joint.append(np.log(weight) - 0.5 * (squares + log_det))
    mean_log: float = logsumexp(joint, axis=0).mean() - 0.5 * rows.shape[1] * np.log(2 * np.pi)
    return mean_log if np.isfinite(mean_log) else float("-inf")


class Estimator:
    """A class with scikit-learn's parameters, in this process."""

    dtypes = ("float64",)

    def __init__(self, name: str, kind: Any, **options: Any) -> None:
        self.name = name
        self._kind = kind
        self._options = options

    def fit(self, task: Task) -> Fit:
        """Return one fit."""
        more: dict[str, Any] = dict(self._options)
        if task.start is not None:
            covariances = task.start.covariances
            full = task.covariance_type == "full"
            more |= {
                "weights_init": task.start.weights,
                "means_init": task.start.means,
                "precisions_init": np.linalg.inv(covariances) if full else 1 / covariances,
                "reg_covar": REG_COVAR,
                "tol": 0.0,
                "max_iter": task.iterations,
            }
        kind, seed = task.covariance_type, task.seed
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            started, started_cpu = time.perf_counter(), time.process_time()
            model = self._kind(task.k, covariance_type=kind, random_state=seed, **more).fit(task.rows)
            cpu, wall = time.process_time() - started_cpu, time.perf_counter() - started
        return Fit(cpu, wall, model.weights_, model.means_, model.covariances_)


class Worker:
    """A library in a process of its own, in a virtual environment of its own."""

    dtypes = ("float32", "float64")

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self._folder = folder
        self._written: dict[str, Any] = {}
        self._process = subprocess.Popen(
            [str(_python()), str(_HERE / "peers" / "em_worker.py"), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        self.versions: dict[str, str] = self._answer()["versions"]

    def fit(self, task: Task) -> Fit:
        """Return one fit."""
        rows, start = self._path("rows", task.rows), None
        if task.start is not None:
            start = self._path("start", task.start)
        out = self._folder / f"{self.name}_out.npz"
        question = {
            "rows": rows,
            "start": start,
            "k": task.k,
            "covariance_type": task.covariance_type,
            "dtype": task.dtype,
            "iterations": task.iterations,
            "reg_covar": REG_COVAR,
            "seed": task.seed,
            "limit": task.limit,
            "out": str(out),
        }
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer = self._answer()
        fit = Fit(answer["cpu"], answer["wall"], error=answer["error"])
        if answer["error"] is not None:
            return fit
        with np.load(out) as arrays:
            return fit._replace(**{name: arrays[name] for name in ("weights", "means", "covariances")})

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def _path(self, name: str, arrays: Any) -> str:
        """Write arrays where the worker finds them, once."""
        path = self._folder / f"{self.name}_{name}{'.npz' if isinstance(arrays, Start) else '.npy'}"
        if self._written.get(name) is not arrays:
            if isinstance(arrays, Start):
                np.savez(path, **arrays._asdict())
            else:
                np.save(path, arrays)
            self._written[name] = arrays
        return str(path)

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"the worker of {self.name} has ended")
        answer: dict[str, Any] = json.loads(line)
        return answer


def install() -> str | None:
    """Make the environment of the peers on the first run; return why it cannot be made, or None."""
    ready = _HOME / "ready"
    if ready.exists() and ready.read_text() == str((_TORCH, _PINNED)):
        return None
    if not _python().exists():
        subprocess.run([sys.executable, "-m", "venv", str(_HOME)], check=True)
    for packages in ([_TORCH], [_TORCH, *_PINNED]):
        command = [str(_python()), "-m", "pip", "install", "-q", *packages]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            return done.stderr.strip()[-200:]
    ready.write_text(str((_TORCH, _PINNED)))
    return None


def _python() -> Path:
    return _HOME / ("Scripts" if os.name == "nt" else "bin") / "python"
