"""A model on disk: ``model.json`` and ``weights.safetensors``, sealed by their digests.

Nothing in the folder is executed on loading. The digests find damage, not forgery: whoever changes a
model on purpose can seal it again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load, save

from mixtura.errors import InputError, ModelFileError

FORMAT: Final = "mixtura-model"
FORMAT_VERSION: Final = 1
MODEL: Final = "model.json"
WEIGHTS: Final = "weights.safetensors"

Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class ModelDocument(BaseModel):
    """What every ``model.json`` holds; the estimator's own keys stand beside these.

    Attributes
    ----------
    format : str
        Always ``"mixtura-model"``.
    format_version : int
        Raised when an older mixtura could not read the folder rightly.
    versions : dict of str to str
        What the model was made with: mixtura, Python, torch and so on.
    weights_sha256 : str
        SHA-256 of ``weights.safetensors``.
    sha256 : str
        SHA-256 of the rest of this document in its canonical form: keys sorted, no spaces.
    """

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    format: Literal["mixtura-model"] = FORMAT
    format_version: Annotated[int, Field(ge=1, le=FORMAT_VERSION)] = FORMAT_VERSION
    versions: dict[str, str]
    weights_sha256: Digest
    sha256: Digest


SEAL: Final = ("format", "format_version", "weights_sha256", "sha256")


def write_model(
    folder: str | os.PathLike[str], document: Mapping[str, Any], tensors: Mapping[str, np.ndarray]
) -> None:
    """Write a model folder.

    The same document and tensors give the same bytes. For a folder that appears whole or not at all,
    write into the one that `mixtura.storage.new_folder` yields.

    Parameters
    ----------
    folder : path
        A folder that is empty or does not exist yet.
    document : mapping
        What JSON can hold, with ``versions``, a mapping of names to versions. The keys ``format``,
        ``format_version``, ``weights_sha256`` and ``sha256`` are written by this function.
    tensors : mapping of str to ndarray
        Boolean, integer or floating-point arrays of any shape.

    Raises
    ------
    InputError
        The folder holds something, or the document or a tensor cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_model(folder, {"versions": {}, "n_components": 2}, {"means": np.zeros((2, 3))})
    ...     document, tensors = read_model(folder)
    >>> document
    {'versions': {}, 'n_components': 2}
    >>> tensors["means"].shape
    (2, 3)
    """
    folder = Path(folder)
    weights = _pack(tensors)
    text = _seal(document, weights)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if found := sorted(entry.name for entry in folder.iterdir()):
            raise InputError(f"'{folder}' is not empty ('{found[0]}'); write the model into a new folder")
        (folder / WEIGHTS).write_bytes(weights)
        (folder / MODEL).write_bytes(text)
    except OSError as error:
        raise InputError(
            f"cannot write the model to '{folder}': {error.strerror}; choose another place"
        ) from error


def read_model(folder: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Read a model folder, every byte of which must be as it was written.

    Parameters
    ----------
    folder : path
        A model folder, or a run folder with one in ``model/``.

    Returns
    -------
    document : dict
        As it was given to `write_model`, tuples having become lists.
    tensors : dict of str to ndarray
        The arrays, with their shapes and types.

    Raises
    ------
    ModelFileError
        The folder or one of its two files is missing, a third one is there (hidden ones apart), a byte
        differs from what was written, or the folder is of another format or of a newer version.
    """
    folder = Path(folder)
    if not (folder / MODEL).exists() and (folder / "model" / MODEL).is_file():
        folder = folder / "model"
    _check_entries(folder)
    text, weights = _read(folder / MODEL), _read(folder / WEIGHTS)
    document = _unseal(text, folder / MODEL)
    if _digest(weights) != document["weights_sha256"]:
        raise _damaged(folder / WEIGHTS, "its bytes are not those that were written")
    try:
        tensors = load(weights)
    except (SafetensorError, ValueError, TypeError, KeyError) as error:
        raise _damaged(folder / WEIGHTS, str(error)) from error
    return {key: value for key, value in document.items() if key not in SEAL}, tensors


def _pack(tensors: Mapping[str, np.ndarray]) -> bytes:
    """Return the bytes of ``weights.safetensors``."""
    arrays = {name: np.asarray(value, order="C") for name, value in tensors.items()}
    for name, value in arrays.items():
        if value.dtype.kind not in "biuf":
            raise InputError(
                f"tensor '{name}' is of type {value.dtype}; a model holds numbers and booleans only"
            )
    return save(arrays)


def _seal(document: Mapping[str, Any], weights: bytes) -> bytes:
    """Return the bytes of ``model.json``: the document, the format and the two digests."""
    if taken := [key for key in SEAL if key in document]:
        raise InputError(f"the model's document may not have the key '{taken[0]}', which seals it; rename it")
    head = {"format": FORMAT, "format_version": FORMAT_VERSION, "weights_sha256": _digest(weights)}
    try:
        # Through JSON once, so that the digest is of what a reader will see: no tuples, no number as a key.
        rest = json.loads(json.dumps({**head, **document}, allow_nan=False))
        whole = ModelDocument.model_validate({**rest, "sha256": _digest(_canonical(rest))})
    except ValidationError as error:
        raise InputError(f"the model's document cannot be written: {_first(error)}") from error
    except (TypeError, ValueError) as error:
        raise InputError(f"the model's document cannot be written as JSON: {error}") from error
    return _render({**head, "sha256": whole.sha256, **rest})


def _unseal(text: bytes, file: Path) -> dict[str, Any]:
    """Return the document in ``text`` after every check that needs no weights."""
    try:
        document = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise _damaged(file, f"it is not JSON ({error})") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ModelFileError(
            f"'{file}' is not a model of mixtura; name a folder written by mixtura fit or save"
        )
    version = document.get("format_version")
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise ModelFileError(
            f"'{file}' has format version {version}, and this mixtura reads up to {FORMAT_VERSION}; "
            "update it with pip install --upgrade mixtura"
        )
    try:
        checked = ModelDocument.model_validate(document)
    except ValidationError as error:
        raise _damaged(file, _first(error)) from error
    rest = {key: value for key, value in document.items() if key != "sha256"}
    # The rendering is compared too: a digest of the parsed document does not see a changed space.
    if _render(document) != text or _digest(_canonical(rest)) != checked.sha256:
        raise _damaged(file, "its bytes are not those that were written")
    return document


def _check_entries(folder: Path) -> None:
    """Raise ModelFileError unless the folder holds the two files and nothing else."""
    try:
        found = {entry.name for entry in folder.iterdir()}
    except OSError as error:
        raise ModelFileError(
            f"no model in '{folder}': {error.strerror}; name a folder written by mixtura fit or save"
        ) from error
    for name in (MODEL, WEIGHTS):
        if name not in found:
            raise ModelFileError(
                f"no '{name}' in '{folder}'; name a folder written by mixtura fit or save, or copy it again"
            )
    # A desktop leaves hidden files of its own in the folders that it shows.
    if extra := sorted(name for name in found - {MODEL, WEIGHTS} if not name.startswith(".")):
        raise ModelFileError(
            f"'{folder / extra[0]}' does not belong to the model; move it elsewhere, or copy the model again"
        )


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ModelFileError(
            f"cannot read '{file}': {error.strerror}; look at its permissions, or copy the model again"
        ) from error


def _damaged(file: Path, why: str) -> ModelFileError:
    line = " ".join(why.split())
    return ModelFileError(f"'{file}' is damaged: {line}; copy the model again, or fit it anew")


def _first(error: ValidationError) -> str:
    """Return the first of pydantic's complaints as one line."""
    complaint = error.errors(include_url=False, include_context=False)[0]
    return f"{'.'.join(map(str, complaint['loc']))}: {complaint['msg']}"


def _canonical(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _render(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, indent=2) + "\n").encode()


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
