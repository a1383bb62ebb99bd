from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from mixtura.vae.training.transforms import AffineTransform

SHAPES = [(7, 9), (28, 28), (8, 8, 1), (9, 6, 3)]
STILL = {"rotation": 0.0, "shear": 0.0, "scale": 0.0, "shift": 0.0}


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def rows(shape: tuple[int, ...], n: int = 5) -> torch.Tensor:
    return torch.rand(n, math.prod(shape), generator=seeded(9), dtype=torch.float64)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_shape_and_range_are_kept(shape) -> None:
    x = rows(shape)
    moved = AffineTransform(shape)(x, seeded())
    assert moved.shape == x.shape
    assert moved.dtype == x.dtype
    assert (moved >= x.amin(1, keepdim=True) - 1e-12).all()
    assert (moved <= x.amax(1, keepdim=True) + 1e-12).all()
    assert not torch.allclose(moved, x)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_no_strength_is_the_identity(shape) -> None:
    x = rows(shape)
    torch.testing.assert_close(AffineTransform(shape, **STILL)(x, seeded()), x)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_borders_are_continued(shape) -> None:
    """An image of one colour stays so: nothing black comes in from outside."""
    x = torch.full((4, math.prod(shape)), 0.8, dtype=torch.float64)
    moved = AffineTransform(shape, rotation=40, shear=0.5, scale=0.5, shift=0.5)(x, seeded())
    torch.testing.assert_close(moved, x)


def test_a_shift_moves_along_the_width_or_the_height_and_not_the_channels() -> None:
    image = torch.zeros(1, 9, 11, 2, dtype=torch.float64)
    image[0, 4, 5, 1] = 1.0
    shift = AffineTransform((9, 11, 2), **{**STILL, "shift": 0.2})
    moved = shift(image.reshape(1, -1).repeat(50, 1), seeded()).reshape(50, 9, 11, 2)
    assert moved[..., 0].abs().max() == 0
    torch.testing.assert_close(moved[..., 1].sum((1, 2)), torch.ones(50, dtype=torch.float64))
    height = torch.arange(9, dtype=torch.float64).reshape(1, 9, 1)
    width = torch.arange(11, dtype=torch.float64).reshape(1, 1, 11)
    down, right = (moved[..., 1] * height).sum((1, 2)) - 4, (moved[..., 1] * width).sum((1, 2)) - 5
    assert down.abs().max() <= 0.2 * 9 + 1e-9
    assert right.abs().max() <= 0.2 * 11 + 1e-9
    assert down.abs().max() > 0.1 * 9
    assert right.abs().max() > 0.1 * 11
    assert abs(float(torch.corrcoef(torch.stack([down, right]))[0, 1])) < 0.5  # drawn each for itself


@pytest.mark.parametrize("name", STILL)
def test_every_strength_changes_something(name) -> None:
    x = rows((12, 12))
    moved = AffineTransform((12, 12), **{**STILL, name: {"rotation": 20.0}.get(name, 0.2)})(x, seeded())
    assert not torch.allclose(moved, x)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_maps_are_those_of_torch(shape) -> None:
    """The same draws, through torch's own grid, image by image."""
    x, transform = rows(shape), AffineTransform(shape)
    draw = torch.rand((6, 5), generator=seeded(), dtype=x.dtype) * 2 - 1
    moved = transform(x, seeded())
    height, width = shape[:2]
    for i, (turn, lean, wide, high, right, down) in enumerate(draw.T):
        angle, shear = turn * math.radians(transform.rotation), lean * transform.shear
        x_scale, y_scale = 1 + wide * transform.scale, 1 + high * transform.scale
        matrix = torch.tensor(
            [
                [angle.cos() * x_scale, (shear - angle.sin()) * x_scale, 2 * transform.shift * right],
                [angle.sin() * y_scale, angle.cos() * y_scale, 2 * transform.shift * down],
            ],
            dtype=x.dtype,
        ).unsqueeze(0)
        image = x[i].reshape(1, height, width, -1).permute(0, 3, 1, 2)
        grid = functional.affine_grid(matrix, list(image.shape), align_corners=False)
        expected = functional.grid_sample(image, grid, padding_mode="border", align_corners=False)
        torch.testing.assert_close(moved[i], expected.permute(0, 2, 3, 1).reshape(-1))


def test_images_move_each_by_their_own_draw_and_as_their_seed_says() -> None:
    x, transform = rows((9, 9), 1).repeat(6, 1), AffineTransform((9, 9))
    moved = transform(x, seeded())
    assert not any(torch.allclose(moved[0], moved[i]) for i in range(1, 6))
    before = torch.random.get_rng_state()
    assert torch.equal(transform(x, seeded()), moved)
    assert not torch.equal(transform(x, seeded(1)), moved)
    assert torch.equal(torch.random.get_rng_state(), before)
