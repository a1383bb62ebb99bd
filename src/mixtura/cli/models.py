"""Estimators and their rows: columns by name going in, a MODEL and new DATA coming back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixtura.errors import InputError

if TYPE_CHECKING:
    from mixtura import GMVAE
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
    mixtura.errors.InputError: no model folder 'nowhere'; give the folder that `mixtura fit` wrote
    """
    folder = Path(name)
    if not name or not folder.exists():
        raise InputError(f"no model folder {name!r}; give the folder that `mixtura fit` wrote")
    if not folder.is_dir():
        raise InputError(f"{name!r} is a file and a model is a folder; give the one that `mixtura fit` wrote")
    inside = folder / "model"
    return inside if inside.is_dir() else folder


def load(name: str) -> GMVAE:
    """Return the estimator that a run or model folder holds.

    Raises
    ------
    ModelFileError
        If a file of it is missing or damaged.
    """
    folder = model_folder(name)
    from mixtura import GMVAE

    return GMVAE.load(folder)


def named_rows(table: Table) -> Any:
    """Return the rows of a table as an estimator is to see them: a frame where the columns have names.

    With the names, what the estimator finds about a column names it, and its model folder keeps them.
    """
    from mixtura.data.table import generated_names

    if table.image_shape is not None or table.names == generated_names(table.n_features):
        return table.values
    import pyarrow as pa

    return pa.table({name: table.values[:, place] for place, name in enumerate(table.names)})


def feature_names(model: GMVAE) -> list[str]:
    """Return the names of the columns that a model was fitted to: pixels, or made up where it has none."""
    if model.image_shape_ is not None:
        return [f"pixel_{place}" for place in range(model.n_features_in_)]
    names = getattr(model, "feature_names_in_", None)  # scikit-learn sets it only where there were names
    return [f"column_{place}" for place in range(model.n_features_in_)] if names is None else list(names)


def read_like(
    model: GMVAE, data: str, *, array: str | None, labels: str | None, drop: list[str] | None
) -> Table:
    """Read DATA for a fitted model; columns of the same names are put into the order of the fit.

    Raises
    ------
    InputError
        If it cannot be read, or its columns are not those that the model was fitted to.
    """
    from mixtura.data import read, require_same_columns

    table = read(data, array=array, labels=labels, drop=tuple(drop or ()))
    names = feature_names(model)
    if table.image_shape is None and model.image_shape_ is None and sorted(names) == sorted(table.names):
        table = table.select(names)
    require_same_columns(table, names, model.image_shape_)
    return table
