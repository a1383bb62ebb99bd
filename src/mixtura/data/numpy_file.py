"""NPY and NPZ files, read without ever loading a pickle."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np

from mixtura.data.checks import closest, one_line, quoted, read_numbers, reading, require_numbers, shown
from mixtura.errors import InputError
from mixtura.findings import Finding

_FAVOURITES = ("x", "x_train", "images", "data")


def read_npy(path: Path) -> np.ndarray:
    """Return the array of an NPY file.

    Raises
    ------
    InputError
        If the file is cut short or damaged, or holds Python objects.
    """
    with reading(path, "NPY"), path.open("rb") as stream:
        return _read_array(stream, shown(path))


class NpzFile:
    """The arrays of an NPZ file, each read when it is asked for.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    InputError
        If the file is no NPZ, is cut short, or holds no array.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.headers: dict[str, tuple[tuple[int, ...], np.dtype[Any]]] = {}
        with reading(path, "NPZ"), zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.endswith(".npy"):
                    with archive.open(name) as member:
                        shape, _, dtype = _read_header(member)
                    self.headers[name.removesuffix(".npy")] = (shape, dtype)
        if not self.headers:
            raise InputError(f"{shown(path)} holds no arrays; write it with np.savez(path, X=X)")

    def __repr__(self) -> str:
        """Return the file and its arrays with their shapes."""
        return f"NpzFile({shown(self.path)}: {self.describe()})"

    def describe(self) -> str:
        """Return the names of the arrays and their shapes, for a message."""
        items = [f"{one_line(name, 40)} {shape}" for name, (shape, _) in self.headers.items()]
        rest = f" and {len(items) - 12} more" if len(items) > 12 else ""
        return ", ".join(items[:12]) + rest

    def read(self, name: str) -> np.ndarray:
        """Return the array called ``name``."""
        if name not in self.headers:
            raise InputError(
                f"{shown(self.path)} has no array {quoted(name)}{closest(name, self.headers)}; "
                f"it has {self.describe()}"
            )
        with (
            reading(self.path, "NPZ"),
            zipfile.ZipFile(self.path) as archive,
            archive.open(f"{name}.npy") as member,
        ):
            array = _read_array(member, f"array {quoted(name)} of {shown(self.path)}")
            # Reading on to the end makes zipfile compare the checksum.
            member.read()
        return array

    def choose(self, array: str | None) -> tuple[str, tuple[Finding, ...]]:
        """Return the name of the array to learn from, and a finding where one was chosen of several.

        That is ``array`` where it is given, the only array of two or more dimensions, or the one called
        X, x_train, images or data, in this order.
        """
        if array is not None:
            name = array if array in self.headers else array.removesuffix(".npy")
            return name, ()
        if {"format", "shape", "data"} <= self.headers.keys():
            raise InputError(
                f"{shown(self.path)} is a sparse matrix; save it dense: np.save(path, X.toarray())"
            )
        wide = [
            name for name, (shape, dtype) in self.headers.items() if len(shape) >= 2 and dtype.kind in "biuf"
        ]
        if not wide:
            raise InputError(
                f"{shown(self.path)} has no array of rows and columns; it has {self.describe()}; "
                "name one with --array NAME, and if it is one column, reshape it: X.reshape(-1, 1)"
            )
        ranked = sorted(
            (name for name in wide if name.lower() in _FAVOURITES),
            key=lambda name: _FAVOURITES.index(name.lower()),
        )
        if len(wide) > 1 and not ranked:
            raise InputError(
                f"{shown(self.path)} has several arrays, {self.describe()}; choose one with --array NAME"
            )
        if len(wide) == 1:
            return wide[0], ()
        seen = f"of the arrays {self.describe()}, {quoted(ranked[0])} was read"
        return ranked[0], (Finding("array-chosen", "note", seen, "choose another with --array NAME"),)


def _read_header(stream: IO[bytes]) -> tuple[tuple[int, ...], Literal["C", "F"], np.dtype[Any]]:
    """Return shape, order and dtype from the header of an NPY stream, which is left at its end."""
    version = np.lib.format.read_magic(stream)
    readers: dict[tuple[int, int], Callable[[IO[bytes]], tuple[Any, bool, np.dtype[Any]]]] = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise ValueError(f"NPY format version {version} holds no plain numbers")
    shape, columns_first, dtype = readers[version](stream)
    return shape, "F" if columns_first else "C", dtype


def _read_array(stream: IO[bytes], name: str) -> np.ndarray:
    """Return the array of an NPY stream."""
    shape, order, dtype = _read_header(stream)
    if dtype.hasobject:
        require_numbers(np.dtype(object), name)
    return read_numbers(stream, shape, dtype, order)
