"""A fitted mixture as a model folder and back."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np

from mixtura import runtime
from mixtura.em.bernoulli import Beta
from mixtura.em.categorical import Dirichlet
from mixtura.em.poisson import Gamma
from mixtura.em.priors import NormalInverseWishart
from mixtura.errors import InputError, ModelFileError
from mixtura.findings import Finding
from mixtura.storage import read_model, write_model

_Estimator = TypeVar("_Estimator")
_RECORDS: dict[str, Any] = {
    kind.__name__: kind for kind in (NormalInverseWishart, Beta, Dirichlet, Gamma, Finding)
}


def save_mixture(estimator: Any, folder: Path) -> None:
    """Write a fitted mixture: numeric attributes in safetensors with all their bits, the rest in JSON.

    Parameters
    ----------
    estimator : MixtureBase
        Fitted.
    folder : Path
        It must not hold anything yet.

    Raises
    ------
    InputError
        If the folder holds something, or a parameter cannot be written.
    """
    parameters = estimator.get_params()
    if isinstance(parameters["random_state"], np.random.RandomState):
        parameters["random_state"] = None
    fitted = {name: value for name, value in vars(estimator).items() if _is_fitted(name)}
    tensors = {name: value for name, value in fitted.items() if _is_numeric(value)}
    document = {
        "estimator": type(estimator).__name__,
        "parameters": {name: _plain(value, name) for name, value in parameters.items()},
        "fitted": {name: _plain(value, name) for name, value in fitted.items() if name not in tensors},
        "versions": {name: str(value) for name, value in runtime.describe().items()},
    }
    write_model(folder, document, tensors)


def load_mixture(kind: type[_Estimator], folder: Path) -> _Estimator:
    """Return the mixture of a class that `save_mixture` wrote.

    Raises
    ------
    ModelFileError
        If a byte is changed or missing, or the model is of another class.
    """
    document, tensors = read_model(folder)
    if document.get("estimator") != kind.__name__:
        raise ModelFileError(
            f"{str(folder)!r} holds a model of kind {document.get('estimator')!r} and not {kind.__name__}; "
            "give another folder"
        )
    try:
        parameters = {name: _restored(value) for name, value in document["parameters"].items()}
        estimator = cast("Any", kind)(**parameters)
        for name, value in document["fitted"].items():
            setattr(estimator, name, _restored(value))
        for name, value in tensors.items():
            setattr(estimator, name, np.array(value))
    except (KeyError, TypeError, AttributeError) as error:
        reason = str(error).splitlines()[0]
        raise ModelFileError(
            f"the model in {str(folder)!r} cannot be read ({reason}); fit it again"
        ) from error
    loaded: _Estimator = estimator
    return loaded


def _is_fitted(name: str) -> bool:
    return name.endswith("_") and not name.startswith("_")


def _is_numeric(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind in "biuf"


def _plain(value: Any, name: str) -> Any:
    """Return what JSON can hold; arrays, tuples, priors and findings are marked by what they are.

    Series, frames and indices become arrays.
    """
    if isinstance(value, np.ndarray):
        return {"array": [_plain(item, name) for item in value.tolist()], "dtype": value.dtype.str}
    if isinstance(value, np.generic):
        return _plain(value.item(), name)
    if isinstance(value, tuple):
        return {"tuple": [_plain(item, name) for item in value]}
    if isinstance(value, (list, range)):
        return [_plain(item, name) for item in value]
    if isinstance(value, Mapping):
        return {"dict": [[_plain(key, name), _plain(item, name)] for key, item in value.items()]}
    if type(value).__name__ in _RECORDS:
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return {"record": type(value).__name__, "fields": {k: _plain(v, name) for k, v in fields.items()}}
    if isinstance(value, float) and not np.isfinite(value):
        return {"float": repr(value)}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if callable(getattr(value, "__array__", None)):  # series, frames and indices
        return _plain(np.asarray(value), name)
    raise InputError(f"{name} holds a {type(value).__name__}, which cannot be saved; give numbers or text")


def _restored(value: Any) -> Any:
    """Return what `_plain` was given."""
    if isinstance(value, list):
        return [_restored(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return np.array([_restored(item) for item in value["array"]], dtype=np.dtype(value["dtype"]))
    if "tuple" in value:
        return tuple(_restored(item) for item in value["tuple"])
    if "dict" in value:
        return {_restored(key): _restored(item) for key, item in value["dict"]}
    if "float" in value:
        return float(value["float"])
    return _RECORDS[value["record"]](**{k: _restored(v) for k, v in value["fields"].items()})
