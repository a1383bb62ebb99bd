"""Random small affine maps of images, for what the encoder sees: the target stays the image itself.

q(w|T(x)) is as good a variational distribution as q(w|x), so the bound stays a bound on log p(x) for every T;
what it adds is that small movements of a figure are no longer worth a place in the code.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class AffineTransform:
    """Draws of rotation, shear, scale and shift, each uniform and independent for every image.

    Parameters
    ----------
    image_shape : tuple of int
        (H, W) or (H, W, C).
    rotation : float
        Largest angle, in degrees.
    shear : float
        Largest horizontal shear.
    scale : float
        Largest relative change of size, along each axis.
    shift : float
        Largest shift, as a share of the side.
    """

    image_shape: tuple[int, ...]
    rotation: float = 10.0
    shear: float = 0.2
    scale: float = 0.12
    shift: float = 0.07

    def __call__(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Return transformed rows, border pixels continued outwards: (n, H W C) to the same shape."""
        n = len(rows)
        height, width = self.image_shape[:2]
        channels = self.image_shape[2] if len(self.image_shape) == 3 else 1
        draw = torch.rand((6, n), generator=generator, device=rows.device, dtype=rows.dtype) * 2 - 1
        angle = draw[0] * math.radians(self.rotation)
        cos, sin = angle.cos(), angle.sin()
        shear = draw[1] * self.shear
        along_x, along_y = 1 + draw[2] * self.scale, 1 + draw[3] * self.scale
        matrix = torch.stack(
            [
                torch.stack([cos * along_x, (shear - sin) * along_x, 2 * self.shift * draw[4]], dim=-1),
                torch.stack([sin * along_y, cos * along_y, 2 * self.shift * draw[5]], dim=-1),
            ],
            dim=1,
        )
        grid = functional.affine_grid(matrix, [n, channels, height, width], align_corners=False)
        images = rows.reshape(n, height, width, channels).permute(0, 3, 1, 2)
        moved = functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
        return moved.permute(0, 2, 3, 1).reshape(n, -1)
