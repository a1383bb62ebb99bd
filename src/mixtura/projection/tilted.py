"""Amari's alpha divergence from a density on the line to a Gaussian, and when it is stationary.

D_alpha(p || q) = (1 - c) / (alpha (1 - alpha)), c = int p^alpha q^(1 - alpha). It is stationary over q =
N(mu, sigma^2) where mean and variance of the tilted density p^alpha q^(1 - alpha) / c are those of q (Minka
2005, Divergence measures and message passing, section 3). With z = (x - mu) / sigma the conditions are
written as

    g1 = (1 / alpha) E_tilted[z] = 0,    g2 = (1 / alpha) E_tilted[z^2 - 1] = 0,

which do not degenerate at alpha = 0: as E_q[z] = E_q[z^2 - 1] = 0, the tilted density may be replaced by its
difference from q, and expm1(alpha log(p / q)) / alpha tends to log(p / q).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mixtura.projection.line_density import LineDensity
from mixtura.projection.pieces import Array, panels

_REACH = 10.0
_LOG_ROOT_2PI = 0.5 * float(np.log(2 * np.pi))
# Below this alpha log(p / q), the derivative by alpha is taken from its series.
_SERIES = 1e-3


@dataclass(frozen=True, eq=False)
class Tilted:
    """Stationarity of the alpha divergence at one Gaussian.

    Parameters
    ----------
    alpha, mu, sigma : float
        The place.
    residual : ndarray of shape (2,)
        g1 and g2; both zero where stationary.
    jacobian : ndarray of shape (2, 3)
        Their derivatives by mu / sigma, log sigma and alpha.
    divergence : float
        D_alpha(p || q), in nats; KL(q || p) at alpha = 0 and KL(p || q) at alpha = 1.
    """

    alpha: float
    mu: float
    sigma: float
    residual: Array
    jacobian: Array
    divergence: float

    @property
    def eigenvalues(self) -> Array:
        """Eigenvalues of the second derivatives of D_alpha, up to the factor c > 0, where stationary."""
        hessian = -(self.jacobian[:, :2] + self.jacobian[:, :2].T) / 2
        return np.asarray(np.linalg.eigvalsh(hessian))


def tilted(density: LineDensity, alpha: float, mu: float, sigma: float) -> Tilted:
    """Return the stationarity conditions of the alpha divergence, their derivatives and its value.

    Parameters
    ----------
    density : LineDensity
        The target p.
    alpha : float
        Between 0 and 1.
    mu, sigma : float
        The Gaussian q.

    Returns
    -------
    Tilted

    Examples
    --------
    >>> from mixtura.projection.line_density import line_density
    >>> from mixtura.projection.target import as_target
    >>> density = line_density(as_target(lambda x: -0.5 * ((x - 2) / 3) ** 2))
    >>> bool(np.abs(tilted(density, 0.3, 2.0, 3.0).residual).max() < 1e-12)
    True
    """
    place = mu - density.centre
    x, weights = panels(_edges(density, place, sigma))
    log_p = density.pieces.log_density(x) - density.log_normaliser
    z = (x - place) / sigma
    log_q = -0.5 * z**2 - np.log(sigma) - _LOG_ROOT_2PI
    ratio = log_p - log_q
    power = alpha * ratio
    q = weights * np.exp(log_q)
    mixed = weights * np.exp(log_q + power)  # p^alpha q^(1 - alpha)
    # (p^alpha q^(1 - alpha) - q) / alpha, and its derivative by alpha
    if alpha == 0:
        excess, slope = q * ratio, 0.5 * q * ratio**2
    else:
        with np.errstate(over="ignore"):
            excess = np.where(power < 1, q * np.expm1(np.minimum(power, 1)), mixed - q) / alpha
        series = q * ratio**2 * (0.5 + power / 3 + power**2 / 8)
        slope = np.where(np.abs(power) < _SERIES, series, (mixed * ratio - excess) / alpha)
    total = float(mixed.sum())
    square = z**2 - 1
    scores = np.stack([z, square])  # derivatives of log q by mu / sigma and log sigma; the two conditions too
    numerator = scores @ excess
    gradient = (1 - alpha) * (scores * excess) @ scores.T - np.diag([1.0, 2.0])
    # z itself moves with the Gaussian: dz/du = -1 and dz/dv = -z.
    gradient[0, 0] -= excess.sum()
    gradient[0, 1] -= numerator[0]
    gradient[1, 0] -= 2 * numerator[0]
    gradient[1, 1] -= 2 * (z**2) @ excess
    by_alpha = scores @ slope
    total_gradient = np.append((1 - alpha) * alpha * numerator, excess.sum() + alpha * slope.sum())
    jacobian = np.column_stack([gradient, by_alpha]) / total - np.outer(numerator, total_gradient) / total**2
    return Tilted(
        alpha=alpha,
        mu=mu,
        sigma=sigma,
        residual=numerator / total,
        jacobian=jacobian,
        divergence=max(_divergence(alpha, weights, log_p, ratio, excess), 0.0),
    )


def _divergence(alpha: float, weights: Array, log_p: Array, ratio: Array, excess: Array) -> float:
    """Return D_alpha from the end of [0, 1] that is nearer, where it does not cancel."""
    if alpha <= 0.5:
        return -float(excess.sum()) / (1 - alpha)
    beta = 1 - alpha
    p = weights * np.exp(log_p)
    if beta == 0:
        return float(p @ ratio)
    with np.errstate(over="ignore"):
        kernel = np.where(
            -beta * ratio < 1,
            p * np.expm1(np.minimum(-beta * ratio, 1)),
            weights * np.exp(log_p - beta * ratio) - p,
        )
    return -float(kernel.sum()) / (beta * alpha)


def _edges(density: LineDensity, mu: float, sigma: float) -> Array:
    """Return panels fine enough for q where q is, around the centre, growing outwards to where p ends."""
    lower, upper = density.reach
    lower, upper = min(lower, mu - _REACH * sigma), max(upper, mu + _REACH * sigma)
    farthest = max(upper - mu, mu - lower) / (_REACH * sigma)
    growing = _REACH * 1.15 ** np.arange(1, 2 + int(np.log(farthest) / np.log(1.15)))
    inner = np.arange(-_REACH, _REACH + 1)
    own = mu + sigma * np.concatenate([-growing[::-1], inner, growing])
    edges = np.concatenate([[lower, upper], own, density.pieces.edges])
    return np.unique(edges[(edges >= lower) & (edges <= upper)])
