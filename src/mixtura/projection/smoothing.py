"""A log-density on the line under a Gaussian: its mean, and the derivatives of that mean.

With f(mu, sigma) = E[log p(mu + sigma e)], e ~ N(0, 1), Stein's identity gives every derivative without one
of log p: sigma^k d^k f / d mu^k = E[He_k(e) log p(mu + sigma e)], He_k Hermite's polynomials. As f solves the
heat equation in sigma^2 / 2, sigma df / dsigma is the second of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mixtura.projection.pieces import Pieces

# Beyond twelve standard deviations the weight of the Gaussian is 1e-31 of its peak.
_REACH = 12.0
_LOG_ROOT_2PI = 0.5 * float(np.log(2 * np.pi))


@dataclass(frozen=True)
class Smoothed:
    """The mean of log p under N(mu, sigma^2) and its scaled derivatives.

    Parameters
    ----------
    mu, sigma : float
        The Gaussian.
    mean : float
        E[log p], in nats.
    a1, a2, a3, a4 : float
        sigma^k times the k-th derivative of the mean by mu.
    """

    mu: float
    sigma: float
    mean: float
    a1: float
    a2: float
    a3: float
    a4: float

    @property
    def remainder(self) -> float:
        """Minus the derivative of KL(q || p) by log sigma: 1 + a2."""
        return 1.0 + self.a2

    @property
    def determinant(self) -> float:
        """Determinant of the second derivatives of KL(q || p) by (mu / sigma, log sigma) where stationary."""
        return -self.a2 * (-2.0 * self.a2 - self.a4) - self.a3**2

    @property
    def divergence(self) -> float:
        """KL(q || p) in nats, up to the logarithm of p's normalising constant."""
        return -_LOG_ROOT_2PI - 0.5 - float(np.log(self.sigma)) - self.mean


def smooth(pieces: Pieces, mu: float, sigma: float, spacing: float = 1.0) -> Smoothed:
    """Return the mean of a log-density under N(mu, sigma^2), and four derivatives.

    Parameters
    ----------
    pieces : Pieces
        The log-density.
    mu, sigma : float
        The Gaussian, sigma > 0.
    spacing : float
        The longest panel, in units of sigma.

    Returns
    -------
    Smoothed

    Examples
    --------
    >>> from mixtura.projection.pieces import Pieces
    >>> standard = Pieces(lambda x: -0.5 * x**2, np.array([-9.0, 9.0]))
    >>> round(smooth(standard, 0.0, 1.0).remainder, 12)
    0.0
    """
    x, weights, values = pieces.nodes(mu - _REACH * sigma, mu + _REACH * sigma, spacing * sigma)
    e = (x - mu) / sigma
    weights = weights / sigma * np.exp(-0.5 * e**2 - _LOG_ROOT_2PI)
    mean = float(weights @ values)
    # Without its mean the log-density loses its largest digits, which the polynomials annihilate anyway.
    centred = weights * (values - mean)
    squares = e**2
    return Smoothed(
        mu=mu,
        sigma=sigma,
        mean=mean,
        a1=float(centred @ e),
        a2=float(centred @ (squares - 1)),
        a3=float(centred @ (e * (squares - 3))),
        a4=float(centred @ (squares * (squares - 6) + 3)),
    )
