"""Folders of images, read through Pillow."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mixtura.data.checks import listing, plural, reading, shown
from mixtura.errors import InputError
from mixtura.findings import Finding

if TYPE_CHECKING:
    from PIL.Image import Image

# Formats that Pillow decodes by itself; others, such as EPS, start programs.
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TGA", "TIFF", "WEBP")
IMAGE_SUFFIXES = frozenset(
    {".bmp", ".dib", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm"}
    | {".tga", ".tif", ".tiff", ".webp"}
)
_DEEP = {"I", "I;16", "I;16B", "I;16L", "I;16N", "F"}  # modes of more than eight bits, all grey
_GREY = {"1", "L", "LA", "La"}
_ALPHA = {"LA", "La", "PA", "RGBA", "RGBa"}


def read_images(folder: Path) -> tuple[np.ndarray, tuple[Finding, ...]]:
    """Return the images of a folder and its sub-folders, in the order of their names.

    Grey images give (n, height, width), colour ones, or a mixture of both, (n, height, width, 3), as
    uint8; images of more than eight bits give float32 or float64 in their own grey levels. What is
    transparent is laid on white, and of an animation the first picture is taken; both are said.

    Raises
    ------
    InputError
        If there is no image, one cannot be read, or they are not all of one size and depth.
    """
    paths, strays = _find(folder)
    if not paths:
        others = f", only {_names(strays)}" if strays else ""
        raise InputError(f"{shown(folder)} has no images in it{others}; give a folder of PNG or JPEG files")
    colour, deep, findings = _survey(folder, paths)
    if strays:
        verb = "is no image and was" if len(strays) == 1 else "are no images and were"
        seen = f"{plural(len(strays), 'file')} in {shown(folder)} {verb} left out: {_names(strays)}"
        findings.append(Finding("stray-files", "note", seen))
    images = None
    for i, path in enumerate(paths):
        with _opened(path) as image:
            pixels = np.asarray(image if deep else _flattened(image, "RGB" if colour else "L"))
        if images is None:
            dtype = _deep_dtype(pixels.dtype) if deep else np.dtype(np.uint8)
            images = np.empty((len(paths), *pixels.shape), dtype)
        images[i] = pixels
    assert images is not None
    return images, tuple(findings)


def _names(paths: list[Path]) -> str:
    return listing([path.name for path in paths], 3)


def _find(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the images and the other files below a folder, sorted, hidden ones left out."""
    images: list[Path] = []
    strays: list[Path] = []
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if not name.startswith("."):
                path = Path(root, name)
                (images if path.suffix.lower() in IMAGE_SUFFIXES else strays).append(path)
    return sorted(images), sorted(strays)


@contextmanager
def _opened(path: Path) -> Iterator[Image]:
    import PIL.Image

    with reading(path, "an image"), warnings.catch_warnings():
        # A picture of a hundred million pixels is refused, other remarks of the decoder are its own affair.
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", PIL.Image.DecompressionBombWarning)
        with PIL.Image.open(path, formats=_FORMATS) as image:
            yield image


def _survey(folder: Path, paths: list[Path]) -> tuple[bool, bool, list[Finding]]:
    """Return whether any image has colour, whether all are deep, and findings, from the headers alone."""
    first: tuple[Path, tuple[int, int], bool] | None = None
    coloured: list[Path] = []
    clear: list[Path] = []
    moving: list[Path] = []
    for path in paths:
        with _opened(path) as image:
            size, deep = image.size, image.mode in _DEEP
            if not deep and not _is_grey(image):
                coloured.append(path)
            if image.mode in _ALPHA or "transparency" in image.info:
                clear.append(path)
            if getattr(image, "is_animated", False):
                moving.append(path)
        if first is None:
            first = (path, size, deep)
        _require_alike(folder, first, (path, size, deep))
    assert first is not None
    findings = []
    n_images = plural(len(paths), "image")
    if coloured and len(coloured) < len(paths):
        seen = f"of {n_images}, {len(coloured):,} have colours and the grey ones were made like them"
        findings.append(Finding("grey-and-colour", "note", seen))
    if clear and not first[2]:
        seen = f"of {n_images}, {len(clear):,} may have transparent places, which were laid on white"
        findings.append(Finding("transparency", "note", seen))
    if moving:
        seen = f"of {n_images}, {len(moving):,} hold several pictures, of which the first was taken"
        findings.append(Finding("several-pictures", "note", seen))
    return bool(coloured), first[2], findings


def _require_alike(
    folder: Path, first: tuple[Path, tuple[int, int], bool], other: tuple[Path, tuple[int, int], bool]
) -> None:
    names = [shown(path.relative_to(folder)) for path in (first[0], other[0])]
    if first[1] != other[1]:
        # Pillow gives width and height; everywhere else the height comes first.
        sizes = [f"{height} x {width}" for width, height in (first[1], other[1])]
        raise InputError(
            f"images of different sizes in {shown(folder)}: {names[0]} is {sizes[0]} and "
            f"{names[1]} is {sizes[1]} (height x width); bring them to one size"
        )
    if first[2] != other[2]:
        deep, plain = names if first[2] else names[::-1]
        raise InputError(
            f"images of different depth in {shown(folder)}: {deep} has more than 8 bits a pixel "
            f"and {plain} has 8; save them alike"
        )


def _is_grey(image: Image) -> bool:
    if image.mode != "P":
        return image.mode in _GREY
    # A palette of greys only, as many GIFs have, is no colour.
    palette = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
    return bool((palette == palette[:, :1]).all())


def _flattened(image: Image, mode: str) -> Image:
    """Return an image in ``mode``, L or RGB, what is transparent laid on white."""
    import PIL.Image

    if image.mode in _ALPHA or "transparency" in image.info:
        image = image.convert("RGBA")
        white = PIL.Image.new("RGBA", image.size, "white")
        image = PIL.Image.alpha_composite(white, image).convert("RGB")
    return image.convert(mode)


def _deep_dtype(dtype: np.dtype[np.generic]) -> np.dtype[np.generic]:
    """Return a float type that holds the grey levels exactly."""
    return np.dtype(np.float64 if dtype.itemsize > 2 and dtype.kind in "iu" else np.float32)
