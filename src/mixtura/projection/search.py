"""From starts to distinct optima: all of them on few nodes, what they find on many."""

from __future__ import annotations

import math
from functools import reduce

import torch
from torch import Tensor

from mixtura.errors import ConvergenceError
from mixtura.projection.objective import Objective
from mixtura.projection.trust_region import Descent, descend

COARSE_NODES = 256
# Lengths of the gradient at which a start stops, and at which it is kept: of a kinked density it is never 0.
_COARSE_SLOPE, _FINE_SLOPE = 1e-3, 1e-5
_COARSE_ARRIVED, _FINE_ARRIVED = 1e-2, 1e-3
COARSE_APART, FINE_APART = 0.05, 0.01  # distances below which two Gaussians are one, in their own units
_MOST_ITERATIONS, _MOST_FINE_ITERATIONS = 60, 30
_MOST_NUMBERS = 1 << 22  # that the views of the starts of one search may keep, about
_SPURIOUS = 0.5  # gradient on many nodes of what was an optimum on few by accident


def search_coarsely(objective: Objective, mean: Tensor, scale_tril: Tensor) -> tuple[Descent, Descent]:
    """Return the distinct optima that starts lead to on few nodes, best first, and where others were lost.

    Parameters
    ----------
    objective : Objective
        The divergence on few nodes.
    mean, scale_tril : Tensor of shape (S, d), (S, d, d)
        The starts.

    Returns
    -------
    found, lost : Descent
        Either may be empty.
    """
    ends = _descend(objective, mean, scale_tril, tolerance=_COARSE_SLOPE, max_iterations=_MOST_ITERATIONS)
    arrived = ends.slope <= _COARSE_ARRIVED
    found = ends.take(arrived)
    return found.take(distinct(found, COARSE_APART)), ends.take(~arrived)


def finish(objective: Objective, coarse: Descent) -> Descent:
    """Return the distinct optima on many nodes near those on few, best first.

    Parameters
    ----------
    objective : Objective
        The divergence on many nodes.
    coarse : Descent
        What was found on few.

    Returns
    -------
    Descent
        At least one.

    Raises
    ------
    ConvergenceError
        If none is an optimum on many nodes.
    """
    for steepest in (_SPURIOUS, math.inf) if len(coarse.value) else ():
        found = _descend(
            objective,
            coarse.mean,
            coarse.scale_tril,
            tolerance=_FINE_SLOPE,
            steepest=steepest,
            max_iterations=_MOST_FINE_ITERATIONS,
        )
        found = found.take(found.slope <= _FINE_ARRIVED)
        if len(found.value):
            return found.take(distinct(found, FINE_APART))
    raise ConvergenceError("the search arrived at no stationary point; raise n_samples or n_starts")


def _descend(
    objective: Objective,
    mean: Tensor,
    scale_tril: Tensor,
    *,
    tolerance: float,
    max_iterations: int,
    steepest: float = math.inf,
) -> Descent:
    """Descend from as many starts at once as memory is meant for."""
    together = max(_MOST_NUMBERS // objective.cost, 1)
    parts = [
        descend(objective, *some, tolerance=tolerance, steepest=steepest, max_iterations=max_iterations)
        for some in zip(mean.split(together), scale_tril.split(together), strict=True)
    ]
    return reduce(Descent.join, parts)


def distinct(found: Descent, apart: float) -> Tensor:
    """Return the rows of the best of every group of Gaussians that are nearly one, best first.

    Parameters
    ----------
    found : Descent
        Some Gaussians.
    apart : float
        The distance |L^-1 (m' - m)|^2 + |L^-1 (L' - L)|^2, rooted, from which two are two.

    Returns
    -------
    Tensor of shape (n,)
        Row numbers; those of infinite value are left out.
    """
    order = found.value.argsort(stable=True)
    order = order[found.value[order].isfinite()]
    both = torch.cat([found.scale_tril[order], found.mean[order][..., None]], dim=-1)  # (S, d, d + 1)
    distance = both.new_zeros(len(order), len(order))
    some = max(_MOST_NUMBERS // max(both.numel(), 1), 1)
    for rows in torch.arange(len(order)).split(some):
        difference = both[rows, None] - both
        own = torch.linalg.solve_triangular(both[rows, None, :, :-1], difference, upper=False)
        distance[rows] = own.square().sum(dim=(2, 3)).sqrt()
    near = (torch.minimum(distance, distance.T) < apart).tolist()
    kept: list[int] = []
    for row in range(len(order)):
        if not any(near[row][other] for other in kept):
            kept.append(row)
    return order[kept]
