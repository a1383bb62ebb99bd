"""Amortised inference: the Gaussian-mixture variational auto-encoder, its bound and its training."""

from __future__ import annotations

from mixtura.vae.bound import evidence_lower_bound as evidence_lower_bound
from mixtura.vae.fit import TrainedModel as TrainedModel
from mixtura.vae.fit import fit_model as fit_model
from mixtura.vae.importance import LikelihoodEstimate as LikelihoodEstimate
from mixtura.vae.importance import estimate_log_likelihood as estimate_log_likelihood
from mixtura.vae.model import GaussianMixtureVAE as GaussianMixtureVAE
from mixtura.vae.model import build_model as build_model
from mixtura.vae.settings import Settings as Settings

__all__ = [
    "GaussianMixtureVAE",
    "LikelihoodEstimate",
    "Settings",
    "TrainedModel",
    "build_model",
    "estimate_log_likelihood",
    "evidence_lower_bound",
    "fit_model",
]
