"""The path from the exclusive to the inclusive Gaussian along Amari's alpha: branches, folds and jumps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.distributions import Distribution

from mixtura.errors import InputError
from mixtura.projection.alpha_branch import (
    AlphaBranch,
    Fold,
    as_branch,
    kind_of,
    stationary_near,
    trace,
    with_folds,
)
from mixtura.projection.alpha_jump import Jump, jumps_between
from mixtura.projection.covariances import as_distribution
from mixtura.projection.function import LogDensity
from mixtura.projection.line import exclusive_on_line
from mixtura.projection.line_density import LineDensity, line_density
from mixtura.projection.pieces import Array, panels
from mixtura.projection.result import Projection, StationaryPoint
from mixtura.projection.target import Target, as_target
from mixtura.projection.tilted import Tilted, tilted

# Where branches that reach neither end are looked for.
_LOOKED_AT = (0.1, 0.25, 0.4, 0.55, 0.7, 0.85)


@dataclass(frozen=True, eq=False)
class AlphaPath:
    """All Gaussians at which Amari's D_alpha(p || q) is stationary, for alpha from 0 to 1.

    Parameters
    ----------
    branches : tuple of AlphaBranch
        The curves that were followed: through every stationary point at alpha = 0, through the one at alpha =
        1, and those between that a search at six places found.
    folds : tuple of Fold
        Where a minimum and a saddle meet and end, by rising alpha.
    jumps : tuple of Jump
        Where the closest Gaussian changes branch, by rising alpha.
    """

    branches: tuple[AlphaBranch, ...]
    folds: tuple[Fold, ...]
    jumps: tuple[Jump, ...]
    target: Target
    _density: LineDensity

    def __repr__(self) -> str:
        """Return the numbers of branches, folds and jumps."""
        folds = ", ".join(f"{fold.alpha:.4g}" for fold in self.folds)
        jumps = ", ".join(f"{jump.alpha:.4g}" for jump in self.jumps)
        return f"AlphaPath({len(self.branches)} branches, folds at [{folds}], jumps at [{jumps}])"

    def at(self, alpha: float) -> Projection:
        """Return the closest Gaussian at one place of the path, with every stationary point of the branches.

        Parameters
        ----------
        alpha : float
            Between 0, the exclusive projection, and 1, the inclusive one.

        Returns
        -------
        Projection
            Its ``kl`` is D_alpha(p || q), in nats.

        Raises
        ------
        InputError
            If alpha is not between 0 and 1.
        """
        places = sorted(
            _at(self._density, self.branches, _checked(alpha)), key=lambda place: place.divergence
        )
        points = tuple(
            StationaryPoint(
                as_distribution(
                    torch.tensor([place.mu], dtype=torch.float64),
                    torch.tensor([[place.sigma]], dtype=torch.float64),
                    "full",
                    self.target.scalar,
                ),
                place.divergence,
                kind_of(place),
            )
            for place in places
        )
        return Projection(
            distribution=points[0].distribution,
            kl=points[0].kl,
            kl_error=0.0,
            direction="inclusive" if alpha == 1 else "exclusive" if alpha == 0 else "alpha",
            alpha=float(alpha),
            covariance="full",
            stationary_points=points,
            method="continuation along alpha, quadrature",
            findings=self._density.findings,
            target=self.target,
        )

    def plot(self, ax: Any = None) -> Any:
        """Draw mean and standard deviation of every branch against alpha, with folds and jumps.

        Parameters
        ----------
        ax : sequence of two matplotlib.axes.Axes, optional
            For the mean and for the standard deviation; a figure of its own is made unless given.

        Returns
        -------
        sequence of two matplotlib.axes.Axes
        """
        from mixtura.projection.figure import draw_alpha_path

        return draw_alpha_path(self, ax=ax)

    def to_dict(self) -> dict[str, Any]:
        """Return branches, folds and jumps as plain lists and numbers, for JSON."""
        return {
            "branches": [
                {
                    name: getattr(branch, name).tolist()
                    for name in ("alpha", "mean", "scale", "divergence", "stable")
                }
                for branch in self.branches
            ],
            "folds": [vars(fold) for fold in self.folds],
            "jumps": [vars(jump) for jump in self.jumps],
        }


def alpha_path(target: Distribution | LogDensity | str | Target) -> AlphaPath:
    r"""Follow the closest Gaussians from the exclusive to the inclusive one.

    For alpha between 0 and 1, Amari's divergence is

    .. math:: D_\alpha(p \| q) = \frac{1 - \int p^\alpha q^{1 - \alpha}}{\alpha (1 - \alpha)},

    with limits KL(q || p) at alpha = 0 and KL(p || q) at alpha = 1, in nats. The exclusive problem may have
    many stationary points and the inclusive one has one; between them minima end in folds, and the closest
    Gaussian jumps from one branch to another.

    Parameters
    ----------
    target : torch.distributions.Distribution, str or callable
        A density p on the line, as for :func:`mixtura.project`.

    Returns
    -------
    AlphaPath
        With ``branches``, ``folds``, ``jumps``, ``at(alpha)`` and ``plot()``.

    Raises
    ------
    InputError
        If the target has more than one dimension, a bounded support or no second moments.
    ConvergenceError
        If a branch could not be followed.

    References
    ----------
    .. [1] S. Amari, Differential-Geometrical Methods in Statistics, Springer, 1985.
    .. [2] T. Minka, Divergence measures and message passing, Microsoft Research TR-2005-173, 2005.

    Examples
    --------
    >>> import mixtura
    >>> path = mixtura.alpha_path("1/3 N(-3,1) + 2/3 N(3,1)")
    >>> path
    AlphaPath(2 branches, folds at [0.0357, 0.369, 0.5604], jumps at [0.3917])
    >>> path.at(0.5).distribution.mean.round(decimals=4)
    tensor(0.9739, dtype=torch.float64)
    """
    ready = as_target(target)
    if ready.dimension != 1:
        raise InputError(
            f"the path along alpha is followed on the line, and the target has {ready.dimension} dimensions; "
            "project() takes both ends of the path in any dimension"
        )
    density = line_density(ready)
    curves: list[list[Tilted]] = []
    for point in exclusive_on_line(density):
        _follow(density, curves, tilted(density, 0.0, point.mu, point.sigma))
    inclusive = stationary_near(density, 1.0, *_moments(density))
    if inclusive is not None:
        _follow(density, curves, inclusive)
    for alpha in _LOOKED_AT:
        for place in _searched(density, alpha):
            _follow(density, curves, place)
    folded = [with_folds(density, points) for points in curves]
    branches = tuple(as_branch(points) for points, _ in folded)
    folds = sorted((fold for _, found in folded for fold in found), key=lambda fold: fold.alpha)
    return AlphaPath(branches, tuple(folds), jumps_between(density, branches), ready, density)


def _follow(density: LineDensity, curves: list[list[Tilted]], start: Tilted) -> None:
    """Add the branch through a stationary Gaussian, unless one that is there already passes through it."""
    if any(as_branch(points).meets(start) for points in curves):
        return
    forward = trace(density, start, 1.0) if start.alpha < 1 else [start]
    backward = trace(density, start, -1.0) if start.alpha > 0 else [start]
    curves.append([*backward[:0:-1], *forward])


def _moments(density: LineDensity) -> tuple[float, float]:
    """Return mean and standard deviation of the target."""
    x, weights = _mass(density)
    mean = float(weights @ x)
    return density.centre + mean, float(np.sqrt(weights @ (x - mean) ** 2))


def _mass(density: LineDensity) -> tuple[Array, Array]:
    x, weights = panels(density.pieces.edges)
    mass = weights * np.exp(density.pieces.log_density(x) - density.log_normaliser)
    return x, mass / mass.sum()


def _searched(density: LineDensity, alpha: float) -> list[Tilted]:
    """Return minima that Newton's method meets from narrow and wide Gaussians at the modes."""
    mean, scale = _moments(density)
    starts = [(mean, scale)]
    starts += [
        (density.centre + mode.location, width)
        for mode in density.modes
        for width in (mode.width, (mode.width + scale) / 2)
    ]
    found = [stationary_near(density, alpha, *start) for start in starts]
    return [place for place in found if place is not None and kind_of(place) == "minimum"]


def _checked(alpha: float) -> float:
    if not 0 <= alpha <= 1:
        raise InputError(
            f"alpha={alpha!r} is not on the path; give a number from 0 (exclusive) to 1 (inclusive)"
        )
    return float(alpha)


def _at(density: LineDensity, branches: tuple[AlphaBranch, ...], alpha: float) -> list[Tilted]:
    """Return every stationary Gaussian that the branches have at one alpha."""
    found: list[Tilted] = []
    for branch in branches:
        side = np.sign(branch.alpha - alpha)
        for at in np.flatnonzero(side[:-1] * side[1:] <= 0):
            t = _share(branch.alpha, int(at), alpha)
            mu = (1 - t) * branch.mean[at] + t * branch.mean[at + 1]
            sigma = branch.scale[at] ** (1 - t) * branch.scale[at + 1] ** t
            place = stationary_near(density, alpha, float(mu), float(sigma))
            if place is not None and not any(_same(place, other) for other in found):
                found.append(place)
    return found


def _share(alphas: Array, at: int, alpha: float) -> float:
    """Return how far along a segment of a branch alpha lies, which runs as a square root towards a fold."""
    first, second = alphas[at], alphas[at + 1]
    if first == second:
        return 0.5
    t = float((alpha - first) / (second - first))
    if at + 2 < len(alphas) and (alphas[at + 2] - second) * (second - first) < 0:
        return 1 - float(np.sqrt(1 - t))
    if at > 0 and (first - alphas[at - 1]) * (second - first) < 0:
        return float(np.sqrt(t))
    return t


def _same(first: Tilted, second: Tilted) -> bool:
    return bool(np.hypot((first.mu - second.mu) / first.sigma, np.log(first.sigma / second.sigma)) < 1e-7)
