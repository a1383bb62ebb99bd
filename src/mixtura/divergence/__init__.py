"""Divergence between two distributions: closed form, bound, quadrature, Monte Carlo."""

# The closed forms register themselves when they are imported.
from mixtura.divergence import composed as composed
from mixtura.divergence import discrete as discrete
from mixtura.divergence import gaussian as gaussian
from mixtura.divergence import gaussian_power as gaussian_power
from mixtura.divergence.array_form import gaussian_kl as gaussian_kl
from mixtura.divergence.dispatch import kl as kl
from mixtura.divergence.gaussian import kl_from_cholesky as kl_from_cholesky
from mixtura.divergence.mixtures import gaussian_mixture as gaussian_mixture
from mixtura.divergence.result import Divergence as Divergence

__all__ = ["Divergence", "gaussian_kl", "gaussian_mixture", "kl", "kl_from_cholesky"]
