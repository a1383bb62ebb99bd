"""Conjugate priors on mixture parameters, for maximum a posteriori."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mixtura.em.family import Array

if TYPE_CHECKING:
    from mixtura.em.covariance import Layout


@dataclass(frozen=True, eq=False)
class NormalInverseWishart:
    r"""A prior on the mean and covariance of each Gaussian component.

    .. math::

        p(m, S) \propto |S|^{-(\nu + d + 2) / 2} \exp\left(-\tfrac12 \mathrm{tr}(\Psi S^{-1})
        - \tfrac{\kappa}{2} (m - m_0)^\top S^{-1} (m - m_0)\right).

    Its mode given data is in closed form, and a component that loses its points keeps a covariance.

    Parameters
    ----------
    mean : ndarray of shape (d,)
        m_0.
    kappa : float
        The number of observations that the prior mean is worth; 0 leaves the means free.
    dof : float
        nu, the number of observations that the scale is worth.
    scale : ndarray of shape (d, d) or (d,)
        Psi, as a matrix for full and tied covariances, as its diagonal for the others.
    """

    mean: Array
    kappa: float
    dof: float
    scale: Array

    def posterior(
        self, layout: Layout, means: Array, scatters: Array, counts: Array
    ) -> tuple[Array, Array, Array]:
        """Return means, scatters and divisors of the mode, from those of the data about their means."""
        apart = means - self.mean
        pull = counts * self.kappa / (counts + self.kappa)
        shrunk = (counts[:, None] * means + self.kappa * self.mean) / (counts + self.kappa)[:, None]
        wider = scatters + self.scale + layout.broadcast(pull) * layout.outer(apart, apart)
        return shrunk, wider, counts + self.dof + len(self.mean) + 2

    def log_density(self, layout: Layout, means: Array, covariances: Array) -> float:
        """Return the log-density of all components up to a constant, in nats."""
        whitening, log_determinants = layout.factorise(covariances)
        apart = means - self.mean
        total = self.scale + self.kappa * layout.outer(apart, apart)
        power = self.dof + len(self.mean) + 2
        return float(-0.5 * (power * log_determinants.sum() + layout.trace(whitening, total).sum()))
