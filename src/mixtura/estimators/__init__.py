"""The scikit-learn face of mixtura's models."""

from __future__ import annotations

from mixtura.estimators.gaussian_mixture import GaussianMixture as GaussianMixture
from mixtura.estimators.gmvae import GMVAE as GMVAE

__all__ = ["GMVAE", "GaussianMixture"]
