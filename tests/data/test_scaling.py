from __future__ import annotations

import numpy as np
import pytest

from mixtura.data.scaling import blocks, grey_levels, is_constant, standardise


def apply(affine, values):
    return (values.astype(float) - affine.origin) / affine.scale - affine.shift


def assert_standardised(values, tolerance=1e-12):
    affine, kept, _ = standardise(values)
    assert kept.tolist() == list(range(values.shape[1]))
    encoded = apply(affine, values)
    np.testing.assert_allclose(encoded.mean(axis=0), 0, atol=tolerance)
    np.testing.assert_allclose(encoded.std(axis=0), 1, rtol=tolerance)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
@pytest.mark.parametrize("offset", [0.0, 1.0, -1e4])
def test_mean_zero_and_deviation_one_at_every_scale(rng, dtype, scale, offset):
    assert_standardised((scale * (rng.standard_normal((1000, 3)) + offset)).astype(dtype))


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_the_ends_of_float64(rng, scale):
    assert_standardised(scale * rng.uniform(-1.5, 1.5, (1000, 3)))


def test_a_range_wider_than_the_largest_float():
    assert_standardised(np.array([[-1.7e308], [1.7e308], [0.0]]))


def test_an_offset_of_1e8_in_float32(rng):
    assert_standardised((1e8 + 1000 * rng.standard_normal((1000, 3))).astype(np.float32))


def test_an_offset_of_1e13_in_float64(rng):
    # A mean in raw units would be off by a thousandth of the deviation; an origin and a shift are not.
    assert_standardised(1e13 + 100 * rng.standard_normal((1000, 3)))


def test_many_blocks_agree_with_one(rng):
    values = rng.standard_normal((3000, 700)) * 5 + 3
    affine, _, _ = standardise(values)
    np.testing.assert_allclose(affine.scale, values.std(axis=0), rtol=1e-12)
    np.testing.assert_allclose(affine.origin + affine.scale * affine.shift, values.mean(axis=0), atol=1e-12)


def test_blocks_cover_every_row_once():
    for shape in ((1, 1), (7, 1 << 20), (100_000, 50), (0, 3)):
        rows = [row for block in blocks(*shape) for row in range(block.start, block.stop)]
        assert rows == list(range(shape[0]))


@pytest.mark.parametrize(
    ("column", "dtype", "constant"),
    [
        ([5.0, 5.0, 5.0], "f8", True),
        ([0.0, -0.0, 0.0], "f8", True),
        ([0.3, 0.1 + 0.2, 0.3], "f8", True),
        ([1e30, 1e30 * (1 + 1e-14), 1e30], "f8", True),
        ([1.0, 1.0 + 1e-9, 1.0], "f8", False),
        ([0.0, 1e-30, 0.0], "f8", False),
        ([1e8, 1e8 + 8, 1e8], "f4", True),
        ([1e8, 1e8 + 800, 1e8], "f4", False),
        ([2**53, 2**53 + 2, 2**53], "i8", False),
        ([7, 7, 7], "u1", True),
    ],
)
def test_what_is_constant_up_to_rounding(column, dtype, constant):
    values = np.array(column, dtype)[:, None]
    low, high = values.min(axis=0).astype(float), values.max(axis=0).astype(float)
    assert is_constant(low, high, values.dtype).tolist() == [constant]


def test_subnormal_numbers_are_no_scale():
    _, kept, _ = standardise(np.array([[5e-324, 1.0], [0.0, 2.0], [1e-323, 3.0]]))
    assert kept.tolist() == [1]


@pytest.mark.parametrize(
    ("values", "levels"),
    [
        (np.array([[0, 255]], np.uint8), 256),
        (np.array([[0, 17]], np.uint8), 256),
        (np.array([[0, 16]], np.uint8), 17),
        (np.array([[0.0, 16.0]]), 17),
        (np.array([[0.0, 1.0]], np.float32), 2),
        (np.array([[False, True]]), 2),
        (np.array([[0.0, 17.0]]), 256),
        (np.array([[3, 255]], np.int64), 256),
        (np.array([[0.0, 256.0]]), 512),
        (np.array([[0.0, 4095.0]], np.float32), 4096),
        (np.array([[0, 65535]], np.uint16), 65536),
    ],
)
def test_grey_levels_go_to_their_centres(values, levels):
    affine = grey_levels(values)
    np.testing.assert_allclose(apply(affine, values), (values.astype(float) + 0.5) / levels, rtol=1e-15)


@pytest.mark.parametrize(
    "values", [[[0.25, 0.5, 1.0]], [[-1.0, 0.0, 1.0]], [[0.0, 1e30, 2e30]], [[0.0, 1e-30, 1e-31]]]
)
def test_other_values_fill_the_unit_interval(values):
    affine = grey_levels(np.array(values))
    encoded = apply(affine, np.array(values))
    assert (encoded.min(), encoded.max()) == (0.0, 1.0)


def test_pictures_that_cannot_be_scaled(refuses):
    with refuses("the value 7"):
        grey_levels(np.full((3, 4), 7, np.uint8))
    with refuses("the value 0.3"):
        grey_levels(np.array([[0.3, 0.1 + 0.2]]))
    with refuses("bring them to [0, 1]"):
        grey_levels(np.array([[-1.7e308, 1.7e308]]))
