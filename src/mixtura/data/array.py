"""Arrays of numbers: two dimensions are a table, three or four are images."""

from __future__ import annotations

import math

import numpy as np

from mixtura.data.checks import plural, require_finite, require_numbers
from mixtura.data.labels import as_labels
from mixtura.data.scaling import is_whole
from mixtura.data.table import Column, Table, generated_names, infer_kinds, require_names
from mixtura.errors import InputError
from mixtura.findings import Finding

_MOST_CHANNELS = 4
_SMALLEST_PICTURE = 64  # pixels of an 8 x 8 picture


def table_from_array(
    values: np.ndarray,
    *,
    source: str,
    labels: str | None = None,
    drop: tuple[str, ...] = (),
    findings: tuple[Finding, ...] = (),
) -> Table:
    """Return an array as a table, or as images where it has three or four dimensions.

    uint8, float32 and float64 stay as they are; bool and float16 become float32, all else float64.

    Raises
    ------
    InputError
        If the array is empty, has another number of dimensions, or holds what is no finite number.
    """
    require_numbers(values.dtype, source)
    if values.ndim == 0:
        raise InputError(f"{source} holds one number; give an array of shape (rows, columns)")
    if values.ndim == 1:
        raise InputError(
            f"{source} has one dimension, shape {values.shape}; "
            "if it is one column, reshape it: X.reshape(-1, 1)"
        )
    if values.shape[0] == 0 or values.size == 0:
        missing = "rows" if values.shape[0] == 0 else "columns"
        raise InputError(f"{source} has shape {values.shape}, no {missing}; give at least one")
    if values.ndim > 2:
        if labels is not None or drop:
            raise InputError(f"{source} holds images, which have no columns to drop or to take labels from")
        return _images(values, source, findings)
    names = generated_names(values.shape[1])
    require_names([*drop, *([labels] if labels is not None else [])], names, "columns", source)
    label_values = (
        None if labels is None else as_labels(values[:, names.index(labels)], f"{labels} of {source}")
    )
    left = [i for i, name in enumerate(names) if name != labels and name not in drop]
    if not left:
        raise InputError(f"{source} has no columns left to learn from; drop fewer of its {len(names):,}")
    chosen = values if len(left) == len(names) else values[:, left]
    require_finite(chosen, source, lambda row, i: f"column {names[left[i]]!r}, row {row} (from 0)")
    kinds = infer_kinds(chosen, np.full(len(left), chosen.dtype.kind in "biu"))
    numbers = plain_numbers(chosen)
    return Table(
        values=numbers,
        columns=tuple(Column(names[i], kind) for i, kind in zip(left, kinds, strict=True)),
        labels=label_values,
        labels_name=labels,
        source=source,
        findings=(*findings, *flat_pictures(numbers)),
    )


def plain_numbers(values: np.ndarray) -> np.ndarray:
    """Return the values as contiguous uint8, float32 or float64 in the byte order of the machine."""
    native = values.dtype.newbyteorder("=")
    if native in (np.uint8, np.float32, np.float64):
        return np.ascontiguousarray(values, dtype=native)
    # float32 holds truth values and float16 exactly.
    return np.ascontiguousarray(values, dtype=np.float32 if native in (np.bool_, np.float16) else np.float64)


def _images(values: np.ndarray, source: str, findings: tuple[Finding, ...]) -> Table:
    shape = values.shape
    if values.ndim > 4:
        raise InputError(
            f"{source} has shape {shape}; images are (n, height, width) or (n, height, width, channels), "
            "and a table is 2-D: X.reshape(len(X), -1)"
        )
    if values.ndim == 4 and shape[3] > _MOST_CHANNELS:
        if shape[1] > _MOST_CHANNELS:
            raise InputError(
                f"{source} has shape {shape}, whose last axis is not the channels of an image "
                f"(1 to {_MOST_CHANNELS}); for a table, make it 2-D: X.reshape(len(X), -1)"
            )
        values = np.moveaxis(values, 1, 3)
        seen = f"the channels of the images came first, shape {shape}, and were moved last"
        findings = (*findings, Finding("channels-moved", "note", seen))
    if values.ndim == 4 and values.shape[3] == 1:
        values = values[..., 0]
    image_shape = values.shape[1:]
    flat = values.reshape(len(values), math.prod(image_shape))

    def place(row: int, i: int) -> str:
        pixel = ", ".join(str(int(at)) for at in np.unravel_index(i, image_shape))
        return f"image {row}, pixel ({pixel}) (from 0)"

    require_finite(flat, source, place)
    return Table(
        values=plain_numbers(flat),
        columns=(Column("image", "image"),),
        image_shape=image_shape,
        source=source,
        findings=findings,
    )


def flat_pictures(values: np.ndarray) -> list[Finding]:
    """Return a note where the rows look like pictures that were flattened."""
    n_features = values.shape[1]
    side = math.isqrt(n_features)
    if side * side != n_features or n_features < _SMALLEST_PICTURE:
        return []
    if values.min() < 0 or not 16 <= values.max() <= 255:
        return []
    if not is_whole(values):
        return []
    seen = f"{plural(n_features, 'column')} of whole numbers up to 255 look like pictures of {side} x {side}"
    mend = f"if they are, store them as an array of shape (n, {side}, {side}) to keep grey levels together"
    return [Finding("flat-pictures", "note", seen, mend)]
