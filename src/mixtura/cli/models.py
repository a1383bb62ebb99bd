"""Estimators and their rows: columns by name going in, a MODEL and new DATA coming back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixtura.cli.mixed_rows import MixedRows, mixed_rows_like
from mixtura.errors import InputError

if TYPE_CHECKING:
    from mixtura import GMVAE
    from mixtura.cli.mixture_model import MixtureModel, MixtureTable
    from mixtura.data import Table


def model_folder(name: str) -> Path:
    """Return the folder that holds the model: ``name`` itself, or ``model`` inside a run folder.

    Raises
    ------
    InputError
        If there is no such folder.

    Examples
    --------
    >>> model_folder("nowhere")
    Traceback (most recent call last):
    ...
    mixtura.errors.InputError: no model folder 'nowhere'; give one that `mixtura fit` or `mixtura em` wrote
    """
    folder = Path(name)
    if not name or not folder.exists():
        raise InputError(f"no model folder {name!r}; give one that `mixtura fit` or `mixtura em` wrote")
    if not folder.is_dir():
        raise InputError(
            f"{name!r} is a file and a model is a folder; give one that `mixtura fit` or `mixtura em` wrote"
        )
    inside = folder / "model"
    return inside if inside.is_dir() else folder


def load(name: str) -> GMVAE | MixtureModel:
    """Return the model that a run or model folder holds, a GM-VAE or a classical mixture.

    Raises
    ------
    ModelFileError
        If a file of it is missing or damaged.
    """
    folder = model_folder(name)
    from mixtura.cli.mixture_model import is_mixture, load_mixture_model

    kind = _kind(folder)
    if is_mixture(kind):
        return load_mixture_model(str(kind), folder)
    from mixtura import GMVAE

    return GMVAE.load(folder)


def _kind(folder: Path) -> object:
    """Return what ``model.json`` says it holds, or None; whoever loads it says what is wrong with it."""
    try:
        document = json.loads((folder / "model.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return document.get("estimator") if isinstance(document, dict) else None


def named_rows(table: Table) -> Any:
    """Return the rows of a table as an estimator is to see them: a frame where the columns have names.

    With the names, what the estimator finds about a column names it, and its model folder keeps them.
    """
    from mixtura.data.table import generated_names

    if table.image_shape is not None or table.names == generated_names(table.n_features):
        return table.values
    import pyarrow as pa

    return pa.table({name: table.values[:, place] for place, name in enumerate(table.names)})


def feature_names(model: GMVAE | MixtureModel) -> list[str]:
    """Return the names of the columns that a model was fitted to: pixels, or made up where it has none."""
    if model.image_shape_ is not None:
        return [f"pixel_{place}" for place in range(model.n_features_in_)]
    names = getattr(model, "feature_names_in_", None)  # scikit-learn sets it only where there were names
    return [f"column_{place}" for place in range(model.n_features_in_)] if names is None else list(names)


def read_like(
    model: GMVAE | MixtureModel, data: str, *, array: str | None, labels: str | None, drop: list[str] | None
) -> Table | MixtureTable | MixedRows:
    """Read DATA for a fitted model; columns of the same names are put into the order of the fit.

    Raises
    ------
    InputError
        If it cannot be read, or its columns are not those that the model was fitted to.
    """
    from mixtura.cli.mixture_model import MixtureModel
    from mixtura.data import read, read_raw, require_same_columns

    names, shape, dropped = feature_names(model), model.image_shape_, tuple(drop or ())
    if isinstance(model, MixtureModel) or model.families_ is not None:
        raw = read_raw(data, array=array, labels=labels, drop=dropped)
        if (
            raw.image_shape is None
            and shape is None
            and sorted(names) == sorted(raw.names) != list(raw.names)
        ):
            raw = raw.select(names)
        require_same_columns(raw, names, shape)
        raw = raw.renamed(names)
        if isinstance(model, MixtureModel):
            return model.read(raw)
        assert model.families_ is not None
        return mixed_rows_like(raw, model.families_)
    table = read(data, array=array, labels=labels, drop=dropped)
    if table.image_shape is None and shape is None and sorted(names) == sorted(table.names):
        table = table.select(names)
    require_same_columns(table, names, shape)
    return table
