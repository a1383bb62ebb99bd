"""Random small affine maps of images, for what the encoder sees: the target stays the image itself.

q(w|T(x)) is as good a variational distribution as q(w|x), so the bound stays a bound on log p(x) for every T;
what it adds is that small movements of a figure are no longer worth a place in the code.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@functools.cache
def _places(height: int, width: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return the centres of the pixels on [-1, 1] x [-1, 1] as columns (x, y, 1)."""
    still = torch.eye(2, 3, dtype=dtype, device=device).unsqueeze(0)
    grid = functional.affine_grid(still, [1, 1, height, width], align_corners=False).reshape(-1, 2)
    return torch.cat([grid, torch.ones_like(grid[:, :1])], dim=1).T.contiguous()


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
        # One product for all images: torch's affine_grid makes one each, and takes most of a step's time.
        places = _places(height, width, rows.dtype, rows.device)
        grid = (matrix.reshape(2 * n, 3) @ places).reshape(n, 2, height, width).permute(0, 2, 3, 1)
        images = rows.reshape(n, height, width, channels).permute(0, 3, 1, 2)
        moved = functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
        return moved.permute(0, 2, 3, 1).reshape(n, -1)
