"""The signs of second derivatives: what kind a stationary point is, and where down is at a saddle."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from mixtura.projection.objective import Local, Objective, basis_of
from mixtura.projection.result import Kind

_LANCZOS_STEPS = 16
_FLAT = 1e-6  # curvature that counts as none
_DOUBTFUL = 0.1  # curvature on few nodes below which many are asked


def extreme_curvatures(
    coarse: Objective, fine: Objective, mean: Tensor, scale_tril: Tensor, generator: Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the lowest and the highest curvature (S,) at Gaussians, and the direction (S, P) of the lowest.

    Parameters
    ----------
    coarse, fine : Objective
        The divergence on few nodes, which is asked first, and on many, where few leave a doubt.
    mean, scale_tril : Tensor of shape (S, d), (S, d, d)
        The Gaussians.
    generator : torch.Generator
        Where the first vector of Lanczos's method comes from, which is used where there are many coordinates.

    Returns
    -------
    lowest, highest : Tensor of shape (S,)
        In Fisher's metric, where all curvatures of a Gaussian target are 1.
    direction : Tensor of shape (S, P)
        Of length one.
    """
    lowest, highest, down = _extremes(coarse.at(mean, scale_tril), generator)
    doubt = lowest < _DOUBTFUL
    if bool(doubt.any()):
        lowest[doubt], highest[doubt], down[doubt] = _extremes(
            fine.at(mean[doubt], scale_tril[doubt]), generator
        )
    return lowest, highest, down


def kind_of(lowest: float, highest: float) -> Kind:
    """Return the name of a stationary point with these extreme curvatures."""
    if lowest >= -_FLAT:
        return "minimum"
    return "saddle" if highest > _FLAT else "maximum"


def _extremes(local: Local, generator: Generator) -> tuple[Tensor, Tensor, Tensor]:
    basis = basis_of(local.family)
    if basis is None:
        return _lanczos(local, generator)
    values, vectors = torch.linalg.eigh(local.hessian(basis))
    return values[:, 0], values[:, -1], vectors[:, :, 0]


def _lanczos(local: Local, generator: Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Return the same from a Krylov space, every vector orthogonalised against all before."""
    S, P = local.gradient.shape
    steps = min(P, _LANCZOS_STEPS)
    space = local.gradient.new_zeros(S, steps, P)
    reduced = torch.zeros(S, steps, steps, dtype=space.dtype)
    vector = torch.randn(P, generator=generator, dtype=space.dtype).expand(S, P)
    vector = vector / vector.norm(dim=1, keepdim=True)
    for j in range(steps):
        space[:, j] = vector
        bent = local.curve(vector)
        for _ in range(2):
            along = (space[:, : j + 1] @ bent[:, :, None])[..., 0]  # (S, j + 1)
            reduced[:, j, : j + 1] += along
            bent = bent - (along[:, None] @ space[:, : j + 1])[:, 0]
        length = bent.norm(dim=1, keepdim=True)
        # A space that is exhausted is left alone; the unit curvature put in its place is no extreme one.
        spent = length <= 1e-12
        reduced[:, j, j] = torch.where(vector.square().sum(dim=1) > 0, reduced[:, j, j], 1.0)
        vector = torch.where(spent, 0.0, bent / length.clamp_min(1e-12))
    reduced = reduced.tril()
    values, vectors = torch.linalg.eigh(reduced)  # reads the lower triangle
    direction = (vectors[:, :, 0][:, None] @ space)[:, 0]
    return values[:, 0], values[:, -1], direction
