"""IDX files, the format of MNIST, plain or gzipped."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np

from mixtura.data.checks import read_numbers, reading

_DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: Path) -> np.ndarray:
    """Return the array of an IDX file.

    Four bytes (0, 0, type, number of dimensions), a big-endian 32-bit length for each dimension, then
    the numbers, the last dimension running fastest.

    Raises
    ------
    InputError
        If the file is cut short or damaged, or something follows the numbers.
    """
    opener = gzip.open if path.name.lower().endswith(".gz") else open
    with reading(path, "IDX"), opener(path, "rb") as stream:
        head = stream.read(4)
        if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in _DTYPES or head[3] == 0:
            raise ValueError(
                f"it begins with {head.hex(' ') or 'nothing'}, not with 00 00, a type and a length"
            )
        lengths = stream.read(4 * head[3])
        if len(lengths) < 4 * head[3]:
            raise ValueError("the header is incomplete")
        shape = tuple(int(length) for length in np.frombuffer(lengths, ">u4"))
        dtype = np.dtype(_DTYPES[head[2]])
        numbers = read_numbers(stream, shape, dtype)
        if stream.read(1):
            raise ValueError(f"something follows the {numbers.nbytes:,} bytes of numbers announced")
    return numbers
