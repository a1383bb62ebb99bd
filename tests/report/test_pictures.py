from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from mixtura.report.pictures import LARGEST_SIDE, data_uri, grey_levels, shown_size


def opened(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.removeprefix("data:image/png;base64,"))))


@pytest.mark.parametrize("shape", [(3, 4), (3, 4, 3), (3, 4, 4)])
def test_a_picture_survives_the_way_to_the_page(shape: tuple[int, ...]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    np.testing.assert_array_equal(np.asarray(opened(data_uri(picture))), picture)


def test_large_pictures_are_shrunk() -> None:
    assert max(opened(data_uri(np.zeros((300, 600), dtype=np.uint8))).size) == LARGEST_SIDE
    assert opened(data_uri(np.zeros((1, 5000), dtype=np.uint8))).size == (LARGEST_SIDE, 1)


@pytest.mark.parametrize("channels", [1, 2, 7])
def test_other_channels_are_shown_as_their_mean(channels: int) -> None:
    rows = np.random.default_rng(0).uniform(size=(2, 6 * channels))
    levels = grey_levels(rows, (2, 3, channels), (0, 1))
    assert levels.shape == (2, 2, 3)
    np.testing.assert_array_equal(
        levels, np.rint(rows.reshape(2, 2, 3, channels).mean(axis=-1) * 255).astype(np.uint8)
    )


def test_values_outside_the_range_and_no_numbers_are_shown_at_its_ends() -> None:
    shown = grey_levels([[-5.0, np.nan, np.inf, 2.0]], (1, 4), (0.0, 1.0))
    assert shown.ravel().tolist() == [0, 0, 255, 255]


@pytest.mark.parametrize("limits", [(3.0, 3.0), (-1.7e308, 1.7e308), (0.0, 1e-300)])
def test_any_range_gives_levels(limits: tuple[float, float]) -> None:
    shown = grey_levels([[limits[0], limits[1]]], (1, 2), limits)
    assert shown[0, 0, 0] == 0
    assert shown[0, 0, 1] == (255 if limits[1] > limits[0] else 0)


@pytest.mark.parametrize("shape", [(8, 8), (28, 28), (1, 1), (5, 40), (640, 480)])
def test_few_pixels_are_shown_as_whole_multiples(shape: tuple[int, int]) -> None:
    width, height = shown_size(shape, 44)
    if max(shape) <= 44:
        assert height % shape[0] == width % shape[1] == 0
    assert max(width, height) <= 66
