"""The modes of a log-density near some points, and how wide they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mixtura.errors import InputError
from mixtura.projection.target import Target

_MOST_STEPS = 200
_DROP = 0.5  # nats below a point that tell the width there
_MOST_DOUBLINGS = 64
_LOWEST = -1e100  # stands for -inf, which a line search cannot use


def look(target: Target, points: Tensor) -> Tensor:
    """Return a log-density (n,) at points (n, d) that may lie far out; -inf where it is no number."""
    return torch.nan_to_num(
        target._log_prob(points).detach(), nan=-torch.inf, posinf=torch.inf, neginf=-torch.inf
    )


def climb(target: Target, points: Tensor) -> Tensor:
    """Return the modes (n, d) uphill of points (n, d), by L-BFGS.

    Parameters
    ----------
    target : Target
        The density.
    points : Tensor of shape (n, d)
        Where to begin.

    Returns
    -------
    Tensor of shape (n, d)
        A point is left where it is if the density cannot be climbed there.
    """
    from scipy.optimize import minimize

    def downhill(x: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        place = torch.from_numpy(x)[None]
        value = float(target.log_prob(place).detach()[0])
        if value < _LOWEST:
            return -_LOWEST, np.zeros_like(x)
        return -value, -target.gradient(place).detach()[0].numpy()

    tops = []
    for point in points:
        try:
            found: Any = minimize(
                downhill, point.numpy(), jac=True, method="L-BFGS-B", options={"maxiter": _MOST_STEPS}
            )
            higher = np.isfinite(found.x).all() and found.fun < downhill(point.numpy())[0]
            tops.append(torch.from_numpy(found.x) if higher else point)
        except InputError:  # where a line search strays to, a log-density may be no number
            tops.append(point)
    return torch.stack(tops)


def widths(target: Target, points: Tensor) -> Tensor:
    """Return how far along each axis a log-density changes by half a nat, as powers of two (n, d)."""
    n, d = points.shape
    here = look(target, points)[:, None, None]
    axes = torch.eye(d, dtype=points.dtype)
    least = torch.full((n, d), -_MOST_DOUBLINGS)
    most = torch.full((n, d), _MOST_DOUBLINGS)
    while bool((most - least > 1).any()):
        middle = torch.div(least + most, 2, rounding_mode="floor")
        step = (2.0 ** middle.to(points.dtype))[..., None] * axes  # (n, d, d)
        moved = torch.stack([points[:, None] + step, points[:, None] - step], dim=1)  # (n, 2, d, d)
        there = look(target, moved.reshape(-1, d)).reshape(n, 2, d)
        changed = ((here - there).abs() > _DROP).any(dim=1)
        most, least = torch.where(changed, middle, most), torch.where(changed, least, middle)
    return 2.0 ** most.to(points.dtype)
