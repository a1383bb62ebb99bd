from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest

from mixtura.data import read

CODES = {"u1": 0x08, "i1": 0x09, ">i2": 0x0B, ">i4": 0x0C, ">f4": 0x0D, ">f8": 0x0E}


def idx_bytes(array, dtype="u1"):
    head = bytes([0, 0, CODES[dtype], array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return head + array.astype(dtype).tobytes()


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (12, 4, 5)).astype(np.uint8)


@pytest.mark.parametrize("name", ["a.idx", "images.idx3-ubyte", "train-images-idx3-ubyte", "a-ubyte"])
@pytest.mark.parametrize("gzipped", [False, True])
def test_images_under_every_name(tmp_path, images, name, gzipped):
    path = tmp_path / (name + ".gz" * gzipped)
    raw = idx_bytes(images)
    path.write_bytes(gzip.compress(raw) if gzipped else raw)
    table = read(path)
    assert table.image_shape == (4, 5)
    assert table.values.dtype == np.uint8
    assert table.values.flags["WRITEABLE"]
    np.testing.assert_array_equal(table.values.reshape(12, 4, 5), images)


@pytest.mark.parametrize("dtype", CODES)
def test_every_type_of_number(tmp_path, dtype):
    values = np.array([[1, 2, 3], [4, 5, 6]])
    (tmp_path / "a.idx").write_bytes(idx_bytes(values, dtype))
    table = read(tmp_path / "a.idx")
    np.testing.assert_array_equal(table.values, values)
    assert table.values.dtype.isnative


def test_labels_in_a_file_of_their_own(tmp_path, images):
    (tmp_path / "images-ubyte").write_bytes(idx_bytes(images))
    (tmp_path / "labels-ubyte.gz").write_bytes(gzip.compress(idx_bytes(np.arange(12))))
    table = read(tmp_path / "images-ubyte", labels=tmp_path / "labels-ubyte.gz")
    np.testing.assert_array_equal(table.labels, np.arange(12))
    assert table.labels_name == str(tmp_path / "labels-ubyte.gz")


@pytest.mark.parametrize("gzipped", [False, True])
def test_a_file_cut_anywhere_is_refused(tmp_path, images, gzipped, refuses):
    path = tmp_path / ("a.idx.gz" if gzipped else "a.idx")
    whole = gzip.compress(idx_bytes(images)) if gzipped else idx_bytes(images)
    for size in (1, 3, 4, 7, 12, 15, 16, 17, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with refuses(path.name, "IDX"):
            read(path)


def test_damage(tmp_path, images, refuses):
    path = tmp_path / "a.idx"
    raw = idx_bytes(images)
    path.write_bytes(raw + b"\0")
    with refuses("something follows"):
        read(path)
    path.write_bytes(b"\1" + raw[1:])
    with refuses("it begins with 01 00 08 03"):
        read(path)
    path.write_bytes(raw[:2] + b"\x07" + raw[3:])
    with refuses("it begins with"):
        read(path)
    path.write_bytes(raw[:4] + b"\xff" * 12 + raw[16:])
    with refuses("announced", "240 there"):
        read(path)


def test_labels_alone_are_no_table(tmp_path, refuses):
    (tmp_path / "labels-ubyte").write_bytes(idx_bytes(np.arange(12)))
    with refuses("one dimension"):
        read(tmp_path / "labels-ubyte")
