"""Where a density lies that is no mixture of Gaussians: starts in waves, each around what was found."""

from __future__ import annotations

import numpy as np
import torch
from torch import Generator, Tensor

from mixtura.divergence.sampling import draw
from mixtura.errors import ConvergenceError, InputError
from mixtura.projection.climb import climb, look, widths
from mixtura.projection.importance import WeightedPoints, points_near
from mixtura.projection.moments import factor_of, mixture_moments
from mixtura.projection.objective import Objective
from mixtura.projection.search import COARSE_APART, distinct, search_coarsely
from mixtura.projection.tails import require_decay, require_integrable, slowest_tail, tail_along
from mixtura.projection.target import Target
from mixtura.projection.trust_region import Descent

N_STARTS = 30
_SCOUTS = 64  # points looked at, at each distance from 0
_DISTANCES = 10.0 ** np.arange(-3, 5)
_SPREAD, _NARROW = 3.0, 0.5  # of a later wave: of its means, and of its Gaussians, beside what was found
_SHRINK, _MOST_SHRINKS = 0.25, 20
_WIDER = 4.0
_MOST_ROUNDS, _DRAWN_STARTS = 3, 8  # of searches from weighted points
_FEWEST_POINTS = 64


def explore(
    target: Target,
    objective: Objective,
    n_starts: int | None,
    generator: Generator,
    *,
    everywhere_positive: bool = True,
) -> Descent:
    """Return distinct optima of the exclusive problem on few nodes, best first.

    The first wave climbs to modes, from draws where the target is a distribution, else from points at several
    distances from 0, the highest of many and any; it starts there with the width of the mode. The second does
    the same around what the first found; the third starts there as it is. They are in the units of what was
    found, so that they do not depend on those of the target.

    Parameters
    ----------
    target : Target
        The density p.
    objective : Objective
        The divergence from it, on few nodes.
    n_starts : int or None
        How many starts; 30 unless given.
    generator : torch.Generator
        Where randomness comes from.
    everywhere_positive : bool
        Whether the density must be. Unless it must, Gaussians that would grow if it did not vanish around
        them are returned where there is no optimum.

    Returns
    -------
    Descent
        At least one.

    Raises
    ------
    InputError
        If the density is not integrable, or vanishes wherever it was looked at.
    ConvergenceError
        If no start arrives.
    """
    each = max((N_STARTS if n_starts is None else n_starts) // 3, 1)
    if not target.normalised:
        require_decay(target, generator)
    tops = climb(target, _scouts(target, each, generator))
    found, lost = start_from(objective, tops, torch.diag_embed(widths(target, tops)))
    if not len(found.value):
        _require_integrable(target, lost)
        lost = lost.take(torch.isfinite(lost.value))
        if everywhere_positive or not len(lost.value):
            _explain(target, objective, lost)
        return lost.take(distinct(lost, COARSE_APART))
    if not target.normalised:
        tail = slowest_tail(target, found.mean[0], found.scale_tril[0], generator)
        require_integrable(target, tail, target.dimension)
    if each == 1:
        return found
    whole = mixture_moments(-found.value, found.mean, found.scale_tril @ found.scale_tril.mT)
    factor = factor_of(whole.covariance)
    noise = torch.randn(2 * each, target.dimension, 1, generator=generator, dtype=torch.float64)
    around = whole.mean + (_SPREAD * factor @ noise)[..., 0]
    tops = climb(target, around[:each])
    more, _ = start_from(objective, tops, torch.diag_embed(widths(target, tops)))
    as_it_is, _ = start_from(
        objective,
        torch.cat([whole.mean[None], around[each + 1 :]]),
        torch.cat([factor[None], (_NARROW * factor).expand(each - 1, -1, -1)]),
    )
    every = found.join(more).join(as_it_is)
    return every.take(distinct(every, COARSE_APART))


def start_from(objective: Objective, mean: Tensor, scale_tril: Tensor) -> tuple[Descent, Descent]:
    """Search from Gaussians, made narrower until they see no place where the density vanishes.

    Parameters
    ----------
    objective : Objective
        The divergence on few nodes.
    mean, scale_tril : Tensor of shape (S, d), (S, d, d)
        The starts, of any family.

    Returns
    -------
    found, lost : Descent
        As of ``search_coarsely``.
    """
    scale_tril = objective.family.tightest(scale_tril)
    for _ in range(_MOST_SHRINKS):
        blind = ~torch.isfinite(objective.at(mean, scale_tril).value)
        if not bool(blind.any()):
            break
        scale_tril = torch.where(blind[:, None, None], _SHRINK * scale_tril, scale_tril)
    return search_coarsely(objective, mean, scale_tril)


def weigh(
    target: Target,
    objective: Objective,
    found: Descent,
    count: int,
    generator: Generator,
) -> tuple[Descent, WeightedPoints]:
    """Return so many weighted points of a target, and what was found with what a search from them adds.

    Parameters
    ----------
    target : Target
        The density p.
    objective : Objective
        The divergence from it, on few nodes.
    found : Descent
        What is known of it.
    count : int
        How many points.
    generator : torch.Generator
        Where randomness comes from.

    Returns
    -------
    found : Descent
    points : WeightedPoints
    """
    for _ in range(_MOST_ROUNDS):
        points = points_near(target, found, max(count, _FEWEST_POINTS), generator)
        rows = torch.multinomial(points.weights, _DRAWN_STARTS, replacement=True, generator=generator)
        moments = points.moments()
        factor = factor_of(moments.covariance)
        narrow = torch.tensor([1.0] + [_NARROW] * _DRAWN_STARTS, dtype=torch.float64)[:, None, None]
        more, _ = start_from(objective, torch.cat([moments.mean[None], points.points[rows]]), narrow * factor)
        both = found.join(more)
        both = both.take(distinct(both, COARSE_APART))
        if len(both.value) == len(found.value):
            break
        found = both
    return found, points


def _require_integrable(target: Target, lost: Descent) -> None:
    """Raise InputError where the widest Gaussian grew without end, along which p does not fall."""
    width = lost.scale_tril.diagonal(dim1=1, dim2=2).log().sum(dim=1)
    widest = int(width.argmax())
    for axis in torch.linalg.svd(lost.scale_tril[widest]).U.mT:
        require_integrable(target, tail_along(target, lost.mean[widest], axis), 1)


def _explain(target: Target, objective: Objective, lost: Descent) -> None:
    """Raise the error that says why no start arrived."""
    if len(lost.value):
        best = int(lost.value.argmin())
        require_positive(target, objective, lost.mean[best], _WIDER * lost.scale_tril[best])
    raise ConvergenceError(
        f"no Gaussian near {target.name} was found; move it near 0 and to a scale near 1, or give its "
        "gradient"
    )


def require_positive(target: Target, objective: Objective, mean: Tensor, scale_tril: Tensor) -> None:
    """Raise InputError where a Gaussian (d,), (d, d) sees the density vanish at a node."""
    for nodes in objective.nodes:
        points = (mean[:, None] + scale_tril @ nodes).mT
        values = look(target, points)
        if not bool(torch.isfinite(values).all()):
            point = points[values.argmin()]
            shown = ", ".join(f"{float(x):.6g}" for x in point[:4]) + (", ..." if len(point) > 4 else "")
            raise InputError(
                f"the density of {target.name} vanishes at ({shown}): KL(q || p) is infinite for every "
                "Gaussian q; ask for the inclusive direction, or map the support to the whole space"
            )


def _scouts(target: Target, count: int, generator: Generator) -> Tensor:
    """Return points to climb from (count, d)."""
    d = target.dimension
    if target.distribution is not None:
        return draw(target.distribution, count, generator).detach().to(torch.float64).reshape(count, d)
    best, others = [torch.zeros(1, d, dtype=torch.float64)], []
    for distance in sorted(_DISTANCES, key=lambda distance: abs(np.log(distance))):
        points = distance * torch.randn(_SCOUTS, d, generator=generator, dtype=torch.float64)
        values = look(target, points)
        best.append(points[values.argmax()][None])
        others.append(points[torch.isfinite(values)][: count // 4])
    highest = torch.cat(best)
    highest = highest[torch.isfinite(look(target, highest))]
    if not len(highest):
        raise InputError(
            f"the log-density of {target.name} is -inf at all of {_SCOUTS * len(_DISTANCES)} points around "
            "0; move the target near 0 and to a scale near 1"
        )
    return torch.cat([highest[: max(count // 2, 1)], *others])[:count]
