"""What a run left in its folder, read and checked."""

from __future__ import annotations

import json
import math
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mixtura.errors import InputError
from mixtura.report.vocabulary import Vocabulary, vocabulary
from mixtura.report.wording import NOTHING, number

_NEEDED = ("n_rows", "n_components", "bound", "reconstruction", "cluster", "conditional_prior")
_ARRAYS = (
    "prototypes",
    "samples",
    "examples",
    "example_rows",
    "map",
    "map_rows",
    "map_component",
    "map_probability",
    "map_means",
    "feature_names",
    "group_means",
    "data_mean",
    "data_sd",
)


@dataclass(frozen=True, eq=False)
class Traits:
    """What rows are compared by: numbers, and the share of each category.

    Parameters
    ----------
    names : list of str
        Of the traits, t of them.
    columns : array of int, shape (t,)
        The column of each.
    group_means, mean, sd : array of float, shape (K, t), (t,) and (t,)
        Mean of each group, mean and standard deviation of all rows.
    """

    names: list[str]
    columns: npt.NDArray[np.int64]
    group_means: npt.NDArray[np.float64]
    mean: npt.NDArray[np.float64]
    sd: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Run:
    """The contents of a run folder that the report is made of.

    Parameters
    ----------
    folder : Path
        Where they were read.
    metrics : dict
        ``metrics.json``.
    history : list of dict
        The lines of ``log.jsonl``.
    summary : dict of str to array
        ``summary.npz``.
    components : array of int, shape (n,)
        The group of each row.
    probability : array of float, shape (n,)
        The probability of that group.
    """

    folder: Path
    metrics: dict[str, Any]
    history: list[dict[str, Any]]
    summary: dict[str, npt.NDArray[Any]]
    components: npt.NDArray[np.int64]
    probability: npt.NDArray[np.float64]

    @property
    def n_components(self) -> int:
        """K, the number of groups asked for, empty ones included."""
        return len(self.summary["prototypes"])

    @property
    def sizes(self) -> npt.NDArray[np.int64]:
        """Rows in each group, shape (K,)."""
        return np.bincount(self.components, minlength=self.n_components)

    @property
    def image_shape(self) -> tuple[int, ...] | None:
        """(H, W) or (H, W, C) where rows are pictures."""
        shape = self.metrics.get("image_shape")
        return tuple(int(side) for side in shape) if shape else None

    @property
    def words(self) -> Vocabulary:
        """What the page calls things, by the kind of model."""
        return vocabulary(self.metrics, pictures=self.image_shape is not None)

    @property
    def traits(self) -> Traits:
        """What rows are compared by; the columns themselves where all hold numbers."""
        found, many = self.summary, "trait_names" in self.summary
        names = found["trait_names" if many else "feature_names"]
        keys = (
            ("trait_group_means", "trait_mean", "trait_sd")
            if many
            else ("group_means", "data_mean", "data_sd")
        )
        return Traits(
            [str(name) for name in names.tolist()],
            found["trait_columns"] if many else np.arange(len(names)),
            *(found[key].astype(np.float64) for key in keys),
        )

    def cell(self, column: int, value: float, digits: int = 4) -> str:
        """Return an entry of a table as text: a number, or the word of a category."""
        words = self.summary.get("categories")
        if words is None or not words[column].any():
            return number(value, digits, trim=False)
        return str(words[column, int(value)]) if math.isfinite(value) else NOTHING


def read_run(folder: str | Path) -> Run:
    """Read a run folder written by ``mixtura fit`` or ``mixtura em``.

    Parameters
    ----------
    folder : str or Path
        The folder that ``--out`` named.

    Returns
    -------
    Run

    Raises
    ------
    InputError
        If the folder or one of its files is missing, damaged, or of another run.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(
            f"no run folder at {str(folder)!r}: name the folder that `mixtura fit` or `mixtura em` wrote"
        )
    metrics = _read_json(folder, "metrics.json")
    missing = [name for name in _NEEDED if name not in metrics]
    if missing:
        raise InputError(f"{folder / 'metrics.json'} lacks {', '.join(missing)}: fit it again")
    summary = _read_arrays(folder, "summary.npz")
    components, probability = _read_assignments(folder, "assignments.parquet")
    run = Run(folder, metrics, _read_lines(folder, "log.jsonl"), summary, components, probability)
    groups = metrics["n_components"]
    if groups != run.n_components or metrics["n_rows"] != len(components) or components.max() >= groups:
        raise InputError(
            f"the files in {folder} are not of one run: metrics.json tells of {metrics['n_rows']} rows in "
            f"{groups} groups, assignments.parquet of {len(components)} rows, summary.npz of "
            f"{run.n_components} groups; fit it again"
        )
    return run


def _path(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.is_file():
        raise InputError(f"{folder} has no {name}: it is no complete run; fit it again")
    return path


def _damaged(path: Path, error: Exception) -> InputError:
    reason = " ".join(str(error).split())[:120]
    return InputError(f"cannot read {path} ({reason}): the file is damaged; fit it again")


def _read_json(folder: Path, name: str) -> dict[str, Any]:
    path = _path(folder, name)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise _damaged(path, error) from None
    if not isinstance(found, dict):
        raise InputError(f"{path} holds no JSON object: the file is damaged; fit it again")
    return found


def _read_lines(folder: Path, name: str) -> list[dict[str, Any]]:
    path = _path(folder, name)
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except ValueError as error:
        raise _damaged(path, error) from None
    return [line for line in lines if isinstance(line, dict)]


def _read_arrays(folder: Path, name: str) -> dict[str, npt.NDArray[Any]]:
    path = _path(folder, name)
    try:
        # The file is opened here, because numpy leaves its own open when the archive is damaged.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {key: np.asarray(archive[key]) for key in archive.files}
    except (ValueError, TypeError, OSError, EOFError, KeyError, zlib.error, zipfile.BadZipFile) as error:
        raise _damaged(path, error) from None
    missing = [key for key in _ARRAYS if key not in arrays]
    if missing:
        raise InputError(f"{path} lacks the arrays {', '.join(missing)}: fit it again")
    return arrays


def _read_assignments(folder: Path, name: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = _path(folder, name)
    try:
        # Python opens the file: Arrow takes no name that is not UTF-8, and others for patterns.
        with path.open("rb") as stream:
            table = pq.ParquetFile(stream).read(columns=["component", "probability"])
        components = table["component"].to_numpy().astype(np.int64)
        probability = table["probability"].to_numpy().astype(np.float64)
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise _damaged(path, error) from None
    if len(components) == 0 or components.min() < 0 or not np.isfinite(probability).all():
        raise InputError(f"{path} holds no usable assignments: the file is damaged; fit it again")
    return components, probability


def figure_of(value: Any) -> float | None:
    """Return a number of ``metrics.json`` or the log as a finite float, or None where there is none.

    Examples
    --------
    >>> figure_of(1), figure_of(float("nan")), figure_of("x"), figure_of(True)
    (1.0, None, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
