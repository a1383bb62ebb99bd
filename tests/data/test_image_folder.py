from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from mixtura.data import read


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "pictures"
    path.mkdir()
    return path


def names_of(table):
    return [finding.name for finding in table.findings]


@pytest.mark.parametrize("suffix", ["png", "bmp", "gif", "tif", "tiff", "webp", "pgm", "PNG", "tga"])
def test_grey_images_of_every_lossless_format(folder, rng, suffix):
    pixels = rng.integers(0, 256, (3, 4, 5)).astype(np.uint8)
    for i, image in enumerate(pixels):
        Image.fromarray(image).save(
            folder / f"{i}.{suffix}", **({"lossless": True} if suffix == "webp" else {})
        )
    table = read(folder)
    if suffix == "webp":  # which knows colours only
        assert table.image_shape == (4, 5, 3)
        return
    assert table.image_shape == (4, 5)
    assert table.values.dtype == np.uint8
    np.testing.assert_array_equal(table.values.reshape(3, 4, 5), pixels)
    assert table.findings == ()
    assert table.describe() == f"3 images of 4 x 5, grey, {pixels.min()} to {pixels.max()}"


def test_jpeg_and_colours(folder):
    for i in range(2):
        Image.new("RGB", (6, 4), (200, 10, 100 * i)).save(folder / f"{i}.jpg", quality=95)
    table = read(folder)
    assert table.image_shape == (4, 6, 3)
    assert table.n_features == 72
    assert abs(table.values[1, :3].astype(int) - [200, 10, 100]).max() < 8


def test_names_decide_the_order_and_sub_folders_are_read(folder):
    for level, name in ((3, "b/c.png"), (1, "a.png"), (2, "b/b.png")):
        (folder / name).parent.mkdir(exist_ok=True)
        Image.new("L", (2, 2), level).save(folder / name)
    assert read(folder).values[:, 0].tolist() == [1, 2, 3]


def test_stray_files_are_said_and_hidden_ones_not(folder):
    Image.new("L", (2, 2)).save(folder / "a.png")
    Image.new("L", (2, 2)).save(folder / ".hidden.png")
    (folder / ".git").mkdir()
    Image.new("L", (3, 3)).save(folder / ".git" / "b.png")
    (folder / "notes\n.txt").write_text("hello")
    table = read(folder)
    assert table.n_rows == 1
    assert names_of(table) == ["stray-files"]
    assert "1 file" in table.findings[0].seen and "notes" in table.findings[0].seen


def test_palettes(folder):
    grey = Image.new("P", (2, 2), 1)
    grey.putpalette([0, 0, 0, 90, 90, 90])
    grey.save(folder / "a.png")
    table = read(folder)
    assert table.image_shape == (2, 2)
    assert table.values[0, 0] == 90
    coloured = Image.new("P", (2, 2), 1)
    coloured.putpalette([0, 0, 0, 90, 0, 10])
    coloured.save(folder / "b.png")
    table = read(folder)
    assert table.image_shape == (2, 2, 3)
    assert table.values[:, :3].tolist() == [[90, 90, 90], [90, 0, 10]]
    assert names_of(table) == ["grey-and-colour"]


@pytest.mark.parametrize(
    ("mode", "clear", "shape"), [("RGBA", (9, 9, 9, 0), (2, 2, 3)), ("LA", (9, 0), (2, 2))]
)
def test_what_is_transparent_is_laid_on_white(folder, mode, clear, shape):
    Image.new(mode, (2, 2), clear).save(folder / "a.png")
    table = read(folder)
    assert table.image_shape == shape
    assert (table.values == 255).all()
    assert names_of(table) == ["transparency"]


def test_a_palette_with_transparency(folder):
    image = Image.new("P", (2, 2), 1)
    image.putpalette([0, 0, 0, 90, 0, 10])
    image.save(folder / "a.png", transparency=bytes([255, 0]))
    table = read(folder)
    assert (table.values == 255).all()
    assert names_of(table) == ["transparency"]


def test_black_and_white(folder):
    Image.new("1", (2, 2), 1).save(folder / "a.png")
    assert read(folder).values.tolist() == [[255] * 4]


def test_sixteen_bits_are_kept(folder):
    for i, level in enumerate((300, 65535)):
        Image.fromarray(np.full((2, 3), level, np.uint16)).save(folder / f"{i}.png")
    table = read(folder)
    assert table.image_shape == (2, 3)
    assert table.values.dtype == np.float32
    assert table.values[:, 0].tolist() == [300, 65535]
    Image.new("L", (3, 2)).save(folder / "z.png")
    with pytest.raises(ValueError, match=r"'0.png' has more than 8 bits a pixel and 'z.png' has 8"):
        read(folder)


def test_float_images(folder):
    Image.fromarray(np.full((2, 3), 0.25, np.float32)).save(folder / "a.tif")
    assert read(folder).values.tolist() == [[0.25] * 6]


def test_cmyk_is_colour(folder):
    Image.new("CMYK", (2, 2), (0, 255, 255, 0)).save(folder / "a.jpg")
    assert read(folder).image_shape == (2, 2, 3)


def test_of_an_animation_the_first_picture_is_taken(folder):
    frames = [Image.new("L", (2, 2), level) for level in (10, 200)]
    frames[0].save(folder / "a.gif", save_all=True, append_images=frames[1:])
    table = read(folder)
    assert (table.values == 10).all()
    assert "several-pictures" in names_of(table)


def test_different_sizes_name_two_files(folder, refuses):
    Image.new("L", (5, 4)).save(folder / "a.png")
    Image.new("L", (5, 4)).save(folder / "b.png")
    Image.new("L", (6, 4)).save(folder / "c.png")
    with refuses("'a.png' is 4 x 5", "'c.png' is 4 x 6"):
        read(folder)


def test_a_folder_without_images(folder, refuses):
    with refuses("no images in it"):
        read(folder)
    (folder / "table.csv").write_text("a\n1\n")
    with refuses("no images in it", "'table.csv'"):
        read(folder)


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "tif", "webp"])
def test_an_image_cut_anywhere_is_refused(folder, rng, suffix, refuses):
    pixels = rng.integers(0, 256, (32, 32, 3)).astype(np.uint8)
    for name in "ab":
        Image.fromarray(pixels).save(folder / f"{name}.{suffix}")
    path = folder / f"b.{suffix}"
    whole = path.read_bytes()
    for size in (0, 1, 10, 40, len(whole) // 2, int(len(whole) * 0.9)):
        path.write_bytes(whole[:size])
        with refuses(path.name):
            read(folder)


def test_text_called_an_image(folder, refuses):
    (folder / "a.png").write_text("no picture")
    with refuses("a.png", "image"):
        read(folder)


def test_formats_that_start_programs_are_not_opened(folder, refuses):
    Image.new("RGB", (4, 4)).save(folder / "a.eps")
    (folder / "a.eps").rename(folder / "a.png")
    with refuses("a.png"):
        read(folder)


def test_an_image_of_too_many_pixels_is_refused(folder, refuses, monkeypatch):
    Image.new("L", (20, 20)).save(folder / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 300)
    with refuses("a.png"):
        read(folder)


def test_one_image_is_no_folder(folder, refuses):
    Image.new("L", (2, 2)).save(folder / "a.png")
    with refuses("one image", "folder"):
        read(folder / "a.png")


def test_images_have_no_columns(folder, refuses):
    Image.new("L", (2, 2)).save(folder / "a.png")
    with refuses("no columns"):
        read(folder, drop="x")
