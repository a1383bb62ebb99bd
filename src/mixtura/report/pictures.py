"""Rows that are pictures, as PNG files inside the page."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import numpy.typing as npt

# Larger pictures are shrunk to this many pixels a side: the page shows thumbnails.
LARGEST_SIDE = 96


def grey_levels(
    values: npt.ArrayLike, image_shape: tuple[int, ...], value_range: tuple[float, float]
) -> npt.NDArray[np.uint8]:
    """Return flat rows as pictures of 8 bits, shape (n, H, W) or (n, H, W, C) with C = 3 or 4.

    Parameters
    ----------
    values : array, shape (n, n_features)
        Raw values; those outside the range are clipped, NaN becomes the lowest.
    image_shape : tuple of int
        (H, W) or (H, W, C); pictures of 1, 2 or more than 4 channels are shown as their mean.
    value_range : (float, float)
        The raw values shown as black and as white.

    Examples
    --------
    >>> grey_levels([[0, 16]], (1, 2), (0, 16)).tolist()
    [[[0, 255]]]
    """
    lowest, highest = value_range
    rows = np.asarray(values, dtype=np.float64).reshape(-1, *image_shape)
    if rows.ndim == 4 and rows.shape[-1] not in (3, 4):
        rows = rows.mean(axis=-1)
    # Half ranges first: highest - lowest may overflow.
    spread = highest / 2 - lowest / 2
    shares = (np.nan_to_num(rows, nan=lowest) / 2 - lowest / 2) / (spread if spread > 0 else 1.0)
    return np.rint(np.clip(shares, 0.0, 1.0) * 255).astype(np.uint8)


def data_uri(picture: npt.NDArray[Any]) -> str:
    """Return a picture of 8 bits as a ``data:`` address that holds a PNG file.

    Parameters
    ----------
    picture : array of uint8, shape (H, W), (H, W, 3) or (H, W, 4)

    Examples
    --------
    >>> import numpy as np
    >>> data_uri(np.zeros((2, 2), dtype=np.uint8))[:22]
    'data:image/png;base64,'
    """
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(picture))
    if max(image.size) > LARGEST_SIDE:
        shrink = LARGEST_SIDE / max(image.size)
        size = (max(1, round(image.width * shrink)), max(1, round(image.height * shrink)))
        image = image.resize(size, Image.Resampling.BOX)
    file = io.BytesIO()
    image.save(file, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def shown_size(image_shape: tuple[int, ...], about: int) -> tuple[int, int]:
    """Return (width, height) on the page, a whole multiple of the pixels where these are few.

    Examples
    --------
    >>> shown_size((8, 8), 44), shown_size((28, 28), 44), shown_size((200, 100), 44)
    ((48, 48), (56, 56), (22, 44))
    """
    height, width = image_shape[0], image_shape[1]
    longest = max(height, width)
    scale: float = about / longest
    if scale > 1:
        scale = round(scale)
    return max(1, round(width * scale)), max(1, round(height * scale))
