"""KL between Gaussians in batches: seconds and digits of mixtura beside torch.distributions, in one run.

    python benchmarks/kl.py [--batch 10000] [--dimension 32] [--repeats 9] [--threads N] [--json kl.json]

Seconds are medians and minima of repeats that are interleaved, so that a busy moment of the machine falls on
all alike. Every method gets the same means and covariances, in float64. "torch, default" and "torch,
unvalidated" make the two MultivariateNormal from the covariances and take their KL; "gaussian_kl" checks the
covariances completely (finite, symmetric, positive definite, shapes) and takes it. "made" means from
distributions that had been made before.

Digits are held against sixty, on the same rounded numbers.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import torch
from _figures import write
from torch.distributions import MultivariateNormal, kl_divergence

import mixtura
from mixtura import runtime
from mixtura.divergence import kl_from_cholesky

EPS = float(np.finfo(float).eps)


def covariances(generator: torch.Generator, batch: int, d: int) -> torch.Tensor:
    """Return sample covariances of 2 d points, exactly symmetric."""
    points = torch.randn(batch, d, 2 * d, generator=generator, dtype=torch.float64)
    products = points @ points.mT / (2 * d)
    return (products + products.mT) / 2


def methods(batch: int, d: int) -> dict[str, Callable[[], torch.Tensor]]:
    """Return what is timed, all on the same numbers."""
    generator = torch.Generator().manual_seed(0)
    mu0, mu1 = torch.randn(2, batch, d, generator=generator, dtype=torch.float64)
    Sigma0, Sigma1 = (covariances(generator, batch, d) for _ in range(2))

    def normals(validate_args: bool | None) -> tuple[MultivariateNormal, MultivariateNormal]:
        first = MultivariateNormal(mu0, covariance_matrix=Sigma0, validate_args=validate_args)
        return first, MultivariateNormal(mu1, covariance_matrix=Sigma1, validate_args=validate_args)

    made = normals(False)
    return {
        "torch, default": lambda: kl_divergence(*normals(None)),
        "torch, unvalidated": lambda: kl_divergence(*normals(False)),
        "mixtura.gaussian_kl": lambda: mixtura.gaussian_kl(mu0, Sigma0, mu1, Sigma1),
        "torch, made": lambda: kl_divergence(*made),
        "mixtura.kl, made": lambda: mixtura.kl(*made).value,
    }


def timings(batch: int, d: int, repeats: int) -> dict[str, dict[str, float]]:
    """Return the median and the least seconds of each method."""
    timed = methods(batch, d)
    values = {name: method() for name, method in timed.items()}
    reference = values["torch, unvalidated"]
    for name, value in values.items():
        assert torch.allclose(value, reference, rtol=1e-9), name
    seconds: dict[str, list[float]] = {name: [] for name in timed}
    for _ in range(repeats):
        for name, method in timed.items():
            started = time.perf_counter()
            method()
            seconds[name].append(time.perf_counter() - started)
    return {name: {"median": statistics.median(each), "min": min(each)} for name, each in seconds.items()}


def random_covariance(rng: np.random.Generator, d: int, condition: float) -> np.ndarray:
    """Return a covariance of a condition number, in directions drawn at random."""
    directions, _ = np.linalg.qr(rng.normal(size=(d, d)))
    spectrum = np.geomspace(1, 1 / condition, d) if d > 1 else np.ones(1)
    covariance = (directions * spectrum) @ directions.T
    return (covariance + covariance.T) / 2


def exact(mu0: np.ndarray, first: np.ndarray, mu1: np.ndarray, second: np.ndarray, *, factors: bool) -> Any:
    """Return KL to sixty digits, from Cholesky factors or from covariances."""
    with mpmath.workdps(60):
        L0, L1 = (mpmath.matrix(matrix.tolist()) for matrix in (first, second))
        if not factors:
            L0, L1 = mpmath.cholesky(L0), mpmath.cholesky(L1)
        d = len(mu0)
        total = mpmath.mpf(0)
        for j in range(d + 1):
            column = [
                L0[i, j] if j < d else mpmath.mpf(float(mu1[i])) - mpmath.mpf(float(mu0[i])) for i in range(d)
            ]
            solved: list[Any] = []
            for i in range(d):
                inner = mpmath.fdot((L1[i, k], solved[k]) for k in range(i))
                solved.append((column[i] - inner) / L1[i, i])
            total += mpmath.fsum(x * x for x in solved)
        return (total - d) / 2 + mpmath.fsum(mpmath.log(L1[i, i] / L0[i, i]) for i in range(d))


def relative_error(value: Any, wanted: Any) -> float:
    """Return |value - wanted| / wanted."""
    with mpmath.workdps(60):
        return float(abs(float(value) - wanted) / wanted)


def float32_errors(seeds: int) -> dict[str, dict[str, float]]:
    """Return relative errors in float32 on Sigma1 = 1.001 Sigma0 , cond 100, d = 10, equal means."""
    errors: dict[str, list[float]] = {"torch": [], "mixtura": []}
    for seed in range(seeds):
        Sigma0 = random_covariance(np.random.default_rng(seed), 10, 100.0).astype(np.float32)
        Sigma1 = (np.float32(1.001) * Sigma0).astype(np.float32)
        mean = np.zeros(10, dtype=np.float32)
        wanted = exact(mean, Sigma0, mean, Sigma1, factors=False)
        p, q = (MultivariateNormal(torch.from_numpy(mean), torch.from_numpy(S)) for S in (Sigma0, Sigma1))
        errors["torch"].append(relative_error(kl_divergence(p, q), wanted))
        errors["mixtura"].append(relative_error(mixtura.gaussian_kl(mean, Sigma0, mean, Sigma1), wanted))
    return {name: {"median": statistics.median(each), "worst": max(each)} for name, each in errors.items()}


def float64_errors(dimensions: list[int], seeds: int) -> list[dict[str, float]]:
    """Return the worst relative errors by dimension and condition number, of unrelated and near pairs."""
    rows = []
    for d in dimensions:
        for condition in (1.0, 1e2, 1e4, 1e6, 1e8):
            row = {"d": d, "condition": condition, "factors": 0.0, "covariances": 0.0, "torch": 0.0}
            for seed in range(seeds):
                rng = np.random.default_rng(seed)
                Sigma0, other = (random_covariance(rng, d, condition) for _ in range(2))
                mu0, mu1 = rng.normal(size=(2, d))
                for Sigma1, mean in ((other, mu1), (1.001 * Sigma0, mu1), (1.001 * Sigma0, mu0)):
                    L0, L1 = np.linalg.cholesky(Sigma0), np.linalg.cholesky(Sigma1)
                    ours = kl_from_cholesky(*map(torch.from_numpy, (mu0, L0, mean, L1)))
                    row["factors"] = max(
                        row["factors"], relative_error(ours, exact(mu0, L0, mean, L1, factors=True))
                    )
                    wanted = exact(mu0, Sigma0, mean, Sigma1, factors=False)
                    p = MultivariateNormal(torch.from_numpy(mu0), torch.from_numpy(Sigma0))
                    q = MultivariateNormal(torch.from_numpy(mean), torch.from_numpy(Sigma1))
                    for name, value in (
                        ("covariances", mixtura.gaussian_kl(mu0, Sigma0, mean, Sigma1)),
                        ("torch", kl_divergence(p, q)),
                    ):
                        row[name] = max(row[name], relative_error(value, wanted) / (EPS * condition))
            rows.append(row)
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--batch", type=int, default=10_000)
    parser.add_argument("--dimension", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument(
        "--threads", type=int, default=None, help="threads of torch; its own choice unless given"
    )
    parser.add_argument("--seeds", type=int, default=2, help="draws for each line of digits")
    parser.add_argument("--dimensions", default="1,2,10,50", help="for the digits")
    parser.add_argument("--json", default=None, help="file for the figures")
    arguments = parser.parse_args()
    if arguments.threads is not None:
        torch.set_num_threads(arguments.threads)

    seconds = timings(arguments.batch, arguments.dimension, arguments.repeats)
    print(f"batch {arguments.batch}, d = {arguments.dimension}, float64: seconds (in those of gaussian_kl)")
    ours = seconds["mixtura.gaussian_kl"]
    for name, each in seconds.items():
        ratios = "  ".join(
            f"{key} {each[key]:.4f} ({each[key] / ours[key]:.2f} x)" for key in ("median", "min")
        )
        print(f"  {name:<22} {ratios}")

    small = float32_errors(10)
    print("float32, Sigma1 = 1.001 Sigma0 at condition number 100, d = 10: relative error over 10 draws")
    for name, each in small.items():
        print(f"  {name:<22} median {each['median']:.1e}  worst {each['worst']:.1e}")

    rows = float64_errors([int(d) for d in arguments.dimensions.split(",")], arguments.seeds)
    print(
        "float64, unrelated and near pairs: worst relative error from factors; from covariances in eps cond"
    )
    print("     d  condition   factors  covariances      torch")
    for row in rows:
        print(
            f"  {row['d']:>4}  {row['condition']:>9.0e}  {row['factors']:>8.1e}"
            f"  {row['covariances']:>11.2g}  {row['torch']:>9.2g}"
        )
    document = {"seconds": seconds, "float32": small, "float64": rows}
    write(arguments.json, {**document, "machine": runtime.describe()})


if __name__ == "__main__":
    main()
