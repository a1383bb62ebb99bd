"""The scikit-learn face of mixtura's models."""

from __future__ import annotations

from mixtura.estimators.bernoulli_mixture import BernoulliMixture as BernoulliMixture
from mixtura.estimators.categorical_mixture import CategoricalMixture as CategoricalMixture
from mixtura.estimators.gaussian_mixture import GaussianMixture as GaussianMixture
from mixtura.estimators.gmvae import GMVAE as GMVAE
from mixtura.estimators.mixed_mixture import MixedMixture as MixedMixture
from mixtura.estimators.poisson_mixture import PoissonMixture as PoissonMixture
from mixtura.estimators.vae import VAE as VAE

__all__ = [
    "GMVAE",
    "VAE",
    "BernoulliMixture",
    "CategoricalMixture",
    "GaussianMixture",
    "MixedMixture",
    "PoissonMixture",
]
