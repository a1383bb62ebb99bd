"""A run folder as `mixtura fit` writes it, made by k-means and principal components instead of a model."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mixtura.report import summarise


class KMeansWithPCA:
    """Has what `summarise` asks of an estimator: groups by k-means in the plane of principal components."""

    def __init__(self, values: np.ndarray, n_components: int, latent_dim: int) -> None:
        from sklearn.cluster import KMeans

        self.mean = values.mean(axis=0, dtype=float)
        self.directions = np.linalg.svd(values[:2000] - self.mean, full_matrices=False)[2][:latent_dim]
        codes = self.transform(values)
        kmeans = KMeans(n_components, n_init=1, random_state=0).fit(codes)
        order = np.argsort(-np.bincount(kmeans.labels_, minlength=n_components), kind="stable")
        self.means_ = kmeans.cluster_centers_[order]
        nearest = self._distances(codes).argmin(axis=1)
        self.spread = codes[nearest == 0].std(axis=0).mean() or 1.0
        self.generator = np.random.default_rng(0)

    def _distances(self, codes: np.ndarray) -> np.ndarray:
        return np.square(codes[:, None] - self.means_).sum(axis=2)

    def transform(self, X: np.ndarray) -> np.ndarray:
        return (X - self.mean) @ self.directions.T

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        logits = -self._distances(self.transform(X)) / (6 * self.spread**2)
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        return shares / shares.sum(axis=1, keepdims=True)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        return codes @ self.directions + self.mean

    def sample(self, n_samples: int, component: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        groups = np.full(n_samples, 0 if component is None else component)
        noise = self.spread * self.generator.standard_normal((n_samples, self.means_.shape[1]))
        return self.decode(self.means_[groups] + noise), groups


def history() -> list[dict[str, Any]]:
    """Return the lines of a log with three stages, one of which leaves two terms out."""
    lines: list[dict[str, Any]] = [{"stage": "start", "message": "read 1,797 rows"}]
    stages = ["pretrain"] * 10 + ["graph"] * 2 + ["joint"] * 8
    for epoch, stage in enumerate(stages, start=1):
        reconstruction = -60.0 - 400.0 / epoch**1.5
        cluster, prior = 2.2 - 0.05 * epoch, 12.0 + 5 / epoch
        line = {"stage": stage, "epoch": epoch, "of": 20, "reconstruction": reconstruction}
        line |= {"bound": reconstruction - cluster - prior, "cluster": cluster, "conditional_prior": prior}
        if stage == "pretrain":
            line["cluster"] = None
        lines.append(line)
    lines.append(
        {"stage": "joint", "epoch": 21, "of": 21, "bound": float("nan"), "reconstruction": float("nan")}
    )
    return lines


def build(
    folder: Path,
    values: np.ndarray,
    *,
    n_components: int,
    latent_dim: int = 8,
    image_shape: tuple[int, ...] | None = None,
    names: Sequence[str] | None = None,
    labels: np.ndarray | None = None,
    findings: Sequence[dict[str, str]] = (),
    estimator: Any = None,
    **metrics: Any,
) -> Path:
    """Write a run folder of these rows and return it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True)
    n, d = values.shape
    names = list(names) if names is not None else [f"pixel_{i}" for i in range(d)]
    estimator = estimator or KMeansWithPCA(values, n_components, latent_dim)
    responsibilities = estimator.predict_proba(values)
    summary = summarise(
        estimator,
        values,
        image_shape=image_shape,
        feature_names=names,
        labels=labels,
        generator=np.random.default_rng(0),
        responsibilities=responsibilities,
    )
    np.savez_compressed(folder / "summary.npz", allow_pickle=False, **summary)
    columns = {
        "row": pa.array(np.arange(n)),
        "component": pa.array(responsibilities.argmax(axis=1).astype(np.int32)),
        "probability": pa.array(responsibilities.max(axis=1).astype(np.float32)),
    }
    pq.write_table(pa.table(columns), folder / "assignments.parquet")
    document: dict[str, Any] = {
        "seed": 7,
        "n_rows": n,
        "n_components": n_components,
        "seconds": 42.3,
        "peak_memory_mb": 612.4,
        "bound": -75.5,
        "reconstruction": -60.25,
        "cluster": 2.25,
        "conditional_prior": 13.0,
        "log_likelihood": -72.3456,
        "log_likelihood_se": 0.0213,
        "n_features": d,
        "latent_dim": latent_dim,
        "n_epochs": 20,
        "log_likelihood_rows": n,
        "log_likelihood_samples": 64,
        "effective_sample_size": 21.34,
        "image_shape": image_shape,
        "likelihood": "gaussian",
        "responsibilities": "exact",
        "procedure": "default",
        "device": "cpu",
        "precision": "bf16",
        "threads": 2,
        "source": "data/rows.npz",
        "labels": None if labels is None else "target",
        "sizes": np.bincount(responsibilities.argmax(axis=1), minlength=n_components).tolist(),
        "gap": None,
        "findings": list(findings),
        "versions": {"mixtura": "0.1.0", "python": "3.11.2", "torch": "2.13.0"},
        "command": f"mixtura fit data/rows.npz --components {n_components} --out run/",
    }
    if labels is not None:
        document |= {"accuracy": 0.7912, "nmi": 0.7434, "ari": 0.6691}
    document |= metrics
    (folder / "metrics.json").write_text(json.dumps(document), encoding="utf-8")
    lines = "".join(json.dumps(line) + "\n" for line in history())
    (folder / "log.jsonl").write_text(lines, encoding="utf-8")
    return folder


def digits_run(folder: Path, n_components: int = 10, *, with_labels: bool = True) -> Path:
    """Write a run folder of scikit-learn's handwritten digits."""
    from sklearn.datasets import load_digits

    images, target = load_digits(return_X_y=True)
    findings = [
        {"name": "low-effective-sample-size", "level": "note", "seen": "the weights rest on 21 of 64 samples"}
        | {"remedy": "raise n_importance_samples for a tighter estimate"},
        {"name": "uneven-groups", "level": "warning", "seen": "group 0 holds a fifth of all rows"}
        | {"remedy": "look at its typical rows, or fit with one more component"},
    ]
    return build(
        folder,
        images.astype(np.uint8),
        n_components=n_components,
        image_shape=(8, 8),
        labels=target if with_labels else None,
        findings=findings,
        source="scikit-learn digits",
    )


def wine_run(folder: Path, n_components: int = 3, *, with_labels: bool = True) -> Path:
    """Write a run folder of scikit-learn's wines, a table of 13 columns."""
    from sklearn.datasets import load_wine

    wine = load_wine()
    labels = np.array([str(wine.target_names[place]) for place in wine.target])
    return build(
        folder,
        wine.data,
        n_components=n_components,
        latent_dim=4,
        names=wine.feature_names,
        labels=labels if with_labels else None,
        source="/data/wine.csv",
    )


@pytest.fixture
def build_run() -> Callable[..., Path]:
    """Return the function that writes a run folder of given rows."""
    return build


@pytest.fixture(scope="session")
def digits_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run folder of digits in ten groups, with labels and findings."""
    return digits_run(tmp_path_factory.mktemp("digits"))


@pytest.fixture(scope="session")
def wine_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run folder of a table without labels."""
    return wine_run(tmp_path_factory.mktemp("wine"), with_labels=False)
