"""A fitted GM-VAE or VAE as a model folder and back."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np

from mixtura import runtime
from mixtura.data import Encoding
from mixtura.data.mixed_encoding import MixedEncoding
from mixtura.errors import ModelFileError
from mixtura.estimators.mixed_columns import MixedColumns
from mixtura.findings import Finding
from mixtura.free_energy import FreeEnergy
from mixtura.storage import read_model, write_model

_Estimator = TypeVar("_Estimator")
_NOT_STORED = ("callback", "random_state")


def save_autoencoder(estimator: Any, folder: Path) -> None:
    """Write a fitted estimator: weights in float32, in which they were trained, so no bit is lost."""
    parameters = {k: v for k, v in estimator.get_params().items() if k not in _NOT_STORED}
    document: dict[str, Any] = {
        "estimator": type(estimator).__name__,
        "parameters": _plain(parameters),
        "encoding": estimator.encoding_.to_dict(),
        "columns": None if estimator._columns is None else _plain(estimator._columns.to_dict()),
        "seed": estimator.seed_,
        "image_shape": _plain(estimator.image_shape_),
        "n_epochs": estimator.n_epochs_,
        "device": estimator.device_,
        "precision": estimator.precision_,
        "bound": {"gains": dict(estimator.bound_.gains), "costs": dict(estimator.bound_.costs)},
        "gap": getattr(estimator, "gap_", None),
        "findings": [finding.to_dict() for finding in estimator.findings_],
        "history": estimator.history_,
        "feature_names": _plain(getattr(estimator, "feature_names_in_", None)),
        "versions": {name: str(value) for name, value in runtime.describe().items()},
    }
    tensors = {f"model.{name}": t.float().numpy() for name, t in estimator.model_.state_dict().items()}
    # One number is not of single precision: the log-determinant is a sum over all columns.
    tensors["model.log_determinant"] = estimator.model_.log_determinant.numpy()
    if hasattr(estimator, "information_"):
        document["information"] = _plain(asdict(estimator.information_))
    if hasattr(estimator, "labels_"):
        tensors["labels"] = estimator.labels_.astype(np.int32)
    write_model(folder, document, tensors)


def load_autoencoder(kind: type[_Estimator], folder: Path) -> _Estimator:
    """Return the estimator of the given class that `save_autoencoder` wrote."""
    import torch

    from mixtura.vae import build_model
    from mixtura.vae.latent_information import LatentInformation

    document, tensors = read_model(folder)
    if document.get("estimator") != kind.__name__:
        raise ModelFileError(
            f"{str(folder)!r} holds a model of kind {document.get('estimator')!r} and not {kind.__name__}; "
            "give another folder"
        )
    try:
        parameters = document["parameters"]
        for name in ("hidden", "image_shape"):
            parameters[name] = None if parameters[name] is None else tuple(parameters[name])
        held = document.get("columns")
        columns = None if held is None else MixedColumns.from_dict(held)
        if parameters.get("families") is not None and columns is not None:
            # Keys of a mapping may be numbers, which JSON has not; what became of it is as good.
            parameters["families"] = list(columns.families)
        estimator = cast("Any", kind)(**parameters, random_state=document["seed"])
        estimator._columns = columns
        encoding = (Encoding if columns is None else MixedEncoding).from_dict(document["encoding"])
        model = build_model(
            estimator._settings(),
            n_encoded=encoding.n_encoded,
            domain=encoding.domain,
            image_shape=None if document["image_shape"] is None else tuple(document["image_shape"]),
            layout=encoding.layout if isinstance(encoding, MixedEncoding) else None,
        ).double()
        state = {k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")}
        model.load_state_dict(
            {name: torch.from_numpy(np.array(value)).double() for name, value in state.items()}
        )
        estimator.encoding_, estimator.model_ = encoding, model.requires_grad_(False).eval()
        if hasattr(kind, "predict"):
            estimator.labels_ = tensors["labels"].astype(np.int64)
            estimator.gap_ = document["gap"]
        else:
            known = document["information"]
            estimator.information_ = LatentInformation(
                **known | {"kl_per_latent": np.array(known["kl_per_latent"])}
            )
        estimator.seed_, estimator.n_epochs_ = document["seed"], document["n_epochs"]
        estimator.image_shape_ = None if document["image_shape"] is None else tuple(document["image_shape"])
        estimator.device_, estimator.precision_ = document["device"], document["precision"]
        estimator.bound_ = FreeEnergy(document["bound"]["gains"], document["bound"]["costs"])
        estimator.findings_ = tuple(Finding(**finding) for finding in document["findings"])
        estimator.history_ = document["history"]
    except (KeyError, TypeError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise ModelFileError(
            f"the model in {str(folder)!r} cannot be read ({reason}); fit it again"
        ) from error
    estimator.n_features_in_ = encoding.n_features
    if document["feature_names"] is not None:
        estimator.feature_names_in_ = np.array(document["feature_names"], dtype=object)
    estimator._read_model()
    fitted: _Estimator = estimator
    return fitted


def _plain(value: Any) -> Any:
    """Return a value with NumPy's scalars and arrays replaced by Python's, for JSON."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    return value.item() if isinstance(value, np.generic) else value
