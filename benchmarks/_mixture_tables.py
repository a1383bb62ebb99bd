"""Ten tables to fit mixtures to, real and made, small and large; columns in standard deviations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as parquet
from sklearn.datasets import load_digits

Rows = np.ndarray[Any, np.dtype[np.float64]]


class Table(NamedTuple):
    """Standardised rows, and as many components as the table has groups; its labels are never read."""

    name: str
    rows: Rows
    k: int


def standardised(rows: Rows) -> Rows:
    """Return columns of mean 0 and variance 1."""
    result: Rows = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    return result


def principal(rows: Rows, dimensions: int) -> Rows:
    """Return the coordinates along the directions of the largest variance."""
    centred = rows - rows.mean(axis=0)
    result: Rows = centred @ np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :dimensions]
    return result


def digits() -> Rows:
    """Return scikit-learn's digits in 20 principal components."""
    return principal(load_digits().data.astype(float), 20)


def overlapping() -> Rows:
    """Return 5,000 points of four round groups that overlap, where EM is slow."""
    rng = np.random.default_rng(0)
    centres = 1.5 * rng.normal(size=(4, 2))
    return centres[rng.integers(4, size=5000)] + rng.normal(size=(5000, 2))


def large() -> Rows:
    """Return 100,000 points of 16 Gaussians in 16 dimensions with covariances of their own."""
    rng = np.random.default_rng(0)
    centres = 0.5 * rng.normal(size=(16, 16))
    roots = 0.7 * np.eye(16) + rng.normal(size=(16, 16, 16)) / 6
    group = rng.integers(16, size=100_000)
    noise = rng.normal(size=(100_000, 16))
    rows = np.empty_like(noise)
    for k in range(16):
        rows[group == k] = centres[k] + noise[group == k] @ roots[k].T
    return rows


def from_parquet(path: Path, columns: tuple[str, ...]) -> Rows:
    """Return the complete rows of some columns."""
    table = parquet.read_table(path, columns=list(columns))
    rows = np.column_stack([column.to_numpy() for column in table.columns]).astype(float)
    complete: Rows = rows[~np.isnan(rows).any(axis=1)]
    return complete


def integers(path: Path, most: int) -> Rows:
    """Return integers with uniform noise of one unit: on a grid a density has no upper bound."""
    rows = np.load(path)["X"][:most].astype(float)
    noisy: Rows = rows + np.random.default_rng(0).uniform(size=rows.shape)
    return noisy


def images(path: Path) -> Rows:
    """Return 10,000 images in 30 principal components."""
    pixels = np.load(path)["x_train"][:10_000]
    return principal(pixels.reshape(len(pixels), -1) / 255.0, 30)


MADE: dict[str, tuple[int, Callable[[], Rows]]] = {
    "digits": (10, digits),
    "overlapping": (4, overlapping),
    "large": (16, large),
}
_PENGUIN = ("bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g")
REAL: dict[str, tuple[int, Callable[[Path], Rows]]] = {
    "faithful": (2, lambda folder: from_parquet(folder / "faithful.parquet", ("eruptions", "waiting"))),
    "penguins": (3, lambda folder: from_parquet(folder / "penguins.parquet", _PENGUIN)),
    "thyroid": (3, lambda folder: np.load(folder / "thyroid.npz")["X"].astype(float)),
    "wdbc": (2, lambda folder: np.load(folder / "wdbc.npz")["X"].astype(float)),
    "penbased": (10, lambda folder: integers(folder / "penbased.npz", 20_000)),
    "mnist": (10, lambda folder: images(folder / "mnist.npz")),
    "letter": (26, lambda folder: integers(folder / "letter.npz", 6_000)),
}
ORDER = (
    "faithful",
    "penguins",
    "thyroid",
    "wdbc",
    "digits",
    "overlapping",
    "penbased",
    "mnist",
    "letter",
    "large",
)


def tables(folder: Path | None, names: tuple[str, ...] = ORDER) -> Iterator[Table]:
    """Yield the tables in the order of their size; without a folder those that need no file."""
    for name in names:
        if name in MADE:
            k, make = MADE[name]
            yield Table(name, standardised(make()), k)
        elif folder is not None:
            k, read = REAL[name]
            yield Table(name, standardised(read(folder)), k)
