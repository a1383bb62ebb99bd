"""Newton's method within a trust region, from many starts at once.

Every start moves in every iteration, so that few large matrix products do the work of many small ones. The
coordinates are those of Fisher's metric, in which most problems need no preconditioner.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from mixtura.projection.objective import Local, Objective, basis_of

_ACCEPTED = 1e-4  # of the predicted decrease
_WIDEST, _NARROWEST = 8.0, 0.1  # radii; the latter times the tolerance
_FLATTEST = 1e-8  # curvature
_TINY = torch.finfo(torch.float64).tiny


@dataclass(frozen=True, eq=False)
class Descent:
    """Where the starts arrived.

    Parameters
    ----------
    mean, scale_tril : Tensor of shape (S, d), (S, d, d)
        The Gaussians.
    value : Tensor of shape (S,)
        The objective there.
    slope : Tensor of shape (S,)
        The length of its gradient.
    """

    mean: Tensor
    scale_tril: Tensor
    value: Tensor
    slope: Tensor

    def take(self, rows: Tensor | slice) -> Descent:
        """Return some of them."""
        return Descent(self.mean[rows], self.scale_tril[rows], self.value[rows], self.slope[rows])

    def join(self, other: Descent) -> Descent:
        """Return them and others."""
        return Descent(
            torch.cat([self.mean, other.mean]),
            torch.cat([self.scale_tril, other.scale_tril]),
            torch.cat([self.value, other.value]),
            torch.cat([self.slope, other.slope]),
        )


def descend(
    objective: Objective,
    mean: Tensor,
    scale_tril: Tensor,
    *,
    tolerance: float,
    steepest: float = math.inf,
    max_iterations: int = 100,
) -> Descent:
    """Minimise an objective from every start.

    Parameters
    ----------
    objective : Objective
        What is minimised.
    mean, scale_tril : Tensor of shape (S, d), (S, d, d)
        The starts.
    tolerance : float
        The length of the gradient at which a start has arrived.
    steepest : float
        The length of the gradient above which a start is left where it is.
    max_iterations : int
        Evaluations of the objective, at most.

    Returns
    -------
    Descent
    """
    ends = [mean.clone(), scale_tril.clone(), mean.new_zeros(len(mean)), mean.new_zeros(len(mean))]
    local = objective.at(mean, scale_tril)
    basis = basis_of(objective.family)
    radius = torch.ones(len(mean), dtype=mean.dtype)
    left = torch.arange(len(mean))
    for iteration in range(max_iterations):
        slope = local.gradient.norm(dim=1)
        noise = 1e-15 * (1 + local.value.abs())
        going = (slope > tolerance) & (radius > _NARROWEST * tolerance)
        going &= (slope <= steepest) | (iteration > 0)
        if not bool(going.all()) or iteration == max_iterations - 1:
            for end, now in zip(ends, (mean, scale_tril, local.value, slope), strict=True):
                end[left] = now
            kept = going.nonzero()[:, 0]
            if len(kept) == 0 or iteration == max_iterations - 1:
                break
            left, mean, scale_tril, radius = left[kept], mean[kept], scale_tril[kept], radius[kept]
            local, noise = local.take(kept), noise[kept]
        if basis is None:
            step, predicted = _krylov_step(local, radius)
        else:
            step, predicted = _newton_step(local.hessian(basis), local.gradient, radius)
        trial_mean, trial_scale = objective.family.move(mean, scale_tril, step)
        trial = objective.at(trial_mean, trial_scale)
        gain = local.value - trial.value
        # Where both are lost in rounding, the smaller gradient decides.
        lost = (predicted < 16 * noise) & (gain.abs() < 64 * noise)
        flatter = trial.gradient.norm(dim=1) < local.gradient.norm(dim=1)
        ratio = torch.where(lost, torch.where(flatter, 1.0, -1.0), gain / predicted)
        accepted = ratio > _ACCEPTED
        length = step.norm(dim=1)
        radius = torch.where(ratio < 0.25, 0.25 * length, radius)
        radius = torch.where(
            (ratio > 0.75) & (length > 0.8 * radius), (2 * radius).clamp_max(_WIDEST), radius
        )
        if bool(accepted.all()):
            mean, scale_tril, local = trial_mean, trial_scale, trial
        elif bool(accepted.any()):
            mean = torch.where(accepted[:, None], trial_mean, mean)
            scale_tril = torch.where(accepted[:, None, None], trial_scale, scale_tril)
            local = local.replace(accepted, trial)
    return Descent(*ends)


def _newton_step(hessian: Tensor, gradient: Tensor, radius: Tensor) -> tuple[Tensor, Tensor]:
    """Return steps (S, P) within radii (S,) from |H|^-1 g, and the decreases (S,) that the model predicts.

    Where the model curves down, the step goes down and as far as if it curved up (Dauphin et al. 2014).
    """
    values, vectors = torch.linalg.eigh(hessian)
    along = (vectors.mT @ gradient[:, :, None])[..., 0]
    move = along / values.abs().clamp_min(_FLATTEST).neg_()
    move *= (radius / move.norm(dim=1).clamp_min(_TINY)).clamp_max(1.0)[:, None]
    predicted = -(move * (along + 0.5 * values * move)).sum(dim=1)
    return (vectors @ move[:, :, None])[..., 0], predicted


def _krylov_step(local: Local, radius: Tensor) -> tuple[Tensor, Tensor]:
    """Return such steps by conjugate gradients (Steihaug 1983), which need only products with H."""
    gradient = local.gradient
    step = torch.zeros_like(gradient)
    curved = torch.zeros_like(gradient)  # second derivatives times the step
    residual = gradient
    direction = -gradient
    squared = residual.square().sum(dim=1)
    length = squared.sqrt()
    enough = (length * length.sqrt().clamp_max(0.1)).square()
    going = squared > 0
    for _ in range(2 * gradient.shape[1]):
        bent = local.curve(direction)
        curvature = (direction * bent).sum(dim=1)
        inner = torch.where(curvature > 0, squared / curvature, torch.inf)
        outer = _to_boundary(step, direction, radius)
        length = torch.where(going, torch.minimum(inner, outer), 0.0)[:, None]
        step = step + length * direction
        curved = curved + length * bent
        residual = residual + length * bent
        fresh = residual.square().sum(dim=1)
        going = going & (inner < outer) & (fresh > enough)
        if not bool(going.any()):
            break
        onward = (fresh / squared)[:, None] * direction - residual
        direction = torch.where(going[:, None], onward, 0.0)
        squared = fresh
    predicted = -(step * (gradient + 0.5 * curved)).sum(dim=1)
    return step, predicted


def _to_boundary(step: Tensor, direction: Tensor, radius: Tensor) -> Tensor:
    """Return how far along a direction the edge of the region is."""
    a = direction.square().sum(dim=1)
    b = (step * direction).sum(dim=1)
    c = (radius.square() - step.square().sum(dim=1)).clamp_min(0.0)
    return c / (b + (b.square() + a * c).sqrt()).clamp_min(_TINY)
